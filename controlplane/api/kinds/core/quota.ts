import { always, atomicList, knownTexts, map, object, oneOf, quantity, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const LimitType = knownTexts(['Pod', 'Container', 'PersistentVolumeClaim']);
export type LimitType = Static<typeof LimitType>;

export const LimitRangeItem = object('io.k8s.api.core.v1.LimitRangeItem', {
  type: required(LimitType),
  max: map(quantity()),
  min: map(quantity()),
  default: map(quantity()),
  defaultRequest: map(quantity()),
  maxLimitRequestRatio: map(quantity()),
});
export interface LimitRangeItem extends Static<typeof LimitRangeItem> {}

export const LimitRangeSpec = object('io.k8s.api.core.v1.LimitRangeSpec', {
  limits: required(atomicList(LimitRangeItem)),
});
export interface LimitRangeSpec extends Static<typeof LimitRangeSpec> {}

export const LimitRange = kind('io.k8s.api.core.v1.LimitRange', {
  spec: always(LimitRangeSpec),
});
export interface LimitRange extends Static<typeof LimitRange> {}

export const ResourceQuotaScope = oneOf([
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
]);
export type ResourceQuotaScope = Static<typeof ResourceQuotaScope>;

export const ScopeSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
export type ScopeSelectorOperator = Static<typeof ScopeSelectorOperator>;

export const ScopedResourceSelectorRequirement = object('io.k8s.api.core.v1.ScopedResourceSelectorRequirement', {
  scopeName: required(ResourceQuotaScope),
  operator: required(ScopeSelectorOperator),
  values: atomicList(string()),
});
export interface ScopedResourceSelectorRequirement extends Static<typeof ScopedResourceSelectorRequirement> {}

export const ScopeSelector = object(
  'io.k8s.api.core.v1.ScopeSelector',
  {
    matchExpressions: atomicList(ScopedResourceSelectorRequirement),
  },
  { mapType: 'atomic' },
);
export interface ScopeSelector extends Static<typeof ScopeSelector> {}

export const ResourceQuotaSpec = object('io.k8s.api.core.v1.ResourceQuotaSpec', {
  hard: map(quantity()),
  scopes: atomicList(ResourceQuotaScope),
  scopeSelector: ScopeSelector,
});
export interface ResourceQuotaSpec extends Static<typeof ResourceQuotaSpec> {}

export const ResourceQuotaStatus = object('io.k8s.api.core.v1.ResourceQuotaStatus', {
  hard: map(quantity()),
  used: map(quantity()),
});
export interface ResourceQuotaStatus extends Static<typeof ResourceQuotaStatus> {}

export const ResourceQuota = kind('io.k8s.api.core.v1.ResourceQuota', {
  spec: always(ResourceQuotaSpec),
  status: ResourceQuotaStatus,
});
export interface ResourceQuota extends Static<typeof ResourceQuota> {}

computeDefaults(LimitRangeItem, (item) => {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
});

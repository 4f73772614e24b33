import { always, atomicList, field, knownTexts, map, object, oneOf, quantity, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const LimitType = knownTexts(['Pod', 'Container', 'PersistentVolumeClaim']);
export type LimitType = Static<typeof LimitType>;

export const LimitRangeItem = object('io.k8s.api.core.v1.LimitRangeItem', {
  type: required(field(LimitType, 'What is limited: Container, Pod or PersistentVolumeClaim')),
  max: map(quantity(), 'Most it may have'),
  min: map(quantity(), 'Least it must have'),
  default: map(quantity(), 'Limit when it says none'),
  defaultRequest: map(quantity(), 'Request when it says none'),
  maxLimitRequestRatio: map(quantity(), 'Largest limit in proportion to the request'),
});
export interface LimitRangeItem extends Static<typeof LimitRangeItem> {}

export const LimitRangeSpec = object('io.k8s.api.core.v1.LimitRangeSpec', {
  limits: required(atomicList(LimitRangeItem, 'Limits by kind of thing')),
});
export interface LimitRangeSpec extends Static<typeof LimitRangeSpec> {}

export const LimitRange = kind(
  'io.k8s.api.core.v1.LimitRange',
  {
    spec: always(field(LimitRangeSpec, 'What is wanted')),
  },
  'Limits for each thing in a namespace.',
);
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
  scopeName: required(field(ResourceQuotaScope, 'Name of the scope')),
  operator: required(field(ScopeSelectorOperator, 'How the values are compared')),
  values: atomicList(string(), 'Values to compare with'),
});
export interface ScopedResourceSelectorRequirement extends Static<typeof ScopedResourceSelectorRequirement> {}

export const ScopeSelector = object(
  'io.k8s.api.core.v1.ScopeSelector',
  {
    matchExpressions: atomicList(ScopedResourceSelectorRequirement, 'Conditions that must all hold'),
  },
  { mapType: 'atomic' },
);
export interface ScopeSelector extends Static<typeof ScopeSelector> {}

export const ResourceQuotaSpec = object('io.k8s.api.core.v1.ResourceQuotaSpec', {
  hard: map(quantity(), 'Most of each resource'),
  scopes: atomicList(ResourceQuotaScope, 'What is counted'),
  scopeSelector: field(ScopeSelector, 'What is counted, by conditions'),
});
export interface ResourceQuotaSpec extends Static<typeof ResourceQuotaSpec> {}

export const ResourceQuotaStatus = object('io.k8s.api.core.v1.ResourceQuotaStatus', {
  hard: map(quantity(), 'Most of each resource'),
  used: map(quantity(), 'What is used now'),
});
export interface ResourceQuotaStatus extends Static<typeof ResourceQuotaStatus> {}

export const ResourceQuota = kind(
  'io.k8s.api.core.v1.ResourceQuota',
  {
    spec: always(field(ResourceQuotaSpec, 'What is wanted')),
    status: field(ResourceQuotaStatus, 'What was last seen of it; written by the system'),
  },
  'Limits for a whole namespace.',
);
export interface ResourceQuota extends Static<typeof ResourceQuota> {}

computeDefaults(LimitRangeItem, (item) => {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
});

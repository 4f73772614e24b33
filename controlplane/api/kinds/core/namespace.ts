import { always, atomicList, field, knownTexts, mapList, object, string, time, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const NamespaceSpec = object('io.k8s.api.core.v1.NamespaceSpec', {
  finalizers: atomicList(string()),
});
export interface NamespaceSpec extends Static<typeof NamespaceSpec> {}

export const NamespacePhase = knownTexts(['Active', 'Terminating']);
export type NamespacePhase = Static<typeof NamespacePhase>;

export const NamespaceConditionType = knownTexts([
  'NamespaceDeletionDiscoveryFailure',
  'NamespaceDeletionContentFailure',
  'NamespaceDeletionGroupVersionParsingFailure',
  'NamespaceContentRemaining',
  'NamespaceFinalizersRemaining',
]);
export type NamespaceConditionType = Static<typeof NamespaceConditionType>;

export const NamespaceCondition = object('io.k8s.api.core.v1.NamespaceCondition', {
  type: always(NamespaceConditionType),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface NamespaceCondition extends Static<typeof NamespaceCondition> {}

export const NamespaceStatus = object('io.k8s.api.core.v1.NamespaceStatus', {
  phase: field(NamespacePhase, undefined, { default: 'Active' }),
  conditions: mapList(NamespaceCondition, ['type']),
});
export interface NamespaceStatus extends Static<typeof NamespaceStatus> {}

export const Namespace = kind('io.k8s.api.core.v1.Namespace', {
  spec: always(NamespaceSpec),
  status: field(NamespaceStatus, undefined, { default: {} }),
});
export interface Namespace extends Static<typeof Namespace> {}

computeDefaults(Namespace, ({ metadata }) => {
  if (metadata.name !== undefined && metadata.name !== '')
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
});

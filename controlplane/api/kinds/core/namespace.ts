import { always, atomicList, field, knownTexts, mapList, object, string, time, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const NamespaceSpec = object('io.k8s.api.core.v1.NamespaceSpec', {
  finalizers: atomicList(string(), 'What must happen before it is removed'),
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
  type: always(field(NamespaceConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface NamespaceCondition extends Static<typeof NamespaceCondition> {}

export const NamespaceStatus = object('io.k8s.api.core.v1.NamespaceStatus', {
  phase: field(NamespacePhase, 'Active or Terminating', { default: 'Active' }),
  conditions: mapList(NamespaceCondition, ['type'], 'Newest state of each aspect'),
});
export interface NamespaceStatus extends Static<typeof NamespaceStatus> {}

export const Namespace = kind(
  'io.k8s.api.core.v1.Namespace',
  {
    spec: always(field(NamespaceSpec, 'What is wanted')),
    status: field(NamespaceStatus, 'What was last seen of it; written by the system', { default: {} }),
  },
  'A room for names.',
);
export interface Namespace extends Static<typeof Namespace> {}

computeDefaults(Namespace, ({ metadata }) => {
  if (metadata.name !== undefined && metadata.name !== '')
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
});

import { always, field, int32, int64, intOrString, map, mapList, object, oneOf, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { DeleteOptions } from '#api/kinds/meta/options.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const UnhealthyPodEvictionPolicyType = oneOf(['IfHealthyBudget', 'AlwaysAllow']);
export type UnhealthyPodEvictionPolicyType = Static<typeof UnhealthyPodEvictionPolicyType>;

export const PodDisruptionBudgetSpec = object('io.k8s.api.policy.v1.PodDisruptionBudgetSpec', {
  minAvailable: intOrString('Pods that must stay, number or percentage'),
  selector: field(LabelSelector, 'Labels that the objects must have', { patchStrategy: 'replace' }),
  maxUnavailable: intOrString('Pods that may go, number or percentage'),
  unhealthyPodEvictionPolicy: field(UnhealthyPodEvictionPolicyType, 'Whether pods that are not ready may go'),
});
export interface PodDisruptionBudgetSpec extends Static<typeof PodDisruptionBudgetSpec> {}

export const PodDisruptionBudgetStatus = object('io.k8s.api.policy.v1.PodDisruptionBudgetStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  disruptedPods: map(time(), 'Pods that are about to go'),
  disruptionsAllowed: int32('Pods that may go now'),
  currentHealthy: int32('Pods that are ready'),
  desiredHealthy: int32('Pods that must stay'),
  expectedPods: int32('Pods that are counted'),
  conditions: mapList(Condition, ['type'], 'Newest state of each aspect'),
});
export interface PodDisruptionBudgetStatus extends Static<typeof PodDisruptionBudgetStatus> {}

export const PodDisruptionBudget = kind(
  'io.k8s.api.policy.v1.PodDisruptionBudget',
  {
    spec: always(field(PodDisruptionBudgetSpec, 'What is wanted')),
    status: field(PodDisruptionBudgetStatus, 'What was last seen of it; written by the system'),
  },
  'Keeps too many pods from being evicted at once.',
);
export interface PodDisruptionBudget extends Static<typeof PodDisruptionBudget> {}

export const Eviction = kind(
  'io.k8s.api.policy.v1.Eviction',
  {
    deleteOptions: field(DeleteOptions, 'How it goes'),
  },
  'Asks a pod to go, if its budget allows.',
);
export interface Eviction extends Static<typeof Eviction> {}

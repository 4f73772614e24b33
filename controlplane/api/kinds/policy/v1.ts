import { always, field, int32, int64, intOrString, map, mapList, object, oneOf, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { DeleteOptions } from '#api/kinds/meta/options.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const UnhealthyPodEvictionPolicyType = oneOf(['IfHealthyBudget', 'AlwaysAllow']);
export type UnhealthyPodEvictionPolicyType = Static<typeof UnhealthyPodEvictionPolicyType>;

export const PodDisruptionBudgetSpec = object('io.k8s.api.policy.v1.PodDisruptionBudgetSpec', {
  minAvailable: intOrString(),
  selector: field(LabelSelector, undefined, { patchStrategy: 'replace' }),
  maxUnavailable: intOrString(),
  unhealthyPodEvictionPolicy: UnhealthyPodEvictionPolicyType,
});
export interface PodDisruptionBudgetSpec extends Static<typeof PodDisruptionBudgetSpec> {}

export const PodDisruptionBudgetStatus = object('io.k8s.api.policy.v1.PodDisruptionBudgetStatus', {
  observedGeneration: int64(),
  disruptedPods: map(time()),
  disruptionsAllowed: int32(),
  currentHealthy: int32(),
  desiredHealthy: int32(),
  expectedPods: int32(),
  conditions: mapList(Condition, ['type']),
});
export interface PodDisruptionBudgetStatus extends Static<typeof PodDisruptionBudgetStatus> {}

export const PodDisruptionBudget = kind('io.k8s.api.policy.v1.PodDisruptionBudget', {
  spec: always(PodDisruptionBudgetSpec),
  status: PodDisruptionBudgetStatus,
});
export interface PodDisruptionBudget extends Static<typeof PodDisruptionBudget> {}

export const Eviction = kind('io.k8s.api.policy.v1.Eviction', {
  deleteOptions: DeleteOptions,
});
export interface Eviction extends Static<typeof Eviction> {}

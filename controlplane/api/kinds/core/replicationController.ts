import { always, int32, int64, knownTexts, map, mapList, object, string, time, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ReplicationControllerSpec = object('io.k8s.api.core.v1.ReplicationControllerSpec', {
  replicas: int32(),
  minReadySeconds: int32(),
  selector: map(string(), undefined, { mapType: 'atomic' }),
  template: PodTemplateSpec,
});
export interface ReplicationControllerSpec extends Static<typeof ReplicationControllerSpec> {}

export const ReplicationControllerConditionType = knownTexts(['ReplicaFailure']);
export type ReplicationControllerConditionType = Static<typeof ReplicationControllerConditionType>;

export const ReplicationControllerCondition = object('io.k8s.api.core.v1.ReplicationControllerCondition', {
  type: always(ReplicationControllerConditionType),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface ReplicationControllerCondition extends Static<typeof ReplicationControllerCondition> {}

export const ReplicationControllerStatus = object('io.k8s.api.core.v1.ReplicationControllerStatus', {
  replicas: always(int32()),
  fullyLabeledReplicas: int32(),
  readyReplicas: int32(),
  availableReplicas: int32(),
  observedGeneration: int64(),
  conditions: mapList(ReplicationControllerCondition, ['type']),
});
export interface ReplicationControllerStatus extends Static<typeof ReplicationControllerStatus> {}

export const ReplicationController = kind('io.k8s.api.core.v1.ReplicationController', {
  spec: always(ReplicationControllerSpec),
  status: ReplicationControllerStatus,
});
export interface ReplicationController extends Static<typeof ReplicationController> {}

computeDefaults(ReplicationController, ({ metadata, spec }) => {
  spec.replicas ??= 1;
  const labels = spec.template?.metadata.labels;
  if (labels === undefined) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
});

import { always, field, int32, int64, knownTexts, map, mapList, object, string, time, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ReplicationControllerSpec = object('io.k8s.api.core.v1.ReplicationControllerSpec', {
  replicas: int32('How many pods are wanted'),
  minReadySeconds: int32('How long a new pod must be ready before it counts as available'),
  selector: map(string(), 'Labels that the objects must have', { mapType: 'atomic' }),
  template: field(PodTemplateSpec, 'The pod that is made'),
});
export interface ReplicationControllerSpec extends Static<typeof ReplicationControllerSpec> {}

export const ReplicationControllerConditionType = knownTexts(['ReplicaFailure']);
export type ReplicationControllerConditionType = Static<typeof ReplicationControllerConditionType>;

export const ReplicationControllerCondition = object('io.k8s.api.core.v1.ReplicationControllerCondition', {
  type: always(field(ReplicationControllerConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface ReplicationControllerCondition extends Static<typeof ReplicationControllerCondition> {}

export const ReplicationControllerStatus = object('io.k8s.api.core.v1.ReplicationControllerStatus', {
  replicas: always(int32('How many pods are wanted')),
  fullyLabeledReplicas: int32('Pods with all labels of the template'),
  readyReplicas: int32('Pods that are ready'),
  availableReplicas: int32('Pods that have been ready long enough'),
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  conditions: mapList(ReplicationControllerCondition, ['type'], 'Newest state of each aspect'),
});
export interface ReplicationControllerStatus extends Static<typeof ReplicationControllerStatus> {}

export const ReplicationController = kind(
  'io.k8s.api.core.v1.ReplicationController',
  {
    spec: always(field(ReplicationControllerSpec, 'What is wanted')),
    status: field(ReplicationControllerStatus, 'What was last seen of it; written by the system'),
  },
  'Keeps a number of pods running; the old form of ReplicaSet.',
);
export interface ReplicationController extends Static<typeof ReplicationController> {}

computeDefaults(ReplicationController, ({ metadata, spec }) => {
  spec.replicas ??= 1;
  const labels = spec.template?.metadata.labels;
  if (labels === undefined) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
});

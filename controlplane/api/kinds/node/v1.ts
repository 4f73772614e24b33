import { atomicList, field, map, object, quantity, required, string, type Static } from '#api/schema.ts';
import { Toleration } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const Overhead = object('io.k8s.api.node.v1.Overhead', {
  podFixed: map(quantity(), 'What running a pod costs'),
});
export interface Overhead extends Static<typeof Overhead> {}

export const Scheduling = object('io.k8s.api.node.v1.Scheduling', {
  nodeSelector: map(string(), 'Labels the node must have', { mapType: 'atomic' }),
  tolerations: atomicList(Toleration, 'Taints that are accepted'),
});
export interface Scheduling extends Static<typeof Scheduling> {}

export const RuntimeClass = kind(
  'io.k8s.api.node.v1.RuntimeClass',
  {
    handler: required(string('Name of the handler in the runtime')),
    overhead: field(Overhead, 'What running a pod costs'),
    scheduling: field(Scheduling, 'Nodes that have it'),
  },
  'A way to run containers.',
);
export interface RuntimeClass extends Static<typeof RuntimeClass> {}

import { atomicList, map, object, quantity, required, string, type Static } from '#api/schema.ts';
import { Toleration } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const Overhead = object('io.k8s.api.node.v1.Overhead', {
  podFixed: map(quantity()),
});
export interface Overhead extends Static<typeof Overhead> {}

export const Scheduling = object('io.k8s.api.node.v1.Scheduling', {
  nodeSelector: map(string(), undefined, { mapType: 'atomic' }),
  tolerations: atomicList(Toleration),
});
export interface Scheduling extends Static<typeof Scheduling> {}

export const RuntimeClass = kind('io.k8s.api.node.v1.RuntimeClass', {
  handler: required(string()),
  overhead: Overhead,
  scheduling: Scheduling,
});
export interface RuntimeClass extends Static<typeof RuntimeClass> {}

import { list, map, object, oneOf, quantity, required, string, type Static } from '#api/schema.ts';

export const ResourceClaim = object('io.k8s.api.core.v1.ResourceClaim', {
  name: required(string()),
  request: string(),
});
export interface ResourceClaim extends Static<typeof ResourceClaim> {}

export const ResourceRequirements = object('io.k8s.api.core.v1.ResourceRequirements', {
  limits: map(quantity()),
  requests: map(quantity()),
  claims: list(ResourceClaim, undefined, { listType: 'map', mapKeys: ['name'] }),
});
export interface ResourceRequirements extends Static<typeof ResourceRequirements> {}

export const VolumeResourceRequirements = object('io.k8s.api.core.v1.VolumeResourceRequirements', {
  limits: map(quantity()),
  requests: map(quantity()),
});
export interface VolumeResourceRequirements extends Static<typeof VolumeResourceRequirements> {}

export const ResourceResizeRestartPolicy = oneOf(['NotRequired', 'RestartContainer']);
export type ResourceResizeRestartPolicy = Static<typeof ResourceResizeRestartPolicy>;

export const ContainerResizePolicy = object('io.k8s.api.core.v1.ContainerResizePolicy', {
  resourceName: required(string()),
  restartPolicy: required(ResourceResizeRestartPolicy),
});
export interface ContainerResizePolicy extends Static<typeof ContainerResizePolicy> {}

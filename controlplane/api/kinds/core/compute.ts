import { field, list, map, object, oneOf, quantity, required, string, type Static } from '#api/schema.ts';

export const ResourceClaim = object('io.k8s.api.core.v1.ResourceClaim', {
  name: required(string("Name of a claim in the pod's resourceClaims")),
  request: string('Part of the claim; all of it when empty'),
});
export interface ResourceClaim extends Static<typeof ResourceClaim> {}

export const ResourceRequirements = object(
  'io.k8s.api.core.v1.ResourceRequirements',
  {
    limits: map(quantity(), 'Most that may be used, such as cpu: 500m and memory: 1Gi'),
    requests: map(quantity(), 'Least that is reserved; the limits when left out'),
    claims: list(ResourceClaim, 'Claims of devices that are used', { listType: 'map', mapKeys: ['name'] }),
  },
  { doc: 'What is reserved, and what may be used at most.' },
);
export interface ResourceRequirements extends Static<typeof ResourceRequirements> {}

export const VolumeResourceRequirements = object('io.k8s.api.core.v1.VolumeResourceRequirements', {
  limits: map(quantity(), 'Largest size'),
  requests: map(quantity(), 'Smallest size, as storage: 10Gi'),
});
export interface VolumeResourceRequirements extends Static<typeof VolumeResourceRequirements> {}

export const ResourceResizeRestartPolicy = oneOf(['NotRequired', 'RestartContainer']);
export type ResourceResizeRestartPolicy = Static<typeof ResourceResizeRestartPolicy>;

export const ContainerResizePolicy = object('io.k8s.api.core.v1.ContainerResizePolicy', {
  resourceName: required(string('cpu or memory')),
  restartPolicy: required(field(ResourceResizeRestartPolicy, 'Whether the container restarts when it is resized')),
});
export interface ContainerResizePolicy extends Static<typeof ContainerResizePolicy> {}

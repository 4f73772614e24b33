/**
 * What a service had because of its type goes when the type does, unless the update says something else of it: so that changing the type
 * alone is enough. Pure but for the draft. Source: the service strategy of Kubernetes 1.36.
 */
import type { ServiceSpec } from '#api/kinds/core/service.ts';
import type { Draft } from '#api/schema.ts';
import { deepEqual } from '../deepEqual.ts';

type Test = (spec: ServiceSpec) => boolean;

export const needsAddress: Test = ({ type }) => type !== 'ExternalName';

export const needsPorts: Test = ({ type, allocateLoadBalancerNodePorts }) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

export const wantsHealthPort: Test = ({ type, externalTrafficPolicy }) => type === 'LoadBalancer' && externalTrafficPolicy === 'Local';

const isBalanced: Test = ({ type }) => type === 'LoadBalancer';

const isReachedFromOutside: Test = ({ type, externalIPs = [] }) =>
  type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);

/** Which fields only such services have. */
const FIELDS: readonly (readonly [Test, ...(keyof ServiceSpec)[]])[] = [
  [needsAddress, 'clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'],
  [wantsHealthPort, 'healthCheckNodePort'],
  [isBalanced, 'allocateLoadBalancerNodePorts', 'loadBalancerClass'],
  [isReachedFromOutside, 'externalTrafficPolicy'],
];

export function dropForType(next: Draft<ServiceSpec>, old: ServiceSpec): void {
  const nextPorts = next.ports?.map(({ nodePort = 0 }) => nodePort).toSorted();
  const oldPorts = old.ports?.map(({ nodePort = 0 }) => nodePort).toSorted();
  const losesPorts = needsPorts(old) && !needsPorts(next) && deepEqual(nextPorts, oldPorts);
  const lost = FIELDS.filter(([test]) => test(old) && !test(next)).flatMap(([, ...names]) => names);
  for (const name of lost) if (deepEqual(next[name], old[name])) delete next[name];
  if (losesPorts) for (const port of next.ports ?? []) delete port.nodePort;
}

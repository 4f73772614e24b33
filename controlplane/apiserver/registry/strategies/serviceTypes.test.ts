import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec } from '#api/kinds/core/service.ts';
import { dropForType } from './serviceTypes.ts';

const balanced: ServiceSpec = {
  type: 'LoadBalancer',
  clusterIP: '10.0.0.1',
  clusterIPs: ['10.0.0.1'],
  ipFamilies: ['IPv4'],
  ipFamilyPolicy: 'SingleStack',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 30_001,
  allocateLoadBalancerNodePorts: true,
  loadBalancerClass: 'a/b',
  ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30_000 }],
};
const { healthCheckNodePort: _h, allocateLoadBalancerNodePorts: _a, loadBalancerClass: _c, ...onNodes } = balanced;
const { externalTrafficPolicy: _e, ...inside } = onNodes;
const { clusterIP: _i, clusterIPs: _j, ipFamilies: _f, ipFamilyPolicy: _p, ...alias } = inside;
const without = [{ port: 80, protocol: 'TCP', targetPort: 80 }];

const ROWS: readonly (readonly [what: string, change: Partial<ServiceSpec>, left: object])[] = [
  ['the same type keeps everything', {}, balanced],
  ['ports on nodes', { type: 'NodePort' }, { ...onNodes, type: 'NodePort' }],
  ['inside the cluster', { type: 'ClusterIP' }, { ...inside, type: 'ClusterIP', ports: without }],
  ['a name elsewhere', { type: 'ExternalName' }, { ...alias, type: 'ExternalName', ports: without }],
  [
    'external addresses keep the policy of traffic',
    { type: 'ClusterIP', externalIPs: ['1.1.1.1'] },
    { ...inside, type: 'ClusterIP', externalIPs: ['1.1.1.1'], externalTrafficPolicy: 'Local', ports: without },
  ],
  [
    'what the update itself says stays, and is refused later',
    { type: 'NodePort', loadBalancerClass: 'c/d' },
    { ...onNodes, type: 'NodePort', loadBalancerClass: 'c/d' },
  ],
];

for (const [what, change, left] of ROWS) {
  test(`a service that was balanced: ${what}`, () => {
    const next = structuredClone({ ...balanced, ...change });
    dropForType(next as never, balanced);
    assert.deepEqual(next, left);
  });
}

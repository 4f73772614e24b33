import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { OVER_CAPACITY, planEndpoints } from './plan.ts';

const service = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { name: 'web', namespace: 'a', uid: 's', labels: { team: 'x' } },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
});
const pod = (n: number, ready = true, going = false): Pod =>
  ({
    metadata: { name: `p${n}`, namespace: 'a', uid: `u${n}`, labels: { app: 'web' }, ...(going ? { deletionTimestamp: 'x' } : {}) },
    spec: { containers: [{ name: 'c' }], nodeName: 'n1' },
    status: { phase: 'Running', podIP: `10.0.${n >> 8}.${n & 255}`, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod;
const made = (given: Service, pods: readonly Pod[], there?: Endpoints): Endpoints => {
  const [action, more] = planEndpoints({ service: given, pods, endpoints: there });
  assert.equal(more, undefined);
  return { ...action!.endpoints, metadata: { uid: 'e', ...action!.endpoints.metadata } };
};
const ips = (list: readonly { readonly ip: string }[] | undefined) => (list ?? []).map(({ ip }) => ip);

test('ready ones apart from others, in the order of their addresses; labels say who keeps them', () => {
  const found = made(service(), [pod(3, false), pod(2), pod(1), pod(4, true, true)]);
  assert.deepEqual(found.metadata.labels, { team: 'x', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
  const [subset, other] = found.subsets ?? [];
  assert.equal(other, undefined);
  assert.deepEqual([ips(subset?.addresses), ips(subset?.notReadyAddresses)], [['10.0.0.1', '10.0.0.2'], ['10.0.0.3']]);
  assert.deepEqual(subset?.ports, [{ port: 8080, protocol: 'TCP' }]);
  assert.deepEqual(planEndpoints({ service: service(), pods: [pod(1), pod(2), pod(3, false)], endpoints: found }), []);
});

test('what is published before it is ready is ready, also while it ends', () => {
  const found = made(service({ publishNotReadyAddresses: true }), [pod(1, false), pod(2, true, true)]);
  assert.deepEqual(ips(found.subsets?.[0]?.addresses), ['10.0.0.1', '10.0.0.2']);
});

test('a thousand addresses at most, the ready ones first, and an annotation that says so; it goes when they are fewer', () => {
  const pods = Array.from({ length: 1_200 }, (_, i) => pod(i + 1, i % 2 === 0));
  const found = made(service(), pods);
  assert.deepEqual([found.subsets?.[0]?.addresses?.length, found.subsets?.[0]?.notReadyAddresses?.length], [600, 400]);
  assert.equal(found.metadata.annotations?.[OVER_CAPACITY], 'truncated');
  const later = made(service(), pods.slice(0, 10), {
    ...found,
    metadata: { ...found.metadata, annotations: { ...found.metadata.annotations, mine: 'x' } },
  });
  assert.deepEqual(later.metadata.annotations, { mine: 'x' });
});

test('without pods they are there and empty; without a selector they are others’; without a service they go', () => {
  const empty = made(service(), []);
  assert.deepEqual(empty.subsets, []);
  const hand = { ...service(), spec: { ports: [{ port: 80 }] } } as unknown as Service;
  assert.deepEqual(planEndpoints({ service: hand, pods: [], endpoints: empty }), []);
  assert.deepEqual(
    planEndpoints({ service: undefined, pods: [], endpoints: empty }).map(({ kind }) => kind),
    ['deleteEndpoints'],
  );
  assert.deepEqual(planEndpoints({ service: undefined, pods: [], endpoints: undefined }), []);
});

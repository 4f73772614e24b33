import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { judgePod, surplus, type NodeView, type Verdict } from './plan.ts';

const pod = (nodeName: string | undefined, going = false, over: object = {}): Pod =>
  ({
    metadata: { name: 'p', ...(going ? { deletionTimestamp: 'x' } : {}) },
    spec: { containers: [], ...(nodeName === undefined ? {} : { nodeName }) },
    status: { phase: 'Running' },
    ...over,
  }) as unknown as Pod;
const node = (isReady: boolean, ...taints: string[]): NodeView => ({ isReady, taints: taints.map((key) => ({ key })) });
const OUT = 'node.kubernetes.io/out-of-service';

const ROWS: readonly (readonly [name: string, pod: Pod, node: NodeView | undefined, wanted: Verdict])[] = [
  ['a pod of a node that is there', pod('n'), node(true), { kind: 'keep' }],
  ['a pod of a node that is gone', pod('n'), undefined, { kind: 'orphaned' }],
  ['a pod that waits for a node', pod(undefined), undefined, { kind: 'keep' }],
  ['a pod that was deleted before it had a node', pod(undefined, true), undefined, { kind: 'remove', why: 'unscheduled' }],
  ['a pod that ends on a node that is out of service', pod('n', true), node(false, OUT), { kind: 'remove', why: 'outOfService' }],
  ['a pod that ends on a node that was out of service and is ready', pod('n', true), node(true, OUT), { kind: 'keep' }],
  ['a pod that does not end on a node that is out of service', pod('n'), node(false, OUT), { kind: 'keep' }],
  ['a pod that ends on a node that is not ready', pod('n', true), node(false), { kind: 'keep' }],
];
for (const [name, given, on, wanted] of ROWS) test(name, () => assert.deepEqual(judgePod(given, on), wanted));

test('of too many that are over the evicted ones go first, then the oldest', () => {
  const over = (name: string, hour: number, reason?: string): Pod =>
    pod('n', false, { metadata: { name, creationTimestamp: `2026-01-01T0${hour}:00:00Z` }, status: { phase: 'Failed', reason } });
  const all = [over('young', 5), over('old', 1), over('evicted', 4, 'Evicted'), over('middle', 3)];
  assert.deepEqual(
    surplus(all, 2).map(({ metadata }) => metadata.name),
    ['evicted', 'old'],
  );
  assert.deepEqual(surplus(all, 4), []);
  assert.deepEqual(surplus(all, 0), []);
});

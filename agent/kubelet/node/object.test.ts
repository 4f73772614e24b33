import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '#api/kinds/core/node.ts';
import { enforcedEvent, nodeEvents, rebootEvents, reclaimEvent, schedulableEvents, tooLittleFreed } from '../cluster/nodeEvents.ts';
import { labelPatch, newNode, nodeStatusPatch } from './object.ts';

type Status = NonNullable<Node['status']>;
const ready = (status: 'True' | 'False', beat: string): NonNullable<Status['conditions']>[number] => ({
  type: 'Ready',
  status,
  lastHeartbeatTime: beat,
  reason: 'r',
});
const status = (over: Partial<Status> = {}): Status => ({
  capacity: { cpu: '2' },
  addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
  conditions: [ready('True', 't1')],
  ...over,
});
const node = (labels: Record<string, string>, of: Status = status()): Node => ({ metadata: { name: 'n', labels }, spec: {}, status: of });

test('newNode: its own labels, those that were asked for, taints and the id of the provider', () => {
  const taints = [{ key: 'a', effect: 'NoSchedule' }] as const;
  const made = newNode(node({ own: '1' }), { settings: { labels: { tier: 'edge' }, taints, providerId: 'x://1' }, port: 10_250 });
  assert.deepEqual(made.metadata.labels, { own: '1', tier: 'edge' });
  assert.deepEqual(made.spec, { taints, providerID: 'x://1' });
  assert.deepEqual(made.status, status());
});

test('labelPatch: only what the kubelet knows better; what people gave stays', () => {
  assert.equal(labelPatch(node({ own: '1', theirs: 'x' }), node({ own: '1' })), undefined);
  assert.deepEqual(labelPatch(node({ own: '0', theirs: 'x' }), node({ own: '1' })), { metadata: { labels: { own: '1' } } });
});

test('nodeStatusPatch: a heartbeat alone is no change, and is told when its time has come', () => {
  const now = status({ conditions: [ready('True', 't2')] });
  assert.equal(nodeStatusPatch(status(), now, 'changes'), undefined);
  assert.deepEqual(nodeStatusPatch(status(), now, 'all'), { conditions: now.conditions });
});

test('nodeStatusPatch: what changed is told at once, addresses as a whole', () => {
  const now = status({ capacity: { cpu: '4' }, addresses: [{ type: 'InternalIP', address: '192.0.2.2' }] });
  assert.deepEqual(nodeStatusPatch(status(), now, 'changes'), {
    capacity: { cpu: '4' },
    addresses: [{ $patch: 'replace' }, { type: 'InternalIP', address: '192.0.2.2' }],
    conditions: now.conditions,
  });
  const worse = status({ conditions: [ready('False', 't1')] });
  assert.deepEqual(nodeStatusPatch(status(), worse, 'changes'), { conditions: worse.conditions });
});

test('rebootEvents: another boot than the one the API knows', () => {
  const booted = (bootID: string): Node['status'] => ({ nodeInfo: { bootID } }) as Node['status'];
  assert.deepEqual(rebootEvents('n', booted('a'), booted('b')), [
    { type: 'Warning', reason: 'Rebooted', message: 'Node n has been rebooted, boot id: b' },
  ]);
  for (const known of [booted('b'), booted(''), undefined]) assert.deepEqual(rebootEvents('n', known, booted('b')), []);
});

test('schedulableEvents: cordoned and back, and a node that is cordoned when it is first seen', () => {
  const node = (unschedulable: boolean): Node => ({ metadata: { name: 'n' }, spec: { unschedulable } });
  const told = (before: Node | undefined, now: Node | undefined): string[] => schedulableEvents('n', before, now).map((e) => e.message);
  assert.deepEqual(told(node(false), node(true)), ['Node n status is now: NodeNotSchedulable']);
  assert.deepEqual(told(node(true), node(false)), ['Node n status is now: NodeSchedulable']);
  assert.deepEqual(told(undefined, node(true)), ['Node n status is now: NodeNotSchedulable']);
  for (const [before, now] of [
    [undefined, node(false)],
    [node(true), node(true)],
    [node(true), undefined],
  ] as const)
    assert.deepEqual(told(before, now), []);
});

test('enforcedEvent: all pods are held to their limit, or not', () => {
  assert.equal(enforcedEvent({ path: '/kubepods' }).reason, 'NodeAllocatableEnforced');
  assert.deepEqual(enforcedEvent({ path: '/kubepods', err: new Error('busy') }), {
    type: 'Warning',
    reason: 'FailedNodeAllocatableEnforcement',
    message: 'Failed to update Node Allocatable Limits "/kubepods": busy',
  });
});

test('what is told of a node that runs full', () => {
  assert.deepEqual(reclaimEvent('memory'), { type: 'Warning', reason: 'EvictionThresholdMet', message: 'Attempting to reclaim memory' });
  assert.equal(
    tooLittleFreed(10, 3).message,
    'Failed to garbage collect required amount of images. Attempted to free 10 bytes, but only found 3 bytes eligible to free.',
  );
});

test('nodeEvents: a condition that became another one', () => {
  assert.deepEqual(
    nodeEvents(undefined, status()).map((e) => e.reason),
    ['NodeReady'],
  );
  assert.deepEqual(nodeEvents(status(), status()), []);
  assert.deepEqual(
    nodeEvents(status(), status({ conditions: [ready('False', 't1')] })).map((e) => e.reason),
    ['NodeNotReady'],
  );
});

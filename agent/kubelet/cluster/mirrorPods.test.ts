import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { mirrorOf, planMirror, withoutRepeats } from './mirrorPods.ts';

const pod = (hash: string): Pod => ({
  metadata: { name: 'web-n', namespace: 'a', uid: hash, annotations: { 'kubernetes.io/config.hash': hash } },
  spec: { nodeName: 'n', containers: [] },
});
const mirror = (hash: string, more: object = {}): Pod => {
  const made = mirrorOf(pod(hash), 'node-uid');
  return { ...made, metadata: { ...made.metadata, uid: `m-${hash}`, ...more } };
};
const stranger: Pod = { metadata: { name: 'web-n', namespace: 'a', uid: 'x' }, spec: { containers: [] } };
const kinds = (...given: Parameters<typeof planMirror>): string =>
  planMirror(...given)
    .actions.map((a) => (a.kind === 'deleteMirror' ? `delete ${a.uid}` : 'create'))
    .join();

for (const [name, given, want] of [
  ['a static pod without a mirror gets one', [pod('1'), undefined, 'u'], 'create'],
  ['not before the node has a UID', [pod('1'), undefined, undefined], ''],
  ['one that shows it stays', [pod('1'), mirror('1'), 'u'], ''],
  ['one that shows the pod before it goes', [pod('2'), mirror('1'), 'u'], 'delete m-1'],
  ['one that somebody deleted goes at once, to be made again', [pod('1'), mirror('1', { deletionTimestamp: 't' }), 'u'], 'delete m-1'],
  ['one whose static pod is gone goes', [undefined, mirror('1'), 'u'], 'delete m-1'],
  ['a pod of somebody else is never touched', [undefined, stranger, 'u'], ''],
  ['nor replaced', [pod('1'), stranger, 'u'], ''],
] as const)
  test(`planMirror: ${name}`, () => assert.equal(kinds(...(given as Parameters<typeof planMirror>)), want));

for (const [name, next, done, want] of [
  ['what was done and is not seen yet is not done again', { kind: 'deleteMirror', uid: '1' }, { kind: 'deleteMirror', uid: '1' }, 0],
  ['another mirror is another matter', { kind: 'deleteMirror', uid: '2' }, { kind: 'deleteMirror', uid: '1' }, 1],
  ['a mirror that was made is not made again', { kind: 'createMirror', pod: pod('1') }, { kind: 'createMirror', pod: pod('1') }, 0],
  ['one of an edited pod is', { kind: 'createMirror', pod: pod('2') }, { kind: 'createMirror', pod: pod('1') }, 1],
  ['nothing was done', { kind: 'createMirror', pod: pod('1') }, undefined, 1],
] as const)
  test(`withoutRepeats: ${name}`, () => {
    const plan = withoutRepeats({ actions: [next] }, done);
    assert.deepEqual([plan.actions.length, plan.lookAgainAfterMs !== undefined], [want, want === 0]);
  });

test('mirrorOf: a copy that says whose it is, without the identity of the static pod', () => {
  const { metadata } = mirrorOf(pod('1'), 'node-uid');
  assert.equal(metadata.uid, undefined);
  assert.equal(metadata.annotations?.['kubernetes.io/config.mirror'], '1');
  assert.deepEqual(metadata.ownerReferences, [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'node-uid', controller: true }]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { deletionOf, isHastened, isSameWish, overOf } from './wishes.ts';

const pod = (metadata: Pod['metadata'] = {}, more: Partial<Pod> = {}): Pod => ({
  metadata: { name: 'p', uid: 'u', ...metadata },
  spec: { containers: [] },
  ...more,
});
const gate = (status: 'True' | 'False'): PodStatus => ({ conditions: [{ type: 'example.com/gate' as never, status }] });
const gated = (status: PodStatus): Pod =>
  pod({}, { spec: { containers: [], readinessGates: [{ conditionType: 'example.com/gate' as never }] }, status });
const ending = (seconds: number): Pod => pod({ deletionTimestamp: 't', deletionGracePeriodSeconds: seconds });

for (const [name, a, b, same] of [
  ['the same object', undefined, undefined, true],
  ['none and one', undefined, pod(), false],
  ['equal ones', pod(), pod(), true],
  ['another UID', pod(), pod({ uid: 'v' }), false],
  ['another label', pod(), pod({ labels: { a: 'b' } }), false],
  ['a deletion', pod(), ending(30), false],
  ['a shorter grace period', ending(30), ending(1), false],
  ['a status that goes on', pod(), pod({}, { status: { phase: 'Running' } }), true],
  ['a status that is over', pod(), pod({}, { status: { phase: 'Failed' } }), false],
  ['a condition of somebody else', pod(), pod({}, { status: gate('True') }), true],
  ['a condition of somebody else that a gate waits for', gated(gate('False')), gated(gate('True')), false],
  ['another version of the object', pod({ resourceVersion: '1' }), pod({ resourceVersion: '2' }), true],
] as const)
  test(`isSameWish: ${name}`, () => assert.equal(isSameWish(a, b), same));

test('isHastened: only while the same pod ends, and only by less time', () => {
  assert.ok(isHastened(ending(30), ending(1)));
  assert.ok(!isHastened(ending(1), ending(30)));
  assert.ok(!isHastened(pod(), ending(1)));
  assert.ok(!isHastened(ending(30), pod({ uid: 'v', deletionTimestamp: 't', deletionGracePeriodSeconds: 1 })));
});

test('deletionOf, overOf: why all of a pod ends', () => {
  assert.deepEqual(deletionOf(ending(5)), { why: 'podGone', graceMs: 5_000 });
  assert.equal(deletionOf(pod()), undefined);
  assert.deepEqual(overOf(pod({}, { status: { phase: 'Succeeded' } })), { why: 'podDone' });
  assert.equal(overOf(pod({}, { status: { phase: 'Running' } })), undefined);
});

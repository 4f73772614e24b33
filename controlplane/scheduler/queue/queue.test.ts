import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ClusterEvent } from '../core/events.ts';
import { SchedulingQueue } from './queue.ts';

const pod = (name: string, { priority = 0, gates = 0, image = 'a' } = {}): Pod => ({
  metadata: { name, namespace: 'ns', uid: name },
  spec: {
    priority,
    containers: [{ name: 'c', image }],
    ...(gates === 0 ? {} : { schedulingGates: [{ name: 'wait' }] }),
  },
});
const event = (label: string): ClusterEvent => ({ kind: 'namespace', label });
const FIT = new Set(['NodeResourcesFit']);
const queueOf = (): SchedulingQueue =>
  new SchedulingQueue({
    gate: ({ pod }) => (pod.spec.schedulingGates === undefined ? undefined : 'SchedulingGates'),
    helps: (e) => e.kind === 'self' || e.label === 'helps',
  });
const names = (queue: SchedulingQueue, nowMs: number): string[] => {
  const out: string[] = [];
  for (let next = queue.pop(nowMs); next !== undefined; next = queue.pop(nowMs)) out.push(next.info.name);
  return out;
};

test('the more important first, then who came first', () => {
  const queue = queueOf();
  queue.set(pod('b'), 1);
  queue.set(pod('a'), 2);
  queue.set(pod('vip', { priority: 10 }), 3);
  assert.deepEqual(names(queue, 4), ['vip', 'b', 'a']);
});

test('who was refused waits for a change that helps, and then for its back-off', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  queue.set(pod('b'), 0);
  assert.equal(queue.pop(0)?.info.name, 'a');
  queue.failed('ns/a', FIT, 0);
  assert.equal(queue.get('ns/a')?.place, 'unschedulable');
  queue.moved(event('other'), 10);
  assert.equal(queue.get('ns/a')?.place, 'unschedulable');
  queue.moved(event('helps'), 20);
  assert.equal(queue.get('ns/a')?.place, 'backoff');
  assert.equal(queue.nextAtMs, 1_000);
  assert.equal(queue.pop(999)?.info.name, 'b', 'somebody else is tried meanwhile');
  assert.equal(queue.pop(1_000)?.info.name, 'a');
});

test('the back-off doubles up to ten seconds', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  const waits: number[] = [];
  for (let nowMs = 0; waits.length < 6; nowMs += 100_000) {
    assert.equal(queue.pop(nowMs)?.info.name, 'a');
    queue.failed('ns/a', new Set(), nowMs); // an error: it is never tried early
    waits.push((queue.nextAtMs ?? 0) - nowMs);
    assert.equal(queue.pop(nowMs), undefined);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('when nobody else waits, who backs off is tried at once', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  queue.pop(0);
  queue.failed('ns/a', FIT, 0);
  queue.moved(event('helps'), 1);
  assert.equal(queue.pop(2)?.info.name, 'a');
});

test('what happens while a pod is being tried is not missed', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  queue.pop(0);
  queue.moved(event('helps'), 1);
  queue.failed('ns/a', FIT, 2);
  assert.equal(queue.get('ns/a')?.place, 'backoff');
});

test('a change of the pod itself while it is tried counts, its status does not', () => {
  for (const [after, place] of [
    [pod('a', { image: 'b' }), 'backoff'],
    [{ ...pod('a'), status: { phase: 'Pending' } }, 'unschedulable'],
  ] as const) {
    const queue = queueOf();
    queue.set(pod('a'), 0);
    queue.pop(0);
    queue.set(after, 1);
    queue.failed('ns/a', FIT, 2);
    assert.equal(queue.get('ns/a')?.place, place);
    assert.equal(queue.get('ns/a')?.info.pod, after);
  }
});

test('gated pods are not tried before the gates are gone, whatever happens', () => {
  const queue = queueOf();
  queue.set(pod('a', { gates: 1 }), 0);
  queue.moved(event('helps'), 1);
  queue.flushOld(1_000_000);
  assert.deepEqual([names(queue, 1_000_000), queue.count('gated'), queue.count('unschedulable')], [[], 1, 0]);
  queue.set(pod('a'), 1_000_001);
  assert.deepEqual(names(queue, 1_000_001), ['a']);
});

test('after five minutes everybody is tried again', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  queue.pop(0);
  queue.failed('ns/a', FIT, 0);
  queue.flushOld(299_999);
  assert.deepEqual(names(queue, 299_999), []);
  queue.flushOld(300_000);
  assert.deepEqual(names(queue, 300_000), ['a']);
});

test('another pod under the same name begins anew', () => {
  const queue = queueOf();
  queue.set(pod('a'), 0);
  queue.pop(0);
  const other = { ...pod('a'), metadata: { name: 'a', namespace: 'ns', uid: 'other' } };
  queue.set(other, 1);
  queue.failed('ns/a', FIT, 2); // of the first one
  const next = queue.pop(3);
  assert.deepEqual([next?.info.uid, next?.attempts], ['other', 1]);
});

type Step =
  | { readonly do: 'set' | 'change' | 'gate' | 'delete' | 'fail' | 'error'; readonly name: string }
  | { readonly do: 'pop' | 'flush' | 'move' }
  | { readonly do: 'wait'; readonly ms: number };
const name = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('set' as const, 'change' as const, 'gate' as const, 'delete' as const, 'fail' as const, 'error' as const),
    name,
  }),
  fc.record({ do: fc.constant('set' as const), name }),
  fc.record({ do: fc.constantFrom('pop' as const, 'pop' as const, 'flush' as const, 'move' as const) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
);

test('property: no pod is lost and none is tried twice at once, whatever happens', () => {
  let flown = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) => {
      const queue = queueOf();
      const there = new Map<string, boolean>();
      const inFlight = new Set<string>();
      let nowMs = 0;
      let image = 0;
      for (const s of steps) {
        switch (s.do) {
          case 'set':
          case 'change':
          case 'gate':
            if (s.do !== 'set' && !there.has(s.name)) break;
            there.set(s.name, s.do === 'gate');
            queue.set(pod(s.name, { image: String(image++), gates: s.do === 'gate' ? 1 : 0 }), nowMs);
            break;
          case 'delete':
            there.delete(s.name);
            inFlight.delete(s.name);
            queue.delete(`ns/${s.name}`);
            break;
          case 'fail':
          case 'error':
            inFlight.delete(s.name);
            queue.failed(`ns/${s.name}`, s.do === 'fail' ? FIT : new Set(), nowMs);
            break;
          case 'pop': {
            const next = queue.pop(nowMs);
            if (next === undefined) break;
            assert.ok(there.has(next.info.name) && !inFlight.has(next.info.name), 'only what is there and not being tried');
            inFlight.add(next.info.name);
            flown += 1;
            break;
          }
          case 'flush':
            queue.flushOld(nowMs);
            break;
          case 'move':
            queue.moved(event('helps'), nowMs);
            break;
          default:
            nowMs += s.ms;
        }
        assert.deepEqual([...queue.pods()].map((p) => p.info.name).toSorted(), [...there.keys()].toSorted());
      }
      // Everything that may be tried is tried in the end.
      for (const key of inFlight) queue.failed(`ns/${key}`, FIT, nowMs);
      queue.flushOld(nowMs + 300_000);
      const tried = names(queue, nowMs + 310_000);
      const due = [...there].filter(([, isGated]) => !isGated).map(([key]) => key);
      assert.deepEqual(tried.toSorted(), due.toSorted());
    }),
    { numRuns: 300 },
  );
  assert.ok(flown > 200, `pods were tried (${flown})`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHistory, TerminationHistory, type PodHistory, type Termination } from './history.ts';

const end = (attempt: number, over: Partial<Termination> = {}): Termination => ({
  attempt,
  exitCode: 1,
  reason: 'Error',
  startedAtMs: attempt * 1_000,
  finishedAtMs: attempt * 1_000 + 500,
  lastLines: [`run ${attempt}`],
  ...over,
});

function make(before: readonly (readonly [string, PodHistory])[] = []): {
  history: TerminationHistory;
  saved: () => unknown;
  saves: () => number;
} {
  let last: unknown;
  let saves = 0;
  const history = new TerminationHistory(before, (all) => {
    last = all;
    saves += 1;
  });
  return { history, saved: () => last, saves: () => saves };
}

test('TerminationHistory: the last five of each container stay; each is told once', () => {
  const { history, saves } = make();
  for (let attempt = 0; attempt < 8; attempt++) {
    assert.equal(history.knows('u', 'c', attempt), false);
    history.add('u', 'c', end(attempt));
    history.add('u', 'c', end(attempt));
  }
  history.add('u', 'other', end(0));
  assert.deepEqual(
    history.of('u')['c']?.map((t) => t.attempt),
    [3, 4, 5, 6, 7],
  );
  assert.equal(history.of('u')['other']?.length, 1);
  assert.equal(history.knows('u', 'c', 1), true, 'forgotten on purpose: not to be read again');
  assert.equal(saves(), 9);
});

test('TerminationHistory: it outlives the kubelet, and a pod that is gone is forgotten', () => {
  const { history, saved } = make();
  history.add('u', 'c', end(0, { lastLines: ['x'.repeat(10_000)] }));
  const next = make(parseHistory(JSON.parse(JSON.stringify(saved()))));
  assert.equal(next.history.of('u')['c']?.[0]?.lastLines[0]?.length, 500);
  next.history.forget('u');
  assert.deepEqual(next.saved(), []);
  assert.deepEqual(next.history.of('u'), {});
});

for (const value of [null, [1], [['u', 1]], [['u', { c: [{}] }]], [['u', { c: [end(0, { lastLines: [1] as never })] }]]])
  test(`parseHistory refuses ${JSON.stringify(value).slice(0, 40)}`, () => assert.throws(() => parseHistory(value), TypeError));

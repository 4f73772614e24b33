import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';
import { AppError } from './errors.ts';
import { makeLogger } from './log.ts';

function capture(terminal = false): { log: ReturnType<typeof makeLogger>; lines: string[]; clock: ManualClock } {
  const clock = new ManualClock();
  const lines: string[] = [];
  return { log: makeLogger({ write: (l) => lines.push(l), clock, terminal }), lines, clock };
}

test('log: one event is one line with its priority, whatever is in it', () => {
  const { log, lines } = capture();
  log.with({ pod: 'default/web-0' }).info('Started container', { container: 'nginx', note: 'two\nlines', tookMs: 412, nothing: undefined });
  log.error('Refused manifest', { file: '/m/web.yaml:7:5', err: new AppError('MANIFEST_INVALID', 'spec.prots: unknown field') });
  log.debug('Hidden');
  assert.deepEqual(lines, [
    '<6>Started container pod=default/web-0 container=nginx note="two\\nlines" tookMs=412',
    '<3>Refused manifest file=/m/web.yaml:7:5 err="spec.prots: unknown field" code=MANIFEST_INVALID',
  ]);
});

test('log: on a terminal a person gets a time and a word', () => {
  const { log, lines } = capture(true);
  log.warn('Pod is waiting', { for: 'CrashLoopBackOff' });
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d WARN  Pod is waiting for=CrashLoopBackOff$/);
});

test('log: trouble that repeats is printed more and more rarely and says how often it was folded', async () => {
  const { log, lines, clock } = capture();
  for (let second = 0; second < 400; second++) {
    log.warn('Reconcile failed', { key: 'a', retryInMs: second });
    await clock.advance(1_000);
  }
  assert.deepEqual(lines, [
    '<4>Reconcile failed key=a retryInMs=0',
    '<4>Reconcile failed key=a retryInMs=60 folded=59',
    '<4>Reconcile failed key=a retryInMs=180 folded=119',
  ]);
});

test('log: another key is another trouble, and what comes back after a pause is printed at once', async () => {
  const { log, lines, clock } = capture();
  log.warn('Reconcile failed', { key: 'a' });
  log.warn('Reconcile failed', { key: 'b' });
  await clock.advance(61_000);
  log.warn('Reconcile failed', { key: 'a' });
  assert.equal(lines.length, 3);
});

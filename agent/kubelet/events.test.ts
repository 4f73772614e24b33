import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { Checkpoint } from './checkpoint/act.ts';
import { EventLog, keepEvents, parseEvents, type PodEvent } from './events.ts';

const pod = (name: string): Pod => ({ metadata: { name, namespace: 'ns', uid: `uid-${name}` }, spec: { containers: [] } });

test('EventLog: equal events are counted, also over a restart; others are told apart; the oldest go', () => {
  const clock = new ManualClock(1_000);
  const first = new EventLog(clock);
  first.record(pod('a'), 'Warning', 'BackOff', 'again', 'c');
  first.record(pod('a'), 'Warning', 'BackOff', 'again', 'c');
  first.record(pod('a'), 'Warning', 'BackOff', 'again', 'other');
  const told: PodEvent[] = [];
  const second = new EventLog(clock, (e) => told.push(e), parseEvents(JSON.parse(JSON.stringify(first.list()))));
  second.record(pod('a'), 'Warning', 'BackOff', 'again', 'c');
  assert.deepEqual(
    second.list().map((e) => [e.fieldPath, e.count]),
    [
      ['spec.containers{other}', 1],
      ['spec.containers{c}', 3],
    ],
  );
  assert.equal(told.length, 1, 'what is only remembered is not told again');
  for (let i = 0; i < 1_100; i++) second.record(pod('b'), 'Normal', 'Pulled', `image ${i}`);
  assert.equal(second.list().length, 1_000);
  assert.equal(second.list({ pod: 'a' }).length, 0);
});

test('EventLog: a reader is told until it ends', () => {
  const log = new EventLog(new ManualClock());
  const told: string[] = [];
  const end = log.subscribe((e) => told.push(e.reason));
  log.record(pod('a'), 'Normal', 'Started', 'x');
  end();
  log.record(pod('a'), 'Normal', 'Killing', 'x');
  assert.deepEqual(told, ['Started']);
});

test('keepEvents: what happened is on disk a second later, readable by root alone, and read back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-events-'));
  try {
    const clock = new ManualClock(5);
    const lines: string[] = [];
    const file = new Checkpoint<readonly PodEvent[]>(join(dir, 'events'), makeLogger({ clock, write: (line) => void lines.push(line) }));
    const log = new EventLog(clock);
    const stop = new AbortController();
    const keeping = keepEvents(log, { clock, save: (all) => file.save(all) }, stop.signal);
    log.record(pod('a'), 'Normal', 'Started', 'x');
    await clock.advance(0);
    await clock.advance(1_000);
    await file.flush();
    assert.equal(statSync(join(dir, 'events')).mode & 0o777, 0o600);
    log.record(pod('a'), 'Normal', 'Killing', 'y');
    stop.abort();
    await keeping;
    await file.flush();
    assert.deepEqual(
      (await file.load(parseEvents))?.map((e) => e.reason),
      ['Started', 'Killing'],
    );
    assert.deepEqual(lines, []);
    assert.ok(readFileSync(join(dir, 'events')).length > 0);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

for (const value of [
  null,
  {},
  [1],
  [{ reason: 'x' }],
  [{ type: 'Odd', reason: '', message: '', namespace: '', pod: '', uid: '', firstAtMs: 0, lastAtMs: 0, count: 1 }],
])
  test(`parseEvents refuses ${JSON.stringify(value).slice(0, 30)}`, () => assert.throws(() => parseEvents(value), TypeError));

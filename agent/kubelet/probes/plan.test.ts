import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Container } from '#api/kinds/core/container.ts';
import type { Probe } from '#api/kinds/core/probes.ts';
import { activeProbes, decide, extend, firstDelayMs, parseResults, verdictOf, type ProbeResults, type Run } from './plan.ts';

const probe: Probe = { exec: { command: ['true'] } };
const all: Container = { name: 'c', startupProbe: probe, livenessProbe: probe, readinessProbe: probe };
const { startupProbe: _, ...noStartup } = all;

for (const [name, container, results, verdict, active] of [
  ['without probes a container is ready at once', { name: 'c' }, {}, 'started ready', ''],
  ['before its startup probe it is not started, and nothing else asks', all, {}, '', 'startup'],
  ['started up, the others ask', all, { startup: true }, 'started', 'liveness readiness'],
  ['a startup probe that gave up ends it', all, { startup: false }, 'failed:startup', ''],
  ['with a good readiness it is ready', all, { startup: true, readiness: true }, 'started ready', 'liveness readiness'],
  ['a bad readiness only makes it unready', all, { startup: true, readiness: false }, 'started', 'liveness readiness'],
  ['a bad liveness ends it', all, { startup: true, liveness: false, readiness: true }, 'started ready failed:liveness', ''],
  ['before the first answer of liveness it is alive', noStartup, { readiness: true }, 'started ready', 'liveness readiness'],
  [
    'a verdict of a probe that is not there any more counts for nothing',
    { name: 'c' },
    { liveness: false, startup: false },
    'started ready',
    '',
  ],
] as [string, Container, ProbeResults, string, string][]) {
  test(`probes: ${name}`, () => {
    const { started, ready, failed } = verdictOf(container, results);
    const words = [started && 'started', ready && 'ready', failed !== undefined && `failed:${failed}`].filter((w) => w !== false);
    assert.equal(words.join(' '), verdict);
    assert.equal(activeProbes(container, results).join(' '), active);
  });
}

test('probes: so many in a row turn the verdict, counted by hand', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      (answers, successThreshold, failureThreshold) => {
        let run: Run | undefined;
        answers.forEach((good, i) => {
          run = extend(run, good);
          const same = answers.slice(0, i + 1).toReversed();
          const length = same.findIndex((a) => a !== good) === -1 ? same.length : same.findIndex((a) => a !== good);
          const want = length >= (good ? successThreshold : failureThreshold) ? good : undefined;
          assert.equal(decide(run, { ...probe, successThreshold, failureThreshold }), want);
        });
      },
    ),
  );
});

for (const [name, given, timing, want] of [
  ['at once without a delay', probe, { startedAtMs: 1_000, nowMs: 1_000, chance: 0 }, 0],
  ['after the delay', { ...probe, initialDelaySeconds: 5 }, { startedAtMs: 1_000, nowMs: 2_000, chance: 0 }, 4_000],
  ['spread over the period when it is overdue', { ...probe, periodSeconds: 10 }, { startedAtMs: 0, nowMs: 60_000, chance: 0.3 }, 3_000],
  [
    'never later than the delay, though the clock was set back',
    { ...probe, initialDelaySeconds: 5 },
    { startedAtMs: 90_000, nowMs: 0, chance: 0 },
    5_000,
  ],
] as const) {
  test(`probes: the first question comes ${name}`, () => assert.equal(firstDelayMs(given, timing), want));
}

test('parseResults takes what was kept and nothing else', () => {
  assert.deepEqual(parseResults(JSON.parse('[["id",{"liveness":true,"startup":false,"x":1}],["b",{}]]')), [
    ['id', { startup: false, liveness: true }],
    ['b', {}],
  ]);
  for (const bad of ['{}', '[1]', '[["a"]]', '[[1,{}]]', '[["a",null]]'])
    assert.throws(() => parseResults(JSON.parse(bad)), TypeError, bad);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EventCorrelator, type Told } from './eventCorrelation.ts';

const about = (name: string): Told => ({
  regarding: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name },
  text: { type: 'Normal', reason: 'Pulled', message: 'pulled' },
});

/** Its answers: how many times the event has been there, or undefined. An hour lies between two of them. */
function counter(): (name: string) => number | undefined {
  const correlator = new EventCorrelator();
  let nowMs = 0;
  return (name) => correlator.take(about(name), (nowMs += 3_600_000), () => '1')?.count;
}

test('the 4,096 that were used last are remembered, those before them are forgotten before there are many more', () => {
  const take = counter();
  for (let i = 0; i < 20_000; i++) {
    take(`p${i}`);
    if (i % 1_000 === 0) take('often');
  }
  assert.equal(take('often'), 21);
  for (let i = 20_000 - 4_095; i < 20_000; i++) assert.equal(take(`p${i}`), 2, `p${i}`);
  assert.equal(take('p0'), 1);
  assert.equal(take(`p${20_000 - 2 * 4_096}`), 1);
});

test('events without end take no memory without end', () => {
  const take = counter();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => (collect(), process.memoryUsage().heapUsed);
  const rounds = (): void => {
    for (let i = 0; i < 60_000; i++) take(`p${i % 10}`);
  };
  rounds();
  const before = used();
  rounds();
  const grownBytes = used() - before;
  assert.ok(grownBytes < 1 << 20, `${grownBytes} bytes more after 60,000 events about the same ten objects`);
  assert.equal(take('p0'), 12_001);
});

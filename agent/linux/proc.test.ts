import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, SystemClock } from '#base/clock.ts';
import { spawnDaemon } from './daemon.ts';
import { run } from './exec.ts';
import { bootId, identify, isRunning, look, namespaceOf, parseStat, signalProcess, waitGone } from './proc.ts';

const REST = '4242 4242 0 -1 4194304 97 0 0 0 0 0 0 0 20 0 1 0 8675309 2527232 196 18446744073709551615';

test('parseStat: whatever the command is called', () => {
  const name = fc.string({ maxLength: 15 }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(name, (command) => {
      const info = parseStat(`4242 (${command}) S 1 ${REST}\n`);
      assert.deepEqual(info, { pid: 4242, startTicks: 8675309, command, state: 'S', parent: 1 });
    }),
    { examples: [['a) S 1 (b'], ['((sd-pam))'], ['']] },
  );
});

test('parseStat: half a line is no process', () => {
  for (const text of ['', '17', '17 (sh', '17 (sh) S 1 2']) assert.equal(parseStat(text), undefined);
});

test('a process is itself, and neither an ended one nor one that got its id later', async () => {
  const { pid, exited } = spawnDaemon(['sleep', '60'], '/dev/null');
  const id = identify(pid);
  try {
    assert.ok(isRunning(id));
    const other = { ...id, startTicks: id.startTicks + 1 };
    assert.ok(!isRunning(other));
    assert.equal(signalProcess(other, 'SIGKILL'), false, 'a stranger with the same id is not signalled');
    assert.ok(isRunning(id));
    assert.equal(namespaceOf(pid, 'net'), namespaceOf(process.pid, 'net'));
  } finally {
    signalProcess(id, 'SIGKILL');
  }
  assert.deepEqual(await exited, { exitCode: undefined, signal: 'SIGKILL' });
  assert.ok(!isRunning(id));
  assert.equal(signalProcess(id, 'SIGKILL'), false);
  assert.equal(look(pid), undefined);
});

test('waitGone: says who is left when the time is up', async () => {
  const clock = new ManualClock();
  const waiting = waitGone([identify(process.pid)], { clock, timeoutMs: 30, signal: new AbortController().signal });
  for (let i = 0; i < 4; i++) await clock.advance(10);
  assert.deepEqual(await waiting, [identify(process.pid)]);
});

test('waitGone: returns when the last one ends', async () => {
  const { pid } = spawnDaemon(['sleep', '60'], '/dev/null');
  const id = identify(pid);
  const waiting = waitGone([id], { clock: new SystemClock(), timeoutMs: 60_000, signal: new AbortController().signal });
  signalProcess(id, 'SIGKILL');
  assert.deepEqual(await waiting, []);
});

test('bootId is the kernel’s', async () => {
  assert.equal(bootId(), (await run(['cat', '/proc/sys/kernel/random/boot_id'])).stdout);
});

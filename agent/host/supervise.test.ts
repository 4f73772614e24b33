import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ManualClock, SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import type { Argv } from '../linux/exec.ts';
import { identify, isRunning, signalProcess } from '../linux/proc.ts';
import { StateFile, type NodeState } from './state.ts';
import { Supervised } from './supervise.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-supervise-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const clock = new SystemClock();
const ever = new AbortController().signal;

function setup(clockOfIt: SystemClock | ManualClock): {
  lines: string[];
  state: StateFile;
  stop: AbortController;
  log: ReturnType<typeof makeLogger>;
} {
  const lines: string[] = [];
  const state = new StateFile(join(directory, 'state.json'), { processes: {} } as NodeState);
  return { lines, state, stop: new AbortController(), log: makeLogger({ write: (line) => lines.push(line), clock: clockOfIt }) };
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await clock.sleep(2, ever);
}

test('what is killed is started again, recorded, and brought back as it was', async () => {
  const { lines, state, stop, log } = setup(clock);
  let broughtBack = 0;
  const onRestart = (): Promise<void> => Promise.resolve(void broughtBack++);
  const options = {
    role: 'containerd',
    argv: (): Argv => ['sleep', '60'],
    logFile: join(directory, 'log'),
    state,
    clock,
    log,
    signal: stop.signal,
    onRestart,
  } as const;
  const supervised = Supervised.start(options);
  const first = supervised.id;
  try {
    assert.deepEqual(state.current.processes.containerd, first);
    signalProcess(first, 'SIGKILL');
    await until(() => broughtBack === 1);
    assert.notDeepEqual(supervised.id, first);
    assert.ok(isRunning(supervised.id));
    assert.deepEqual(state.current.processes.containerd, supervised.id);
    assert.match(lines[0] ?? '', /^<4>Process ended and is started again process=containerd killedBy=SIGKILL retryInMs=100/);
    await until(() => lines.length === 2);
    assert.match(lines[1] ?? '', /^<6>Process runs again/);
  } finally {
    stop.abort();
    signalProcess(supervised.id, 'SIGKILL');
  }
});

test('what keeps ending is started later each time, and not at all once it is to stop', async () => {
  const manual = new ManualClock();
  const { lines, state, stop, log } = setup(manual);
  const logFile = join(directory, 'log');
  const starts = (): number => readFileSync(logFile, 'utf8').split('\n').length - 1;
  Supervised.start({
    role: 'kubelet',
    argv: () => ['sh', '-c', 'echo started; exit 1'],
    logFile,
    state,
    clock: manual,
    log,
    signal: stop.signal,
  });
  const waits: (number | undefined)[] = [];
  for (let i = 1; i <= 9; i++) {
    await until(() => starts() === i && manual.nextWakeMs !== undefined);
    waits.push(manual.nextWakeMs);
    await manual.advance(manual.nextWakeMs ?? 0);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  await until(() => starts() === 10 && manual.nextWakeMs !== undefined);
  stop.abort();
  await manual.advance(60_000);
  assert.equal(starts(), 10);
  assert.ok(lines.some((line) => line.includes('exitCode=1')));
});

test('stopping the supervision leaves the program running', async () => {
  const { state, stop, log } = setup(clock);
  const supervised = Supervised.start({
    role: 'holder',
    argv: (): Argv => ['sleep', '60'],
    logFile: join(directory, 'log'),
    state,
    clock,
    log,
    signal: stop.signal,
  });
  stop.abort();
  try {
    assert.ok(isRunning(supervised.id));
  } finally {
    signalProcess(supervised.id, 'SIGKILL');
  }
  await supervised.exited;
  assert.deepEqual(state.current.processes.holder, supervised.id);
  assert.throws(() => identify(supervised.id.pid), { code: 'PROCESS_GONE' });
});

test('a program that is not there fails at once', () => {
  const { state, stop, log } = setup(clock);
  const options = {
    role: 'uplink',
    argv: (): Argv => ['no-such-program-anywhere'],
    logFile: join(directory, 'log'),
    state,
    clock,
    log,
    signal: stop.signal,
  } as const;
  assert.throws(() => Supervised.start(options), { code: 'EXEC_NOT_FOUND' });
});

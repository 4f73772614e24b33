import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ToolShell } from './toolShell.ts';

const LIMIT = { signal: new AbortController().signal, timeoutMs: 60_000 };

function readProcStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ''; // it is gone
  }
}

async function lines(shell: ToolShell, argv: readonly string[], input?: string | readonly Uint8Array[]): Promise<unknown> {
  const found: string[] = [];
  const { exitCode, stderr } = await shell.run(argv, {
    ...LIMIT,
    ...(input === undefined ? {} : { input }),
    onLine: (line) => found.push(line),
  });
  return { exitCode, stderr, found };
}

test('toolShell: one program after the other, each with its own input, output, complaints and exit code', async () => {
  const shell = new ToolShell();
  const all = await Promise.all([
    lines(shell, ['cat'], 'a long first input\nof two lines\n'),
    lines(shell, ['cat'], [Buffer.from('b'), Buffer.from('c')]),
    lines(shell, ['cat']),
    lines(shell, ['sh', '-c', `printf '%s\\n' "$0"; echo "it's wrong" >&2; exit 3`, `a 'b' $HOME "c"; \\n`]),
    lines(shell, ['sh', '-c', 'ls -l /proc/self/fd | grep -c kijabi']),
  ]);
  assert.deepEqual(all, [
    { exitCode: 0, stderr: '', found: ['a long first input', 'of two lines'] },
    { exitCode: 0, stderr: '', found: ['bc'] },
    { exitCode: 0, stderr: '', found: [] },
    { exitCode: 3, stderr: "it's wrong\n", found: [`a 'b' $HOME "c"; \\n`] },
    // Of the files of the shell it has its standard error alone; its output goes to grep.
    { exitCode: 0, stderr: '', found: ['1'] },
  ]);
});

test('toolShell: output larger than any buffer comes line by line, and is not kept', async () => {
  const shell = new ToolShell();
  let count = 0;
  let last = '';
  await shell.run(['seq', '1', '300000'], { ...LIMIT, onLine: (line) => ((last = line), (count += 1)) });
  assert.deepEqual([count, last], [300_000, '300000']);
  assert.deepEqual(await lines(shell, ['echo', 'é']), { exitCode: 0, stderr: '', found: ['é'] });
});

test('toolShell: what is not there has exit code 127, whether it is the program or what the shell runs through', async () => {
  for (const shell of [new ToolShell(), new ToolShell(['env', 'PATH=/nowhere']), new ToolShell(['/no/such'])]) {
    const { exitCode, stderr } = await shell.run(['no-such-program'], LIMIT);
    assert.equal(exitCode, 127);
    assert.match(stderr, /not found|ENOENT/);
  }
});

test('toolShell: a program that hangs is ended with all it started, and the next one runs', async () => {
  const shell = new ToolShell();
  let printed = '';
  const stop = new AbortController();
  // It tells its process on standard error, which is handed over also when it was ended.
  const script = 'sleep 1000 & echo $! >&2; echo half; kill -9 $PPID; wait';
  const { stderr, ...hung } = await shell.run(['sh', '-c', script], { ...LIMIT, onLine: (line) => (printed += line) });
  assert.deepEqual(hung, { exitCode: undefined, timedOut: false, isCanceled: false });
  const sleeper = Number(/^\d+$/m.exec(stderr)?.[0]);
  assert.ok(sleeper > 1, stderr);
  while (/^\d+ \(sleep\) [^Z]/.test(readProcStat(sleeper))) await delay(10);
  const late = await shell.run(['sleep', '1000'], { ...LIMIT, timeoutMs: 1 });
  assert.equal(late.timedOut, true);
  const canceled = shell.run(['sleep', '1000'], { ...LIMIT, signal: stop.signal });
  stop.abort();
  assert.equal((await canceled).isCanceled, true);
  assert.deepEqual(await lines(shell, ['echo', 'on']), { exitCode: 0, stderr: '', found: ['on'] });
  assert.equal(printed, '', 'what it printed is not told: it may be half');
});

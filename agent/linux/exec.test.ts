import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from './exec.ts';

test('run: output, input, environment, directory', async () => {
  const { stdout } = await run(['sh', '-c', 'cat; echo "$WORD"; pwd'], { input: 'in\n', env: { WORD: 'word' }, cwd: '/' });
  assert.equal(stdout, 'in\nword\n/');
});

test('run: an exit code that is an answer', async () => {
  assert.equal((await run(['sh', '-c', 'exit 3'], { okCodes: [3] })).exitCode, 3);
});

const failures: [why: string, code: string, argv: readonly [string, ...string[]], text: RegExp, options?: Parameters<typeof run>[1]][] = [
  [
    'says how it ended and its last lines',
    'EXEC_FAILED',
    ['sh', '-c', 'echo one; echo two >&2; echo; echo three >&2; exit 7'],
    /sh failed \(exit code 7\): two \| three$/,
  ],
  ['falls back to what it printed', 'EXEC_FAILED', ['sh', '-c', 'echo only; exit 1'], /: only$/],
  ['a program that says nothing', 'EXEC_FAILED', ['false'], /it said nothing/],
  ['a program that is not there', 'EXEC_NOT_FOUND', ['no-such-program-anywhere'], /not installed/],
  ['ended by a signal', 'EXEC_FAILED', ['sh', '-c', 'kill -9 $$'], /SIGKILL/],
  ['too long', 'EXEC_TIMEOUT', ['sleep', '60'], /in time/, { timeoutMs: 20 }],
];
for (const [why, code, argv, text, options] of failures) {
  test(`run: ${why}`, async () => {
    await assert.rejects(run(argv, options), { code, message: text });
  });
}

test('run: stopped, it throws the reason', async () => {
  const stop = new AbortController();
  const running = run(['sleep', '60'], { signal: stop.signal });
  stop.abort(new Error('enough'));
  await assert.rejects(running, /^Error: enough$/);
  await assert.rejects(run(['true'], { signal: stop.signal }), /^Error: enough$/);
});

test('run: lines on descriptor 3 are progress', async () => {
  const lines: string[] = [];
  await run(['sh', '-c', 'echo a >&3; echo b >&3'], { onStatus: (line) => lines.push(line) });
  assert.deepEqual(lines, ['a', 'b']);
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('startWarm: a process with files that were not in the cache starts anew once, as it was called; the next one does not', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-warm-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const main = join(dir, 'main.ts');
  writeFileSync(join(dir, 'later.ts'), 'export const later: number = 1;');
  writeFileSync(
    main,
    `import { startWarm } from '${new URL('warmStart.ts', import.meta.url).href}';
console.log('began', process.pid);
await startWarm([() => import('./later.ts')]);
await import('./later.ts');
const stripper = (process as unknown as { moduleLoadList: string[] }).moduleLoadList.some((name) => name.includes('amaro'));
console.log(JSON.stringify({ pid: process.pid, stripper, argv: process.argv.slice(2), flags: process.execArgv, mark: process.env['KIJABI_STARTED_AGAIN'] }));
`,
  );
  const run = (): { began: string[]; end: unknown } => {
    const args = ['--disable-warning=ExperimentalWarning', '--stack-size=900', main, 'a b', '--c'];
    const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, 'cache'), NODE_OPTIONS: '' };
    const lines = execFileSync(process.execPath, args, { encoding: 'utf8', env }).trim().split('\n');
    return { began: lines.slice(0, -1), end: JSON.parse(lines.at(-1) ?? '') };
  };
  const [cold, warm] = [run(), run()];
  for (const { began, end } of [cold, warm]) {
    const pid = Number(began[0]?.split(' ')[1]);
    const flags = ['--disable-warning=ExperimentalWarning', '--stack-size=900'];
    assert.deepEqual(end, { pid, stripper: false, argv: ['a b', '--c'], flags });
  }
  assert.equal(cold.began.length, 2);
  assert.equal(cold.began[0], cold.began[1]);
  assert.equal(warm.began.length, 1);
});

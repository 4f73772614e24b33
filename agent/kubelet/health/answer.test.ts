import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { answerHealth, type HealthCheck } from './answer.ts';
import { healthChecks, type HealthFacts } from './observe.ts';

const checks = (problem?: string): HealthCheck[] => [
  { name: 'ping', problem: () => undefined },
  { name: 'runtime', problem: () => problem },
];
const ask = async (path: string, problem?: string) => {
  const url = new URL(path, 'http://x');
  const check = url.pathname.split('/')[2];
  const answer = await answerHealth(checks(problem), { check, query: url.searchParams });
  return answer === undefined ? undefined : [answer.status, answer.text];
};

const ROWS: readonly (readonly [what: string, path: string, problem: string | undefined, answer: unknown])[] = [
  ['all is well', '/healthz', undefined, [200, 'ok']],
  ['all is well, in full', '/healthz?verbose', undefined, [200, '[+]ping ok\n[+]runtime ok\nhealthz check passed\n']],
  ['one fails', '/healthz', 'away', [500, '[+]ping ok\n[-]runtime failed: away\nhealthz check failed\n']],
  [
    'the one that fails is left out',
    '/healthz?verbose&exclude=runtime',
    'away',
    [200, '[+]ping ok\n[+]runtime excluded: ok\nhealthz check passed\n'],
  ],
  [
    'a name nobody knows is left out',
    '/healthz?verbose=1&exclude=x',
    undefined,
    [200, '[+]ping ok\n[+]runtime ok\nwarn: some health checks cannot be excluded: no matches for "x"\nhealthz check passed\n'],
  ],
  ['one alone', '/healthz/ping', 'away', [200, 'ok']],
  ['one alone that fails', '/healthz/runtime', 'away', [500, 'away\n']],
  ['one there is not', '/healthz/etcd', undefined, undefined],
];
for (const [what, path, problem, answer] of ROWS) test(`/healthz: ${what}`, async () => assert.deepEqual(await ask(path, problem), answer));

test('/healthz: a check that throws fails with what it threw', async () => {
  const broken = [{ name: 'x', problem: () => Promise.reject(new Error('broken')) }];
  const answer = await answerHealth(broken, { check: undefined, query: new URLSearchParams() });
  assert.equal(answer?.text, '[-]x failed: broken\nhealthz check failed\n');
});

test('the checks say what is wrong, and nothing while all is well', async () => {
  const clock = new ManualClock();
  const rootDir = mkdtempSync(join(tmpdir(), 'kijabi-health-'));
  const facts = {
    clock,
    rootDir,
    runtime: () => undefined,
    relist: () => ({ lastMs: 0, everyMs: 60_000 }),
    looksSince: () => undefined,
    logs: () => true,
  };
  const text = async (more: Partial<HealthFacts> = {}): Promise<string> => {
    const answer = await answerHealth(healthChecks({ ...facts, ...more }), { check: undefined, query: new URLSearchParams() });
    return answer?.text ?? '';
  };
  assert.equal(await text(), 'ok');
  assert.match(await text({ relist: () => ({ lastMs: undefined, everyMs: 1 }) }), /^\[-\]pleg failed: pleg has yet to be successful$/m);
  assert.match(await text({ logs: () => false }), /^\[-\]log failed: nobody reads the log any more: stderr is closed$/m);
  await clock.advance(181_000);
  assert.match(await text(), /^\[-\]pleg failed: pleg was last seen active 3m1s ago; threshold is 3m0s$/m);
  assert.match(
    await text({ looksSince: () => ({ pod: 'a/b', sinceMs: 0 }) }),
    /^\[-\]syncloop failed: sync loop: a\/b has waited for a look at it for 3m1s$/m,
  );
  rmdirSync(rootDir);
  assert.match(await text(), /^\[-\]disk failed: disk: \S+ cannot be written to: ENOENT$/m);
});

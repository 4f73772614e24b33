import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import type { Peer } from '#base/peer.ts';
import type { Reviewer } from '#client/reviews.ts';
import { DelegatedAuth } from './http/auth.ts';
import { healthOf, type HealthCheck } from './http/serve.ts';

const signal = new AbortController().signal;
const nobody: Peer = { address: '192.0.2.1', certificate: undefined, certificateProblem: undefined };
const certified = (commonName: string, ...organizations: string[]): Peer => ({
  ...nobody,
  certificate: { commonName, organizations, fingerprint: 'a' },
});

const asked: string[] = [];
const reviewer: Reviewer = {
  token: (token) => Promise.resolve(token === 'good' ? { name: 'ann', groups: ['dev'] } : undefined),
  access: ({ name }, wanted) => {
    asked.push(`${name} ${JSON.stringify(wanted)}`);
    return Promise.resolve({ allowed: name === 'ann' });
  },
};
const ROWS: readonly (readonly [
  name: string,
  reviewer: boolean,
  peer: Peer,
  authorization: string | undefined,
  path: string,
  code: number | undefined,
])[] = [
  ['an open path is open', false, nobody, undefined, '/healthz', undefined],
  ['and what is below it', false, nobody, undefined, '/healthz/ping', undefined],
  ['but not what begins like it', true, nobody, undefined, '/healthzz', 403],
  ['an asterisk opens what begins so', false, nobody, undefined, '/open/x', undefined],
  ['nobody sees metrics', true, nobody, undefined, '/metrics', 403],
  ['a token that is good, and may', true, nobody, 'Bearer good', '/metrics', undefined],
  ['a token that is not good', true, nobody, 'Bearer bad', '/metrics', 401],
  ['a token where nobody can be asked', false, nobody, 'Bearer good', '/metrics', 401],
  ['a password', true, nobody, 'Basic eA==', '/metrics', 401],
  ['a certificate whose holder may', true, certified('ann'), undefined, '/metrics', undefined],
  ['a certificate whose holder may not', true, certified('bob'), undefined, '/metrics', 403],
  ['a certificate where nobody can be asked', false, certified('ann'), undefined, '/metrics', 403],
  ['an administrator, always', false, certified('root', 'system:masters'), undefined, '/metrics', undefined],
  ['a certificate that ended', true, { ...nobody, certificateProblem: 'CERT_HAS_EXPIRED' }, undefined, '/metrics', 401],
];
for (const [name, isThere, peer, authorization, path, code] of ROWS)
  test(name, async () => {
    const who = isThere ? reviewer : undefined;
    const times = { tokenMs: 1_000, yesMs: 1_000, noMs: 1_000 };
    const auth = new DelegatedAuth({
      clock: new ManualClock(),
      authentication: who,
      authorization: who,
      openPaths: ['/healthz', '/open/*'],
      ...times,
    });
    assert.equal((await auth.refuse(peer, { method: 'GET', path, authorization }, signal))?.code, code);
  });

test('an answer is kept for a while, and asked for anew afterwards', async () => {
  const clock = new ManualClock();
  const auth = new DelegatedAuth({
    clock,
    authentication: reviewer,
    authorization: reviewer,
    openPaths: [],
    tokenMs: 10,
    yesMs: 1_000,
    noMs: 10,
  });
  asked.length = 0;
  const call = { method: 'HEAD', path: '/metrics', authorization: 'Bearer good' };
  for (const afterMs of [0, 500, 600]) {
    await clock.advance(afterMs);
    assert.equal(await auth.refuse(nobody, call, signal), undefined);
  }
  assert.deepEqual(asked, ['ann {"path":"/metrics","verb":"get"}', 'ann {"path":"/metrics","verb":"get"}']);
});

test('health says which check fails, and leaves out what is not wanted', () => {
  const checks: HealthCheck[] = [
    { name: 'ping', problem: () => undefined },
    { name: 'lease', problem: () => 'lost' },
  ];
  const at = (check: string | undefined, query = '') => healthOf({ path: 'healthz', check, checks, query: new URLSearchParams(query) });
  assert.deepEqual([at(undefined).code, at(undefined).text], [500, '[+]ping ok\n[-]lease failed: reason withheld\nhealthz check failed\n']);
  assert.deepEqual([at(undefined, 'exclude=lease').code, at(undefined, 'exclude=lease').text], [200, 'ok']);
  assert.match(
    at(undefined, 'exclude=lease&exclude=x&verbose').text,
    /lease excluded: ok\nwarn: some health checks cannot be excluded: no matches for "x"/,
  );
  assert.deepEqual([at('ping').code, at('lease').code, at('x').code], [200, 500, 404]);
});

test('the README names every code that is thrown here', () => {
  const dir = new URL('.', import.meta.url);
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const text = files.map((file) => readFileSync(new URL(file, dir), 'utf8')).join('');
  const readme = readFileSync(new URL('README.md', dir), 'utf8');
  const thrown = [...text.matchAll(/AppError\(\s*(?:taken \? )?'([A-Z_]+)'(?: : '([A-Z_]+)')?/g)].flatMap(([, a, b]) =>
    [a, b].filter((code) => code !== undefined),
  );
  assert.ok(thrown.length > 3);
  assert.deepEqual(
    thrown.filter((code) => !readme.includes(`\`${code}\``)),
    [],
  );
});

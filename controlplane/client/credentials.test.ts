import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import type { ClientConfig } from './config.ts';
import { Credentials } from './credentials.ts';

const LOOK_MS = 10_000;

function setUp(t: TestContext, more: Partial<ClientConfig> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-credentials-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = (name: string): string => join(dir, name);
  const write = (name: string, text: string): void => writeFileSync(path(name), text);
  const file = (name: string) => ({ kind: 'file', path: path(name) }) as const;
  const clock = new ManualClock();
  const said: string[] = [];
  const log = makeLogger({ write: (line) => void said.push(line), clock });
  const pair = { certificate: file('cert'), key: file('key') };
  const config: ClientConfig = { server: 'https://x', namespace: 'default', ca: file('ca'), ...pair, token: file('token'), ...more };
  for (const name of ['ca', 'cert', 'key', 'token']) write(name, `${name} 1`);
  return { credentials: new Credentials({ config, clock, log }), clock, said, path, write, dir };
}

test('files are read again when their time has come, or at once for who was refused', async (t) => {
  const { credentials, clock, write, said } = setUp(t);
  const first = await credentials.get();
  assert.deepEqual(first, { headers: { Authorization: 'Bearer token 1' }, tls: { ca: 'ca 1', cert: 'cert 1', key: 'key 1' } });
  write('token', 'token 2\n');
  await clock.advance(LOOK_MS - 1);
  assert.equal(await credentials.get(), first);
  assert.equal((await credentials.get('now')).headers['Authorization'], 'Bearer token 2');
  write('token', 'token 3');
  await clock.advance(LOOK_MS);
  const third = await credentials.get();
  assert.equal(third.headers['Authorization'], 'Bearer token 3');
  assert.equal(third.tls, first.tls, 'connections stay for as long as certificates do');
  write('ca', 'ca 2');
  write('cert', 'cert 2');
  write('key', 'key 2');
  await clock.advance(LOOK_MS);
  assert.deepEqual((await credentials.get()).tls, { ca: 'ca 2', cert: 'cert 2', key: 'key 2' });
  assert.deepEqual(said, []);
});

test('half of a pair that is being replaced is not taken up', async (t) => {
  const { credentials, clock, write, said } = setUp(t);
  const first = await credentials.get();
  write('key', '');
  await clock.advance(LOOK_MS);
  assert.equal(await credentials.get(), first);
  write('cert', 'cert 2');
  write('key', 'key 2');
  assert.deepEqual((await credentials.get()).tls, { ca: 'ca 1', cert: 'cert 2', key: 'key 2' }, 'the next look is not a look away');
  assert.deepEqual(said, []);
});

test('a file that cannot be read: at first an error with its name, later a warning and what was read before', async (t) => {
  const { credentials } = setUp(t, { token: { kind: 'file', path: '/nowhere/token' } });
  await assert.rejects(credentials.get(), (err: Error) => codeOf(err) === 'CREDENTIALS_UNREADABLE' && /\/nowhere\/token/.test(err.message));
  const other = setUp(t);
  const first = await other.credentials.get();
  rmSync(other.path('token'));
  assert.equal(await other.credentials.get('now'), first);
  assert.match(other.said.join(''), /Cannot read credentials again, going on with the old ones .*token/);
  assert.doesNotMatch(other.said.join(''), /token 1|key 1/);
  other.write('token', 'token 2');
  await other.clock.advance(LOOK_MS);
  assert.equal((await other.credentials.get()).headers['Authorization'], 'Bearer token 2');
});

test('a password and the headers of somebody else, where there is no token', async (t) => {
  const basic = { username: 'ann', password: 'b:c' };
  const impersonate = { user: 'bob', uid: '7', groups: ['a', 'b'], extra: { 'x/y': ['1'] } };
  const { credentials, write } = setUp(t, { basic, impersonate });
  const theirs = { 'Impersonate-User': 'bob', 'Impersonate-Uid': '7', 'Impersonate-Group': ['a', 'b'], 'Impersonate-Extra-x%2Fy': ['1'] };
  assert.deepEqual((await credentials.get()).headers, { Authorization: 'Bearer token 1', ...theirs });
  write('token', '\n');
  assert.deepEqual((await credentials.get('now')).headers, {
    Authorization: `Basic ${Buffer.from('ann:b:c').toString('base64')}`,
    ...theirs,
  });
});

test('who asks while files are read gets what that look finds', async (t) => {
  const { credentials } = setUp(t);
  const all = await Promise.all([credentials.get(), credentials.get('now'), credentials.get()]);
  assert.equal(new Set(all).size, 1);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import type { Peer } from '#base/peer.ts';
import { serverSettings, type ServerConfig } from '../config/serverFields.ts';
import { asked } from './access.ts';
import type { Reviewer, User, Wanted } from '#client/reviews.ts';
import { Auth } from './auth.ts';

const signal = new AbortController().signal;
const nobody: Peer = { address: '192.0.2.1', certificate: undefined, certificateProblem: undefined };
const certified = (commonName: string, ...organizations: string[]): Peer => ({
  ...nobody,
  certificate: { commonName, organizations, fingerprint: 'aa' },
});

class ApiServer implements Reviewer {
  readonly calls: string[] = [];
  async token(token: string): Promise<User | undefined> {
    this.calls.push(`token ${token}`);
    if (token === 'down') throw new Error('no API server');
    return token.startsWith('good') ? { name: token, groups: ['system:authenticated'] } : undefined;
  }
  async access(user: User, wanted: Wanted): Promise<{ allowed: boolean; reason?: string }> {
    if (!('resource' in wanted)) throw new Error(`asked for ${wanted.path}`);
    const what = wanted.resource;
    this.calls.push(`${user.name} ${what.verb} ${what.resource}/${what.subresource} ${what.name}`);
    return user.name === 'good-scraper' && what.verb === 'get' && what.subresource === 'metrics'
      ? { allowed: true }
      : { allowed: false, reason: 'no rule' };
  }
}

function world(config: ServerConfig, reviewer?: Reviewer) {
  const clock = new ManualClock();
  return { clock, auth: new Auth({ settings: serverSettings(config), nodeName: 'n1', clock, reviewer }) };
}
const may = async (auth: Auth, user: User, method: string, path: string): Promise<boolean> =>
  (await auth.allow(user, asked(method, path.split('/')[1] ?? '')!, signal)).allowed;

test('a certificate tells the user and the groups', async () => {
  const { auth } = world({});
  assert.deepEqual(await auth.identify(certified('ann', 'ops', 'dev'), undefined, signal), {
    user: { name: 'ann', groups: ['ops', 'dev', 'system:authenticated'] },
  });
});

const REFUSED: readonly (readonly [
  why: string,
  config: ServerConfig,
  peer: Peer,
  authorization: string | undefined,
  reviewer: boolean,
  said: RegExp,
])[] = [
  ['nobody, with no way to be somebody', {}, nobody, undefined, false, /clientCAFile.*local socket/],
  ['nobody, who has a way', { authentication: { x509: { clientCAFile: '/ca' } } }, nobody, undefined, false, /^show a certificate signed/],
  ['a token without an API server', {}, nobody, 'Bearer x', false, /no API server/],
  ['a bad token', {}, nobody, 'Bearer bad', true, /not good/],
  ['a bad token where anonymous is welcome', { authentication: { anonymous: { enabled: true } } }, nobody, 'Bearer bad', true, /not good/],
  [
    'a token where webhook is off',
    { authentication: { webhook: { enabled: false } } },
    nobody,
    'Bearer good',
    true,
    /tokens are not accepted/,
  ],
  [
    'a bad certificate where anonymous is welcome',
    { authentication: { anonymous: { enabled: true } } },
    { ...nobody, certificateProblem: 'CERT_HAS_EXPIRED' },
    undefined,
    false,
    /CERT_HAS_EXPIRED/,
  ],
  ['a password', { authentication: { anonymous: { enabled: true } } }, nobody, 'Basic eDp5', false, /want a client certificate/],
];
for (const [why, config, peer, authorization, withServer, said] of REFUSED)
  test(`identify refuses ${why}`, async () => {
    const { auth } = world(config, withServer ? new ApiServer() : undefined);
    const got = await auth.identify(peer, authorization, signal);
    assert.match('problem' in got ? got.problem : '', said);
  });

test('anonymous callers have a name only when they are allowed', async () => {
  const { auth } = world({ authentication: { anonymous: { enabled: true } } });
  assert.deepEqual(await auth.identify(nobody, undefined, signal), {
    user: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
  });
});

test('a token is asked for once while its answer holds; an API server that is down is no answer', async () => {
  const server = new ApiServer();
  const { auth, clock } = world({}, server);
  for (let i = 0; i < 3; i++) assert.ok('user' in (await auth.identify(nobody, 'Bearer good', signal)));
  assert.equal(server.calls.length, 1);
  await clock.advance(120_001);
  await auth.identify(nobody, 'bearer  good', signal);
  assert.equal(server.calls.length, 2);
  await assert.rejects(auth.identify(nobody, 'Bearer down', signal), /no API server/);
});

test('without an API server only system:masters may, unless AlwaysAllow is asked for', async () => {
  const { auth } = world({});
  assert.equal(await may(auth, { name: 'a', groups: ['system:masters'] }, 'POST', '/exec/a/b/c'), true);
  assert.equal(await may(auth, { name: 'a', groups: ['system:authenticated'] }, 'GET', '/metrics'), false);
  const open = world({ authorization: { mode: 'AlwaysAllow' } });
  assert.equal(await may(open.auth, { name: 'a', groups: [] }, 'POST', '/exec/a/b/c'), true);
});

test('the API server is asked per subresource, its yes holds longer than its no', async () => {
  const server = new ApiServer();
  const { auth, clock } = world({}, server);
  const scraper: User = { name: 'good-scraper', groups: [] };
  assert.equal(await may(auth, scraper, 'GET', '/metrics/cadvisor'), true);
  assert.equal(await may(auth, scraper, 'GET', '/pods'), false);
  assert.equal(await may(auth, scraper, 'GET', '/exec/a/b/c'), false);
  assert.deepEqual(server.calls, [
    'good-scraper get nodes/metrics n1',
    'good-scraper get nodes/pods n1',
    'good-scraper get nodes/proxy n1',
    'good-scraper create nodes/proxy n1',
  ]);
  await clock.advance(31_000);
  await may(auth, scraper, 'GET', '/metrics');
  assert.equal(server.calls.length, 4, 'a yes holds five minutes');
  await may(auth, scraper, 'GET', '/exec/a/b/c');
  assert.equal(server.calls.length, 5, 'a no holds half a minute');
});

test('answers are kept in bounded memory', async () => {
  const server = new ApiServer();
  const { auth } = world({}, server);
  for (let i = 0; i <= 1_000; i++) await auth.identify(nobody, `Bearer good-${i}`, signal);
  await auth.identify(nobody, 'Bearer good-1000', signal);
  assert.equal(server.calls.length, 1_001);
  await auth.identify(nobody, 'Bearer good-0', signal);
  assert.equal(server.calls.length, 1_002, 'the oldest went');
});

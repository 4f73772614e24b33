import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codeOf } from '#base/errors.ts';
import { inClusterConfig, loadKubeconfig, parseKubeconfig } from './kubeconfig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function file({ cluster = {}, user = {}, context = {} }: { cluster?: object; user?: object; context?: object } = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [
      { name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } },
      { name: 'other', cluster: { server: 'nonsense', 'proxy-url': 'socks5://x' } },
    ],
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'u', ...context } },
      { name: 'there', context: { cluster: 'other', user: 'robot' } },
    ],
    users: [
      { name: 'u', user },
      { name: 'robot', user: { exec: { command: 'aws' } } },
    ],
  });
}

test('what a context says is what a client uses', () => {
  const config = parseKubeconfig(
    file({
      cluster: { 'certificate-authority-data': base64('CA'), 'tls-server-name': 'kubernetes', server: 'https://10.0.0.1:6443/' },
      user: {
        'client-certificate': 'pki/me.crt',
        'client-key': '/abs/me.key',
        as: 'jane',
        'as-groups': ['dev'],
        'as-user-extra': { a: ['1'] },
      },
      context: { namespace: 'team' },
    }),
    { file: '/etc/kubernetes/admin.conf' },
  );
  assert.deepEqual(config, {
    server: 'https://10.0.0.1:6443',
    ca: { kind: 'text', text: 'CA' },
    tlsServerName: 'kubernetes',
    certificate: { kind: 'file', path: '/etc/kubernetes/pki/me.crt' },
    key: { kind: 'file', path: '/abs/me.key' },
    impersonate: { user: 'jane', groups: ['dev'], extra: { a: ['1'] } },
    namespace: 'team',
  });
});

test('a token file beats a token, because it is read again', () => {
  const config = parseKubeconfig(file({ user: { token: 'old', tokenFile: 'token' } }), { file: '/x/conf' });
  assert.deepEqual(config.token, { kind: 'file', path: '/x/token' });
  assert.equal(config.namespace, 'default');
});

/** One row, one file that is refused, and with which words. */
const refused: [what: string, text: string, message: RegExp][] = [
  [
    'a program for credentials',
    file({ user: { exec: { command: 'aws' } } }),
    /users\[0\]\.user\.exec: credential plugins are not run here/,
  ],
  ['a proxy', file({ cluster: { 'proxy-url': 'http://p' } }), /clusters\[0\]\.cluster\.proxy-url: a proxy is not supported/],
  ['an unknown field', file({ user: { tokenfile: 'x' } }), /users\[0\]\.user\.tokenfile: unknown field, did you mean tokenFile\?/],
  ['half a pair', file({ user: { 'client-key': 'x' } }), /client-certificate: is missing/],
  ['no URL', file({ cluster: { server: '10.0.0.1:6443' } }), /server: want a URL such as/],
  ['no base64', file({ cluster: { 'certificate-authority-data': '%%%' } }), /certificate-authority-data: want base64/],
  ['a wrong type', file({ user: { token: 7 } }), /users\[0\]\.user\.token: want a string, got 7/],
  [
    'insecure with a CA',
    file({ cluster: { 'insecure-skip-tls-verify': true, 'certificate-authority': 'x' } }),
    /contradicts certificate-authority/,
  ],
  ['groups without a user', file({ user: { 'as-groups': ['x'] } }), /user\.as: is missing/],
  ['no such cluster', file({ context: { cluster: 'nope' } }), /clusters: there is none called "nope", only c, other/],
  ['no context', '{"kind":"Config"}', /current-context: is not set/],
  ['another kind', '{"kind":"Pod","current-context":"x"}', /kind: want Config, got "Pod"/],
  ['no document', '', /want one document, got 0/],
  ['no YAML', 'a: [', /1 problem: \d+:\d+:/],
  ['a list', '[]', /want a mapping/],
];
for (const [what, text, message] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseKubeconfig(text, { file: 'admin.conf' }),
      (err: Error) =>
        codeOf(err) === 'KUBECONFIG_INVALID' && /^admin\.conf: \d+ problems?: /.test(err.message) && message.test(err.message),
    );
  });
}

test('all problems are told at once', () => {
  assert.throws(() => parseKubeconfig(file({ cluster: { server: 'x', 'proxy-url': 'y' }, user: { exec: {} } })), /3 problems: /);
});

test('another context may be chosen; what stands elsewhere does not matter', () => {
  assert.equal(parseKubeconfig(file()).server, 'https://10.0.0.1:6443');
  assert.throws(() => parseKubeconfig(file(), { context: 'there' }), /proxy-url.*exec/);
});

test('a file that is not there is said so', async () => {
  const err = await loadKubeconfig('/nowhere/admin.conf').catch((e: unknown) => e);
  assert.equal(codeOf(err), 'KUBECONFIG_UNREADABLE');
});

test('in a pod the service account is used', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-account-'));
  t.after(() => rm(dir, { recursive: true }));
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  assert.equal(codeOf(await inClusterConfig({ env, dir }).catch((e: unknown) => e)), 'NOT_IN_CLUSTER');
  await Promise.all(['token', 'ca.crt'].map((name) => writeFile(join(dir, name), name)));
  await writeFile(join(dir, 'namespace'), 'team\n');
  assert.deepEqual(await inClusterConfig({ env, dir }), {
    server: 'https://[fd00::1]:443',
    ca: { kind: 'file', path: join(dir, 'ca.crt') },
    token: { kind: 'file', path: join(dir, 'token') },
    namespace: 'team',
  });
  assert.equal(codeOf(await inClusterConfig({ env: {}, dir }).catch((e: unknown) => e)), 'NOT_IN_CLUSTER');
});

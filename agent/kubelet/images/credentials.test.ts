import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentialsFor, parseDockerConfig, secretKeyring, type Keyring } from './credentials.ts';
import { parseImageName } from './name.ts';

for (const [text, want] of [
  ['nginx', { host: 'docker.io', repository: 'library/nginx' }],
  ['nginx:1.29', { host: 'docker.io', repository: 'library/nginx' }],
  ['a/b', { host: 'docker.io', repository: 'a/b' }],
  ['localhost/a', { host: 'localhost', repository: 'a' }],
  ['r.example:5000/a/b:v1', { host: 'r.example:5000', repository: 'a/b' }],
  [`r.example/a@sha256:${'0'.repeat(64)}`, { host: 'r.example', repository: 'a' }],
  [`r.example/a:v1@sha256:${'0'.repeat(64)}`, { host: 'r.example', repository: 'a' }],
  ['Nginx', 'invalid reference format: repository name (library/Nginx) must be lowercase'],
  ['r.example/Nginx', 'invalid reference format: repository name (Nginx) must be lowercase'],
  ['a b', 'invalid reference format'],
  ['a:', 'invalid reference format'],
  ['a@sha256:12', 'invalid reference format'],
  ['../x', 'invalid reference format'],
  ['', 'invalid reference format'],
  [`a/${'b'.repeat(300)}`, 'repository name must not be more than 255 characters'],
] as const) {
  test(`parseImageName: ${text.slice(0, 50)}`, () => assert.deepEqual(parseImageName(text), want));
}

const ring = (...keys: string[]): Keyring => keys.map((key) => [key, { username: key, password: 'p' }]);

for (const [name, image, keys, want] of [
  ['the host itself', 'r.example/a', ['r.example'], ['r.example']],
  ['another host', 'r.example/a', ['x.example'], []],
  ['with a scheme and the path of an API', 'r.example/a', ['https://r.example/v1/'], ['https://r.example/v1/']],
  ['the port has to fit', 'r.example:5000/a', ['r.example', 'r.example:5000', 'r.example:5001'], ['r.example:5000']],
  ['a path is a prefix of whole parts', 'r.example/team/a', ['r.example/team', 'r.example/te', 'r.example/team/a/b'], ['r.example/team']],
  ['a glob is one part', 'a.b.example/x', ['*.b.example', '*.example', 'a.*.example'], ['*.b.example', 'a.*.example']],
  ['a glob within a part', 'eu-1.example/x', ['eu-*.example'], ['eu-*.example']],
  ['docker.io by its old name', 'nginx', ['https://index.docker.io/v1/'], ['https://index.docker.io/v1/']],
  ['all that fit, in their order', 'r.example/a', ['r.example/a', 'r.example'], ['r.example/a', 'r.example']],
  ['letters of the host may be large', 'r.example/a', ['R.Example'], ['R.Example']],
  ['signs of patterns are signs', 'r.example/a', ['r?example', '[a-z].example', '(.example'], []],
] as const) {
  test(`credentialsFor: ${name}`, () =>
    assert.deepEqual(
      credentialsFor(image, ring(...keys)).map((c) => c.username),
      want,
    ));
}

const auth = (text: string): string => Buffer.from(text).toString('base64');

test('parseDockerConfig: auth wins over user and password, the longest key comes first, programs are passed over', () => {
  const text = JSON.stringify({
    auths: {
      'r.example': { auth: auth('u:p:q') },
      'r.example/a': { username: 'x', password: 'y' },
      empty: {},
      'z.example': { auth: 'no' },
    },
    credsStore: 'pass',
  });
  assert.deepEqual(parseDockerConfig(text, 'config.json'), [
    ['r.example/a', { username: 'x', password: 'y' }],
    ['r.example', { username: 'u', password: 'p:q' }],
  ]);
  assert.deepEqual(parseDockerConfig(JSON.stringify({ 'r.example': { auth: auth('u:p') } }), 'dockercfg'), [
    ['r.example', { username: 'u', password: 'p' }],
  ]);
});

test('what is no configuration says so and does not quote it', () => {
  assert.throws(
    () => parseDockerConfig('{"auths": {"x": hunter2}}', 'config.json'),
    (err: Error) => !/hunter2/.test(err.message),
  );
  assert.throws(() => parseDockerConfig('[]', 'config.json'), TypeError);
});

test('secretKeyring: by the type of the secret, and it says which secret', () => {
  const metadata = { uid: 'u', namespace: 'ns', name: 's' };
  const config = auth(JSON.stringify({ auths: { 'r.example': { auth: auth('u:p') } } }));
  assert.deepEqual(secretKeyring({ metadata, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': config } }), [
    ['r.example', { username: 'u', password: 'p', secret: metadata }],
  ]);
  const old = auth(JSON.stringify({ r: { auth: auth('u:p') } }));
  assert.equal(secretKeyring({ metadata, type: 'kubernetes.io/dockercfg', data: { '.dockercfg': old } }).length, 1);
  assert.deepEqual(secretKeyring({ metadata, type: 'Opaque', data: { '.dockerconfigjson': config } }), []);
});

test('credentialsFor: what a secret and the node have is the node’s', () => {
  const same = { username: 'u', password: 'p' };
  const secret = { uid: '', namespace: 'ns', name: 's' };
  assert.deepEqual(
    credentialsFor('r.example/a', [
      ['r.example', { ...same, secret }],
      ['r.example', same],
    ]),
    [same],
  );
});

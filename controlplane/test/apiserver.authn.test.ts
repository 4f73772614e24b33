/** Who gets in and who does not: forged, stolen, old and misdirected credentials against a real server; and what reviews say about all of it. */
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { after, before, test } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import { until } from '#agent/test/harness/until.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { runControllers } from '../controllers/run.ts';
import { signToken } from '../controllers/serviceAccountToken/sign.ts';
import { readSigningKey } from '../pki/signingKeys.ts';
import { ISSUER, startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';
import { Authority } from '../pki/issue.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const json = (answer: TestAnswer): Loose => answer.json as Loose;

const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const [ecKey, rsaKey, strangerKey] = [ec, rsa, stranger].map((key) => readSigningKey(pem(key), 'a test')) as [
  ReturnType<typeof readSigningKey>,
  ReturnType<typeof readSigningKey>,
  ReturnType<typeof readSigningKey>,
];

let server: DevServer;
let admin: TestClient;
/** Without a certificate. */
let bare: TestClient;
let uid: string;
before(async () => {
  server = await startDevServer({
    tokens: [
      { token: 'jane-token', user: { name: 'jane', groups: ['devs'] } },
      { token: 'boss-token', user: { name: 'boss', groups: [] } },
    ],
    overrides: {
      authentication: {
        tokens: [],
        bootstrapTokens: true,
        anonymous: 'health',
        issuers: [ISSUER, 'https://old.example.com'],
        apiAudiences: [ISSUER],
        keys: [ecKey, rsaKey],
        signingKey: ecKey,
        longestTokenSeconds: undefined,
      },
    },
  });
  admin = new TestClient(server, server.pki.admin);
  bare = new TestClient(server);
  const made = await admin.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } }, { token: null });
  uid = json(made).metadata.uid;
});
after(async () => {
  admin.close();
  bare.close();
  await server.stop();
});

const as = { token: null };
const whoami = async (token: string | null, client = bare): Promise<TestAnswer> =>
  client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { token });

interface Forged {
  readonly claims?: object;
  readonly key?: typeof ecKey;
  readonly header?: object;
  readonly drop?: readonly string[];
}

const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

function claimsOf({ claims = {}, drop = [] }: Forged): Record<string, unknown> {
  const all: Record<string, unknown> = {
    iss: ISSUER,
    sub: 'system:serviceaccount:default:robot',
    aud: [ISSUER],
    iat: nowSeconds(),
    nbf: nowSeconds(),
    exp: nowSeconds() + 600,
    jti: 'j',
    'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid } },
    ...claims,
  };
  for (const name of drop) delete all[name];
  return all;
}

async function token(forged: Forged = {}): Promise<string> {
  const { key = ecKey, header = {} } = forged;
  return new SignJWT(claimsOf(forged)).setProtectedHeader({ alg: key.algorithm, kid: key.id, ...header }).sign(key.privateKey);
}

const inPart = (text: object): string => Buffer.from(JSON.stringify(text)).toString('base64url');

/** HS256 with the public key as the secret: what a library that believes the token's algorithm falls for. */
function confused(claims: object = claimsOf({})): string {
  const body = `${inPart({ alg: 'HS256', kid: rsaKey.id })}.${inPart(claims)}`;
  const secret = rsaKey.key.export({ type: 'spki', format: 'pem' });
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

test('tokens of service accounts that are good get in: by each key, named or not, of each issuer', async () => {
  const good: readonly Forged[] = [
    {},
    { key: rsaKey },
    { header: { kid: undefined } },
    { key: rsaKey, header: { kid: undefined } },
    { claims: { iss: 'https://old.example.com' } },
    { claims: { aud: ISSUER } },
    { claims: { aud: ['elsewhere', ISSUER] } },
  ];
  for (const forged of good) {
    const answer = await whoami(await token(forged));
    assert.equal(answer.code, 201, JSON.stringify(forged));
    const { userInfo } = json(answer).status;
    assert.equal(userInfo.username, 'system:serviceaccount:default:robot');
    assert.deepEqual(userInfo.groups, ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated']);
  }
});

test('forged, misdirected and untimely tokens do not', async () => {
  const whole = await token();
  const [head = '', body = '', signature = ''] = whole.split('.');
  const bad: readonly (readonly [why: string, token: string])[] = [
    ['signed by a stranger', await token({ key: strangerKey })],
    ['signed by a stranger under the name of our key', await token({ key: strangerKey, header: { kid: ecKey.id } })],
    ['signed by one of ours under the name of the other', await token({ header: { kid: rsaKey.id } })],
    ['a key nobody knows', await token({ header: { kid: 'none' } })],
    ['a path for a key', await token({ header: { kid: '../../../dev/null' } })],
    ['no algorithm', new UnsecuredJWT(claimsOf({})).encode()],
    ['no algorithm, another spelling', `${inPart({ alg: 'None', kid: ecKey.id })}.${body}.`],
    ['no signature', `${head}.${body}.`],
    ['the public key as a secret', confused()],
    ['another body', `${head}.${inPart(claimsOf({ claims: { sub: 'system:serviceaccount:kube-system:admin' } }))}.${signature}`],
    ['a key in the token', await token({ key: strangerKey, header: { kid: undefined, jwk: stranger.export({ format: 'jwk' }) } })],
    ['an address of keys in the token', await token({ key: strangerKey, header: { kid: undefined, jku: 'https://127.0.0.1/keys' } })],
    ['an extension that must be understood', await token({ header: { crit: ['b64'], b64: false } }).catch(() => 'x.y.z')],
    ['another issuer', await token({ claims: { iss: 'https://evil.example.com' } })],
    ['no issuer', await token({ drop: ['iss'] })],
    ['another audience', await token({ claims: { aud: ['https://elsewhere'] } })],
    ['no audience', await token({ drop: ['aud'] })],
    ['an empty audience', await token({ claims: { aud: [] } })],
    ['over', await token({ claims: { exp: nowSeconds() - 60 } })],
    ['without an end', await token({ drop: ['exp'] })],
    ['not yet', await token({ claims: { nbf: nowSeconds() + 3_600 } })],
    ['a subject that is not the account', await token({ claims: { sub: 'system:serviceaccount:default:other' } })],
    ['a subject that is no account', await token({ claims: { sub: 'kubernetes-admin' } })],
    [
      'an account of the same name that has gone',
      await token({ claims: { 'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid: 'old' } } } }),
    ],
    [
      'an account that is not there',
      await token({
        claims: {
          sub: 'system:serviceaccount:default:ghost',
          'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'ghost', uid } },
        },
      }),
    ],
    [
      'a pod that is not there',
      await token({
        claims: { 'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid }, pod: { name: 'p', uid: 'u' } } },
      }),
    ],
    ['nothing of Kubernetes', await token({ drop: ['kubernetes.io'] })],
    ['claims of other types', await token({ claims: { 'kubernetes.io': { namespace: 1, serviceaccount: [] } } })],
    ['three words', 'a.b.c'],
    ['dots', '..'],
    ['a header that is no JSON', `${Buffer.from('{').toString('base64url')}.${body}.${signature}`],
    ['a header that is a list', `${inPart([])}.${body}.${signature}`],
    ['much', `${'a'.repeat(5_000)}.${'b'.repeat(5_000)}.${'c'.repeat(5_000)}`],
  ];
  for (const [why, text] of bad) assert.equal((await whoami(text)).code, 401, why);
  const words = (await admin.get('/api', { token: null, headers: { Authorization: 'Basic YTpi' } })).code;
  assert.equal(words, 200, 'a certificate counts before any header');
  for (const header of ['Basic YTpi', 'Bearer', `Bearer ${whole} ${whole}`, `Token ${whole}`, whole]) {
    assert.equal((await bare.get('/api', { token: null, headers: { Authorization: header } })).code, 401, header.slice(0, 30));
  }
  assert.equal((await bare.get('/api', as)).code, 401);
  assert.equal((await bare.get('/healthz', as)).code, 200);
  assert.equal((await bare.get('/healthz', { token: 'wrong' })).code, 401, 'a credential that does not hold is no anonymous request');
});

test('a token ends with what it is bound to', async () => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  const secrets = '/api/v1/namespaces/default/secrets';
  await admin.post(accounts, { metadata: { name: 'short' } }, as);
  await admin.post(secrets, { metadata: { name: 'hold' } }, as);
  const request = (boundObjectRef?: object): Promise<TestAnswer> =>
    admin.post(`${accounts}/short/token`, { spec: boundObjectRef === undefined ? {} : { boundObjectRef } }, as);
  const bound = json(await request({ apiVersion: 'v1', kind: 'Secret', name: 'hold' })).status.token;
  const free = json(await request()).status.token;
  assert.equal((await whoami(bound)).code, 201);
  await admin.delete(`${secrets}/hold`, as);
  assert.equal((await whoami(bound)).code, 401);
  assert.equal((await whoami(free)).code, 201);
  await admin.delete(`${accounts}/short`, as);
  assert.equal((await whoami(free)).code, 401);
  const refusals: readonly (readonly [spec: object, code: number, text: RegExp])[] = [
    [{ expirationSeconds: 60 }, 422, /spec\.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes/],
    [{ expirationSeconds: 2 ** 33 }, 422, /spec\.expirationSeconds: (Invalid value|Too long)/],
    [{ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'ghost' } }, 404, /pods "ghost" not found/],
    [{ boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' } }, 400, /cannot bind token for serviceaccount "robot" to/],
  ];
  for (const [spec, code, text] of refusals) {
    const answer = await admin.post(`${accounts}/robot/token`, { spec }, as);
    assert.equal(answer.code, code, answer.text);
    assert.match(json(answer).message, text);
  }
  assert.equal((await admin.post(`${accounts}/ghost/token`, { spec: {} }, as)).code, 404);
});

test('bootstrap tokens: only for authentication, until they end, with groups of their own alone', async () => {
  const path = '/api/v1/namespaces/kube-system/secrets';
  const make = async (id: string, data: Readonly<Record<string, string>>, type = 'bootstrap.kubernetes.io/token'): Promise<void> => {
    const stringData = { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true', ...data };
    const made = await admin.post(path, { metadata: { name: `bootstrap-token-${id}` }, type, stringData }, as);
    assert.equal(made.code, 201, made.text);
  };
  await make('aaaaaa', { 'auth-extra-groups': 'system:bootstrappers:workers' });
  await make('bbbbbb', { expiration: new Date(Date.now() + 3_600_000).toISOString() });
  await make('cccccc', { expiration: new Date(Date.now() - 1_000).toISOString() });
  await make('dddddd', { 'usage-bootstrap-authentication': 'false', 'usage-bootstrap-signing': 'true' });
  await make('eeeeee', { 'auth-extra-groups': 'system:masters' });
  await make('ffffff', { 'token-id': 'aaaaaa' });
  await make('gggggg', {}, 'Opaque');
  await make('hhhhhh', { expiration: 'soon' });
  const good = await whoami('aaaaaa.0123456789abcdef');
  assert.deepEqual(json(good).status.userInfo, {
    username: 'system:bootstrap:aaaaaa',
    groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
  });
  assert.equal((await whoami('bbbbbb.0123456789abcdef')).code, 201);
  const bad = [
    'cccccc.0123456789abcdef',
    'dddddd.0123456789abcdef',
    'eeeeee.0123456789abcdef',
    'ffffff.0123456789abcdef',
    'gggggg.0123456789abcdef',
    'hhhhhh.0123456789abcdef',
    'aaaaaa.0123456789abcdee',
    'aaaaaa.',
    'aaaaaa.0123456789ABCDEF',
    'zzzzzz.0123456789abcdef',
  ];
  for (const text of bad) assert.equal((await whoami(text)).code, 401, text);
  await admin.delete(`${path}/bootstrap-token-aaaaaa`, as);
  assert.equal((await whoami('aaaaaa.0123456789abcdef')).code, 401);
});

test('client certificates: of this CA, in their time, meant for clients, with a name', async () => {
  const [from, to] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  const other = await Authority.make('kubernetes', { notBefore: from, notAfter: to });
  const mallory = { notBefore: from, notAfter: to, subject: 'O=system:masters, CN=mallory', usages: ['client'], names: [] } as const;
  const long = new Date(Date.now() - 7_200_000);
  const { pki } = server;
  const ask = async (pair: { readonly certificate: string; readonly key: string }): Promise<TestAnswer> => {
    const client = new TestClient(server, pair);
    try {
      return await whoami(null, client);
    } finally {
      client.close();
    }
  };
  const good = await ask(await pki.issueClient('O=devs, O=ops, CN=jane'));
  assert.deepEqual(
    [json(good).status.userInfo.username, json(good).status.userInfo.groups],
    ['jane', ['devs', 'ops', 'system:authenticated']],
  );
  assert.equal((await ask(await other.issue(mallory))).code, 401, 'of another CA with the same name');
  assert.equal((await ask(await pki.issueClient('CN=late', { notBefore: long, notAfter: from }))).code, 401, 'over');
  assert.equal(
    (await ask(await pki.issueClient('CN=early', { notBefore: to, notAfter: new Date(to.getTime() + 1_000) }))).code,
    401,
    'not yet',
  );
  assert.equal((await ask(pki.server)).code, 401, 'meant for servers');
  assert.equal((await ask(await pki.issueClient('O=system:masters'))).code, 401, 'without a name');
});

test('nobody becomes somebody else without being allowed to, part by part', async () => {
  const rules = [
    { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['jane'] },
    { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'], resourceNames: ['devs'] },
    { verbs: ['impersonate'], apiGroups: ['authentication.k8s.io'], resources: ['userextras/scopes'], resourceNames: ['view'] },
    { verbs: ['impersonate'], apiGroups: ['authentication.k8s.io'], resources: ['uids'], resourceNames: ['7'] },
  ];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await admin.post(`${rbac}/clusterroles`, { metadata: { name: 'actor' }, rules }, as);
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'actor' };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'boss' }];
  assert.equal((await admin.post(`${rbac}/clusterrolebindings`, { metadata: { name: 'actor' }, roleRef, subjects }, as)).code, 201);
  const boss = new TestClient(server, await server.pki.issueClient('CN=boss'));
  const act = (headers: Readonly<Record<string, string | string[]>>): Promise<TestAnswer> =>
    boss.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { token: null, headers });
  const good = await act({
    'Impersonate-User': 'jane',
    'Impersonate-Group': 'devs',
    'Impersonate-Extra-scopes': 'view',
    'Impersonate-Uid': '7',
  });
  assert.deepEqual(json(good).status.userInfo, {
    username: 'jane',
    uid: '7',
    groups: ['devs', 'system:authenticated'],
    extra: { scopes: ['view'] },
  });
  const bad: readonly (readonly [headers: Readonly<Record<string, string | string[]>>, text: RegExp])[] = [
    [
      { 'Impersonate-User': 'kubernetes-admin' },
      /users "kubernetes-admin" is forbidden: User "boss" cannot impersonate resource "users" in API group ""/,
    ],
    [{ 'Impersonate-User': 'jane', 'Impersonate-Group': 'system:masters' }, /groups "system:masters" is forbidden/],
    [{ 'Impersonate-User': 'jane', 'Impersonate-Group': ['devs', 'system:masters'] }, /groups "system:masters" is forbidden/],
    [{ 'Impersonate-User': 'jane', 'Impersonate-Extra-scopes': ['view', 'all'] }, /userextras.authentication.k8s.io "all" is forbidden/],
    [{ 'Impersonate-User': 'jane', 'Impersonate-Extra-other': 'view' }, /userextras.authentication.k8s.io "view" is forbidden/],
    [{ 'Impersonate-User': 'jane', 'Impersonate-Uid': '8' }, /uids.authentication.k8s.io "8" is forbidden/],
    [{ 'Impersonate-User': 'system:serviceaccount:kube-system:admin' }, /serviceaccounts "admin" is forbidden/],
    [{ 'Impersonate-User': 'system:node:worker' }, /users "system:node:worker" is forbidden/],
  ];
  for (const [headers, text] of bad) {
    const answer = await act(headers);
    assert.equal(answer.code, 403, answer.text);
    assert.match(json(answer).message, text);
  }
  assert.equal((await act({ 'Impersonate-Group': 'devs' })).code, 400, 'a group without a user');
  assert.equal((await act({ 'Impersonate-User': '', 'Impersonate-Group': 'devs' })).code, 400);
  // What jane may do is asked of her, not of the boss.
  const secrets = await boss.get('/api/v1/secrets', { token: null, headers: { 'Impersonate-User': 'jane' } });
  assert.match(json(secrets).message, /^secrets is forbidden: User "jane" cannot list resource "secrets"/);
  boss.close();
});

test('reviews: may I, may they, may they here; what may I', async () => {
  const path = '/apis/authorization.k8s.io/v1';
  const review = (plural: string, body: object): Promise<TestAnswer> => admin.post(`${path}/${plural}`, body, as);
  const allowed = async (spec: object, plural = 'subjectaccessreviews'): Promise<unknown> => {
    const answer = await review(plural, { spec });
    return answer.code === 201 ? json(answer).status : json(answer).message;
  };
  const pods = { verb: 'list', resource: 'pods', namespace: 'default' };
  assert.deepEqual(await allowed({ resourceAttributes: pods }, 'selfsubjectaccessreviews'), { allowed: true });
  assert.deepEqual(await allowed({ user: 'jane', resourceAttributes: pods }), { allowed: false });
  assert.deepEqual(await allowed({ user: 'jane', nonResourceAttributes: { verb: 'get', path: '/version' } }), { allowed: false });
  assert.deepEqual(
    await allowed({ user: 'jane', groups: ['system:authenticated'], nonResourceAttributes: { verb: 'get', path: '/version' } }),
    {
      allowed: true,
      reason: 'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
    },
  );
  const node = { user: 'system:node:n1', groups: ['system:nodes'] };
  const field = (...values: string[]): object => ({ fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values }] } });
  const every = { verb: 'list', resource: 'pods' };
  const isAllowed = async (attributes: object): Promise<unknown> =>
    ((await allowed({ ...node, resourceAttributes: attributes })) as Loose).allowed;
  assert.equal(await isAllowed(every), false);
  assert.equal(await isAllowed({ ...every, ...field('n1') }), true);
  assert.equal(await isAllowed({ ...every, ...field('n2') }), false);
  assert.equal(await isAllowed({ ...every, ...field('n1', 'n2') }), false);
  assert.equal(await isAllowed({ ...every, fieldSelector: { rawSelector: 'spec.nodeName=n1' } }), false);
  const refusals: readonly (readonly [plural: string, body: object, text: RegExp])[] = [
    [
      'subjectaccessreviews',
      { spec: { user: 'a' } },
      /spec\.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified/,
    ],
    [
      'subjectaccessreviews',
      { spec: { resourceAttributes: pods } },
      /spec\.user: Invalid value: "": at least one of user or group must be specified/,
    ],
    [
      'subjectaccessreviews',
      { spec: { user: 'a', resourceAttributes: pods, nonResourceAttributes: {} } },
      /spec\.nonResourceAttributes: Invalid value: .*cannot be specified in combination/,
    ],
    [
      'selfsubjectaccessreviews',
      { metadata: { name: 'x' }, spec: { resourceAttributes: pods } },
      /metadata: Invalid value: .*: must be empty/,
    ],
    [
      'subjectaccessreviews',
      { spec: { user: 'a', resourceAttributes: { ...pods, fieldSelector: {} } } },
      /fieldSelector\.requirements: Required value: when spec\.resourceAttributes\.fieldSelector is specified/,
    ],
    [
      'subjectaccessreviews',
      {
        spec: {
          user: 'a',
          resourceAttributes: { ...pods, labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] } },
        },
      },
      /labelSelector\.rawSelector: Invalid value: "a": may not specified at the same time/,
    ],
    [
      'subjectaccessreviews',
      { spec: { user: 'a', resourceAttributes: { ...pods, labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } } } },
      /requirements\[0\]\.values: Required value/,
    ],
  ];
  for (const [plural, body, text] of refusals) {
    const answer = await review(plural, body);
    assert.equal(answer.code, 422, answer.text);
    assert.match(json(answer).message, text);
  }
  // As kubectl auth can-i sends it.
  const withNull = await review('selfsubjectaccessreviews', {
    metadata: { creationTimestamp: null },
    spec: { resourceAttributes: pods },
    status: { allowed: false },
  });
  assert.equal(json(withNull).status.allowed, true);

  const local = `${path}/namespaces/default/localsubjectaccessreviews`;
  const here = await admin.post(local, { spec: { user: 'jane', resourceAttributes: pods } }, as);
  assert.deepEqual(json(here).status, { allowed: false });
  const elsewhere = await admin.post(local, { spec: { user: 'jane', resourceAttributes: { ...pods, namespace: 'other' } } }, as);
  assert.match(json(elsewhere).message, /spec\.resourceAttributes\.namespace: Invalid value: "other": must match metadata\.namespace/);
  const noPath = await admin.post(local, { spec: { user: 'jane', nonResourceAttributes: { path: '/' } } }, as);
  assert.match(json(noPath).message, /spec\.nonResourceAttributes: Invalid value: .*disallowed on this kind of request/);

  const rules = await review('selfsubjectrulesreviews', { spec: { namespace: 'default' } });
  assert.ok(json(rules).status.resourceRules.some((rule: Loose) => rule.verbs.includes('*') && rule.resources.includes('*')));
  const jane = new TestClient(server, await server.pki.issueClient('CN=jane'));
  const janes = json(await jane.post(`${path}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }, as)).status;
  assert.equal(janes.incomplete, false);
  assert.deepEqual(
    janes.resourceRules.flatMap((rule: Loose) => rule.resources),
    ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews'],
  );
  assert.equal((await review('selfsubjectrulesreviews', { spec: {} })).code, 400);
  jane.close();
});

test('a token in a secret is believed as long as the secret holds it, and goes with its account', async () => {
  const life = new AbortController();
  const lines: string[] = [];
  const clock = new SystemClock();
  const running = runControllers(
    {
      config: parseKubeconfig(server.kubeconfig),
      parts: { tokenKey: rsaKey, rootCa: 'an authority' },
      isOn: ({ name }) => name === 'serviceaccount-token-controller',
      clock,
      log: makeLogger({ clock, write: (line) => void lines.push(line) }),
    },
    life.signal,
  );
  try {
    const [accounts, secrets] = ['serviceaccounts', 'secrets'].map((plural) => `/api/v1/namespaces/default/${plural}`) as [string, string];
    const account = json(await admin.post(accounts, { metadata: { name: 'builder' } }, as));
    const wanted = (name: string): object => ({
      type: 'kubernetes.io/service-account-token',
      metadata: { name, annotations: { 'kubernetes.io/service-account.name': 'builder' } },
    });
    for (const name of ['one', 'two']) assert.equal((await admin.post(secrets, wanted(name), as)).code, 201);
    const secret = async (name: string): Promise<Loose> => json(await admin.get(`${secrets}/${name}`, as));
    const tokenOf = async (name: string): Promise<string> => Buffer.from((await secret(name)).data?.token ?? '', 'base64').toString();
    await until('both have tokens', async () => (await tokenOf('one')) !== '' && (await tokenOf('two')) !== '');
    const { data, metadata } = await secret('one');
    assert.equal(Buffer.from(data['ca.crt'], 'base64').toString(), 'an authority');
    assert.equal(metadata.annotations['kubernetes.io/service-account.uid'], account.metadata.uid);
    const [one, two] = [await tokenOf('one'), await tokenOf('two')];
    const answer = await whoami(one);
    assert.equal(answer.code, 201, answer.text);
    assert.equal(json(answer).status.userInfo.username, 'system:serviceaccount:default:builder');

    // Signed by a stranger; signed well, but not what the secret holds; without a signature.
    const another = { ...(await secret('one')), metadata: { ...metadata, name: 'three' } };
    for (const forged of [
      await signToken(strangerKey, await secret('one'), account),
      await signToken(rsaKey, another, account),
      await signToken(rsaKey, await secret('one'), { ...account, metadata: { ...account.metadata, uid: 'another' } }),
      `${one.split('.').slice(0, 2).join('.')}.`,
    ])
      assert.equal((await whoami(forged)).code, 401);

    // Also where the secret holds it: an algorithm that the token chose; of another issuer.
    const hold = async (text: string): Promise<TestAnswer> =>
      admin.patch(`${secrets}/two`, 'merge-patch', { data: { token: Buffer.from(text).toString('base64') } });
    const claims = JSON.parse(Buffer.from(two.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
    const signed = async (more: object): Promise<string> =>
      new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: rsaKey.algorithm, kid: rsaKey.id }).sign(rsaKey.privateKey);
    for (const [why, forged] of [
      ['no algorithm', new UnsecuredJWT(claims).encode()],
      ['the public key as a secret', confused(claims)],
      ['another issuer', await signed({ iss: 'https://evil.example.com' })],
      ['the issuer of the other kind', await signed({ iss: ISSUER })],
    ] as const) {
      assert.equal((await hold(forged)).code, 200);
      await until(`the secret holds it: ${why}`, async () => (await tokenOf('two')) === forged);
      assert.equal((await whoami(forged)).code, 401, why);
    }
    const again = await signed({ again: true });
    assert.equal((await hold(again)).code, 200);
    await until('one that was signed well is believed', async () => (await whoami(again)).code === 201);
    assert.equal((await hold(two)).code, 200);

    await admin.patch(`${secrets}/one`, 'merge-patch', {
      metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' } },
    });
    assert.equal((await whoami(one)).code, 401);
    await admin.delete(`${accounts}/builder`, as);
    await until('its secrets are gone', async () => (await admin.get(`${secrets}/two`, as)).code === 404);
    assert.equal((await whoami(two)).code, 401);
    assert.deepEqual(
      lines.filter((line) => /^<[34]>/.test(line)),
      [],
    );
  } finally {
    life.abort();
    await running;
  }
});

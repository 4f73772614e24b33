/** Admission through the HTTP API: each plugin once from end to end; what each of them says is in tables beside it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const json = (answer: TestAnswer): Loose => answer.json as Loose;
const NS = '/api/v1/namespaces';

let server: DevServer;
let client: TestClient;

before(async () => {
  server = await startDevServer({ tokens: [{ token: 'limited', user: { name: 'limited', groups: [] } }] });
  client = new TestClient(server);
});
after(async () => {
  client.close();
  await server.stop();
});

async function namespace(name: string, labels: object = {}): Promise<string> {
  const made = await client.post(NS, { metadata: { name, labels } });
  assert.equal(made.code, 201, made.text);
  return `${NS}/${name}`;
}
const pod = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

test('a pod in a new namespace runs as default, with a token, tolerations and a priority', async () => {
  const ns = await namespace('fresh');
  const made = await client.post(`${ns}/pods`, pod('p'));
  assert.equal(made.code, 201, made.text);
  const { spec } = json(made);
  assert.deepEqual([spec.serviceAccountName, spec.priority, spec.preemptionPolicy], ['default', 0, 'PreemptLowerPriority']);
  assert.deepEqual(
    spec.tolerations.map((t: Loose) => t.key),
    ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
  );
  assert.match(spec.volumes[0].name, /^kube-api-access-[a-z0-9]{5}$/);
  assert.match(json(await client.get(`${ns}/configmaps/kube-root-ca.crt`)).data['ca.crt'], /BEGIN CERTIFICATE/);
});

test('a restricted namespace refuses, and warns about templates', async () => {
  const ns = await namespace('restricted', { 'pod-security.kubernetes.io/enforce': 'restricted' });
  const refused = await client.post(`${ns}/pods`, pod('p'));
  assert.equal(refused.code, 403);
  assert.match(
    json(refused).message,
    /^pods "p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
  );
  const deployment = await client.post('/apis/apps/v1/namespaces/restricted/deployments', {
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  assert.equal(deployment.code, 201);
  assert.match(String(deployment.headers['warning']), /^299 - "would violate PodSecurity/);
  const wrong = await client.patch(ns, 'merge-patch', { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'x' } } });
  assert.deepEqual([wrong.code, json(wrong).reason], [422, 'Invalid']);
});

test('limits of a namespace are filled in and enforced', async () => {
  const ns = await namespace('limits');
  const limits = [{ type: 'Container', default: { cpu: '200m' }, max: { cpu: '1' } }];
  assert.equal((await client.post(`${ns}/limitranges`, { metadata: { name: 'l' }, spec: { limits } })).code, 201);
  assert.equal(json(await client.post(`${ns}/pods`, pod('p'))).spec.containers[0].resources.limits.cpu, '200m');
  const big = pod('q', { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '2' } } }] });
  assert.equal(
    json(await client.post(`${ns}/pods`, big)).message,
    'pods "q" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  );
});

test('of many who want the last places of a quota, exactly so many get one', async () => {
  const ns = await namespace('quota');
  const hard = { configmaps: '5' };
  const made = json(await client.post(`${ns}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } }));
  const counted = { ...made, status: { hard, used: { configmaps: '0' } } };
  assert.equal((await client.put(`${ns}/resourcequotas/q/status`, counted)).code, 200);
  const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => client.post(`${ns}/configmaps`, { metadata: { name: `m${i}` } })));
  const codes = answers.map(({ code }) => code).toSorted((a, b) => a - b);
  assert.deepEqual(codes, [...Array<number>(5).fill(201), ...Array<number>(19).fill(403)]);
  const refused = answers.find(({ code }) => code === 403);
  assert.match(refused?.text ?? '', /exceeded quota: q, requested: configmaps=1, used: configmaps=5, limited: configmaps=5/);
  assert.equal(json(await client.get(`${ns}/resourcequotas/q`)).status.used.configmaps, '5');
});

test('nobody gives away more than he has', async () => {
  const api = '/apis/rbac.authorization.k8s.io/v1';
  const rules = [{ verbs: ['create', 'update'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'] }];
  await client.post(`${api}/clusterroles`, { metadata: { name: 'role-maker' }, rules });
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'limited' }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'role-maker' };
  assert.equal((await client.post(`${api}/clusterrolebindings`, { metadata: { name: 'role-maker' }, roleRef, subjects })).code, 201);
  const as = { token: 'limited' };
  assert.equal((await client.post(`${api}/clusterroles`, { metadata: { name: 'same' }, rules }, as)).code, 201);
  const more = await client.post(
    `${api}/clusterroles`,
    { metadata: { name: 'more' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['secrets'] }] },
    as,
  );
  assert.equal(more.code, 403, more.text);
  assert.match(
    json(more).message,
    /attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}$/,
  );
  const admin = { metadata: { name: 'mine' }, roleRef: { ...roleRef, name: 'cluster-admin' }, subjects };
  assert.equal((await client.post(`${api}/clusterrolebindings`, admin, as)).code, 403);
});

test('certificates are approved once, by who may', async () => {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ name: 'CN=jane', keys, signingAlgorithm });
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const made = await client.post(path, {
    metadata: { name: 'jane' },
    spec: {
      request: Buffer.from(request.toString('pem')).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      username: 'somebody-else',
    },
  });
  assert.equal(made.code, 201, made.text);
  assert.equal(json(made).spec.username, 'kubernetes-admin');
  const condition = (type: string): object => ({ type, status: 'True', reason: 'Test', message: 'm' });
  const write = (...types: string[]): Promise<TestAnswer> =>
    client.put(`${path}/jane/approval`, { ...json(made), metadata: { name: 'jane' }, status: { conditions: types.map(condition) } });
  const approved = await write('Approved');
  assert.equal(approved.code, 200, approved.text);
  assert.equal(json(approved).status.conditions[0].type, 'Approved');
  assert.equal((await write()).code, 422);
  assert.equal((await write('Approved', 'Denied')).code, 422);
  const viaStatus = await client.put(`${path}/jane/status`, {
    ...json(approved),
    status: { ...json(approved).status, certificate: 'eA==' },
  });
  assert.equal(json(viaStatus).status?.certificate, 'eA==', viaStatus.text);
  const denied = await client.put(`${path}/jane/status`, {
    ...json(viaStatus),
    status: { conditions: [condition('Denied')] },
  });
  assert.match(json(denied).message, /status\.conditions: Forbidden: updates may not add a condition of type "Denied"/);
});

test('plugins can be switched on and off by name; unknown names are refused', async () => {
  const other = await startDevServer({ enableAdmission: ['AlwaysPullImages'], disableAdmission: ['Priority'] });
  const own = new TestClient(other);
  const { spec } = json(
    await own.post(`${NS}/default/pods`, pod('p', { containers: [{ name: 'c', image: 'i:1', imagePullPolicy: 'Never' }] })),
  );
  assert.deepEqual([spec.containers[0].imagePullPolicy, spec.priority], ['Always', undefined]);
  own.close();
  await other.stop();
  await assert.rejects(startDevServer({ enableAdmission: ['Nope'] }), /Cannot use --enable-admission-plugins: Nope is unknown/);
});

/** The API as clients see it: one server in memory, real requests over TLS. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

/** Answers are looked into at any depth; a wrong path fails the assertion. */
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

let server: DevServer;
let client: TestClient;

before(async () => {
  server = await startDevServer();
  client = new TestClient(server);
});
after(async () => {
  client.close();
  await server.stop();
});

const NS = '/api/v1/namespaces';
const json = (answer: TestAnswer): Loose => answer.json as Loose;
const pod = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...more },
  spec: { containers: [{ name: 'main', image: 'nginx' }] },
});
const map = (name: string, data: Record<string, string> = {}, metadata: object = {}): object => ({ metadata: { name, ...metadata }, data });

async function namespace(name: string): Promise<string> {
  assert.equal((await client.post(NS, { metadata: { name } })).code, 201);
  return `${NS}/${name}`;
}

test('a new cluster has its namespaces, roles and the service kubernetes', async () => {
  const names = json(await client.get(NS)).items.map((n: Loose) => n.metadata.name);
  assert.deepEqual(names, ['default', 'kube-node-lease', 'kube-public', 'kube-system']);
  const service = json(await client.get(`${NS}/default/services/kubernetes`));
  assert.equal(service.spec.clusterIP, '10.96.0.1');
  assert.equal(service.spec.ports[0].targetPort, server.port);
  assert.equal((await client.get('/apis/rbac.authorization.k8s.io/v1/clusterroles/view')).code, 200);
  assert.equal((await client.get('/apis/networking.k8s.io/v1/ipaddresses/10.96.0.1')).code, 200);
});

test('what is created has what the server adds, and comes back the same', async () => {
  const ns = await namespace('create');
  const created = await client.post(`${ns}/pods`, pod('a'));
  assert.equal(created.code, 201);
  const object = json(created);
  assert.equal(object.status.phase, 'Pending');
  assert.equal(object.spec.restartPolicy, 'Always');
  assert.match(object.metadata.uid, /^[0-9a-f-]{36}$/);
  assert.match(object.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Number(object.metadata.resourceVersion) > 0);
  assert.deepEqual(json(await client.get(`${ns}/pods/a`)), object);
  const again = await client.post(`${ns}/pods`, pod('a'));
  assert.deepEqual([again.code, json(again).reason, json(again).message], [409, 'AlreadyExists', 'pods "a" already exists']);
});

test('a generated name has five more characters and is unique', async () => {
  const ns = await namespace('generate');
  const made = await Promise.all(Array.from({ length: 20 }, () => client.post(`${ns}/configmaps`, { metadata: { generateName: 'x-' } })));
  const names = new Set(made.map((m) => json(m).metadata.name));
  assert.equal(names.size, 20);
  for (const name of names) assert.match(name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
});

/** One row, one request that is refused, and how. */
const refusals: [what: string, send: (c: TestClient) => Promise<TestAnswer>, code: number, reason: string, message: RegExp][] = [
  ['no such object', (c) => c.get(`${NS}/default/pods/nope`), 404, 'NotFound', /^pods "nope" not found$/],
  [
    'no such object in a group',
    (c) => c.get('/apis/apps/v1/namespaces/default/deployments/nope'),
    404,
    'NotFound',
    /^deployments\.apps "nope" not found$/,
  ],
  ['no such resource', (c) => c.get('/api/v1/foos'), 404, 'NotFound', /^the server could not find the requested resource$/],
  ['no such group', (c) => c.get('/apis/nope/v1/foos'), 404, 'NotFound', /could not find/],
  ['a namespaced path of a cluster kind', (c) => c.get(`${NS}/default/nodes`), 404, 'NotFound', /could not find/],
  ['bad escapes in the path', (c) => c.get('/api/v1/namespaces/%zz/pods'), 404, 'NotFound', /could not find/],
  ['no such namespace', (c) => c.post(`${NS}/nope/configmaps`, map('a')), 404, 'NotFound', /^namespaces "nope" not found$/],
  [
    'a method nobody has',
    (c) => c.send('PUT', `${NS}/default/pods`),
    405,
    'MethodNotAllowed',
    /update is not supported on resources of kind "pods"/,
  ],
  ['a method on a path', (c) => c.post('/version', {}), 405, 'MethodNotAllowed', /does not allow this method/],
  ['no credentials', (c) => c.get('/api/v1/pods', { token: null }), 401, 'Unauthorized', /^Unauthorized$/],
  ['a wrong token', (c) => c.get('/api/v1/pods', { token: 'wrong' }), 401, 'Unauthorized', /^Unauthorized$/],
  ['a wrong token on a health path', (c) => c.get('/healthz', { token: 'wrong' }), 401, 'Unauthorized', /^Unauthorized$/],
  [
    'basic authentication',
    (c) => c.get('/api/v1/pods', { token: null, headers: { Authorization: 'Basic YTpi' } }),
    401,
    'Unauthorized',
    /^Unauthorized$/,
  ],
  ['no JSON', (c) => c.post(`${NS}/default/pods`, '{'), 400, 'BadRequest', /must be of type Pod.*json parse error/],
  ['an empty body', (c) => c.post(`${NS}/default/pods`, ''), 400, 'BadRequest', /json parse error/],
  ['a list for a body', (c) => c.post(`${NS}/default/pods`, []), 400, 'BadRequest', /want an object/],
  [
    'another kind',
    (c) => c.post(`${NS}/default/pods`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }),
    400,
    'BadRequest',
    /ConfigMap in version "v1" cannot be handled as a Pod/,
  ],
  [
    'another version',
    (c) => c.post(`${NS}/default/pods`, { apiVersion: 'v2', kind: 'Pod', metadata: { name: 'a' } }),
    400,
    'BadRequest',
    /^the API version in the data \(v2\) does not match the expected API version \(v1\)$/,
  ],
  [
    'another namespace',
    (c) => c.post(`${NS}/default/pods`, pod('a', { namespace: 'kube-system' })),
    400,
    'BadRequest',
    /^the namespace of the provided object does not match the namespace sent on the request$/,
  ],
  [
    'a wrong type',
    (c) => c.post(`${NS}/default/pods`, { ...pod('a'), spec: { containers: 'x' } }),
    400,
    'BadRequest',
    /spec\.containers: Invalid value: "x": want a list/,
  ],
  [
    'broken protobuf',
    (c) => c.post(`${NS}/default/pods`, 'k8s\0\u000a\u00ff', { type: 'application/vnd.kubernetes.protobuf' }),
    400,
    'BadRequest',
    /no protobuf object/,
  ],
  [
    'a body of no known type',
    (c) => c.post(`${NS}/default/pods`, '<a/>', { type: 'application/xml' }),
    415,
    'UnsupportedMediaType',
    /application\/json, application\/yaml, application\/vnd.kubernetes.protobuf$/,
  ],
  [
    'a compressed body',
    (c) => c.post(`${NS}/default/pods`, 'x', { headers: { 'Content-Encoding': 'gzip' } }),
    415,
    'UnsupportedMediaType',
    /Content-Encoding/,
  ],
  [
    'an answer nobody can give',
    (c) => c.get('/api/v1/pods', { headers: { Accept: 'image/png' } }),
    406,
    'NotAcceptable',
    /^only the following media types are accepted: application\/json, application\/yaml$/,
  ],
  [
    'a body of 4 MiB',
    (c) => c.post(`${NS}/default/configmaps`, map('big', { a: 'x'.repeat(4 << 20) })),
    413,
    'RequestEntityTooLarge',
    /^Request entity too large: limit is 3145728$/,
  ],
  [
    'a bad name',
    (c) => c.post(`${NS}/default/configmaps`, map('A_b')),
    422,
    'Invalid',
    /^ConfigMap "A_b" is invalid: metadata\.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain/,
  ],
  [
    'no name',
    (c) => c.post(`${NS}/default/configmaps`, { data: {} }),
    422,
    'Invalid',
    /metadata\.name: Required value: name or generateName is required/,
  ],
  [
    'an unknown field selector',
    (c) => c.get('/api/v1/pods?fieldSelector=spec.foo%3Da'),
    400,
    'BadRequest',
    /field label not supported: spec\.foo/,
  ],
  ['a broken label selector', (c) => c.get('/api/v1/pods?labelSelector=a%3D%3D%3Db'), 400, 'BadRequest', /found '='/],
  ['a bad resourceVersion', (c) => c.get('/api/v1/pods?resourceVersion=x'), 400, 'BadRequest', /invalid resource version "x"/],
  [
    'a match without a version',
    (c) => c.get('/api/v1/pods?resourceVersionMatch=Exact'),
    422,
    'Invalid',
    /resourceVersionMatch is forbidden unless resourceVersion is provided/,
  ],
  ['a bad continue token', (c) => c.get('/api/v1/pods?limit=1&continue=abc'), 400, 'BadRequest', /^continue key is not valid/],
  ['a bad limit', (c) => c.get('/api/v1/pods?limit=x'), 400, 'BadRequest', /invalid limit "x"/],
  [
    'a bad dryRun',
    (c) => c.post(`${NS}/default/configmaps?dryRun=Some`, map('a')),
    422,
    'Invalid',
    /dryRun: Unsupported value: "Some": supported values: "All"/,
  ],
  [
    'a default namespace deleted',
    (c) => c.delete(`${NS}/default`),
    403,
    'Forbidden',
    /^namespaces "default" is forbidden: this namespace may not be deleted$/,
  ],
  [
    'a negative grace period',
    (c) => c.delete(`${NS}/default/configmaps/x?gracePeriodSeconds=-5`),
    400,
    'BadRequest',
    /gracePeriodSeconds must be greater/,
  ],
  [
    'a bad propagation policy',
    (c) => c.delete(`${NS}/default/configmaps/x`, { body: { propagationPolicy: 'Sideways' } }),
    422,
    'Invalid',
    /propagationPolicy: Unsupported value: "Sideways"/,
  ],
];

for (const [what, send, code, reason, message] of refusals) {
  test(`refused: ${what}`, async () => {
    const answer = await send(client);
    const status = json(answer);
    assert.deepEqual([answer.code, status.kind, status.reason, status.code], [code, 'Status', reason, code], answer.text);
    assert.match(status.message, message);
  });
}

test('every rule an object breaks is a cause with its field', async () => {
  const answer = await client.post(`${NS}/default/pods`, { metadata: { name: 'A' }, spec: { containers: [{ name: 'B' }] } });
  const { details } = json(answer);
  assert.deepEqual([details.name, details.kind], ['A', 'Pod']);
  const fields = details.causes.map((c: Loose) => [c.field, c.reason]);
  assert.deepEqual(fields, [
    ['metadata.name', 'FieldValueInvalid'],
    ['spec.containers[0].name', 'FieldValueInvalid'],
    ['spec.containers[0].image', 'FieldValueRequired'],
  ]);
  // What the URL says is not missing, also where an unknown value keeps the object from being read whole.
  const unknown = await client.post(`${NS}/default/pods`, { metadata: { name: 'a' }, spec: { restartPolicy: 'Maybe', containers: [] } });
  assert.deepEqual(
    json(unknown).details.causes.map((c: Loose) => c.field),
    ['spec.restartPolicy', 'spec.containers'],
  );
});

test('a job finds its pods by its own uid: the labels and the selector of another are refused', async () => {
  const ns = await namespace('jobs');
  const jobs = `/apis/batch/v1${ns.slice('/api/v1'.length)}/jobs`;
  const spec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } };
  const made = json(await client.post(jobs, { metadata: { name: 'first' }, spec }));
  const { uid } = made.metadata;
  assert.deepEqual(made.spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  assert.deepEqual([made.spec.template.metadata.labels['controller-uid'], made.spec.template.metadata.labels['job-name']], [uid, 'first']);
  const { code, json: answer } = await client.post(jobs, { metadata: { name: 'copy' }, spec: made.spec });
  assert.equal(code, 422);
  assert.match((answer as Loose).message, /spec\.template\.metadata\.labels\[job-name\]: Invalid value: .*: must be 'copy'/);
  assert.match((answer as Loose).message, /spec\.selector: Invalid value: .*: `selector` not auto-generated/);
  const selecting = await client.post(jobs, { metadata: { name: 'own' }, spec: { ...spec, selector: { matchLabels: { a: 'b' } } } });
  assert.match(json(selecting).message, /`selector` does not match template `labels`/);
});

test('unknown fields: refused, warned about or ignored, as asked', async () => {
  const ns = await namespace('fields');
  const body = (name: string): object => ({ ...(map(name) as Loose), dta: {} });
  const strict = await client.post(`${ns}/configmaps?fieldValidation=Strict`, body('a'));
  assert.equal(strict.code, 400);
  assert.match(json(strict).message, /strict decoding error: unknown field "dta"/);
  const warned = await client.post(`${ns}/configmaps`, body('b'));
  assert.equal(warned.code, 201);
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"dta\\""');
  assert.equal(json(warned).dta, undefined);
  const ignored = await client.post(`${ns}/configmaps?fieldValidation=Ignore`, body('c'));
  assert.deepEqual([ignored.code, ignored.headers['warning']], [201, undefined]);
});

test('a dry run changes nothing', async () => {
  const ns = await namespace('dry');
  assert.equal((await client.post(`${ns}/configmaps?dryRun=All`, map('a'))).code, 201);
  assert.equal((await client.get(`${ns}/configmaps/a`)).code, 404);
  const created = json(await client.post(`${ns}/configmaps`, map('a')));
  const updated = await client.put(`${ns}/configmaps/a?dryRun=All`, map('a', { x: '1' }));
  assert.deepEqual(json(updated).data, { x: '1' });
  assert.equal((await client.post(`${ns}/configmaps?dryRun=All`, map('a'))).code, 409);
  assert.equal((await client.delete(`${ns}/configmaps/a?dryRun=All`)).code, 200);
  assert.deepEqual(json(await client.get(`${ns}/configmaps/a`)), created);
});

test('updates: the version the client saw must be the newest, identity stays, nothing changes nothing', async () => {
  const ns = await namespace('update');
  const first = json(await client.post(`${ns}/configmaps`, map('a', { x: '1' })));
  const second = json(await client.put(`${ns}/configmaps/a`, { ...first, data: { x: '2' } }));
  assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
  const stale = await client.put(`${ns}/configmaps/a`, { ...first, data: { x: '3' } });
  assert.equal(stale.code, 409);
  assert.equal(
    json(stale).message,
    'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  );
  const blind = json(
    await client.put(`${ns}/configmaps/a`, { ...map('a', { x: '4' }), metadata: { name: 'a', creationTimestamp: '2000-01-01T00:00:00Z' } }),
  );
  assert.deepEqual([blind.metadata.uid, blind.metadata.creationTimestamp], [first.metadata.uid, first.metadata.creationTimestamp]);
  const same = json(await client.put(`${ns}/configmaps/a`, blind));
  assert.equal(same.metadata.resourceVersion, blind.metadata.resourceVersion);
  const other = await client.put(`${ns}/configmaps/a`, { ...map('a'), metadata: { name: 'a', uid: 'x' } });
  assert.equal(other.code, 409);
  assert.match(json(other).message, /Precondition failed: UID in precondition: x/);
  assert.equal((await client.put(`${ns}/configmaps/b`, map('a'))).code, 400);
  assert.equal((await client.put(`${ns}/configmaps/b`, map('b'))).code, 404);
});

test('of many who update the same object at once, each succeeds once or gets a conflict', async () => {
  const ns = await namespace('race');
  const first = json(await client.post(`${ns}/configmaps`, map('a')));
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => client.put(`${ns}/configmaps/a`, { ...first, data: { n: String(i) } })),
  );
  assert.deepEqual(
    answers.map((a) => a.code).toSorted((a, b) => a - b),
    [200, ...Array<number>(9).fill(409)],
  );
});

test('what is immutable stays', async () => {
  const ns = await namespace('immutable');
  await client.post(`${ns}/configmaps`, { ...map('a', { x: '1' }), immutable: true });
  const changed = await client.put(`${ns}/configmaps/a`, { ...map('a', { x: '2' }), immutable: true });
  assert.equal(changed.code, 422);
  assert.match(json(changed).message, /data: Forbidden: field is immutable when `immutable` is set/);
  const made = json(await client.post(`${ns}/pods`, pod('p')));
  const moved = await client.put(`${ns}/pods/p`, { ...made, spec: { ...made.spec, nodeName: 'x' } });
  assert.equal(moved.code, 422);
  assert.match(json(moved).message, /pod updates may not change fields other than/);
  const image = await client.put(`${ns}/pods/p`, {
    ...made,
    spec: { ...made.spec, containers: [{ ...made.spec.containers[0], image: 'nginx:2' }] },
  });
  assert.equal(image.code, 200, image.text);
  assert.equal(json(image).metadata.generation, 2);
});

test('status and the rest are written through different doors', async () => {
  const ns = await namespace('status');
  const created = json(await client.post(`${ns}/pods`, { ...pod('p'), status: { phase: 'Running' } }));
  assert.equal(created.status.phase, 'Pending');
  const viaStatus = json(
    await client.put(`${ns}/pods/p/status`, {
      ...created,
      spec: { containers: [{ name: 'x', image: 'y' }] },
      status: { phase: 'Running', podIP: '10.0.0.1' },
    }),
  );
  assert.deepEqual(viaStatus.spec, created.spec);
  assert.deepEqual([viaStatus.status.phase, viaStatus.metadata.generation], ['Running', 1]);
  const viaMain = json(
    await client.put(`${ns}/pods/p`, {
      ...viaStatus,
      metadata: { ...viaStatus.metadata, labels: { a: 'b' } },
      status: { phase: 'Failed' },
    }),
  );
  assert.deepEqual([viaMain.status.phase, viaMain.metadata.labels], ['Running', { a: 'b' }]);
});

test('deletion: at once, with a grace period, with finalizers', async () => {
  const ns = await namespace('deletion');
  await client.post(`${ns}/configmaps`, map('a'));
  const gone = json(await client.delete(`${ns}/configmaps/a`));
  assert.deepEqual([gone.status, gone.details.kind, gone.details.name], ['Success', 'configmaps', 'a']);

  const scheduled = { ...(pod('p') as Loose), spec: { nodeName: 'n', containers: [{ name: 'main', image: 'nginx' }] } };
  await client.post(`${ns}/pods`, scheduled);
  const marked = json(await client.delete(`${ns}/pods/p`));
  assert.equal(marked.metadata.deletionGracePeriodSeconds, 30);
  assert.ok(Date.parse(marked.metadata.deletionTimestamp) > Date.parse(marked.metadata.creationTimestamp));
  const longer = json(await client.delete(`${ns}/pods/p?gracePeriodSeconds=60`));
  assert.equal(longer.metadata.deletionGracePeriodSeconds, 30);
  const shorter = json(await client.delete(`${ns}/pods/p?gracePeriodSeconds=5`));
  assert.equal(shorter.metadata.deletionGracePeriodSeconds, 5);
  assert.equal((await client.delete(`${ns}/pods/p?gracePeriodSeconds=0`)).code, 200);
  assert.equal((await client.get(`${ns}/pods/p`)).code, 404);

  await client.post(`${ns}/configmaps`, map('f', {}, { finalizers: ['example.com/wait'] }));
  const waiting = json(await client.delete(`${ns}/configmaps/f`));
  assert.notEqual(waiting.metadata.deletionTimestamp, undefined);
  const added = await client.put(`${ns}/configmaps/f`, {
    ...waiting,
    metadata: { ...waiting.metadata, finalizers: ['example.com/wait', 'example.com/more'] },
  });
  assert.equal(added.code, 422);
  assert.equal((await client.put(`${ns}/configmaps/f`, { ...waiting, metadata: { ...waiting.metadata, finalizers: [] } })).code, 200);
  assert.equal((await client.get(`${ns}/configmaps/f`)).code, 404);
});

test('deletion: preconditions and propagation', async () => {
  const ns = await namespace('propagation');
  const made = json(await client.post(`${ns}/configmaps`, map('a')));
  const wrong = await client.delete(`${ns}/configmaps/a`, { body: { kind: 'DeleteOptions', preconditions: { uid: 'x' } } });
  assert.equal(wrong.code, 409);
  const old = await client.delete(`${ns}/configmaps/a`, { body: { preconditions: { resourceVersion: '1' } } });
  assert.equal(old.code, 409);
  const orphan = json(await client.delete(`${ns}/configmaps/a?propagationPolicy=Orphan`));
  assert.deepEqual(orphan.metadata.finalizers, ['orphan']);
  assert.equal(orphan.metadata.uid, made.metadata.uid);
  const foreground = json(await client.delete(`${ns}/configmaps/a?propagationPolicy=Foreground`));
  assert.deepEqual(foreground.metadata.finalizers, ['foregroundDeletion']);
});

test('a collection is deleted by its selector', async () => {
  const ns = await namespace('collection');
  for (let i = 0; i < 6; i++) await client.post(`${ns}/configmaps`, map(`m${i}`, {}, { labels: { odd: String(i % 2) } }));
  assert.equal((await client.delete(`${ns}/configmaps?labelSelector=odd%3D1`)).code, 200);
  const all = json(await client.get(`${ns}/configmaps`)).items.map((m: Loose) => m.metadata.name);
  const left = all.filter((name: string) => name.startsWith('m'));
  assert.deepEqual(left, ['m0', 'm2', 'm4']);
});

test('a namespace ends when its finalizers have gone, and takes nothing new meanwhile', async () => {
  const ns = await namespace('ending');
  const marked = json(await client.delete(ns));
  assert.deepEqual([marked.status.phase, marked.spec.finalizers], ['Terminating', ['kubernetes']]);
  const refused = await client.post(`${ns}/configmaps`, map('a'));
  assert.equal(refused.code, 403);
  assert.match(json(refused).message, /unable to create new content in namespace ending because it is being terminated/);
  assert.equal(json(refused).details.causes[0].reason, 'NamespaceTerminating');
  const finalized = await client.put(`${ns}/finalize`, { ...marked, spec: { finalizers: [] } });
  assert.equal(finalized.code, 200);
  assert.equal((await client.get(ns)).code, 404);
});

test('services get addresses and ports that nobody else has, and give them back', async () => {
  const ns = await namespace('services');
  const service = (name: string, spec: object = {}): object => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
  const many = await Promise.all(
    Array.from({ length: 30 }, (_, i) => client.post(`${ns}/services`, service(`s${i}`, { type: 'NodePort' }))),
  );
  assert.deepEqual([...new Set(many.map((m) => m.code))], [201]);
  assert.equal(new Set(many.map((m) => json(m).spec.clusterIP)).size, 30);
  assert.equal(new Set(many.map((m) => json(m).spec.ports[0].nodePort)).size, 30);
  const [first] = many.map(json);
  assert.deepEqual(first?.spec.clusterIPs, [first?.spec.clusterIP]);
  assert.deepEqual([first?.spec.ipFamilies, first?.spec.ipFamilyPolicy], [['IPv4'], 'SingleStack']);
  const taken = await client.post(`${ns}/services`, service('t', { clusterIP: first?.spec.clusterIP }));
  assert.equal(taken.code, 422);
  assert.match(json(taken).message, /spec\.clusterIPs: Invalid value: .*provided IP is already allocated/);
  const port = await client.post(
    `${ns}/services`,
    service('t', { type: 'NodePort', ports: [{ port: 80, nodePort: first?.spec.ports[0].nodePort }] }),
  );
  assert.match(json(port).message, /spec\.ports\[0\]\.nodePort: Invalid value: \d+: provided port is already allocated/);
  await client.delete(`${ns}/services/s0`);
  assert.equal((await client.post(`${ns}/services`, service('t', { clusterIP: first?.spec.clusterIP }))).code, 201);
  const headless = json(await client.post(`${ns}/services`, service('h', { clusterIP: 'None' })));
  assert.deepEqual(headless.spec.clusterIPs, ['None']);
  const kept = json(await client.put(`${ns}/services/t`, service('t', { type: 'NodePort' })));
  assert.equal(kept.spec.clusterIP, first?.spec.clusterIP);
  assert.ok(kept.spec.ports[0].nodePort >= 30_000);
  const external = json(
    await client.put(`${ns}/services/t`, { metadata: { name: 't' }, spec: { type: 'ExternalName', externalName: 'a.b' } }),
  );
  assert.equal(external.spec.clusterIP, undefined);
  // The type alone is changed: what belonged to the old one goes.
  const patched = json(await client.patch(`${ns}/services/s1`, 'merge-patch', { spec: { type: 'ClusterIP' } }));
  assert.deepEqual([patched.spec?.type, patched.spec?.ports[0].nodePort], ['ClusterIP', undefined], patched.message);
  const moved = json(await client.patch(`${ns}/services/s1`, 'merge-patch', { spec: { clusterIP: '10.96.200.200' } }));
  assert.match(moved.message, /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.200\.200"\]: may not change once set/);
  assert.equal((await client.get(`/apis/networking.k8s.io/v1/ipaddresses/${first?.spec.clusterIP}`)).code, 404);
});

test('scale: the number of pods without the rest', async () => {
  const ns = await namespace('scale');
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const path = '/apis/apps/v1/namespaces/scale/deployments';
  await client.post(path, { metadata: { name: 'd' }, spec: { replicas: 2, selector: { matchLabels: { app: 'x' } }, template } });
  const scale = json(await client.get(`${path}/d/scale`));
  assert.deepEqual([scale.kind, scale.spec.replicas, scale.status.selector], ['Scale', 2, 'app=x']);
  const next = json(await client.put(`${path}/d/scale`, { ...scale, spec: { replicas: 5 } }));
  assert.equal(next.spec.replicas, 5);
  const deployment = json(await client.get(`${path}/d`));
  assert.deepEqual([deployment.spec.replicas, deployment.metadata.generation], [5, 2]);
  assert.equal((await client.put(`${path}/d/scale`, { ...scale, spec: { replicas: 6 } })).code, 409);
  const selector = await client.put(`${path}/d`, { ...deployment, spec: { ...deployment.spec, selector: { matchLabels: { app: 'y' } } } });
  assert.equal(selector.code, 422);
  assert.equal(ns, '/api/v1/namespaces/scale');
});

test('a pod is bound to a node once', async () => {
  const ns = await namespace('binding');
  await client.post(`${ns}/pods`, pod('p'));
  const bind = (node: string): Promise<TestAnswer> =>
    client.post(`${ns}/pods/p/binding`, { metadata: { name: 'p' }, target: { kind: 'Node', name: node } });
  assert.equal((await bind('n1')).code, 201);
  const again = await bind('n2');
  assert.deepEqual(
    [again.code, json(again).message],
    [409, 'Operation cannot be fulfilled on pods "p": pod p is already assigned to node "n1"'],
  );
  const bound = json(await client.get(`${ns}/pods/p`));
  assert.equal(bound.spec.nodeName, 'n1');
  assert.deepEqual(
    bound.status.conditions.map((c: Loose) => [c.type, c.status]),
    [['PodScheduled', 'True']],
  );
});

test('an eviction keeps to the disruption budget', async () => {
  const ns = await namespace('eviction');
  const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  for (const name of ['a', 'b']) {
    const made = json(await client.post(`${ns}/pods`, pod(name, { labels: { app: 'x' } })));
    await client.put(`${ns}/pods/${name}/status`, { ...made, status: { ...made.status, ...ready } });
  }
  const budgets = '/apis/policy/v1/namespaces/eviction/poddisruptionbudgets';
  const budget = json(
    await client.post(budgets, { metadata: { name: 'b' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } } }),
  );
  const status = { observedGeneration: 1, disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 };
  const prepared = await client.put(`${budgets}/b/status`, { ...budget, status });
  assert.equal(prepared.code, 200, prepared.text);
  const evict = (name: string): Promise<TestAnswer> =>
    client.post(`${ns}/pods/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });
  assert.equal((await evict('a')).code, 201);
  const refused = await evict('b');
  assert.equal(refused.code, 429);
  assert.equal(json(refused).message, "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.match(json(refused).details.causes[0].message, /^The disruption budget b needs 1 healthy pods and has 2 currently$/);
  assert.equal((await client.get(`${ns}/pods/a`)).code, 404);
  assert.equal((await client.get(`${ns}/pods/b`)).code, 200);
});

test('answers come in the form that is asked for', async () => {
  const ns = await namespace('forms');
  await client.post(`${ns}/configmaps`, map('a', { x: '1' }));
  const accept = (value: string): { headers: Record<string, string> } => ({ headers: { Accept: value } });
  const table = json(await client.get(`${ns}/configmaps`, accept('application/json;as=Table;v=v1;g=meta.k8s.io,application/json')));
  assert.deepEqual([table.kind, table.apiVersion, table.rows[0].cells[0]], ['Table', 'meta.k8s.io/v1', 'a']);
  const metadata = json(await client.get(`${ns}/configmaps/a`, accept('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')));
  assert.deepEqual([metadata.kind, metadata.metadata.name, metadata.data], ['PartialObjectMetadata', 'a', undefined]);
  const yaml = await client.get(`${ns}/configmaps/a`, accept('application/yaml'));
  assert.match(yaml.text, /^apiVersion: v1\nkind: ConfigMap\n/);
  const preferred = await client.get(`${ns}/configmaps/a`, accept('application/vnd.kubernetes.protobuf,application/json'));
  assert.equal(preferred.headers['content-type'], 'application/json');
  const body = 'metadata:\n  name: from-yaml\ndata:\n  a: "1"\n';
  assert.equal((await client.post(`${ns}/configmaps`, body, { type: 'application/yaml' })).code, 201);
  const pretty = await client.get(`${ns}/configmaps/a?pretty=true`);
  assert.match(pretty.text, /^\{\n {2}"apiVersion"/);
});

test('events are the same in both of their groups, and end after their time', async () => {
  const ns = await namespace('events');
  const core = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'events' },
    reason: 'Started',
    message: 'It runs',
    type: 'Normal',
    count: 2,
  };
  assert.equal((await client.post(`${ns}/events`, core)).code, 201);
  const other = json(await client.get('/apis/events.k8s.io/v1/namespaces/events/events/e'));
  assert.deepEqual([other.apiVersion, other.note, other.regarding.name, other.deprecatedCount], ['events.k8s.io/v1', 'It runs', 'p', 2]);
  const found = json(await client.get(`${ns}/events?fieldSelector=involvedObject.name%3Dp,reason%3DStarted`));
  assert.equal(found.items.length, 1);
  assert.equal(json(await client.get(`${ns}/events?fieldSelector=involvedObject.name%3Dq`)).items.length, 0);
});

test('autoscalers are the same in both versions', async () => {
  await namespace('autoscalers');
  const path = (version: string): string => `/apis/autoscaling/${version}/namespaces/autoscalers/horizontalpodautoscalers`;
  const spec = {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
    minReplicas: 1,
    maxReplicas: 3,
    targetCPUUtilizationPercentage: 70,
  };
  const made = await client.post(path('v1'), { metadata: { name: 'h' }, spec });
  assert.equal(made.code, 201, made.text);
  assert.equal(json(made).spec.targetCPUUtilizationPercentage, 70);
  const v2 = json(await client.get(`${path('v2')}/h`));
  assert.equal(v2.spec.metrics[0].resource.target.averageUtilization, 70);
  assert.equal(json(await client.get(`${path('v1')}/h`)).spec.targetCPUUtilizationPercentage, 70);
});

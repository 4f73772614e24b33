/** What every kind has in common, as the API concepts of Kubernetes 1.36 describe it: versions, pages, watches, names, deletions, forms. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ManualClock, SystemClock } from '#base/clock.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { MemoryStore } from '../apiserver/storage/memory.ts';
import type { Store } from '../apiserver/storage/store.ts';
import { TestClient, type TestAnswer, type TestWatch } from '../apiserver/testing/client.ts';

/** Answers are looked into at any depth; a wrong path fails the assertion. */
// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;

const store = new MemoryStore({ clock: new SystemClock() });
let server: DevServer;
let client: TestClient;
before(async () => {
  server = await startDevServer({ store });
  client = new TestClient(server);
});
after(async () => {
  client.close();
  await server.stop();
});

/** The same store for a second server, which does not close it. */
const shared = (of: MemoryStore): Store =>
  new Proxy(of, {
    get: (target, name: keyof Store) =>
      name === 'close'
        ? () => Promise.resolve()
        : typeof target[name] === 'function'
          ? (target[name] as (...args: unknown[]) => unknown).bind(target)
          : target[name],
  });

const NS = '/api/v1/namespaces';
const json = (answer: TestAnswer): Loose => answer.json as Loose;
const names = (answer: TestAnswer): string[] => json(answer).items.map((o: Loose) => o.metadata.name);
const said = (answer: TestAnswer): unknown[] => [answer.code, json(answer).reason, json(answer).message];

/** A namespace with these secrets, which nobody else makes any of; returns their collection. */
async function secrets(namespace: string, ...list: string[]): Promise<string> {
  assert.equal((await client.post(NS, { metadata: { name: namespace } })).code, 201);
  const path = `${NS}/${namespace}/secrets`;
  for (const name of list) assert.equal((await client.post(path, { metadata: { name } })).code, 201);
  return path;
}
const touch = (path: string, value: string): Promise<TestAnswer> => client.patch(path, 'merge-patch', { stringData: { value } });
const revisionOf = async (path: string): Promise<string> => json(await client.get(path)).metadata.resourceVersion;

test('versions: exactly, not older than, any, newest', async () => {
  const path = await secrets('versions', 'a');
  const then = await revisionOf(path);
  await client.post(path, { metadata: { name: 'b' } });
  const now = await revisionOf(path);
  const list = (query: string): Promise<TestAnswer> => client.get(`${path}?${query}`);
  for (const query of [
    '',
    'resourceVersion=0',
    `resourceVersion=${then}`,
    `resourceVersion=${then}&resourceVersionMatch=NotOlderThan`,
    `resourceVersion=0&resourceVersionMatch=NotOlderThan`,
  ]) {
    assert.deepEqual(names(await list(query)), ['a', 'b'], query);
  }
  const past = await list(`resourceVersion=${then}&resourceVersionMatch=Exact`);
  assert.deepEqual([names(past), json(past).metadata.resourceVersion], [['a'], then]);
  // As before resourceVersionMatch was there.
  assert.deepEqual(names(await list(`resourceVersion=${then}&limit=5`)), ['a']);
  assert.deepEqual(names(await list(`resourceVersion=${now}&limit=5`)), ['a', 'b']);
  assert.equal((await client.get(`${path}/a?resourceVersion=${now}`)).code, 200);
});

test('a version that has not come yet is waited for, and then it is a timeout that says which there is', async () => {
  const current = Number(await revisionOf('/api/v1/secrets'));
  const answer = await client.get(`/api/v1/secrets?resourceVersion=${current + 1_000}`);
  assert.deepEqual([answer.code, json(answer).reason], [504, 'Timeout']);
  assert.match(json(answer).message, new RegExp(`^Timeout: Too large resource version: ${current + 1_000}, current: \\d+$`));
  assert.deepEqual(json(answer).details.causes, [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]);
  assert.equal(json(answer).details.retryAfterSeconds, 1);
});

const MATCHES: readonly (readonly [query: string, message: RegExp])[] = [
  [
    'resourceVersion=1&resourceVersionMatch=Nearly',
    /resourceVersionMatch: Unsupported value: "Nearly": supported values: "", "Exact", "NotOlderThan"/,
  ],
  [
    'resourceVersion=0&resourceVersionMatch=Exact',
    /resourceVersionMatch: Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"/,
  ],
  [
    'limit=1&continue=x&resourceVersion=1&resourceVersionMatch=Exact',
    /resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided/,
  ],
  [
    'watch=1&resourceVersion=1&resourceVersionMatch=Exact',
    /resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/,
  ],
  [
    'watch=1&sendInitialEvents=true',
    /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  ],
  ['sendInitialEvents=true', /sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list/],
];
for (const [query, message] of MATCHES) {
  test(`refused: a list with ${query}`, async () => {
    const answer = await client.get(`/api/v1/secrets?${query}`);
    assert.deepEqual([answer.code, json(answer).reason], [422, 'Invalid']);
    assert.match(json(answer).message, message);
  });
}

test('pages fit together whatever happens between them', async () => {
  const path = await secrets('pages', 'a', 'b', 'c', 'd', 'e');
  const first = await client.get(`${path}?limit=2`);
  assert.deepEqual([names(first), json(first).metadata.remainingItemCount], [['a', 'b'], 3]);
  await client.delete(`${path}/c`);
  await client.post(path, { metadata: { name: 'cc' } });
  const next = await client.get(`${path}?limit=2&continue=${json(first).metadata.continue}`);
  assert.deepEqual([names(next), json(next).metadata.resourceVersion], [['c', 'd'], json(first).metadata.resourceVersion]);
  const last = await client.get(`${path}?limit=2&continue=${json(next).metadata.continue}`);
  assert.deepEqual([names(last), json(last).metadata.continue], [['e'], undefined]);
  assert.deepEqual(names(await client.get(path)), ['a', 'b', 'cc', 'd', 'e']);
  const selected = await client.get(`${path}?limit=1&labelSelector=!x`);
  assert.deepEqual(
    [names(selected), json(selected).metadata.remainingItemCount],
    [['a'], undefined],
    'nobody counts what a selector leaves',
  );
});

test('pages of a compacted past: expired, with a token for going on with the present', async () => {
  const path = await secrets('compacted', 'a', 'b', 'c');
  const first = await client.get(`${path}?limit=1`);
  await client.post(path, { metadata: { name: 'bb' } });
  await store.compact(await store.revision());
  const gone = await client.get(`${path}?limit=1&continue=${json(first).metadata.continue}`);
  assert.deepEqual([gone.code, json(gone).reason], [410, 'Expired']);
  assert.match(
    json(gone).message,
    /^The provided continue parameter is too old to display a consistent list result\. You can start a new list without the continue parameter/,
  );
  const rest = await client.get(`${path}?continue=${json(gone).metadata.continue}`);
  assert.deepEqual(names(rest), ['b', 'bb', 'c']);
  const exact = await client.get(`${path}?resourceVersion=2&resourceVersionMatch=Exact`);
  assert.deepEqual(said(exact), [410, 'Expired', 'The resourceVersion for the provided list is too old.']);
});

async function events(watch: TestWatch, count: number): Promise<string[]> {
  return (await watch.take(count)).map(({ type, object }) => `${type} ${object.metadata.name}`);
}

test('a watch goes on from the version of a list, and no event is lost or doubled', async () => {
  const path = await secrets('watch', 'a');
  const from = await revisionOf(path);
  await touch(`${path}/a`, '1');
  const watch = await client.watch(`${path}?watch=true&resourceVersion=${from}`);
  await client.post(path, { metadata: { name: 'b' } });
  await client.delete(`${path}/a`);
  const seen = await watch.take(3);
  assert.deepEqual(
    seen.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ['MODIFIED a', 'ADDED b', 'DELETED a'],
  );
  const versions = seen.map(({ object }) => Number(object.metadata.resourceVersion));
  assert.deepEqual(
    versions,
    versions.toSorted((x, y) => x - y),
    'a deletion has the version of the deletion',
  );
  watch.close();
  const again = await client.watch(`${path}?watch=true&resourceVersion=${versions[0]}`);
  assert.deepEqual(await events(again, 2), ['ADDED b', 'DELETED a']);
  again.close();
});

test('what enters or leaves a selector is added or deleted there', async () => {
  const path = await secrets('selecting', 'a');
  const watch = await client.watch(`${path}?watch=true&labelSelector=on%3Dyes`);
  const label = (value: string | null): Promise<TestAnswer> =>
    client.patch(`${path}/a`, 'merge-patch', { metadata: { labels: { on: value } } });
  await label('yes');
  await touch(`${path}/a`, '2');
  await label(null);
  assert.deepEqual(await events(watch, 3), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  watch.close();
});

test('a watch of one object by name, and by the old path', async () => {
  const path = await secrets('named', 'a', 'b');
  const from = await revisionOf(path);
  const byField = await client.watch(`${path}?watch=true&resourceVersion=${from}&fieldSelector=metadata.name%3Da`);
  const byPath = await client.watch(`/api/v1/watch/namespaces/named/secrets/a?resourceVersion=${from}`);
  await touch(`${path}/b`, '1');
  await touch(`${path}/a`, '1');
  assert.deepEqual([await events(byField, 1), await events(byPath, 1)], [['MODIFIED a'], ['MODIFIED a']]);
  byField.close();
  byPath.close();
});

test('sendInitialEvents: what there is, then a bookmark that says so, then what changes', async () => {
  const path = await secrets('initial', 'a', 'b');
  const watch = await client.watch(`${path}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);
  const [first, second, mark] = await watch.take(3);
  assert.deepEqual(
    [first, second].map((e) => `${e?.type} ${e?.object.metadata.name}`),
    ['ADDED a', 'ADDED b'],
  );
  assert.deepEqual(
    [mark?.type, mark?.object.kind, mark?.object.metadata.annotations],
    ['BOOKMARK', 'Secret', { 'k8s.io/initial-events-end': 'true' }],
  );
  await touch(`${path}/a`, '1');
  assert.deepEqual(await events(watch, 1), ['MODIFIED a']);
  watch.close();
});

test('a watch from before what a server that was just started can know is told to begin anew', async () => {
  const path = await secrets('old', 'a');
  await store.compact(await store.revision());
  const second = await startDevServer({ store: shared(store) });
  const other = new TestClient(second);
  const watch = await other.watch(`${path}?watch=true&resourceVersion=2`);
  const [event] = await watch.take(1);
  assert.deepEqual([event?.type, event?.object.kind, event?.object.code], ['ERROR', 'Status', 410]);
  assert.match(event?.object.message ?? '', /^too old resource version: 2 \(\d+\)$/);
  assert.equal(await watch.next(), undefined);
  // Two servers over one store: what is written through one is seen through the other.
  const fresh = await other.watch(`${path}?watch=true&resourceVersion=${await revisionOf(path)}`);
  await touch(`${path}/a`, '1');
  assert.deepEqual(await events(fresh, 1), ['MODIFIED a']);
  other.close();
  await second.stop();
});

test('a name that is taken is made up anew, eight times', async () => {
  const path = await secrets('generated');
  const texts = ['same', 'same', 'other'];
  const limited = await startDevServer({
    overrides: { chance: { newUid: () => crypto.randomUUID(), random: () => 0.5, randomText: () => texts.shift() ?? 'same' } },
  });
  const other = new TestClient(limited);
  const create = (): Promise<TestAnswer> => other.post(`${NS}/default/secrets`, { metadata: { generateName: 'x-' } });
  assert.equal(json(await create()).metadata.name, 'x-same');
  assert.equal(json(await create()).metadata.name, 'x-other');
  const full = await create();
  assert.deepEqual([full.code, json(full).reason], [409, 'AlreadyExists']);
  assert.match(
    json(full).message,
    /^(secrets "x-same" already exists|secrets "x-same" already exists, the server was not able to generate a unique name for the object)$/,
  );
  other.close();
  await limited.stop();
  assert.match(json(await client.post(path, { metadata: { generateName: 'y-' } })).metadata.name, /^y-.{5}$/);
});

test('deletions: preconditions name what was asked for and what there is', async () => {
  const path = await secrets('conditions', 'a');
  const { uid, resourceVersion } = json(await client.get(`${path}/a`)).metadata;
  const wrong = await client.delete(`${path}/a`, { body: { preconditions: { uid: 'other' } } });
  assert.deepEqual(said(wrong), [
    409,
    'Conflict',
    `Operation cannot be fulfilled on secrets "a": Precondition failed: UID in precondition: other, UID in object meta: ${uid}`,
  ]);
  const old = await client.delete(`${path}/a`, { body: { preconditions: { resourceVersion: '1' } } });
  assert.deepEqual(said(old), [
    409,
    'Conflict',
    `Operation cannot be fulfilled on secrets "a": Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ${resourceVersion}`,
  ]);
  const both = await client.delete(`${path}/a`, { body: { orphanDependents: true, propagationPolicy: 'Orphan' } });
  assert.equal(both.code, 422);
  assert.match(json(both).message, /orphanDependents and deletionPropagation cannot be both set/);
  const dry = await client.delete(`${path}/a?dryRun=All`);
  assert.equal(dry.code, 200);
  const done = await client.delete(`${path}/a`, { body: { preconditions: { uid, resourceVersion } } });
  assert.deepEqual(
    [done.code, json(done).kind, json(done).status, json(done).details],
    [200, 'Status', 'Success', { name: 'a', kind: 'secrets', uid }],
  );
});

test('deletions: finalizers hold an object, its deletion cannot be taken back, and nothing new may hold it', async () => {
  const path = await secrets('finalizers');
  await client.post(path, { metadata: { name: 'a', finalizers: ['example.com/x'] } });
  const marked = json(await client.delete(`${path}/a`));
  assert.match(marked.metadata.deletionTimestamp, /^20/);
  assert.equal(marked.metadata.deletionGracePeriodSeconds, 0);
  const undone = json(await client.patch(`${path}/a`, 'merge-patch', { metadata: { deletionTimestamp: null } }));
  assert.equal(undone.metadata.deletionTimestamp, marked.metadata.deletionTimestamp);
  const more = await client.patch(`${path}/a`, 'json-patch', [{ op: 'add', path: '/metadata/finalizers/-', value: 'example.com/y' }]);
  assert.equal(more.code, 422);
  assert.match(
    json(more).message,
    /metadata\.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"example\.com\/y"\}/,
  );
  assert.equal((await client.patch(`${path}/a`, 'merge-patch', { metadata: { finalizers: null } })).code, 200);
  assert.equal((await client.get(`${path}/a`)).code, 404);
});

test('a collection is deleted by field, with a limit of none, and as a dry run', async () => {
  const path = await secrets('collections', 'a', 'b', 'c');
  assert.equal((await client.delete(`${path}?dryRun=All`)).code, 200);
  assert.equal(names(await client.get(path)).length, 3);
  const deleted = await client.delete(`${path}?fieldSelector=metadata.name%3Db`);
  assert.deepEqual([json(deleted).kind, names(deleted)], ['SecretList', ['b']]);
  assert.deepEqual(names(await client.get(path)), ['a', 'c']);
});

test('writes say who wrote which fields, and a manager has a name of some length', async () => {
  const path = await secrets('managers');
  const made = await client.post(`${path}?fieldManager=me`, { metadata: { name: 'a' }, data: { x: 'MQ==' } });
  const [entry] = json(made).metadata.managedFields;
  assert.deepEqual(
    [entry.manager, entry.operation, entry.apiVersion, entry.fieldsV1],
    ['me', 'Update', 'v1', { 'f:data': { '.': {}, 'f:x': {} }, 'f:type': {} }],
  );
  const long = await client.post(`${path}?fieldManager=${'m'.repeat(129)}`, { metadata: { name: 'b' } });
  assert.equal(long.code, 422);
  assert.match(json(long).message, /fieldManager: Too long: may not be more than 128 bytes/);
  const nobody = await client.patch(`${path}/a`, 'apply-patch', { apiVersion: 'v1', kind: 'Secret' });
  assert.equal(nobody.code, 422);
  assert.match(json(nobody).message, /fieldManager: Required value: is required for apply patch/);
});

test('bodies in YAML, answers in YAML', async () => {
  const path = await secrets('yaml');
  const made = await client.post(path, 'metadata:\n  name: a\ndata:\n  x: "MQ=="\n', {
    type: 'application/yaml',
    headers: { Accept: 'application/yaml' },
  });
  assert.equal(made.code, 201);
  assert.equal(made.headers['content-type'], 'application/yaml');
  assert.match(made.text, /^kind: Secret$/m);
});

const ACCEPTS: readonly (readonly [accept: string, type: string])[] = [
  ['*/*', 'application/json'],
  ['application/vnd.kubernetes.protobuf, */*', 'application/json'],
  ['application/vnd.kubernetes.protobuf,application/json', 'application/json'],
  ['application/yaml', 'application/yaml'],
  ['application/json;q=0.1, application/yaml', 'application/yaml'],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'application/json'],
];
for (const [accept, type] of ACCEPTS) {
  test(`Accept: ${accept}`, async () => {
    const answer = await client.get('/api/v1/namespaces', { headers: { Accept: accept } });
    assert.deepEqual([answer.code, answer.headers['content-type']], [200, type]);
  });
}

test('warnings are told in headers', async () => {
  const path = await secrets('warnings');
  const warned = await client.post(`${path}?fieldValidation=Warn`, { metadata: { name: 'a' }, dta: {} });
  assert.equal(warned.code, 201);
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"dta\\""');
  const strict = await client.post(`${path}?fieldValidation=Strict`, { metadata: { name: 'b' }, dta: {} });
  assert.equal(strict.code, 400);
  const wrong = await client.post(`${path}?fieldValidation=Hard`, { metadata: { name: 'b' } });
  assert.equal(wrong.code, 422);
  assert.match(json(wrong).message, /fieldValidation: Unsupported value: "Hard": supported values: "", "Ignore", "Strict", "Warn"/);
});

test('discovery: by group, and everything in one answer', async () => {
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const all = await client.get('/apis', { headers: { Accept: aggregated } });
  assert.equal(all.headers['content-type'], aggregated);
  const apps = json(all).items.find((g: Loose) => g.metadata.name === 'apps');
  const deployments = apps.versions[0].resources.find((r: Loose) => r.resource === 'deployments');
  assert.deepEqual(deployments.subresources.map((r: Loose) => r.subresource).toSorted(), ['scale', 'status']);
  assert.deepEqual(
    [deployments.responseKind, deployments.scope, deployments.shortNames, deployments.categories],
    [{ group: 'apps', version: 'v1', kind: 'Deployment' }, 'Namespaced', ['deploy'], ['all']],
  );
  const known = await client.get('/apis', { headers: { Accept: aggregated, 'If-None-Match': all.headers.etag ?? '' } });
  assert.deepEqual([known.code, known.text], [304, '']);
  const plain = json(await client.get('/apis/apps/v1'));
  assert.deepEqual([plain.kind, plain.groupVersion], ['APIResourceList', 'apps/v1']);
});

/** The field that can be selected, and the value of the object below. */
const FIELDS: readonly (readonly [path: string, field: string, value: string])[] = [
  ['/api/v1/pods', 'spec.nodeName', ''],
  ['/api/v1/pods', 'spec.restartPolicy', 'Always'],
  ['/api/v1/pods', 'spec.schedulerName', 'default-scheduler'],
  ['/api/v1/pods', 'spec.serviceAccountName', 'default'],
  ['/api/v1/pods', 'spec.hostNetwork', 'false'],
  ['/api/v1/pods', 'status.phase', 'Pending'],
  ['/api/v1/pods', 'status.podIP', ''],
  ['/api/v1/pods', 'status.nominatedNodeName', ''],
  ['/api/v1/secrets', 'type', 'Opaque'],
  ['/api/v1/namespaces', 'status.phase', 'Active'],
  ['/api/v1/nodes', 'spec.unschedulable', 'false'],
  ['/api/v1/services', 'spec.type', 'ClusterIP'],
  ['/api/v1/events', 'involvedObject.kind', 'Pod'],
  ['/api/v1/events', 'reason', 'Tried'],
  ['/apis/apps/v1/replicasets', 'status.replicas', '0'],
  ['/api/v1/replicationcontrollers', 'status.replicas', '0'],
  ['/apis/batch/v1/jobs', 'status.successful', '0'],
  ['/apis/certificates.k8s.io/v1/certificatesigningrequests', 'spec.signerName', 'acme.io/x'],
];

test('the selectable fields of the kinds', async () => {
  await secrets('fields');
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  const csr = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n').toString('base64');
  const made: readonly (readonly [path: string, object: object])[] = [
    ['/api/v1/namespaces/fields/serviceaccounts', { metadata: { name: 'default' } }],
    ['/api/v1/namespaces/fields/pods', { metadata: { name: 'a' }, spec: { ...template.spec, serviceAccountName: 'default' } }],
    ['/api/v1/namespaces/fields/secrets', { metadata: { name: 'a' } }],
    ['/api/v1/nodes', { metadata: { name: 'a' } }],
    ['/api/v1/namespaces/fields/services', { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }],
    [
      '/api/v1/namespaces/fields/events',
      { metadata: { name: 'a' }, reason: 'Tried', involvedObject: { kind: 'Pod', namespace: 'fields', name: 'a' } },
    ],
    [
      '/apis/apps/v1/namespaces/fields/replicasets',
      { metadata: { name: 'a' }, spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template } },
    ],
    [
      '/api/v1/namespaces/fields/replicationcontrollers',
      { metadata: { name: 'a' }, spec: { replicas: 0, selector: { a: 'b' }, template } },
    ],
    [
      '/apis/batch/v1/namespaces/fields/jobs',
      { metadata: { name: 'a' }, spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } },
    ],
    [
      '/apis/certificates.k8s.io/v1/certificatesigningrequests',
      { metadata: { name: 'a' }, spec: { request: csr, signerName: 'acme.io/x', usages: ['client auth'] } },
    ],
  ];
  for (const [path, object] of made) {
    const answer = await client.post(path, object);
    assert.ok(answer.code === 201 || answer.code === 409, `${path}: ${answer.text}`);
  }
  for (const [path, field, value] of FIELDS) {
    const of = async (operator: string): Promise<string[]> =>
      names(await client.get(`${path}?fieldSelector=${encodeURIComponent(`${field}${operator}${value}`)}`));
    const [equal, other] = [await of('='), await of('!=')];
    const mine = path.endsWith('namespaces') ? 'fields' : 'a';
    assert.ok(equal.includes(mine), `${field}=${value}`);
    assert.ok(!other.includes(mine), `${field}!=${value}`);
  }
});

test('addresses and ports of services are mended when a server starts, and given out once by two servers at once', async () => {
  const own = new MemoryStore({ clock: new SystemClock() });
  const first = await startDevServer({ store: shared(own) });
  const one = new TestClient(first);
  const path = `${NS}/default/services`;
  const service = (name: string): object => ({ metadata: { name }, spec: { type: 'NodePort', ports: [{ port: 80 }] } });
  const { clusterIP, ports } = json(await one.post(path, service('a'))).spec;
  const gone = json(await one.post(path, service('b')));
  // As after a restore that brought back half of it.
  const drop = async (key: string): Promise<void> => {
    const found = await own.get(key);
    await own.transact([{ kind: 'delete', key, ifRevision: found?.modRevision ?? 0 }]);
  };
  await drop(`/registry/ipaddresses/${clusterIP}`);
  await drop(`/registry/servicenodeports/${ports[0].nodePort}`);
  await drop('/registry/services/default/b');

  const second = await startDevServer({ store: shared(own) });
  const two = new TestClient(second);
  const address = json(await two.get(`/apis/networking.k8s.io/v1/ipaddresses/${clusterIP}`));
  assert.deepEqual(address.spec.parentRef, { group: '', resource: 'services', namespace: 'default', name: 'a' });
  assert.equal((await two.get(`/apis/networking.k8s.io/v1/ipaddresses/${gone.spec.clusterIP}`)).code, 404);
  const takes = await two.post(path, {
    metadata: { name: 'c' },
    spec: { type: 'NodePort', ports: [{ port: 80, nodePort: ports[0].nodePort }] },
  });
  assert.match(json(takes).message, /provided port is already allocated/);

  const asked = Array.from({ length: 12 }, (_, i) =>
    (i % 2 === 0 ? one : two).post(path, {
      metadata: { name: `same-${i}` },
      spec: { clusterIP: gone.spec.clusterIP, ports: [{ port: 80 }] },
    }),
  );
  const codes = (await Promise.all(asked)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 201).length, 1, String(codes));
  const made = await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? one : two).post(path, service(`free-${i}`))));
  assert.equal(new Set(made.map((m) => json(m).spec.clusterIP)).size, 12);
  assert.equal(new Set(made.map((m) => json(m).spec.ports[0].nodePort)).size, 12);
  for (const client of [one, two]) client.close();
  await first.stop();
  await second.stop();
  await own.close();
});

test('a server stands behind the service kubernetes, unless it is told not to', async () => {
  for (const [endpoints, code] of [
    ['lease', 200],
    ['alone', 200],
    ['none', 404],
  ] as const) {
    const advertised = await startDevServer({ overrides: { advertiseAddress: '192.0.2.7', endpoints } });
    const one = new TestClient(advertised);
    const found = await one.get(`${NS}/default/endpoints/kubernetes`);
    assert.equal(found.code, code, endpoints);
    if (code === 200)
      assert.deepEqual(json(found).subsets, [
        { addresses: [{ ip: '192.0.2.7' }], ports: [{ name: 'https', port: advertised.port, protocol: 'TCP' }] },
      ]);
    one.close();
    await advertised.stop();
  }
});

test('servers that share a store stand behind the service kubernetes together, and one that is gone does not for long', async () => {
  const time = new ManualClock(Date.now());
  const own = new MemoryStore({ clock: time });
  const start = (advertiseAddress: string): Promise<DevServer> =>
    startDevServer({ store: shared(own), clock: time, overrides: { advertiseAddress, endpoints: 'lease' } });
  const [first, second] = await Promise.all([start('192.0.2.8'), start('192.0.2.7')]);
  const one = new TestClient(first);
  const behind = async (): Promise<readonly unknown[]> => {
    const subsets = json(await one.get(`${NS}/default/endpoints/kubernetes`)).subsets;
    const slice = json(await one.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes'));
    const ips = subsets.flatMap(({ addresses }: Loose) => addresses.map(({ ip }: Loose) => ip));
    assert.deepEqual(
      slice.endpoints.flatMap(({ addresses }: Loose) => addresses),
      ips,
    );
    return ips;
  };
  const until = async (wanted: readonly string[]): Promise<void> => {
    for (let i = 0; (await behind()).join() !== wanted.join(); i++) await time.advance(1_000);
  };
  await until(['192.0.2.7', '192.0.2.8']);
  // A third, which said that it lives, and then nothing more.
  await own.transact([{ kind: 'create', key: '/registry/masterleases/192.0.2.9', value: Buffer.from('{}'), ttlMs: 15_000 }]);
  await until(['192.0.2.7', '192.0.2.8', '192.0.2.9']);
  const startMs = time.monotonicMs();
  await until(['192.0.2.7', '192.0.2.8']);
  assert.ok(time.monotonicMs() - startMs <= 30_000);
  await second.stop();
  assert.deepEqual(await behind(), ['192.0.2.8']);
  await first.stop();
  assert.equal(await own.get('/registry/masterleases/192.0.2.8'), undefined);
  one.close();
  await own.close();
});

test('a server that cannot start leaves no port and no open store behind', async () => {
  const own = new MemoryStore({ clock: new SystemClock() });
  let closed = 0;
  let port = 0;
  const broken = new Proxy<Store>(own, {
    get: (target, name: keyof Store) => {
      if (name === 'transact') return () => Promise.reject(new Error('no more space'));
      if (name === 'close') return async () => void (closed += 1);
      const value: unknown = target[name];
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
  const taken = await startDevServer();
  await assert.rejects(startDevServer({ port: taken.port, store: broken }), { code: 'LISTEN' });
  port = taken.port;
  await taken.stop();
  assert.equal(closed, 1);
  await assert.rejects(startDevServer({ port, store: broken }), /no more space/);
  assert.equal(closed, 2);
  const again = await startDevServer({ port });
  assert.equal(again.port, port);
  await again.stop();
  await own.close();
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service, ServiceSpec } from '#api/kinds/core/service.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { ObjectStore } from '../objects.ts';
import { ServiceTable } from '../serviceTable.ts';
import { service, slice } from '../testing.ts';
import { NO_DOCUMENTS, readFile, updateDocuments, viewOf, type FileReading } from './documents.ts';
import type { PodEvent } from './client.ts';
import { followPods } from './pods.ts';
import { slicesOfEndpoints, slicesOfPods, withHints } from './selector.ts';
import { StandaloneSource } from './standalone.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const WEB = `apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.0.10, selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
`;
const DB = `apiVersion: v1
kind: Service
metadata: { name: db, namespace: data }
spec: { clusterIPs: [10.96.0.11, 'fd96::11'], ports: [{ port: 5432 }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: db, namespace: data }
subsets: [{ addresses: [{ ip: 10.1.0.1 }, { ip: 'fd01::1' }], notReadyAddresses: [{ ip: 10.1.0.2 }], ports: [{ port: 5432 }] }]
`;

const pod = (
  name: string,
  ip: string,
  more: { labels?: Record<string, string>; ready?: boolean; phase?: 'Succeeded' | 'Running'; ending?: boolean; port?: number } = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'default',
    labels: more.labels ?? { app: 'web' },
    ...(more.ending === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: more.port ?? 8080 }] }] },
  status: {
    phase: more.phase ?? 'Running',
    podIPs: ip.split(',').map((text) => ({ ip: text })),
    conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
  },
});

const web = (spec: Partial<ServiceSpec> = {}): Service =>
  service('web', { clusterIP: '10.96.0.10', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec });
const seen = (slices: ReturnType<typeof slicesOfPods>): string[] =>
  slices.flatMap((s) =>
    (s.endpoints ?? []).map(
      (e) =>
        `${e.addresses[0]}:${s.ports?.[0]?.port} ${[e.conditions?.ready && 'ready', e.conditions?.serving && 'serving', e.conditions?.terminating && 'ending'].filter(Boolean).join(' ')}`,
    ),
  );

for (const [sentence, given, pods, want] of [
  [
    'ready pods with the labels serve',
    web(),
    [pod('a', '10.1.0.1'), pod('b', '10.1.0.2', { labels: { app: 'other' } })],
    ['10.1.0.1:8080 ready serving'],
  ],
  ['a pod that is not ready is known and not used', web(), [pod('a', '10.1.0.1', { ready: false })], ['10.1.0.1:8080 ']],
  [
    '... unless the service publishes it',
    web({ publishNotReadyAddresses: true }),
    [pod('a', '10.1.0.1', { ready: false })],
    ['10.1.0.1:8080 ready serving'],
  ],
  ['a pod that terminates still serves', web(), [pod('a', '10.1.0.1', { ending: true })], ['10.1.0.1:8080 serving ending']],
  ['a pod that is over is none', web(), [pod('a', '10.1.0.1', { phase: 'Succeeded' })], []],
  ['a pod without an address is none yet', web(), [pod('a', '')], []],
  ['both families of a pod', web(), [pod('a', '10.1.0.1,fd01::1')], ['10.1.0.1:8080 ready serving', 'fd01::1:8080 ready serving']],
  [
    'a named port may differ from pod to pod',
    web(),
    [pod('a', '10.1.0.1'), pod('b', '10.1.0.2', { port: 9090 })],
    ['10.1.0.1:8080 ready serving', '10.1.0.2:9090 ready serving'],
  ],
  ['a pod without the named port does not serve it', web({ ports: [{ port: 80, targetPort: 'admin' }] }), [pod('a', '10.1.0.1')], []],
  [
    'the target port is the port where none is given',
    web({ ports: [{ port: 80 }] }),
    [pod('a', '10.1.0.1')],
    ['10.1.0.1:80 ready serving'],
  ],
  ['without a selector no pod is meant', web({ selector: {} }), [pod('a', '10.1.0.1')], []],
] as [string, Service, Pod[], string[]][]) {
  test(`slicesOfPods: ${sentence}`, () => assert.deepEqual(seen(slicesOfPods(given, pods, 'node-a')), want));
}

test('slicesOfEndpoints: addresses by family, ready or not', () => {
  const slices = slicesOfEndpoints(web(), {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {},
    subsets: [{ addresses: [{ ip: '10.1.0.1' }, { ip: 'fd01::1' }], notReadyAddresses: [{ ip: '10.1.0.2' }], ports: [{ port: 80 }] }],
  });
  assert.deepEqual(seen(slices), ['10.1.0.1:80 ready', '10.1.0.2:80 ', 'fd01::1:80 ready']);
});

test('withHints: trafficDistribution becomes hints where the document gives none', () => {
  const given = slice('web', {
    endpoints: [
      { addresses: ['10.1.0.1'], nodeName: 'n1', zone: 'z1' },
      { addresses: ['10.1.0.2'], hints: { forZones: [{ name: 'z9' }] } },
    ],
  });
  const hints = (trafficDistribution?: string): unknown =>
    withHints(web(trafficDistribution === undefined ? {} : { trafficDistribution }), given).endpoints?.map((e) => e.hints);
  assert.deepEqual(hints(), [undefined, { forZones: [{ name: 'z9' }] }]);
  assert.deepEqual(hints('PreferClose'), [{ forZones: [{ name: 'z1' }] }, { forZones: [{ name: 'z9' }] }]);
  assert.deepEqual(hints('PreferSameNode'), [{ forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] }, { forZones: [{ name: 'z9' }] }]);
});

test('readFile: documents are filled in as an API server would', () => {
  const read = readFile(bytes(DB));
  assert.deepEqual(read.problems, []);
  const [db] = read.objects;
  const spec = db?.kind === 'Service' ? db.object.spec : undefined;
  assert.deepEqual(
    [db?.key, spec?.clusterIP, spec?.ipFamilies, spec?.ipFamilyPolicy, spec?.ports?.[0]?.protocol],
    ['data/db', '10.96.0.11', ['IPv4', 'IPv6'], 'RequireDualStack', 'TCP'],
  );
});

test('readFile: takes what kubectl get -o yaml writes', () => {
  const read = readFile(bytes(`apiVersion: v1\nkind: List\nitems:\n- ${WEB.trim().replaceAll('\n', '\n  ')}\n`));
  assert.deepEqual(
    read.objects.map((o) => o.key),
    ['default/web'],
  );
});

for (const [text, want] of [
  [
    'kind: Service\napiVersion: v1\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.1, prots: [] }\n',
    /spec.prots: unknown field, did you mean ports\?/,
  ],
  ['kind: Pod\napiVersion: v1\n', /Pod/],
  ['a: [', /./],
  ['kind: Service\napiVersion: v1\nmetadata: { name: web }\nspec: { clusterIP: ten, ports: [{ port: 80 }] }\n', /clusterIP.*"ten"/],
  [
    'kind: Service\napiVersion: v1\nmetadata: { name: web }\nspec: { clusterIP: 10.96.0.1, ports: [{ port: 99999 }] }\n',
    /spec.ports\[0\].port.*99999/,
  ],
] as const) {
  test(`readFile: refuses ${JSON.stringify(text.slice(0, 60))} with its place`, () => {
    const read = readFile(bytes(text));
    assert.deepEqual(read.objects, []);
    const [problem] = read.problems;
    assert.match(problem?.message ?? '', want);
    assert.ok((problem?.line ?? 0) >= 1);
  });
}

test('updateDocuments: an invalid file keeps its last good objects, the first definition keeps its name', () => {
  const look = (set: typeof NO_DOCUMENTS, files: Record<string, string>, present?: string[]): typeof NO_DOCUMENTS =>
    updateDocuments(
      set,
      new Map<string, FileReading>(Object.entries(files).map(([f, t]) => [f, readFile(bytes(t))])),
      new Set(present ?? Object.keys(files)),
    );
  let set = look(NO_DOCUMENTS, { 'b.yaml': WEB });
  set = look(set, { 'b.yaml': 'nonsense: [' });
  assert.deepEqual([...viewOf(set).objects.keys()], ['Service default/web']);
  assert.equal(viewOf(set).refusals.length, 1);
  set = look(set, { 'a.yaml': WEB }, ['a.yaml', 'b.yaml']);
  assert.match(viewOf(set).refusals[0]?.problem.message ?? '', /Service default\/web is already defined by b.yaml/);
  set = look(set, {}, ['a.yaml']);
  assert.deepEqual([[...viewOf(set).objects.keys()], viewOf(set).refusals], [['Service default/web'], []]);
  assert.match(viewOf(look(NO_DOCUMENTS, { 'c.yaml': `${WEB}---\n${WEB}` })).refusals[0]?.problem.message ?? '', /in the same file/);
});

test('updateDocuments: of several documents in a file the invalid one is refused, and takes nothing away', () => {
  const look = (set: typeof NO_DOCUMENTS, text: string): typeof NO_DOCUMENTS =>
    updateDocuments(set, new Map([['a.yaml', readFile(bytes(text))]]), new Set(['a.yaml']));
  const ids = (set: typeof NO_DOCUMENTS): string[] => [...viewOf(set).objects.keys()].sort();
  const other = WEB.replace('name: web', 'name: other').replace('.10,', '.12,');
  const broken = WEB.replace('port: 80', 'port: 80000');
  const fresh = look(NO_DOCUMENTS, `${other}---\n${broken}`);
  assert.deepEqual(ids(fresh), ['Service default/other'], 'the good one counts at once');
  assert.equal(viewOf(fresh).refusals[0]?.problem.object, 'Service default/web');
  const both = look(fresh, `${other}---\n${WEB}`);
  assert.deepEqual(ids(look(both, `${other}---\n${broken}`)), ['Service default/other', 'Service default/web']);
  assert.deepEqual(ids(look(both, broken)), ['Service default/other', 'Service default/web']);
  assert.deepEqual(ids(look(look(both, broken), WEB)), ['Service default/web'], 'without a mistake the file says all');
});

function standalone(): { source: StandaloneSource; table: ServiceTable; store: ObjectStore; changes: () => number; lines: string[] } {
  const table = new ServiceTable({ name: 'node-a' });
  const store = new ObjectStore(table);
  const lines: string[] = [];
  let changes = 0;
  const source = new StandaloneSource({
    store,
    log: makeLogger({ write: (l) => lines.push(l), clock: new ManualClock() }),
    nodeName: 'node-a',
    onChange: () => {
      changes += 1;
      store.flush();
    },
  });
  return { source, table, store, changes: () => changes, lines };
}
const look = (source: StandaloneSource, files: Record<string, string>): void =>
  source.take({ readings: new Map(Object.entries(files).map(([f, t]) => [f, readFile(bytes(t))])), present: new Set(Object.keys(files)) });

test('StandaloneSource: waits for the pods when a service selects some, and follows both', () => {
  const { source, table, changes } = standalone();
  look(source, { 'web.yaml': WEB, 'db.yaml': DB });
  assert.equal(source.isComplete, false);
  assert.equal(changes(), 0);
  source.setPods([pod('a', '10.1.0.7')]);
  const endpoints = (id: string): string[] =>
    table
      .ports('IPv4')
      .get(id)
      ?.endpoints.map((e) => `${e.text} ${e.ready}`) ?? ['gone'];
  assert.deepEqual(endpoints('default/web/tcp'), ['10.1.0.7:8080 true']);
  assert.deepEqual(endpoints('data/db/tcp'), ['10.1.0.1:5432 true', '10.1.0.2:5432 false']);
  assert.equal(table.ports('IPv6').get('data/db/tcp')?.endpoints[0]?.text, '[fd01::1]:5432');
  source.setPods([pod('a', '10.1.0.7')]);
  assert.equal(changes(), 1, 'the same pods are no change');
  source.setPods([]);
  assert.deepEqual(endpoints('default/web/tcp'), []);
  look(source, { 'db.yaml': DB });
  assert.deepEqual(endpoints('default/web/tcp'), ['gone']);
});

test('StandaloneSource: a refused document is told with its place', () => {
  const { source, lines } = standalone();
  look(source, { 'web.yaml': 'kind: Service\napiVersion: v1\nmetadata: { name: web }\nspec: { prots: [] }\n' });
  assert.match(
    lines[0] ?? '',
    /^<3>Refused document object="Service default\/web" file=web.yaml:4:\d+ err="spec.prots: unknown field, did you mean ports\?" code=DOCUMENT_INVALID/,
  );
});

test('ObjectStore: a slice that changes its service leaves the old one', () => {
  const table = new ServiceTable({ name: 'node-a' });
  const store = new ObjectStore(table);
  for (const name of ['a', 'b'])
    store.setService(`default/${name}`, service(name, { clusterIP: `10.96.0.${name === 'a' ? 1 : 2}`, ports: [{ port: 80 }] }));
  const given = slice('a', { endpoints: [{ addresses: ['10.1.0.1'] }] });
  store.setSlice('default/s', given);
  store.flush();
  const count = (name: string): number | undefined => table.ports('IPv4').get(`default/${name}/tcp`)?.endpoints.length;
  assert.deepEqual([count('a'), count('b')], [1, 0]);
  store.setSlice('default/s', {
    ...given,
    metadata: {
      ...given.metadata,
      labels: { 'kubernetes.io/service-name': 'b' },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' },
    },
  });
  store.flush();
  assert.deepEqual([count('a'), count('b')], [0, 1]);
  assert.deepEqual([store.takeTriggers('default/b').length, store.takeTriggers('default/b').length], [1, 0]);
  store.setSlice('default/s', undefined);
  store.flush();
  assert.equal(count('b'), 0);
});

test('followPods: keeps what the kubelet said last while it does not answer, and gives up waiting for the first answer only', async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const stop = new AbortController();
  const got: string[] = [];
  let kubelet: { tell: (events: readonly PodEvent[]) => void; end: () => void } | undefined;
  let isThere = false;
  const running = followPods(
    {
      clock,
      log: makeLogger({ write: (l) => lines.push(l), clock }),
      watch: async (tell) => {
        if (!isThere) throw new Error('nobody there');
        const over = Promise.withResolvers<void>();
        kubelet = { tell, end: () => over.reject(new Error('away')) };
        stop.signal.addEventListener('abort', () => over.resolve());
        await over.promise;
      },
      onPods: (pods) => got.push(pods.map((p) => p.metadata.name).join()),
      onGivingUp: () => got.push('given up'),
    },
    stop.signal,
  );
  const event = (type: PodEvent['type'], name: string): PodEvent => ({ type, object: pod(name, '10.1.0.1') });
  for (let i = 0; i < 9; i++) await clock.advance(1_000);
  assert.deepEqual(got, []);
  for (let i = 0; i < 3; i++) await clock.advance(1_000);
  assert.ok(got.length >= 1 && got.every((g) => g === 'given up'));
  got.length = 0;
  isThere = true;
  await clock.advance(2_000);
  kubelet?.tell([event('ADDED', 'a')]);
  assert.deepEqual(got, [], 'not all have been told');
  kubelet?.tell([event('ADDED', 'b'), event('BOOKMARK', '')]);
  kubelet?.tell([event('MODIFIED', 'b'), event('DELETED', 'a')]);
  kubelet?.end();
  isThere = false;
  await clock.advance(2_000);
  isThere = true;
  await clock.advance(2_000);
  kubelet?.tell([event('ADDED', 'c')]);
  assert.deepEqual(got, ['a,b', 'b'], 'what it said last stays until all are told again');
  kubelet?.tell([event('BOOKMARK', '')]);
  assert.deepEqual(got, ['a,b', 'b', 'c']);
  assert.deepEqual(lines.filter((l) => l.startsWith('<6>')).length, 2);
  assert.deepEqual(lines.filter((l) => l.startsWith('<4>')).length, 2, 'told once each time it goes');
  stop.abort();
  await clock.advance(0);
  await running;
});

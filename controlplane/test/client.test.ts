/** The client against the real API server, over TLS. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { podKind } from '#api/definitions/pod.ts';
import { Namespace } from '#api/kinds/core/namespace.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { clientContract, configMaps } from '#client/contract.ts';
import { Informers } from '#client/informers.ts';
import { loadKubeconfig, parseKubeconfig } from '#client/kubeconfig.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { makeLogger } from '#base/log.ts';

const namespaces: ResourceType<Namespace> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  schema: Namespace,
};
const clock = new SystemClock();
const lines: string[] = [];
const log = makeLogger({ write: (line) => void lines.push(line), clock });
const { signal } = new AbortController();

let server: DevServer;
let client: Client;
before(async () => {
  server = await startDevServer({ tokens: [{ token: 'second', user: { name: 'second', groups: ['system:masters'] } }] });
  client = open(parseKubeconfig(server.kubeconfig));
});
after(async () => {
  client.close();
  await server.stop();
});

function open(config: ClientConfig): Client {
  return connect({ config, clock, log, userAgent: 'client-test', qps: -1 });
}

let made = 0;
async function namespace(): Promise<string> {
  const name = `test-${++made}`;
  await client.resource(namespaces).create({ metadata: { name } } as Namespace, { signal });
  return name;
}

clientContract('API server', () => ({ client, namespace }));

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-client-'));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

async function code(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => 'no error',
    (err: unknown) => codeOf(err),
  );
}

test('a certificate of another authority is refused with the next step', async () => {
  const config = parseKubeconfig(server.kubeconfig);
  const { ca: _, ...withoutCa } = config;
  const stranger = open(withoutCa);
  const err = await stranger
    .resource(namespaces)
    .list({}, { signal })
    .catch((e: unknown) => e);
  assert.equal(codeOf(err), 'API_TLS');
  assert.match((err as Error).message, /check certificate-authority/);
  stranger.close();
});

test('the name of the certificate may be another than the address, and an address too', async () => {
  const config = parseKubeconfig(server.kubeconfig);
  for (const [tlsServerName, wanted] of [
    ['kubernetes', 'no error'],
    ['127.0.0.1', 'no error'],
    ['elsewhere', 'API_TLS'],
    ['10.9.9.9', 'API_TLS'],
  ] as const) {
    const other = open({ ...config, tlsServerName });
    assert.equal(await code(other.resource(namespaces).list({}, { signal })), wanted, tlsServerName);
    other.close();
  }
});

test('nobody there, and nobody in time', async () => {
  const nobody = open({ server: 'https://127.0.0.1:1', namespace: 'default' });
  assert.equal(await code(nobody.resource(namespaces).list({}, { signal })), 'API_UNREACHABLE');
  assert.equal(await code(client.resource(namespaces).list({}, { signal, timeoutMs: 0 })), 'API_DEADLINE');
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await assert.rejects(client.resource(namespaces).list({}, { signal: stop.signal }), /enough/);
  nobody.close();
});

test('a token that is renewed in its file is taken up after the first refusal', async (t) => {
  const dir = await scratch(t);
  await writeFile(join(dir, 'token'), 'second\n');
  const { ca } = parseKubeconfig(server.kubeconfig);
  const patient = open({ server: server.url, ca: ca!, token: { kind: 'file', path: join(dir, 'token') }, namespace: 'default' });
  t.after(() => patient.close());
  const whoami = (): Promise<unknown> =>
    patient.json('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      signal,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    });
  assert.match(JSON.stringify(await whoami()), /"username":"second"/);
  // Both at once: what was read is refused now, and what is in the file is good.
  await writeFile(join(dir, 'token'), 'wrong');
  const wrong = open({ server: server.url, ca: ca!, token: { kind: 'file', path: join(dir, 'token') }, namespace: 'default' });
  t.after(() => wrong.close());
  assert.equal(await code(wrong.resource(namespaces).list({}, { signal })), 'Unauthorized');
  await writeFile(join(dir, 'token'), server.token);
  assert.equal(await code(wrong.resource(namespaces).list({}, { signal })), 'no error');
});

test('a kubeconfig with files works like one with everything in it', async (t) => {
  const dir = await scratch(t);
  const { pki } = server;
  await Promise.all([
    writeFile(join(dir, 'ca.crt'), pki.ca),
    writeFile(join(dir, 'me.crt'), pki.admin.certificate),
    writeFile(join(dir, 'me.key'), pki.admin.key),
    writeFile(
      join(dir, 'conf'),
      JSON.stringify({
        kind: 'Config',
        'current-context': 'x',
        contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
        clusters: [{ name: 'x', cluster: { server: server.url, 'certificate-authority': 'ca.crt' } }],
        users: [{ name: 'x', user: { 'client-certificate': 'me.crt', 'client-key': 'me.key' } }],
      }),
    ),
  ]);
  const other = open(await loadKubeconfig(join(dir, 'conf')));
  assert.equal(await code(other.resource(namespaces).list({}, { signal })), 'no error');
  other.close();
});

test('impersonation is what the server sees', async () => {
  const jane = open({ ...parseKubeconfig(server.kubeconfig), impersonate: { user: 'jane', groups: ['dev', 'ops'], extra: {} } });
  const answer = await jane.json('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    signal,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  const { userInfo } = (answer as { status: { userInfo: { username: string; groups: string[] } } }).status;
  assert.deepEqual([userInfo.username, userInfo.groups.slice(0, 2)], ['jane', ['dev', 'ops']]);
  assert.equal(await code(jane.resource(namespaces).list({}, { signal })), 'Forbidden');
  jane.close();
});

const pod = (ns: string, name: string): Pod => ({
  metadata: { namespace: ns, name },
  spec: { containers: [{ name: 'main', image: 'nginx' }] },
});

test('statuses, strategic patches, server-side apply and subresources', async () => {
  const ns = await namespace();
  const pods = client.resource(podKind);
  const first = await pods.create(pod(ns, 'a'), { signal });
  assert.equal(first.spec.restartPolicy, 'Always');
  const running = await pods.updateStatus({ ...first, status: { ...first.status, phase: 'Running' } }, { signal });
  assert.equal(running.status?.phase, 'Running');
  const body = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
  const ready = await pods.patch({ namespace: ns, name: 'a' }, { type: 'strategic', body, subresource: 'status' }, { signal });
  assert.deepEqual([ready.status?.phase, ready.status?.conditions?.map((c) => c.type)], ['Running', ['Ready']]);
  const maps = client.resource(configMaps);
  const apply = { metadata: { namespace: ns, name: 'm' }, data: { a: '1' } };
  await maps.apply(apply, { signal, fieldManager: 'one' });
  assert.equal(await code(maps.apply({ ...apply, data: { a: '2' } }, { signal, fieldManager: 'two' })), 'Conflict');
  const forced = await maps.apply({ ...apply, data: { a: '2' } }, { signal, fieldManager: 'two', force: true });
  assert.deepEqual(forced.data, { a: '2' });
  await pods.post({ namespace: ns, name: 'a' }, 'binding', {
    signal,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'a' }, target: { kind: 'Node', name: 'n1' } },
  });
  assert.equal((await pods.get({ namespace: ns, name: 'a' }, { signal })).spec.nodeName, 'n1');
  const dry = await maps.create({ metadata: { namespace: ns, name: 'dry' } }, { signal, dryRun: true });
  assert.equal(dry.metadata.name, 'dry');
  assert.equal(await code(maps.get({ namespace: ns, name: 'dry' }, { signal })), 'NotFound');
  await maps.deleteCollection({ namespace: ns, labelSelector: 'none=there' }, { signal });
  assert.equal((await maps.list({ namespace: ns, fieldSelector: 'metadata.name=m' }, { signal })).items.length, 1);
});

test('informers share a watch, and one that is restarted under them by the server finds its way', async (t) => {
  const ns = await namespace();
  const stop = new AbortController();
  const informers = new Informers(client, log);
  const pods = informers.for(podKind, { selection: { namespace: ns }, indexes: { node: (p) => [p.spec.nodeName ?? ''] } });
  assert.equal(informers.for(podKind, { selection: { namespace: ns } }), pods);
  const running = informers.run(stop.signal);
  t.after(async () => {
    stop.abort(new Error('test is over'));
    await running;
  });
  await informers.synced(t.signal);
  const changed = Promise.withResolvers<void>();
  pods.onChange(({ after: now }) => {
    if (now?.spec.nodeName === 'n7') changed.resolve();
  });
  await client.resource(podKind).create(pod(ns, 'a'), { signal });
  await client.resource(podKind).post({ namespace: ns, name: 'a' }, 'binding', {
    signal,
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'a' }, target: { kind: 'Node', name: 'n7' } },
  });
  await changed.promise;
  assert.deepEqual(
    pods.by('node', 'n7').map((p) => p.metadata.name),
    ['a'],
  );
});

test('nothing of all this was worth a line in the log', () => {
  assert.deepEqual(lines, []);
});

/** The real kubectl, of three ages, against one server. What each command must say stands in kubectl/rows.ts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { kubectlOf, type Age } from './kubectl/clients.ts';
import { makeKubectl, type Kubectl } from './kubectl/kit.ts';
import { ROWS, type Row } from './kubectl/rows.ts';

let server: DevServer;
let client: TestClient;
let dir: string;

before(async () => {
  server = await startDevServer();
  client = new TestClient(server);
  dir = mkdtempSync(join(tmpdir(), 'kijabi-kubectl-'));
});
after(async () => {
  client.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function pass(kubectl: Kubectl, row: Row): Promise<void> {
  const args = row.args.map((arg) => arg.replaceAll('@NS', kubectl.namespace));
  const said = await kubectl.run(args, {
    ...(row.input === undefined ? {} : { input: row.input.replaceAll('@NS', kubectl.namespace) }),
    ...(row.env === undefined ? {} : { env: row.env }),
  });
  const all = `kubectl ${args.join(' ')}\n${said.out}${said.err}`;
  assert.equal(said.code, row.code ?? 0, all);
  if (row.out !== undefined) assert.match(said.out, row.out, all);
  if (row.err !== undefined) assert.match(said.err, row.err, all);
}

async function makeEvent(namespace: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}`;
  const { uid } = ((await client.get(`${path}/pods/p1`)).json as { metadata: { uid: string } }).metadata;
  const time = new Date().toISOString().replace(/\.\d+/, '');
  const made = await client.post(`${path}/events`, {
    metadata: { name: 'p1.1' },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace, name: 'p1', uid },
    type: 'Warning',
    reason: 'FailedScheduling',
    message: 'no nodes available',
    source: { component: 'test' },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  });
  assert.equal(made.code, 201, made.text);
}

async function follow(kubectl: Kubectl): Promise<void> {
  const watching = kubectl.follow(['get', 'pods', '-w', '--no-headers']);
  try {
    await watching.says(/^p1 +0\/1 +Pending/m);
    const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], containerStatuses: [STATUS] } };
    const waiting = kubectl.run(['wait', 'pod/p1', '--for=condition=Ready', '--timeout=60s']);
    const path = `/api/v1/namespaces/${kubectl.namespace}/pods/p1`;
    const patched = await client.patch(`${path}/status`, 'merge-patch', ready);
    assert.equal(patched.code, 200, patched.text);
    await watching.says(/^p1 +1\/1 +Running/m);
    assert.match((await waiting).out, /^pod\/p1 condition met\n$/);
  } finally {
    await watching.stop();
  }
}

const STATUS = {
  name: 'p1',
  image: 'nginx',
  imageID: '',
  ready: true,
  started: true,
  restartCount: 0,
  state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
};

async function rollout(kubectl: Kubectl): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${kubectl.namespace}/deployments/ap`;
  const following = kubectl.follow(['rollout', 'status', 'deployment/ap']);
  try {
    await following.says(/Waiting for deployment spec update to be observed\.\.\./);
    const { metadata, spec } = (await client.get(path)).json as { metadata: { generation: number }; spec: { replicas: number } };
    const all = { replicas: spec.replicas, updatedReplicas: spec.replicas, readyReplicas: spec.replicas, availableReplicas: spec.replicas };
    const patched = await client.patch(`${path}/status`, 'merge-patch', { status: { observedGeneration: metadata.generation, ...all } });
    assert.equal(patched.code, 200, patched.text);
    await following.says(/deployment "ap" successfully rolled out/);
  } finally {
    await following.stop();
  }
}

/** Nobody collects garbage here, so what waits for that stays until it is let go. */
async function deletions(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl;
  const says = async (args: string, out: RegExp): Promise<void> => pass(kubectl, { what: args, args: args.split(' '), out });
  const finalizers = async (plural: string, name: string): Promise<unknown> =>
    ((await client.get(`/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`)).json as { metadata: { finalizers?: unknown } }).metadata
      .finalizers;
  const waits = kubectl.follow(['delete', 'deployment', 'web', '--cascade=foreground']);
  try {
    await waits.says(/^deployment\.apps "web" deleted/);
    assert.deepEqual(await finalizers('deployments', 'web'), ['foregroundDeletion']);
    await client.patch(`/apis/apps/v1/namespaces/${namespace}/deployments/web`, 'merge-patch', { metadata: { finalizers: null } });
    assert.equal(await waits.ended(), 0, 'it waits until the object has gone');
  } finally {
    await waits.stop();
  }
  await says('delete deployment ap --cascade=orphan --wait=false', /^deployment\.apps "ap" deleted/);
  assert.deepEqual(await finalizers('deployments', 'ap'), ['orphan']);
  await says('delete job j --cascade=background', /^job\.batch "j" deleted/);
  await says('get jobs -o name', /^$/);
  await says('delete pod p1 --grace-period=0 --force', /^pod "p1" force deleted/);
  await says('delete configmaps,secrets --all', /configmap "cm" deleted[^]*secret "s" deleted/);
  await says(`delete namespace ${namespace} --wait=false`, new RegExp(`^namespace "${namespace}" deleted`));
  await says(`get namespace ${namespace}`, /Terminating/);
}

const AGES: readonly Age[] = ['debian', '1.35', '1.36'];
/** It reads as the newest one does; to run those rows once more would cost time and tell nothing. */
const LIKE_NEWEST: Age = '1.35';

describe('kubectl', { concurrency: AGES.length }, () => {
  for (const age of AGES) {
    test(`kubectl ${age === 'debian' ? 'of Debian' : age}`, async (t) => {
      const namespace = `kubectl-${age.replace('.', '-')}`;
      const kubeconfig = server.kubeconfig.replace(/^( {4}user: .*)$/m, `$1\n    namespace: ${namespace}`);
      const kubectl = await makeKubectl({ program: await kubectlOf(age), kubeconfig, namespace, dir: join(dir, age) });
      t.diagnostic(`kubectl 1.${kubectl.minor}`);
      const run = async (rows: readonly Row[]): Promise<void> => {
        for (const row of rows) {
          if (kubectl.minor < (row.from ?? 0) || kubectl.minor > (row.until ?? Infinity)) continue;
          await t.test(row.what, () => pass(kubectl, row));
        }
      };
      await t.test('create namespace', () => pass(kubectl, { what: '', args: ['create', 'namespace', namespace], out: /created/ }));
      await run(ROWS.create);
      await t.test('an event', () => makeEvent(namespace));
      if (age !== LIKE_NEWEST) await run(ROWS.read);
      await run(ROWS.change);
      await run(ROWS.checked);
      if (age !== LIKE_NEWEST) await run(ROWS.about);
      await t.test('get -w and wait see a pod become ready', () => follow(kubectl));
      await t.test('rollout status waits for the deployment', () => rollout(kubectl));
      await t.test('delete with each cascade', () => deletions(kubectl));
    });
  }
});

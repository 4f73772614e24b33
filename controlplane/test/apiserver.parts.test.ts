/** The doors of an object beside the main one: debug containers, resources in place, bindings, evictions, finalizing. What each lets through. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const json = (answer: TestAnswer): Loose => answer.json as Loose;
const PODS = '/api/v1/namespaces/default/pods';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

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

const resources = (cpu: string): object => ({ requests: { cpu, memory: '64Mi' }, limits: { cpu, memory: '64Mi' } });

async function pod(name: string, spec: object = {}): Promise<Loose> {
  const body = {
    metadata: { name, labels: { app: name.split('-')[0] } },
    spec: { containers: [{ name: 'c', image: 'i', resources: resources('100m') }], ...spec },
  };
  const made = await client.post(PODS, body);
  assert.equal(made.code, 201, made.text);
  return json(made);
}

test('ephemeral containers are added and never changed, and nothing else comes with them', async () => {
  const made = await pod('debugged');
  const path = `${PODS}/debugged/ephemeralcontainers`;
  const debug = { name: 'debug', image: 'busybox', targetContainerName: 'c' };
  const put = (containers: readonly object[], more: object = {}): Promise<TestAnswer> =>
    client.put(path, { ...made, metadata: { name: 'debugged' }, spec: { ...made.spec, ephemeralContainers: containers, ...more } });
  const added = await put([debug], { nodeName: 'elsewhere', activeDeadlineSeconds: 5 });
  assert.equal(added.code, 200, added.text);
  assert.deepEqual([json(added).spec.nodeName, json(added).spec.activeDeadlineSeconds], [undefined, undefined]);
  assert.deepEqual(
    json(added).spec.ephemeralContainers.map((c: Loose) => [c.name, c.image, c.terminationMessagePolicy]),
    [['debug', 'busybox', 'File']],
  );
  const gone = await put([]);
  assert.deepEqual([gone.code, /existing ephemeral containers "debug" may not be removed/.test(json(gone).message)], [422, true]);
  const other = await put([{ ...debug, image: 'other' }]);
  assert.deepEqual([other.code, /existing ephemeral containers "debug" may not be changed/.test(json(other).message)], [422, true]);
  const taken = await put([json(added).spec.ephemeralContainers[0], { name: 'c', image: 'i' }]);
  assert.deepEqual([taken.code, /spec\.ephemeralContainers\[1\]\.name: Duplicate value: "c"/.test(json(taken).message)], [422, true]);
  // As kubectl debug does it.
  const patch = { spec: { ephemeralContainers: [{ name: 'second', image: 'busybox', stdin: true, tty: true }] } };
  const patched = await client.patch(path, 'strategic-merge-patch', patch);
  assert.deepEqual(
    json(patched)
      .spec.ephemeralContainers.map((c: Loose) => c.name)
      .toSorted(),
    ['debug', 'second'],
  );
  const create = await client.post(PODS, {
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'c', image: 'i' }], ephemeralContainers: [debug] },
  });
  assert.match(json(create).message, /spec\.ephemeralContainers: Forbidden: cannot be set on create/);
  assert.equal((await client.get(path)).code, 200);
});

test('resize changes cpu and memory of containers, within the class of the pod', async () => {
  const made = await pod('resized');
  const path = `${PODS}/resized/resize`;
  const resized = await client.patch(path, 'strategic-merge-patch', {
    spec: { containers: [{ name: 'c', image: 'other', resources: resources('200m') }] },
  });
  assert.equal(resized.code, 200, resized.text);
  const [container] = json(resized).spec.containers;
  assert.deepEqual([container.resources.requests.cpu, container.image], ['200m', 'i']);
  assert.equal(json(resized).metadata.generation, made.metadata.generation + 1);
  const looser = await client.patch(path, 'strategic-merge-patch', {
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '50m' } } }] },
  });
  assert.deepEqual([looser.code, /Pod QOS Class may not change as a result of resizing/.test(json(looser).message)], [422, true]);
  const more = { requests: { ...json(resized).spec.containers[0].resources.requests, 'ephemeral-storage': '1Gi' } };
  const disk = await client.patch(path, 'strategic-merge-patch', { spec: { containers: [{ name: 'c', resources: more }] } });
  assert.deepEqual([disk.code, /only cpu and memory resources are mutable/.test(json(disk).message)], [422, true]);
  const door = await client.patch(`${PODS}/resized`, 'strategic-merge-patch', {
    spec: { containers: [{ name: 'c', resources: resources('300m') }] },
  });
  assert.deepEqual([door.code, /pod updates may not change fields other than/.test(json(door).message)], [422, true]);
});

test('a binding is refused for a pod that waits, that goes, that is another, or that asks for what is no node', async () => {
  await pod('gated', { schedulingGates: [{ name: 'a.io/wait' }] });
  const bind = (name: string, body: object): Promise<TestAnswer> => client.post(`${PODS}/${name}/binding`, body);
  const target = { kind: 'Node', name: 'n1' };
  const rows: readonly (readonly [name: string, body: object, code: number, text: RegExp])[] = [
    ['gated', { target }, 409, /pod gated has non-empty \.spec\.schedulingGates/],
    ['resized', { metadata: { uid: 'other' }, target }, 409, /Precondition failed: UID in precondition: other/],
    ['resized', { target: { kind: 'Pod', name: 'n1' } }, 400, /target\.kind: Unsupported value: "Pod"/],
    ['resized', { target: { kind: 'Node' } }, 400, /target\.name: Required value/],
    ['resized', { metadata: { name: 'debugged' }, target }, 400, /name in URL does not match name in Binding object/],
    ['none', { target }, 404, /pods "none" not found/],
  ];
  for (const [name, body, code, text] of rows) {
    const answer = await bind(name, body);
    assert.equal(answer.code, code, answer.text);
    assert.match(json(answer).message, text);
  }
  const good = await bind('resized', { metadata: { annotations: { a: 'b' } }, target });
  assert.deepEqual([good.code, json(good).status], [201, 'Success']);
  const bound = json(await client.get(`${PODS}/resized`));
  assert.deepEqual([bound.spec.nodeName, bound.metadata.annotations], ['n1', { a: 'b' }]);
  // The scheduler of old clients posts to the collection of bindings.
  await pod('collected');
  const collected = await client.post('/api/v1/namespaces/default/bindings', { metadata: { name: 'collected' }, target });
  assert.equal(collected.code, 201, collected.text);
  assert.equal(json(await client.get(`${PODS}/collected`)).spec.nodeName, 'n1');
});

test('evictions: a budget that is behind, two budgets, pods that disturb nobody, dry runs and preconditions', async () => {
  const evict = (name: string, more: object = {}, query = ''): Promise<TestAnswer> =>
    client.post(`${PODS}/${name}/eviction${query}`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...more });
  const run = async (name: string, ready: boolean): Promise<void> => {
    const made = await pod(name);
    await client.post(`${PODS}/${name}/binding`, { target: { kind: 'Node', name: 'n1' } });
    const status = { ...made.status, phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
    const put = await client.put(`${PODS}/${name}/status`, { ...made, metadata: { name, labels: made.metadata.labels }, status });
    assert.equal(put.code, 200, put.text);
  };
  const budget = async (name: string, app: string, status?: object, spec: object = {}): Promise<void> => {
    const made = json(
      await client.post(BUDGETS, { metadata: { name }, spec: { minAvailable: 1, selector: { matchLabels: { app } }, ...spec } }),
    );
    if (status !== undefined) assert.equal((await client.put(`${BUDGETS}/${name}/status`, { ...made, status })).code, 200);
  };
  await run('web-1', true);
  await run('web-2', false);
  await budget('web', 'web');
  const behind = await evict('web-1');
  assert.equal(behind.code, 429);
  assert.equal(behind.headers['retry-after'], '10');
  assert.match(json(behind).details.causes[0].message, /still being processed by the server/);
  await client.delete(`${BUDGETS}/web`);
  const full = { observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 2 };
  await budget('web', 'web', full);
  assert.equal((await evict('web-1')).code, 429);
  // A pod that is not ready counts for nothing while enough others are.
  assert.equal((await evict('web-2', {}, '?dryRun=All')).code, 201);
  assert.equal((await client.get(`${PODS}/web-2`)).code, 200);
  assert.equal((await evict('web-2', { deleteOptions: { preconditions: { uid: 'other' } } })).code, 409);
  assert.equal((await evict('web-2', { deleteOptions: { gracePeriodSeconds: 'soon' } })).code, 400);
  assert.equal((await evict('web-2', { deleteOptions: 7 })).code, 400);
  assert.equal((await evict('web-2', { metadata: { name: 'web-1' } })).code, 400);
  assert.equal((await evict('web-2')).code, 201);
  assert.ok(json(await client.get(`${PODS}/web-2`)).metadata.deletionTimestamp !== undefined);
  const spent = json(await client.get(`${BUDGETS}/web`)).status;
  assert.deepEqual([spent.disruptionsAllowed, spent.disruptedPods], [0, undefined]);

  await run('twice-1', true);
  await budget('one', 'twice', { ...full, disruptionsAllowed: 1 });
  await budget('two', 'twice', { ...full, disruptionsAllowed: 1 });
  const both = await evict('twice-1');
  assert.match(json(both).message, /This pod has more than one PodDisruptionBudget, which the eviction subresource does not support\./);
  await client.delete(`${BUDGETS}/two`);
  assert.equal((await evict('twice-1')).code, 201);
  const after_ = json(await client.get(`${BUDGETS}/one`)).status;
  assert.deepEqual([after_.disruptionsAllowed, Object.keys(after_.disruptedPods)], [0, ['twice-1']]);
  const conditions = json(await client.get(`${PODS}/twice-1`)).status.conditions;
  assert.ok(conditions.some((c: Loose) => c.type === 'DisruptionTarget' && c.reason === 'EvictionByEvictionAPI'));
});

test('finalize changes the finalizers of a namespace alone', async () => {
  const made = json(await client.post('/api/v1/namespaces', { metadata: { name: 'final' } }));
  const done = await client.put('/api/v1/namespaces/final/finalize', {
    ...made,
    metadata: { ...made.metadata, labels: { x: 'y' } },
    spec: { finalizers: ['kubernetes', 'example.com/more'] },
    status: { phase: 'Terminating' },
  });
  assert.equal(done.code, 200, done.text);
  assert.deepEqual([json(done).spec.finalizers, json(done).status.phase], [['kubernetes', 'example.com/more'], 'Active']);
  // Through the main door they stay as they are.
  const main = json(await client.get('/api/v1/namespaces/final'));
  const put = json(await client.put('/api/v1/namespaces/final', { ...main, spec: { finalizers: [] } }));
  assert.deepEqual(put.spec.finalizers, ['kubernetes', 'example.com/more']);
  assert.equal((await client.get('/api/v1/namespaces/final/finalize')).code, 405);
});

test('component statuses: asked when they are asked for, and told what answers', async () => {
  const path = '/api/v1/componentstatuses';
  const all = await client.get(path);
  assert.deepEqual(
    json(all).items.map(({ metadata, conditions }: Loose) => [metadata.name, conditions[0].type]),
    ['scheduler', 'controller-manager', 'etcd-0'].map((name) => [name, 'Healthy']),
  );
  assert.match(String(all.headers['warning']), /v1 ComponentStatus is deprecated in v1\.19\+/);
  assert.deepEqual(json(await client.get(`${path}/etcd-0`)).conditions, [{ type: 'Healthy', status: 'True', message: 'ok' }]);
  assert.equal((await client.get(`${path}/other`)).code, 404);
  assert.equal((await client.delete(`${path}/etcd-0`)).code, 405);
  const table = await client.get(path, { headers: { Accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
  assert.deepEqual(json(table).rows[2].cells, ['etcd-0', 'Healthy', 'ok', '']);
});

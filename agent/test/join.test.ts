/** The kubelet under an API server: a real one, a real containerd, and the kubeconfig of `kijabi init`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { codeOf } from '#base/errors.ts';
import { startCluster, ADDRESS, type TestCluster } from './harness/cluster.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest, type TestPod } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing();
const PODS = '/api/v1/namespaces/default/pods';

void describe('a kubelet that joins an API server', skip === undefined ? {} : { skip }, () => {
  let containerd: TestContainerd;
  let cluster: TestCluster;
  let kubelet: TestKubelet;

  const podOf = (given: TestPod): object => {
    const pod = JSON.parse(manifest(given)) as { spec: object };
    return { ...pod, spec: { ...pod.spec, nodeName: 'node1' } };
  };
  const create = (given: TestPod): Promise<unknown> => cluster.json('POST', PODS, podOf(given));
  const get = async (name: string): Promise<Pod | undefined> =>
    cluster.json('GET', `${PODS}/${name}`).then(
      (pod) => pod as unknown as Pod,
      (err: unknown) => {
        if (codeOf(err) === 'NotFound') return undefined;
        throw err;
      },
    );
  const shows = (what: string, name: string, condition: (pod: Pod | undefined) => boolean): Promise<void> =>
    until(what, async () => condition(await get(name)));
  const isReady = (pod: Pod | undefined): boolean =>
    pod?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

  before(async () => {
    containerd = await startContainerd();
    cluster = await startCluster(containerd);
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await until('the service account', () =>
      cluster.json('GET', account).then(
        () => true,
        () => false,
      ),
    );
    kubelet = await startKubelet(containerd, {
      config: { authentication: { x509: { clientCAFile: join(cluster.dir, 'pki/ca.crt') } } },
      flags: ['--kubeconfig', join(cluster.dir, 'kubelet.conf'), '--node-labels', 'tier=edge,node.kubernetes.io/rack=1'],
    });
  });
  after(async () => {
    if (process.env['KIJABI_SHOW_LOGS'] !== undefined) process.stderr.write(`${kubelet?.log()}\n${cluster?.log()}\n`);
    await kubelet?.stop();
    await cluster?.stop();
    await containerd?.stop();
  });

  test('its Node is there, with what people and schedulers look for, and a Lease that is renewed', async () => {
    await until(
      'the Node',
      async () => ((await cluster.json('GET', '/api/v1/nodes')) as unknown as { items: unknown[] }).items.length === 1,
    );
    const node = (await cluster.json('GET', '/api/v1/nodes/node1')) as unknown as Node;
    const { labels } = node.metadata;
    assert.equal(labels?.['kubernetes.io/hostname'], 'node1');
    assert.equal(labels?.['tier'], 'edge');
    assert.equal(labels?.['node.kubernetes.io/rack'], '1');
    const { status } = node;
    assert.equal(status?.daemonEndpoints?.kubeletEndpoint?.Port, 10_250);
    assert.ok(
      status?.addresses?.some((a) => a.type === 'InternalIP' && a.address === ADDRESS),
      JSON.stringify(status?.addresses),
    );
    assert.match(status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\//);
    assert.ok(Number(status?.capacity?.['pods']) > 0);
    assert.ok((status?.images ?? []).length >= 2);
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node1';
    await until('the lease', () =>
      cluster.json('GET', lease).then(
        () => true,
        () => false,
      ),
    );
    const first = (await cluster.json('GET', lease)) as unknown as {
      metadata: { ownerReferences: { uid: string }[] };
      spec: { renewTime: string };
    };
    assert.equal(first.metadata.ownerReferences[0]?.uid, node.metadata.uid);
    assert.match(first.spec.renewTime, /\.\d{6}Z$/);
  });

  test('a pod runs, says so, and ends when it is deleted, with its exit code told before it is gone', async () => {
    await create({ name: 'web', script: 'trap "exit 3" TERM; sleep 3600 & wait', spec: { terminationGracePeriodSeconds: 20 } });
    await shows('web is ready', 'web', isReady);
    const pod = await get('web');
    assert.equal(pod?.status?.phase, 'Running');
    assert.equal(pod?.status?.hostIP, ADDRESS);
    assert.match(pod?.status?.podIP ?? '', /^10\.88\./);
    const seen: (string | number | undefined)[] = [];
    const stop = new AbortController();
    const resource = cluster.client.resource({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true });
    const watching = (async () => {
      const query = { namespace: 'default', fieldSelector: 'metadata.name=web', resourceVersion: pod?.metadata.resourceVersion };
      for await (const event of resource.watch(query, { signal: stop.signal })) {
        if (event.type === 'BOOKMARK') continue;
        const { status } = event.object as Pod;
        seen.push(`${event.type} ${status?.phase} ${status?.containerStatuses?.[0]?.state?.terminated?.exitCode ?? '-'}`);
        if (event.type === 'DELETED') return;
      }
    })();
    await cluster.json('DELETE', `${PODS}/web`);
    await watching;
    stop.abort();
    assert.ok(seen.includes('MODIFIED Failed 3'), seen.join(', '));
    assert.equal(seen.at(-1), 'DELETED Failed 3');
    await until('nothing of it is left', () => kubelet.log().includes('Removed pod pod=default/web'));
  });

  test('events of pods and of the node arrive', async () => {
    const { items } = (await cluster.json('GET', '/api/v1/namespaces/default/events')) as unknown as {
      items: { reason: string; involvedObject: { name: string; fieldPath?: string }; source: { component: string; host: string } }[];
    };
    const of = (name: string): string[] => items.filter((e) => e.involvedObject.name === name).map((e) => e.reason);
    for (const reason of ['Pulled', 'Created', 'Started', 'Killing']) assert.ok(of('web').includes(reason), of('web').join());
    for (const reason of ['Starting', 'NodeReady']) assert.ok(of('node1').includes(reason), of('node1').join());
    assert.deepEqual(items[0]?.source, { component: 'kubelet', host: 'node1' });
  });

  test('a static pod has a mirror; deleted it comes back and the pod stays; it goes when the manifest goes', async () => {
    kubelet.apply('s.yaml', manifest({ name: 'static' }));
    await shows('the mirror says Running', 'static-node1', (pod) => pod?.status?.phase === 'Running');
    const mirror = await get('static-node1');
    const { annotations = {}, ownerReferences } = mirror?.metadata ?? {};
    assert.equal(annotations['kubernetes.io/config.mirror'], annotations['kubernetes.io/config.hash']);
    assert.equal(annotations['kubernetes.io/config.source'], 'file');
    assert.deepEqual([ownerReferences?.[0]?.kind, ownerReferences?.[0]?.name, ownerReferences?.[0]?.controller], ['Node', 'node1', true]);
    const id = mirror?.status?.containerStatuses?.[0]?.containerID;
    await cluster.json('DELETE', `${PODS}/static-node1`);
    await shows('another mirror', 'static-node1', (pod) => pod !== undefined && pod.metadata.uid !== mirror?.metadata.uid && isReady(pod));
    assert.equal((await get('static-node1'))?.status?.containerStatuses?.[0]?.containerID, id, 'the container was not touched');
    kubelet.apply('s.yaml', manifest({ name: 'static', labels: { v: '2' } }));
    await shows('a mirror of the edited pod', 'static-node1', (pod) => pod?.metadata.labels?.['v'] === '2' && isReady(pod));
    assert.notEqual((await get('static-node1'))?.status?.containerStatuses?.[0]?.containerID, id);
    kubelet.remove('s.yaml');
    await shows('no mirror', 'static-node1', (pod) => pod === undefined);
  });
});

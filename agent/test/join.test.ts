/** The kubelet under an API server: a real one, a real containerd, and the kubeconfig of `kijabi init`. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { parse } from 'yaml';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { codeOf } from '#base/errors.ts';
import { missingPackages, TEST_PACKAGES } from '../host/packages.ts';
import { ADDRESS, bootstrapKubeconfig, startCluster, type TestCluster } from './harness/cluster.ts';
import { makeDocumented } from './harness/documentedApi.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest, type TestPod } from './harness/manifest.ts';
import { until } from './harness/until.ts';
import { makeWallClock, type WallClock } from './harness/wallClock.ts';

const skip =
  missing() ?? (missingPackages(TEST_PACKAGES.filter((p) => p.package === 'faketime')).length > 0 ? 'needs faketime' : undefined);
/** Of the certificates that the cluster signs: long beside all that happens here. */
const LIFE_SECONDS = 36_000;
const DAY_SECONDS = 86_400;
const PODS = '/api/v1/namespaces/default/pods';

void describe('a kubelet that joins an API server', skip === undefined ? {} : { skip }, () => {
  let containerd: TestContainerd;
  let cluster: TestCluster;
  let kubelet: TestKubelet;
  let proxy: ReturnType<typeof startProxy>;
  let kubeconfig: string;
  /** Of the two daemons, which see them move while they run; nobody waits for a certificate to grow old. */
  let clocks: { readonly server: WallClock; readonly kubelet: WallClock };
  let atSeconds = 0;
  const letPass = (seconds: number): void => {
    atSeconds += seconds;
    clocks.server.set(atSeconds);
    clocks.kubelet.set(atSeconds);
  };

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

  const csrs = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  interface Csr {
    metadata: { name: string };
    spec: { signerName: string; username?: string };
    status?: { certificate?: string; conditions?: { type: string }[] };
  }
  const list = async (): Promise<Csr[]> => ((await cluster.json('GET', csrs)) as unknown as { items: Csr[] }).items;
  const approve = async (): Promise<void> => {
    for (const csr of (await list()).filter(
      (c) => c.spec.signerName === 'kubernetes.io/kubelet-serving' && c.status?.conditions === undefined,
    )) {
      const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'a person' }];
      await cluster.json('PUT', `${csrs}/${csr.metadata.name}/approval`, { ...csr, status: { conditions } });
    }
  };

  before(async () => {
    containerd = await startContainerd();
    clocks = { server: makeWallClock(containerd.dir, 'server'), kubelet: makeWallClock(containerd.dir, 'kubelet') };
    const controllerFlags = [`--cluster-signing-duration=${LIFE_SECONDS}s`];
    cluster = await startCluster(containerd, { controllerFlags, audit: true, env: clocks.server.env });
    proxy = startProxy(containerd, cluster);
    const bootstrap = await bootstrapKubeconfig(cluster);
    kubeconfig = join(containerd.dir, 'joined.conf');
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await until('the service account', () =>
      cluster.json('GET', account).then(
        () => true,
        () => false,
      ),
    );
    // Long before the pod that is told of it begins.
    await cluster.json('POST', '/api/v1/namespaces/default/services', { metadata: { name: 'db' }, spec: { ports: [{ port: 5432 }] } });
    const { staticPodPath: _, ...made } = parse(readFileSync(join(cluster.dir, 'kubelet.yaml'), 'utf8')) as Record<string, unknown>;
    kubelet = await startKubelet(containerd, {
      config: { ...made, serverTLSBootstrap: true },
      flags: ['--kubeconfig', kubeconfig, '--bootstrap-kubeconfig', bootstrap, '--node-labels', 'tier=edge,node.kubernetes.io/rack=1'],
      env: clocks.kubelet.env,
    });
  });
  after(async () => {
    if (process.env['KIJABI_SHOW_LOGS'] !== undefined) process.stderr.write(`${kubelet?.log()}\n${cluster?.log()}\n`);
    await kubelet?.stop();
    proxy?.kill();
    await proxy;
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

  test('a readiness gate: the pod is ready when somebody says so, and the condition of that somebody stays', async () => {
    const conditionType = 'example.com/traffic';
    await create({ name: 'gated', spec: { readinessGates: [{ conditionType }] } });
    const ready = (pod: Pod | undefined) => pod?.status?.conditions?.find((c) => c.type === 'Ready');
    await shows('the gate is shut', 'gated', (pod) => ready(pod)?.reason === 'ReadinessGatesNotReady');
    const containers = (await get('gated'))?.status?.conditions?.find((c) => c.type === 'ContainersReady');
    assert.equal(containers?.status, 'True');
    const say = (status: string): Promise<unknown> =>
      cluster.json(
        'PATCH',
        `${PODS}/gated/status`,
        { status: { conditions: [{ type: conditionType, status }] } },
        'application/strategic-merge-patch+json',
      );
    await say('True');
    await shows('it is ready', 'gated', isReady);
    await say('False');
    await shows(
      'it is not',
      'gated',
      (pod) => ready(pod)?.message === `the status of pod readiness gate "${conditionType}" is not "True", but False`,
    );
    assert.ok((await get('gated'))?.status?.conditions?.some((c) => (c.type as string) === conditionType && c.status === 'False'));
    await cluster.json('DELETE', `${PODS}/gated`);
  });

  test('events of pods and of the node arrive', async () => {
    const { items } = (await cluster.json('GET', '/api/v1/namespaces/default/events')) as unknown as {
      items: { reason: string; involvedObject: { name: string; fieldPath?: string }; source: { component: string; host: string } }[];
    };
    const of = (name: string): string[] => items.filter((e) => e.involvedObject.name === name).map((e) => e.reason);
    for (const reason of ['Pulled', 'Created', 'Started', 'Killing']) assert.ok(of('web').includes(reason), of('web').join());
    for (const reason of ['Starting', 'NodeAllocatableEnforced', 'NodeReady']) assert.ok(of('node1').includes(reason), of('node1').join());
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

  test('config maps, secrets and tokens are in its files and variables; services are named, unless the pod wants neither', async () => {
    const data = (value: string) => ({ data: { k: value } });
    await cluster.json('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'conf' }, ...data('one') });
    await cluster.json('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 'sec' }, stringData: { s: 'hidden' } });
    const script =
      'echo "env=$FROM host=$KUBERNETES_SERVICE_HOST db=$DB_SERVICE_PORT"; cat /sec/s; echo; cut -c1-2 /var/run/secrets/kubernetes.io/serviceaccount/token; ' +
      'while true; do cat /conf/k; sleep 0.2; done';
    await create({
      name: 'files',
      script,
      container: {
        env: [{ name: 'FROM', valueFrom: { configMapKeyRef: { name: 'conf', key: 'k' } } }],
        volumeMounts: [
          { name: 'conf', mountPath: '/conf' },
          { name: 'sec', mountPath: '/sec' },
        ],
      },
      spec: {
        volumes: [
          { name: 'conf', configMap: { name: 'conf' } },
          { name: 'sec', secret: { secretName: 'sec' } },
        ],
      },
    });
    await create({
      name: 'plain',
      script: 'echo "host=$KUBERNETES_SERVICE_HOST db=$DB_SERVICE_PORT"; ls /var/run/secrets 2>&1; echo end; exec sleep 3600',
      spec: { automountServiceAccountToken: false, enableServiceLinks: false },
    });
    for (const name of ['files', 'plain']) await shows('it is ready', name, isReady);
    const log = (pod: string): string => {
      const dir = readdirSync(kubelet.podLogs).find((name) => name.startsWith(`default_${pod}_`)) ?? '';
      return readFileSync(join(kubelet.podLogs, dir, 'c/0.log'), 'utf8');
    };
    for (const text of [/env=one host=10\.96\.0\.1 db=5432\n/, /hidden/, / ey\n/])
      await until(`it says ${text}`, () => text.test(log('files')));
    await until('the other said all', () => / end\n/.test(log('plain')));
    assert.match(log('plain'), /host=10\.96\.0\.1 db=\n/, 'the API server is named all the same');
    assert.match(log('plain'), /\/var\/run\/secrets: No such file or directory/);
  });

  test('what a kubelet may not do is refused, with its own certificate', async () => {
    const own = await cluster.clientOf(kubeconfig);
    const { signal } = new AbortController();
    const secret = (name: string) => ({ metadata: { name }, stringData: { a: 'b' } });
    await cluster.json('POST', '/api/v1/namespaces/default/secrets', secret('unused'));
    await cluster.json('POST', '/api/v1/nodes', { metadata: { name: 'node2' } });
    const other = { ...podOf({ name: 'elsewhere' }) } as { spec: object };
    await cluster.json('POST', PODS, { ...other, spec: { ...other.spec, nodeName: 'node2' } });
    const asked = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<string> =>
      own
        .json(method, path, {
          signal,
          ...(body === undefined ? {} : { body, ...(method === 'PATCH' ? { type: 'application/merge-patch+json' } : {}) }),
        })
        .then(
          () => 'allowed',
          (err: unknown) => codeOf(err) ?? String(err),
        );
    for (const [want, method, path, body] of [
      ['allowed', 'GET', '/api/v1/namespaces/default/secrets/sec'],
      ['Forbidden', 'GET', '/api/v1/namespaces/default/secrets/unused'],
      ['Forbidden', 'GET', '/api/v1/namespaces/default/secrets'],
      ['Forbidden', 'GET', '/api/v1/namespaces/default/configmaps'],
      ['allowed', 'GET', '/api/v1/nodes/node1'],
      ['Forbidden', 'PATCH', '/api/v1/nodes/node2', { metadata: { labels: { a: 'b' } } }],
      ['Forbidden', 'PATCH', '/api/v1/nodes/node2/status', { status: { phase: 'Running' } }],
      ['Forbidden', 'DELETE', '/api/v1/nodes/node2'],
      ['Forbidden', 'PATCH', '/api/v1/nodes/node1', { metadata: { labels: { 'node-restriction.kubernetes.io/a': 'b' } } }],
      [
        'Forbidden',
        'PATCH',
        '/api/v1/nodes/node1',
        { spec: { taints: [], unschedulable: true, podCIDR: '10.0.0.0/8' }, metadata: { labels: { 'kubernetes.io/x': 'y' } } },
      ],
      ['Forbidden', 'PATCH', `${PODS}/elsewhere/status`, { status: { phase: 'Failed' } }],
      ['Forbidden', 'DELETE', `${PODS}/elsewhere`],
      ['Forbidden', 'POST', PODS, podOf({ name: 'mine' })],
      ['Forbidden', 'GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node2'],
      [
        'Forbidden',
        'POST',
        '/api/v1/namespaces/default/serviceaccounts/default/token',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
      ],
      ['Forbidden', 'POST', '/api/v1/namespaces/default/pods/files/exec?command=id'],
      ['Forbidden', 'GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles'],
    ] as const)
      assert.equal(await asked(method, path, body), want, `${method} ${path}`);
    await cluster.json('DELETE', `${PODS}/elsewhere?gracePeriodSeconds=0`);
    await cluster.json('DELETE', '/api/v1/nodes/node2');
  });

  test('the server is killed and away for five minutes; pods go on, end, begin again, manifests change; then the truth arrives, once', async () => {
    await create({
      name: 'crash',
      script: 'test -f /tmp/once || { touch /tmp/once; }; sleep 3600',
      container: { restartPolicy: 'Always' },
    });
    await shows('crash is ready', 'crash', isReady);
    kubelet.apply('old.yaml', manifest({ name: 'old' }));
    await shows('the mirror of old', 'old-node1', isReady);
    const before = await get('files');
    const said = kubelet.log().length;
    await cluster.kill('SIGKILL');
    const told = cluster.audit().length;
    letPass(300);
    const since = (): string => kubelet.log().slice(said);
    const killed = async (name: string): Promise<void> => {
      const pod = (await kubelet.pods()).find((p) => p.metadata.name === name);
      const id = pod?.status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
      await containerd.ctr(['tasks', 'kill', '--signal', 'SIGKILL', id]);
    };
    await killed('crash');
    const restarts = (name: string) => async (): Promise<boolean> =>
      ((await kubelet.pods()).find((p) => p.metadata.name === name)?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1 &&
      (await kubelet.pods()).find((p) => p.metadata.name === name)?.status?.phase === 'Running';
    await until('crash runs again without a server', restarts('crash'));
    kubelet.remove('old.yaml');
    kubelet.apply('new.yaml', manifest({ name: 'new' }));
    await until('new runs without a server', async () => (await kubelet.pod('new'))?.status?.phase === 'Running');
    await until('old is gone without a server', async () => (await kubelet.pod('old')) === undefined);
    await until('the kubelet has said so', () => since().includes('Cannot work with the API server, pods go on as they are'));
    await cluster.start();
    await shows('the mirror of new', 'new-node1', isReady);
    await shows('no mirror of old', 'old-node1', (pod) => pod === undefined);
    await shows('the restart', 'crash', (pod) => (pod?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
    assert.equal((await get('files'))?.status?.containerStatuses?.[0]?.containerID, before?.status?.containerStatuses?.[0]?.containerID);
    const lines = since()
      .split('\n')
      .filter((line) => line.includes('Cannot work with the API server, pods go on'));
    assert.deepEqual(lines, [...new Set(lines)], 'one line for the outage, and one for each cause that comes to it');
    assert.match(since(), /Works with the API server again/);
    const events = async (): Promise<number> => {
      const { items } = (await cluster.json('GET', '/api/v1/namespaces/default/events')) as unknown as {
        items: { reason: string; count?: number; involvedObject: { name: string } }[];
      };
      return items.filter((e) => e.involvedObject.name === 'crash' && e.reason === 'Started').reduce((n, e) => n + (e.count ?? 1), 0);
    };
    await until('the event of its second start', async () => (await events()) === 2);
    const asked = cluster.audit().slice(told);
    // A server that has just begun refuses some: those are asked again.
    const did = (verb: string, uri: string) =>
      asked
        .filter((a) => a.verb === verb && a.user.username === 'system:node:node1' && a.requestURI.split('?')[0] === uri)
        .map((a) => a.responseStatus?.code ?? 0)
        .filter((code) => code !== 403 && code < 429);
    assert.deepEqual(
      { made: did('create', PODS), removed: did('delete', `${PODS}/old-node1`), told: did('patch', `${PODS}/crash/status`) },
      { made: [201], removed: [200], told: [200] },
    );
  });

  test('the kubelet is killed and started again: nothing is touched, and a pod deleted meanwhile ends', async () => {
    const [files, mirror] = await Promise.all([get('files'), get('new-node1')]);
    await kubelet.kill('SIGKILL');
    await cluster.json('DELETE', `${PODS}/crash`);
    await kubelet.start();
    await shows('crash is gone', 'crash', (pod) => pod === undefined);
    for (const [name, was] of [
      ['files', files],
      ['new-node1', mirror],
    ] as const) {
      const now = await get(name);
      assert.equal(now?.metadata.uid, was?.metadata.uid);
      assert.equal(now?.status?.containerStatuses?.[0]?.containerID, was?.status?.containerStatuses?.[0]?.containerID);
    }
  });

  test('mirror pods while server and kubelet come and go and manifests change: one each, of the containers that were there', async () => {
    const names = ['keep', 'edit', 'drop'];
    const text = (name: string, v: string): string => manifest({ name, labels: { v } });
    for (const name of names) kubelet.apply(`${name}.yaml`, text(name, '1'));
    for (const name of names) await shows(`the mirror of ${name}`, `${name}-node1`, isReady);
    const edited = (v: string) =>
      shows(`the mirror of edit, version ${v}`, 'edit-node1', (pod) => pod?.metadata.labels?.['v'] === v && isReady(pod));
    const identity = async (name: string) => {
      const pod = await get(`${name}-node1`);
      const id = pod?.status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
      return { uid: pod?.metadata.uid, id, pid: await processOf(containerd, id) };
    };
    const [keep, drop] = [await identity('keep'), await identity('drop')];
    assert.ok(Number(keep.pid) > 0 && keep.uid !== undefined, JSON.stringify(keep));

    await cluster.kill('SIGKILL');
    await cluster.start();
    kubelet.apply('edit.yaml', text('edit', '2'));
    await edited('2'); // so it follows the server again
    assert.deepEqual([await identity('keep'), await identity('drop')], [keep, drop]);

    await cluster.kill('SIGKILL');
    await kubelet.kill('SIGKILL');
    kubelet.apply('edit.yaml', text('edit', '3'));
    kubelet.remove('drop.yaml');
    await kubelet.start();
    await until('it runs what the manifests say without a server', async () => {
      const [now, gone] = [await kubelet.pod('edit'), await kubelet.pod('drop')];
      return gone === undefined && now?.metadata.labels?.['v'] === '3' && now.status?.phase === 'Running';
    });
    await cluster.start();
    await edited('3');
    await shows('no mirror of drop', 'drop-node1', (pod) => pod === undefined);
    assert.deepEqual(await identity('keep'), keep);
    const ran = (await kubelet.pod('edit'))?.status?.containerStatuses?.[0]?.containerID;
    assert.equal(`containerd://${(await identity('edit')).id}`, ran);
    for (const [name, count] of [
      ['keep', 1],
      ['edit', 1],
      ['drop', 0],
    ] as const)
      await until(`${count} sandboxes of ${name}`, async () => (await sandboxesOf(containerd, `${name}-node1`)) === count);
  });

  test('one to serve with is given once a person approved it; both are renewed before they end, with no gap for who asks for logs', async () => {
    const current = (name: string): string => readFileSync(join(kubelet.rootDir, `pki/kubelet-${name}-current.pem`), 'utf8');
    assert.match(readFileSync(kubeconfig, 'utf8'), /client-certificate: .*kubelet-client-current\.pem/);
    const waiting = (await list()).filter((c) => c.spec.signerName === 'kubernetes.io/kubelet-serving');
    assert.ok(waiting.length > 0 && waiting.every((c) => c.status?.certificate === undefined), 'nobody approves those by itself');
    const logs = (): Promise<string> =>
      cluster.client.text('GET', `${PODS}/files/log?tailLines=1`, { signal: new AbortController().signal });
    await assert.rejects(logs(), /certificate/, 'what it signed for itself is not believed');
    await until('a certificate to serve with', async () => {
      await approve();
      return logs().then(
        () => true,
        () => false,
      );
    });
    const [client, server] = [current('client'), current('server')];
    const failures: unknown[] = [];
    let asked = 0;
    const stop = new AbortController();
    const asking = (async () => {
      for (; !stop.signal.aborted; asked += 1) await logs().catch((err: unknown) => failures.push(err));
    })();
    letPass(0.92 * LIFE_SECONDS);
    await until('both are new', async () => {
      await approve();
      return current('client') !== client && current('server') !== server;
    });
    const served = async (): Promise<string> => {
      const argv = ['openssl', 's_client', '-connect', `${ADDRESS}:10250`] as const;
      const { stdout } = await execa('nsenter', [`--net=/run/netns/${containerd.netns}`, ...argv], { input: '', reject: false });
      return /-----BEGIN[^]*?END CERTIFICATE-----/.exec(stdout)?.[0] ?? '';
    };
    await until('the new one is served', async () => current('server').startsWith(await served()));
    const then = asked;
    await until('and believed', () => asked > then + 5);
    stop.abort();
    await asking;
    assert.deepEqual(failures, []);
    const mine = (await list()).filter((c) => c.spec.signerName === 'kubernetes.io/kube-apiserver-client-kubelet');
    assert.deepEqual(
      mine.map((c) => `${c.spec.username} ${c.status?.certificate !== undefined}`).toSorted(),
      ['system:bootstrap:abcdef true', 'system:node:node1 true'],
      'the token was used once, the node asked for the rest by itself',
    );
  });

  for (const [what, days, says] of [
    ['slow', -400, /our client certificate begins on \S+: is the clock right\?/],
    ['fast', 400, /our client certificate ended on \S+: renew it .*, or set the clock/],
  ] as const)
    test(`a clock that is ${what} by ${Math.abs(days)} days: one line that says so, no pod is touched, and all is well when it is right again`, async () => {
      const before = await get('files');
      const said = kubelet.log().length;
      const since = (): string => kubelet.log().slice(said);
      clocks.kubelet.set(atSeconds + days * DAY_SECONDS);
      // What is open stays open: who may speak to whom is looked at when they meet.
      await cluster.kill('SIGKILL');
      await cluster.start();
      await until('it says what is wrong', () => says.test(since()));
      clocks.kubelet.set(atSeconds);
      await until('it works again', () => since().includes('Works with the API server again'));
      await create({ name: `after-${what}` });
      await shows('another pod runs', `after-${what}`, isReady);
      assert.equal((await get('files'))?.status?.containerStatuses?.[0]?.containerID, before?.status?.containerStatuses?.[0]?.containerID);
      const lines = since()
        .split('\n')
        .filter((line) => says.test(line));
      assert.equal(lines.length, 1, lines.join('\n'));
    });

  test('kubelet and proxy asked for nothing but what upstream documents', () => {
    const undocumented = makeDocumented();
    const asked = cluster.audit().filter(({ user }) => /^system:(node|bootstrap|kube-proxy)/.test(user.username));
    for (const who of ['system:node:node1', 'system:bootstrap:abcdef', 'system:kube-proxy'])
      assert.ok(
        asked.some(({ user }) => user.username === who),
        who,
      );
    const strange = asked.flatMap(({ verb, requestURI }) => undocumented(METHODS[verb] ?? verb, requestURI) ?? []);
    assert.deepEqual([...new Set(strange)], []);
  });
});

/** Verbs of the API, and how they are asked. */
const METHODS: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** undefined: it does not run. */
async function processOf(containerd: TestContainerd, id: string): Promise<string | undefined> {
  const stdout = await containerd.ctr(['tasks', 'ls']);
  return new RegExp(`^${id} +(\\d+) +RUNNING`, 'm').exec(stdout)?.[1];
}

async function sandboxesOf(containerd: TestContainerd, pod: string): Promise<number> {
  const filter = `labels."io.kubernetes.pod.name"==${pod},labels."io.cri-containerd.kind"==sandbox`;
  const stdout = await containerd.ctr(['containers', 'ls', '-q', filter]);
  return stdout.split('\n').filter((line) => line !== '').length;
}

/** The service proxy beside the kubelet, with the configuration of `kijabi init`, which leaves the host's settings alone. */
function startProxy(containerd: TestContainerd, cluster: TestCluster) {
  const made = parse(readFileSync(join(cluster.dir, 'kube-proxy.yaml'), 'utf8')) as object;
  const config = join(containerd.dir, 'kube-proxy.json');
  writeFileSync(config, JSON.stringify({ ...made, conntrack: { maxPerCore: 0 }, oomScoreAdj: 0 }));
  const program = new URL('../kube-proxy/kube-proxy', import.meta.url).pathname;
  const args = ['--config', config, '--hostname-override', 'node1', '--socket', join(containerd.dir, 'kube-proxy.sock')];
  return execa('nsenter', [`--net=/run/netns/${containerd.netns}`, program, ...args], { stdin: 'ignore', all: true, reject: false });
}

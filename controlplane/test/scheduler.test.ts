/** The scheduler with a real API server, in this process, with the rights of system:kube-scheduler and no others. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { makeScheduler, type RunningScheduler } from '../scheduler/run.ts';

const TOKEN = 'the-scheduler';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}
interface PodSeen {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly conditions?: readonly Condition[]; readonly nominatedNodeName?: string };
}
interface EventSeen {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
  readonly reportingComponent: string;
}

void describe('scheduler', () => {
  const clock = new SystemClock();
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  let server: DevServer;
  let client: TestClient;
  let ns = '';
  let namespaces = 0;

  before(async () => {
    server = await startDevServer({ tokens: [{ token: TOKEN, user: { name: 'system:kube-scheduler', groups: [] } }] });
    client = new TestClient(server);
  });
  after(async () => {
    client?.close();
    await server?.stop();
    assert.deepEqual(
      lines.filter((line) => /^<[34]>/.test(line)),
      [],
    );
  });
  beforeEach(async () => {
    // What others left would take room on nodes of the same name.
    if (ns !== '') await client.send('DELETE', `${ns}/pods`, { body: { gracePeriodSeconds: 0 } });
    for (const name of await nodeNames()) await client.delete(`/api/v1/nodes/${name}`);
    ns = `/api/v1/namespaces/t${++namespaces}`;
    assert.equal((await client.post('/api/v1/namespaces', { metadata: { name: `t${namespaces}` } })).code, 201);
  });

  const nodeNames = async (): Promise<string[]> =>
    ((await client.get('/api/v1/nodes')).json as { items: { metadata: { name: string } }[] }).items.map((n) => n.metadata.name);
  const node = async (name: string, { cpu = '2', ...more }: { cpu?: string; taints?: object[]; labels?: object } = {}): Promise<void> => {
    const { labels = {}, ...spec } = more;
    const made = await client.post('/api/v1/nodes', { metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } }, spec });
    assert.equal(made.code, 201, made.text);
    const allocatable = { cpu, memory: '4Gi', pods: '110' };
    const said = await client.patch(`/api/v1/nodes/${name}/status`, 'merge-patch', { status: { capacity: allocatable, allocatable } });
    assert.equal(said.code, 200, said.text);
    // A new node is not ready; whoever looks after nodes takes that taint away.
    await client.patch(`/api/v1/nodes/${name}`, 'merge-patch', { spec: { taints: more.taints ?? null } });
  };
  const pod = async (name: string, { cpu = '0', ...spec }: { cpu?: string; [field: string]: unknown } = {}): Promise<PodSeen> => {
    const made = await client.post(`${ns}/pods`, {
      metadata: { name, labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'app', resources: { requests: { cpu } } }], ...spec },
    });
    assert.equal(made.code, 201, made.text);
    return made.json as PodSeen;
  };
  const seen = async (name: string): Promise<PodSeen | undefined> => {
    const { code, json } = await client.get(`${ns}/pods/${name}`);
    return code === 200 ? (json as PodSeen) : undefined;
  };
  const nodeOf = async (name: string): Promise<string | undefined> => (await seen(name))?.spec.nodeName;
  const condition = async (name: string): Promise<Condition | undefined> =>
    (await seen(name))?.status.conditions?.find((c) => c.type === 'PodScheduled');
  const eventsOf = async (name: string): Promise<EventSeen[]> =>
    ((await client.get(`${ns}/events`)).json as { items: EventSeen[] }).items.filter((e) => e.involvedObject.name === name);
  const told = async (name: string): Promise<string[]> =>
    (await eventsOf(name)).map((e) => `${e.reportingComponent} ${e.type} ${e.reason} ${e.message}`);

  async function withScheduler<T>(use: (scheduler: RunningScheduler) => Promise<T>, options: object = {}): Promise<T> {
    const life = new AbortController();
    const config = { ...parseKubeconfig(server.kubeconfig), token: { kind: 'text' as const, text: TOKEN } };
    const own = connect({ config, clock, log, userAgent: 'kube-scheduler', qps: -1 });
    const scheduler = makeScheduler({
      client: own,
      eventClient: own,
      host: 'test',
      clock,
      log,
      random: Math.random,
      initialBackoffMs: 10,
      maxBackoffMs: 50,
      ...options,
    });
    const running = Promise.all([scheduler.follow(life.signal), scheduler.lead(life.signal).catch(() => undefined)]);
    try {
      return await use(scheduler);
    } finally {
      life.abort();
      await running;
      own.close();
    }
  }

  test('pods get nodes with room, and say so; one without waits until there is some', async () => {
    await Promise.all([node('a'), node('b')]);
    await withScheduler(async () => {
      await Promise.all([pod('one', { cpu: '1500m' }), pod('two', { cpu: '1500m' })]);
      await until('both are placed', async () => (await nodeOf('one')) !== undefined && (await nodeOf('two')) !== undefined);
      assert.notEqual(await nodeOf('one'), await nodeOf('two'));
      const [, name = ''] = /(t\d+)$/.exec(ns) ?? [];
      await until('its event', async () => (await told('one')).length > 0);
      assert.deepEqual(await told('one'), [
        `default-scheduler Normal Scheduled Successfully assigned ${name}/one to ${await nodeOf('one')}`,
      ]);
      assert.equal((await condition('one'))?.status, 'True');

      await pod('three', { cpu: '1' });
      const why =
        '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.';
      await until('it says why', async () => (await condition('three'))?.message === why);
      assert.equal((await condition('three'))?.reason, 'Unschedulable');
      await until('its event', async () => (await told('three')).includes(`default-scheduler Warning FailedScheduling ${why}`));
      await client.delete(`${ns}/pods/one`);
      await until('there is room', async () => (await nodeOf('three')) !== undefined);
    });
  });

  test('no nodes at all, then one with a taint, then without', async () => {
    await withScheduler(async () => {
      await pod('p');
      await until('no node', async () => (await condition('p'))?.message === 'no nodes available to schedule pods');
      await node('a', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] });
      const why =
        '0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
      await pod('q');
      await until('the taint', async () => (await condition('q'))?.message === why);
      await client.patch('/api/v1/nodes/a', 'merge-patch', { spec: { taints: null } });
      await until('both', async () => (await nodeOf('p')) === 'a' && (await nodeOf('q')) === 'a');
    });
  });

  test('gates hold a pod back, other schedulers keep theirs', async () => {
    await node('a');
    await withScheduler(async ({ queue }) => {
      await pod('gated', { schedulingGates: [{ name: 'example.com/wait' }] });
      await pod('other', { schedulerName: 'mine' });
      await pod('plain');
      await until('the plain one', async () => (await nodeOf('plain')) === 'a');
      assert.equal((await condition('gated'))?.reason, 'SchedulingGated');
      assert.equal(queue.count('gated'), 1);
      await client.patch(`${ns}/pods/gated`, 'merge-patch', { spec: { schedulingGates: null } });
      await until('the gate is gone', async () => (await nodeOf('gated')) === 'a');
      assert.equal(await nodeOf('other'), undefined);
    });
  });

  test('a more important pod pushes the least important out, and gets its place', async () => {
    await node('a');
    const classOf = async (name: string, value: number): Promise<void> => {
      const made = await client.post('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, value });
      assert.ok([201, 409].includes(made.code), made.text);
    };
    await Promise.all([classOf('low', 1), classOf('mid', 5), classOf('high', 10)]);
    await withScheduler(async () => {
      await pod('mid', { cpu: '1', priorityClassName: 'mid' });
      await pod('low', { cpu: '1', priorityClassName: 'low' });
      await until('both', async () => (await nodeOf('mid')) === 'a' && (await nodeOf('low')) === 'a');
      const high = await pod('high', { cpu: '1', priorityClassName: 'high' });
      // There is no kubelet: the victim is gone when it says so.
      await until(
        'it is leaving',
        async () => (await seen('low'))?.metadata.deletionTimestamp !== undefined || (await seen('low')) === undefined,
      );
      await client.send('DELETE', `${ns}/pods/low`, { body: { gracePeriodSeconds: 0 } });
      await until('it is placed', async () => (await nodeOf('high')) === 'a');
      await until('its event', async () => (await told('low')).some((t) => t.includes('Preempted')));
      assert.ok((await told('low')).includes(`default-scheduler Normal Preempted Preempted by pod ${high.metadata.uid} on node a`));
      assert.equal(await nodeOf('mid'), 'a');
      assert.match((await told('high')).join('\n'), /FailedScheduling 0\/1 nodes are available: 1 Insufficient cpu\.$/m);
    });
  });

  test('a claim that waits for its first pod gets the volume of a node, and the pod goes there once it is bound', async () => {
    await Promise.all([node('a'), node('b')]);
    const kind = { metadata: { name: 'local' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' };
    assert.equal((await client.post('/apis/storage.k8s.io/v1/storageclasses', kind)).code, 201);
    const at = {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] }] },
    };
    const size = { storage: '1Gi' };
    const made = await client.post('/api/v1/persistentvolumes', {
      metadata: { name: 'disk' },
      spec: { capacity: size, accessModes: ['ReadWriteOnce'], storageClassName: 'local', local: { path: '/mnt' }, nodeAffinity: at },
    });
    assert.equal(made.code, 201, made.text);
    await client.patch('/api/v1/persistentvolumes/disk/status', 'merge-patch', { status: { phase: 'Available' } });
    const wanted = { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: size } };
    assert.equal((await client.post(`${ns}/persistentvolumeclaims`, { metadata: { name: 'data' }, spec: wanted })).code, 201);
    await withScheduler(
      async () => {
        await pod('db', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
        const given = async () =>
          ((await client.get('/api/v1/persistentvolumes/disk')).json as { spec: { claimRef?: { name: string } } }).spec.claimRef?.name;
        await until('the volume is given', async () => (await given()) === 'data');
        assert.equal(await nodeOf('db'), undefined, 'not before the claim is bound');
        await pod('quick');
        await until('another is not held up by it', async () => (await nodeOf('quick')) !== undefined);
        // Whoever binds volumes does its part.
        const bound = { metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } }, spec: { volumeName: 'disk' } };
        assert.equal((await client.patch(`${ns}/persistentvolumeclaims/data`, 'merge-patch', bound)).code, 200);
        await until('it is placed', async () => (await nodeOf('db')) === 'b');
      },
      { parallelism: 1 },
    );
  });

  test('two at once, and one after another, never place a pod twice or over-commit a node', async () => {
    await Promise.all([node('a', { cpu: '4' }), node('b', { cpu: '4' })]);
    const placements = new Map<string, Set<string>>();
    const watch = await client.watch(`${ns}/pods?watch=true`);
    const watching = (async () => {
      for (let event = await watch.next(); event !== undefined; event = await watch.next()) {
        const { metadata, spec } = event.object as unknown as PodSeen;
        const known = placements.get(metadata.uid) ?? new Set<string>();
        if (spec.nodeName !== undefined) placements.set(metadata.uid, known.add(spec.nodeName));
      }
    })();
    const names = Array.from({ length: 40 }, (_, i) => `p${i}`);
    await withScheduler(async () => {
      for (const name of names.slice(0, 20)) await pod(name, { cpu: '100m' });
    }); // stopped in the middle, whatever is under way
    await withScheduler(() =>
      withScheduler(async () => {
        for (const name of names.slice(20)) await pod(name, { cpu: '100m' });
        await until('all are placed', async () => (await Promise.all(names.map(nodeOf))).every((n) => n !== undefined));
      }),
    );
    watch.close();
    await watching;
    assert.equal(placements.size, 40);
    for (const [uid, nodes] of placements) assert.equal(nodes.size, 1, uid);
    // What two leaders run into is no defect: the loser says so and lets go.
    const lost = lines.filter((line) => /Another has bound the pod/.test(line));
    assert.ok(lost.every((line) => line.startsWith('<6>')));
  });
});

/** Simulated nodes, by the command as a user calls it, with a real API server, scheduler and controllers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '#agent/test/harness/until.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { simulateCommand } from '../cli/simulate.ts';
import { runControllers } from '../controllers/run.ts';
import { makeScheduler } from '../scheduler/run.ts';

const clock = new SystemClock();
const NS = '/api/v1/namespaces/default';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

interface PodSeen {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string; readonly podIP?: string; readonly containerStatuses?: readonly { restartCount: number }[] };
}

void describe('kijabi simulate nodes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-simulate-'));
  const file = join(dir, 'kubeconfig');
  const life = new AbortController();
  const open: AbortController[] = [];
  let server: DevServer;
  let client: TestClient;
  let running: Promise<unknown>;

  before(async () => {
    server = await startDevServer();
    client = new TestClient(server);
    writeFileSync(file, server.kubeconfig, { mode: 0o600 });
    const log = makeLogger({ write: () => undefined, clock });
    const config = parseKubeconfig(server.kubeconfig);
    const own = connect({ config, clock, log, userAgent: 'test', qps: -1 });
    const scheduler = makeScheduler({ client: own, eventClient: own, host: 'test', clock, log, random: Math.random });
    const names = ['deployment-controller', 'replicaset-controller', 'job-controller'];
    const isOn = ({ name }: { readonly name: string }): boolean => names.includes(name);
    running = Promise.allSettled([
      scheduler.follow(life.signal),
      scheduler.lead(life.signal),
      runControllers({ config, isOn, clock, log }, life.signal),
    ]).then(() => own.close());
  });
  after(async () => {
    for (const ctrlC of open) ctrlC.abort(new Error('the tests are over'));
    life.abort();
    await running;
    client.close();
    await server.stop();
    rmSync(dir, { recursive: true });
  });

  const call = (argv: readonly string[]) => {
    const ctrlC = new AbortController();
    open.push(ctrlC);
    const said = { out: '' };
    const say = (text: string): void => void (said.out += text);
    const columns = { out: undefined, err: undefined };
    const io = { out: say, err: say, env: {}, clock, signal: ctrlC.signal, hurry: new AbortController().signal, columns };
    return { ctrlC, said, ended: simulateCommand([...argv, '--kubeconfig', file], io) };
  };
  const items = async <T>(path: string): Promise<readonly T[]> => ((await client.get(path)).json as { readonly items: readonly T[] }).items;
  const pods = (): Promise<readonly PodSeen[]> => items<PodSeen>(`${NS}/pods`);
  const nodes = async (): Promise<readonly string[]> =>
    (await items<{ readonly metadata: { readonly name: string } }>('/api/v1/nodes')).map(({ metadata }) => metadata.name);
  const template = (name: string, more: object = {}, annotations: object = {}): object => ({
    metadata: { labels: { app: name }, annotations },
    spec: { containers: [{ name: 'c', image: 'app', resources: { requests: { cpu: '100m' } } }], ...more },
  });
  const create = async (path: string, body: object): Promise<void> => {
    const made = await client.post(path, body);
    assert.equal(made.code, 201, made.text);
  };

  test('a deployment runs on them, a job ends, deleted pods go, and Ctrl-C leaves nothing', async () => {
    await create('/api/v1/nodes', { metadata: { name: 'real' }, spec: { unschedulable: true } });
    const { ctrlC, said, ended } = call(['nodes', '12', '--start-delay', '1ms-30ms', '--stop-delay', '1ms', '--label', 'disk=ssd']);
    await until('they are ready', () => Promise.resolve(said.out.includes('12 simulated nodes are ready')));
    assert.match(said.out, /sim-00000 to sim-00011\. Ctrl-C removes them\.\n$/);
    assert.equal((await nodes()).length, 13);
    const node = (await client.get('/api/v1/nodes/sim-00004')).json as {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: { readonly taints?: unknown };
      readonly status: { readonly allocatable: Record<string, string>; readonly conditions: readonly { type: string; status: string }[] };
    };
    assert.equal(node.metadata.labels['disk'], 'ssd');
    assert.equal(node.metadata.labels['topology.kubernetes.io/zone'], 'zone-1');
    assert.deepEqual([node.spec.taints, node.status.allocatable['cpu']], [undefined, '4']);
    assert.ok(node.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'));
    const renewed = async (): Promise<string> =>
      ((await client.get(`${LEASES}/sim-00000`)).json as { spec: { renewTime: string } }).spec.renewTime;
    const first = await renewed();
    await create('/apis/apps/v1/namespaces/default/deployments', {
      metadata: { name: 'web' },
      spec: { replicas: 20, selector: { matchLabels: { app: 'web' } }, template: template('web', { nodeSelector: { disk: 'ssd' } }) },
    });
    const all = async (count: number): Promise<boolean> =>
      (await pods()).filter(({ status, metadata }) => metadata.name.startsWith('web') && status.phase === 'Running').length === count;
    await until('all run', () => all(20));
    const seen = await pods();
    assert.equal(new Set(seen.map(({ status }) => status.podIP)).size, 20);
    await client.delete(`${NS}/pods/${seen[0]!.metadata.name}`);
    await until(
      'it is gone and another runs',
      async () => (await all(20)) && !(await pods()).some((p) => p.metadata.uid === seen[0]!.metadata.uid),
    );
    await create('/apis/batch/v1/namespaces/default/jobs', {
      metadata: { name: 'sum' },
      spec: {
        completions: 3,
        parallelism: 3,
        template: template('sum', { restartPolicy: 'Never' }, { 'kijabi.io/simulated-run-for': '1ms' }),
      },
    });
    await until('the job is complete', async () => {
      const job = (await client.get('/apis/batch/v1/namespaces/default/jobs/sum')).json as { status?: { succeeded?: number } };
      return job.status?.succeeded === 3;
    });
    await create(`${NS}/pods`, {
      ...template(
        'crash',
        { terminationGracePeriodSeconds: 0 },
        { 'kijabi.io/simulated-run-for': '1ms', 'kijabi.io/simulated-exit-code': '3' },
      ),
      metadata: { name: 'crash', annotations: { 'kijabi.io/simulated-run-for': '1ms', 'kijabi.io/simulated-exit-code': '3' } },
    });
    await until('its containers begin again', async () => {
      const crash = (await client.get(`${NS}/pods/crash`)).json as PodSeen;
      return (crash.status.containerStatuses?.[0]?.restartCount ?? 0) >= 2;
    });
    await until('the lease is renewed', async () => (await renewed()) > first);
    ctrlC.abort(new Error('Ctrl-C'));
    assert.equal(await ended, 0);
    assert.match(said.out, /Removed 12 simulated nodes and \d+ pods on them\.\n$/);
    assert.deepEqual(await nodes(), ['real']);
    assert.deepEqual(
      (await items<{ metadata: { name: string } }>(LEASES)).map(({ metadata }) => metadata.name),
      [],
    );
    assert.ok((await pods()).every(({ spec }) => spec.nodeName?.startsWith('sim-') !== true));
  });

  test('a node that is none of ours is left alone, also when all is removed', async () => {
    await create('/api/v1/nodes', { metadata: { name: 'sim-00001' } });
    await assert.rejects(call(['nodes', '2']).ended, { code: 'NODE_TAKEN' });
    const { said, ended } = call(['nodes', '--remove']);
    assert.equal(await ended, 0);
    assert.equal(said.out, 'Removed 1 simulated nodes and 0 pods on them.\n');
    assert.deepEqual([...(await nodes())].toSorted(), ['real', 'sim-00001']);
  });

  for (const [what, argv, want] of [
    ['no number', ['nodes', 'many'], /N: want a number from 1 to 50000, got "many"/],
    ['no "nodes"', ['pods', '3'], /want "nodes", got "pods"/],
    ['everything at once', ['nodes', '1', '--cpu', 'x', '--taint', 'a', '--start-delay', '3s-1s'], /cpu: .*; --taint: .*; --start-delay: /],
    ['a delay', ['nodes', '1', '--stop-delay', 'soon'], /--stop-delay: want a time such as 500ms or 2s, got "soon"/],
  ] as const)
    test(`refused: ${what}`, async () => {
      await assert.rejects(call(argv).ended, (err: Error & { code?: string }) => err.code === 'USAGE' && want.test(err.message));
    });
});

/** The scheduler with a real extender over HTTPS and a real API server, in this process. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { until } from '#agent/test/harness/until.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { profilesOf } from '../scheduler/config/profiles.ts';
import { Decisions } from '../scheduler/explain/decisions.ts';
import { explainRoute } from '../scheduler/explain/route.ts';
import { openExtenders } from '../scheduler/extenders/client.ts';
import type { ExtenderConfig } from '../scheduler/extenders/extender.ts';
import { podInfoOf } from '../scheduler/core/podInfo.ts';
import { makeScheduler } from '../scheduler/run.ts';

const NS = '/api/v1/namespaces/default';
const clock = new SystemClock();

type Answers = Readonly<Record<string, (args: Asked) => unknown>>;
interface Asked {
  readonly Pod: { readonly metadata: { readonly name: string } };
  readonly Nodes: { readonly items: readonly { readonly metadata: { readonly name: string } }[] } | null;
  readonly NodeNames: readonly string[] | null;
  readonly NodeNameToMetaVictims: Readonly<Record<string, { readonly Pods: readonly { readonly UID: string }[] }>>;
  readonly PodName: string;
  readonly Node: string;
}

void describe('extenders', () => {
  let server: DevServer;
  let client: TestClient;
  let web: Server;
  let answers: Answers = {};
  let asked: string[] = [];
  let hangsUp = 0;

  before(async () => {
    server = await startDevServer();
    client = new TestClient(server);
    const { certificate, key } = server.pki.server;
    web = createServer({ cert: certificate, key }, (req, res) => {
      let text = '';
      req.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      req.on('end', () => {
        if (hangsUp-- > 0) return void req.socket.destroy();
        const verb = (req.url ?? '').slice('/mine/'.length);
        const args = JSON.parse(text) as Asked;
        asked.push(`${req.method} ${verb} ${args.Pod?.metadata.name ?? args.PodName}`);
        const answer = answers[verb];
        if (answer === undefined) res.writeHead(500).end();
        else void Promise.resolve(answer(args)).then((value) => res.end(JSON.stringify(value)));
      });
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    for (const [name, value] of [
      ['low', 1],
      ['high', 10],
    ] as const)
      assert.equal((await client.post('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, value })).code, 201);
    for (const name of ['a', 'b', 'c']) {
      assert.equal((await client.post('/api/v1/nodes', { metadata: { name } })).code, 201);
      const room = { cpu: '2', memory: '4Gi', pods: '10', 'example.com/gpu': '2' };
      await client.patch(`/api/v1/nodes/${name}/status`, 'merge-patch', { status: { capacity: room, allocatable: room } });
      await client.patch(`/api/v1/nodes/${name}`, 'merge-patch', { spec: { taints: null } });
    }
  });
  after(async () => {
    client.close();
    web.closeAllConnections();
    web.close();
    await server.stop();
  });
  beforeEach(async () => {
    asked = [];
    hangsUp = 0;
    await client.send('DELETE', `${NS}/pods`, { body: { gracePeriodSeconds: 0 } });
  });

  const url = (): string => `https://127.0.0.1:${(web.address() as AddressInfo).port}/mine/`;
  const trust = () => ({ enableHTTPS: true, tlsConfig: { caData: Buffer.from(server.pki.ca).toString('base64') } });
  const pod = async (name: string, requests: object = {}, spec: object = {}): Promise<void> => {
    const containers = [{ name: 'c', image: 'app', resources: { requests, limits: requests } }];
    const made = await client.post(`${NS}/pods`, { metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers, ...spec } });
    assert.equal(made.code, 201, made.text);
  };
  interface Seen {
    readonly spec: { readonly nodeName?: string };
    readonly status: {
      readonly nominatedNodeName?: string;
      readonly conditions?: readonly { readonly reason?: string; readonly message?: string }[];
    };
  }
  const seen = async (name: string): Promise<Seen> => (await client.get(`${NS}/pods/${name}`)).json as Seen;
  const nodeOf = async (name: string): Promise<string | undefined> => (await seen(name)).spec?.nodeName;
  const why = async (name: string): Promise<string> => {
    const [condition] = (await seen(name)).status.conditions ?? [];
    return `${condition?.reason}: ${condition?.message}`;
  };

  async function withScheduler(
    configs: readonly ExtenderConfig[],
    use: (explain: (name: string) => Promise<string>) => Promise<void>,
  ): Promise<void> {
    const life = new AbortController();
    const log = makeLogger({ write: () => undefined, clock });
    const own = connect({ config: parseKubeconfig(server.kubeconfig), clock, log, userAgent: 'test', qps: -1 });
    const decisions = new Decisions();
    const scheduler = makeScheduler({
      client: own,
      eventClient: own,
      host: 'test',
      clock,
      log,
      random: Math.random,
      initialBackoffMs: 10,
      maxBackoffMs: 50,
      profiles: (handle) => profilesOf({ extenders: configs }, { handle }),
      extenders: await openExtenders(configs),
      onOutcome: (outcome) => decisions.take(outcome),
    });
    const route = explainRoute(scheduler, decisions);
    const running = Promise.all([scheduler.follow(life.signal), scheduler.lead(life.signal).catch(() => undefined)]);
    try {
      await use(async (name) => (await route(`/explain/scheduling/default/${name}`, new URLSearchParams()))?.text ?? '');
    } finally {
      life.abort();
      await running;
      own.close();
    }
  }

  test('it leaves out nodes, says which it prefers, and binds; explanations name it', async () => {
    answers = {
      // Small letters: answers are read as Go reads them.
      filter: ({ Nodes }) => ({
        nodes: { items: Nodes?.items.filter(({ metadata }) => metadata.name !== 'a') },
        failedNodes: { a: 'no GPU here' },
      }),
      prefer: ({ Nodes }) => Nodes?.items.map(({ metadata: { name } }) => ({ Host: name, Score: name === 'c' ? 10 : 0 })),
      bind: async ({ PodName, Node }) => {
        const target = { kind: 'Node', name: Node };
        await client.post(`${NS}/pods/${PodName}/binding`, { metadata: { name: PodName }, target });
        return { Error: '' };
      },
    };
    const config = { urlPrefix: url(), filterVerb: 'filter', prioritizeVerb: 'prefer', weight: 100, bindVerb: 'bind', ...trust() };
    await withScheduler([config], async (explain) => {
      await pod('one');
      await until('it is placed', async () => (await nodeOf('one')) !== undefined);
      assert.equal(await nodeOf('one'), 'c');
      assert.deepEqual(asked, ['POST filter one', 'POST prefer one', 'POST bind one']);
      const text = await explain('one');
      assert.match(text, new RegExp(`a +Extender ${url()} +no GPU here`));
      assert.match(text, /Extender https:\S+ x100/);
      answers = { filter: ({ Nodes }) => ({ Nodes }), prefer: () => [] };
      await pod('unbound');
      await until('it is told', async () => (await seen('unbound')).status.conditions !== undefined);
      assert.equal(await why('unbound'), `SchedulerError: failed bind with extender at URL ${url()}bind, code 500`);
      answers = {};
    });
  });

  test('with nodes of its own it is told names; only pods that ask for what it manages are told; what it alone looks after is not counted', async () => {
    answers = { filter: ({ Nodes, NodeNames }) => ({ NodeNames: Nodes === null ? NodeNames?.filter((n) => n === 'b') : [], Error: '' }) };
    const managedResources = [{ name: 'example.com/gpu', ignoredByScheduler: true }];
    await withScheduler([{ urlPrefix: url(), filterVerb: 'filter', nodeCacheCapable: true, managedResources, ...trust() }], async () => {
      await pod('plain');
      await pod('gpu', { 'example.com/gpu': '9' });
      await until('both are placed', async () => (await nodeOf('plain')) !== undefined && (await nodeOf('gpu')) !== undefined);
      assert.equal(await nodeOf('gpu'), 'b');
      assert.deepEqual(asked, ['POST filter gpu']);
    });
  });

  test('nobody is left: its reasons are counted, and explained as the change that is needed; any change wakes the pod', async () => {
    let says = 'the rack is full';
    answers = {
      filter: ({ Nodes }) =>
        says === ''
          ? { Nodes }
          : { FailedAndUnresolvableNodes: Object.fromEntries((Nodes?.items ?? []).map((n) => [n.metadata.name, says])) },
    };
    await withScheduler([{ urlPrefix: url(), filterVerb: 'filter', ...trust() }], async (explain) => {
      await pod('two');
      await until('it is told', async () => (await seen('two')).status.conditions !== undefined);
      const preemption = 'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
      assert.equal(await why('two'), `Unschedulable: 0/3 nodes are available: 3 the rack is full. ${preemption}`);
      assert.match(await explain('two'), new RegExp(`- Extender ${url()}: the rack is full`));
      says = '';
      await client.patch('/api/v1/nodes/a', 'merge-patch', { metadata: { labels: { news: 'yes' } } });
      await until('it is placed', async () => (await nodeOf('two')) !== undefined);
    });
  });

  test('it has a say about who is pushed out', async () => {
    let offered: string[] = [];
    answers = {
      preempt: ({ NodeNameToMetaVictims: all }) => {
        offered = Object.keys(all).toSorted();
        return { NodeNameToMetaVictims: { b: all['b'] } };
      },
    };
    await withScheduler([{ urlPrefix: url(), preemptVerb: 'preempt', nodeCacheCapable: true, ...trust() }], async () => {
      for (const name of ['a', 'b', 'c']) await pod(`low-${name}`, { cpu: '2' }, { priorityClassName: 'low', nodeName: name });
      await pod('high', { cpu: '2' }, { priorityClassName: 'high' });
      await until('it has the place of the one that had to go', async () => (await nodeOf('high')) === 'b');
      assert.deepEqual(offered, ['a', 'b', 'c']);
    });
  });

  test('it is asked once more on another connection when it closed the one that was kept; its certificate is enough to trust it', async () => {
    answers = { bind: () => ({}) };
    const tlsConfig = { caData: Buffer.from(server.pki.server.certificate).toString('base64') };
    const [extender] = await openExtenders([{ urlPrefix: url(), bindVerb: 'bind', enableHTTPS: true, tlsConfig }]);
    const info = podInfoOf({ metadata: { namespace: 'default', name: 'one', uid: '1' }, spec: { containers: [] } });
    const { signal } = new AbortController();
    const bind = async (): Promise<void> => extender?.bind(info, 'a', signal);
    hangsUp = 1;
    await assert.rejects(bind(), { code: 'EXTENDER_FAILED' });
    await bind();
    hangsUp = 1;
    await bind();
    assert.deepEqual(asked, ['POST bind one', 'POST bind one']);
    hangsUp = 2;
    await assert.rejects(bind(), { code: 'EXTENDER_FAILED' });
  });

  test('one that fails fails the pod until it answers, and says so; one that may be missing is left out', async () => {
    answers = {};
    await withScheduler([{ urlPrefix: url(), filterVerb: 'filter', ...trust() }], async () => {
      await pod('three');
      await until('it is told', async () => (await seen('three')).status.conditions !== undefined);
      assert.equal(await why('three'), `SchedulerError: failed filter with extender at URL ${url()}filter, code 500`);
      answers = { filter: ({ Nodes }) => ({ Nodes }) };
      await until('it is placed', async () => (await nodeOf('three')) !== undefined);
    });
    answers = {};
    await withScheduler([{ urlPrefix: url(), filterVerb: 'filter', ignorable: true, ...trust() }], async () => {
      await pod('four');
      await until('it is placed', async () => (await nodeOf('four')) !== undefined);
    });
    await withScheduler([{ urlPrefix: url(), filterVerb: 'filter', enableHTTPS: true }], async () => {
      await pod('five');
      await until('its certificate is not believed', async () => /certificate/.test(await why('five').catch(() => '')));
    });
  });
});

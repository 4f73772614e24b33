/**
 * How long a pod takes from its creation in the API until a watch says that it runs, against the bare calls on the same containerd,
 * alternating in one run; what that asks of the API server, and what an idle minute does.
 * Units: milliseconds; bytes are those of the kubelet's connections, TLS and all.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { CriClient } from '#cri/client.ts';
import { startCluster, type TestCluster } from '../harness/cluster.ts';
import type { TestContainerd } from '../harness/containerd.ts';
import { startKubelet, type TestKubelet } from '../harness/kubelet.ts';
import { manifest } from '../harness/manifest.ts';
import { until } from '../harness/until.ts';
import { Bare, bareTogether, cpuMs, rssMb, type TaskEvents } from './node.ts';
import { median, ms, percentile, ratio, row } from './report.ts';

const PODS = '/api/v1/namespaces/default/pods';
const NODE = 'node1';
const WARM_UP = 3;

export interface ApiBenchOptions {
  readonly containerd: TestContainerd;
  readonly client: CriClient;
  readonly events: TaskEvents;
  readonly rounds: number;
  readonly pods: number;
  readonly idleSeconds: number;
  readonly inFlight: number;
}

/** When a watch first said of each pod that it runs, and which are there. */
class Watched {
  readonly running = new Map<string, number>();
  readonly there = new Set<string>();
  readonly #waiting = new Set<() => void>();

  /** Whoever waits costs nothing meanwhile. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async follow(cluster: TestCluster, signal: AbortSignal): Promise<void> {
    const resource = cluster.client.resource<Pod>({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true });
    for await (const event of resource.watch({ namespace: 'default', resourceVersion: '0' }, { signal })) {
      if (event.type === 'BOOKMARK') continue;
      const { metadata, status } = event.object;
      const name = metadata.name ?? '';
      if (event.type === 'DELETED') this.there.delete(name);
      else this.there.add(name);
      if (status?.phase === 'Running' && !this.running.has(name)) this.running.set(name, performance.now());
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

/** What the kubelet has said to the server and heard from it, over the connections it has now. */
class Traffic {
  readonly #containerd: TestContainerd;
  readonly #pid: number;
  readonly #last = new Map<string, number>();
  bytes = 0;

  constructor(containerd: TestContainerd, pid: number) {
    this.#containerd = containerd;
    this.#pid = pid;
  }

  async read(): Promise<number> {
    const argv = [`--net=/run/netns/${this.#containerd.netns}`, 'ss', '-tinpHO', 'dport', '=', ':6443'];
    for (const line of (await execa('nsenter', argv)).stdout.split('\n')) {
      if (!line.includes(`pid=${this.#pid},`)) continue;
      const key = /\S+:\d+\s+\S+:6443/.exec(line)?.[0] ?? '';
      const all = ['bytes_sent', 'bytes_received'].reduce(
        (sum, name) => sum + Number(new RegExp(`${name}:(\\d+)`).exec(line)?.[1] ?? 0),
        0,
      );
      this.bytes += all - (this.#last.get(key) ?? 0);
      this.#last.set(key, all);
    }
    return this.bytes;
  }
}

interface ApiBench extends ApiBenchOptions {
  readonly cluster: TestCluster;
  readonly kubelet: TestKubelet;
  readonly watched: Watched;
  readonly bare: Bare;
  readonly traffic: Traffic;
}

export async function benchApi(options: ApiBenchOptions): Promise<void> {
  const { containerd, client } = options;
  const stop = new AbortController();
  const cluster = await startCluster(containerd, { audit: true });
  let kubelet: TestKubelet | undefined;
  try {
    await until('the service account', () =>
      cluster.json('GET', '/api/v1/namespaces/default/serviceaccounts/default').then(
        () => true,
        () => false,
      ),
    );
    kubelet = await startKubelet(containerd, {
      config: { authentication: { x509: { clientCAFile: join(cluster.dir, 'pki/ca.crt') } } },
      flags: ['--kubeconfig', join(cluster.dir, 'kubelet.conf')],
    });
    await until('its Node', () =>
      cluster.json('GET', `/api/v1/nodes/${NODE}`).then(
        () => true,
        () => false,
      ),
    );
    const watched = new Watched();
    void watched.follow(cluster, stop.signal).catch(() => undefined);
    const traffic = new Traffic(containerd, kubelet.pid());
    const bench = { ...options, cluster, kubelet, watched, bare: new Bare(client, containerd), traffic };
    await sequential(bench);
    await together(bench);
    await idle(bench);
  } finally {
    stop.abort();
    await kubelet?.stop();
    await cluster.stop();
  }
}

async function sequential(bench: ApiBench): Promise<void> {
  const { rounds, cluster, watched, bare, events, traffic } = bench;
  const [floor, ours]: [number[], number[]] = [[], []];
  let [asked, bytes] = [0, 0];
  for (let i = 0; i < rounds + WARM_UP; i++) {
    events.clear();
    const t0 = performance.now();
    const { sandbox } = await bare.up();
    await events.until(() => events.started.length >= 2);
    const took = events.started[1]!.atMs - t0;
    await bare.remove(sandbox);
    if (i === WARM_UP) [asked, bytes] = [askedBy(cluster).length, await traffic.read()];
    const name = `bench-${i}`;
    const own = await createdToRunning(bench, name);
    await cluster.json('DELETE', `${PODS}/${name}?gracePeriodSeconds=0`);
    await watched.until(() => !watched.there.has(name));
    await until('the kubelet has none', async () => (await bench.kubelet.pods()).length === 0);
    if (i < WARM_UP) continue;
    floor.push(took);
    ours.push(own);
  }
  row(
    'created -> a watch says Running',
    [`p99 ${ms(percentile(ours, 99))}`, `bare calls p50 ${ms(median(floor))}, p99 ${ms(percentile(floor, 99))}`],
    `p50 ${ms(median(ours))}, ${ratio(median(ours), median(floor))} x bare`,
  );
  await told(cluster);
  const [requests, all] = [askedBy(cluster).length - asked, (await traffic.read()) - bytes];
  row('a pod up and down asks of the API', [`${(all / rounds / 1_000).toFixed(1)} kB`], `${(requests / rounds).toFixed(1)} requests`);
  for (const [what, count] of counted(askedBy(cluster).slice(asked))) row(`  ${what}`, [], (count / rounds).toFixed(1));
}

async function createdToRunning({ cluster, watched }: ApiBench, name: string): Promise<number> {
  const pod = JSON.parse(manifest({ name })) as { spec: object };
  const t0 = performance.now();
  await cluster.json('POST', PODS, { ...pod, spec: { ...pod.spec, nodeName: NODE } });
  await watched.until(() => watched.running.has(name));
  return watched.running.get(name)! - t0;
}

async function together(bench: ApiBench): Promise<void> {
  const { pods, bare, events, inFlight, kubelet, cluster } = bench;
  events.clear();
  const t0 = performance.now();
  const made = await bareTogether(bare, pods, inFlight);
  await events.until(() => events.started.length >= 2 * pods);
  const floor = events.started.at(-1)!.atMs - t0;
  for (const { sandbox } of made) await bare.remove(sandbox);
  const [kubeletCpu, serverCpu] = [cpuMs(kubelet.pid()), cpuMs(cluster.pid())];
  const t1 = performance.now();
  const took = await Promise.all(Array.from({ length: pods }, (_, i) => createdToRunning(bench, `many-${i}`)));
  const all = performance.now() - t1;
  const rate = (time: number): string => `${((pods * 1_000) / time).toFixed(1)} pods/s`;
  row(
    `${pods} created at once -> Running`,
    [
      `p99 ${ms(percentile(took, 99))}`,
      `bare calls ${rate(floor)}, ${inFlight} in flight`,
      `CPU a pod: kubelet ${ms((cpuMs(kubelet.pid()) - kubeletCpu) / pods)}, API server ${ms((cpuMs(cluster.pid()) - serverCpu) / pods)}`,
    ],
    `p50 ${ms(median(took))}, ${rate(all)}, ${((100 * floor) / all).toFixed(0)} % of bare`,
  );
}

async function idle({ cluster, kubelet, traffic, idleSeconds, pods }: ApiBench): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  await told(cluster);
  const [asked, bytes, cpu, t0] = [askedBy(cluster).length, await traffic.read(), cpuMs(kubelet.pid()), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const tookMs = performance.now() - t0;
  const share = (100 * (cpuMs(kubelet.pid()) - cpu)) / tookMs;
  await told(cluster);
  const minutes = tookMs / 60_000;
  const since = askedBy(cluster).slice(asked);
  row(
    `an idle minute with ${pods} pods`,
    [
      `${(((await traffic.read()) - bytes) / minutes / 1_000).toFixed(1)} kB`,
      `kubelet: CPU ${share.toFixed(2)} % of a core, RSS ${rssMb(kubelet.pid())} MB; API server: RSS ${rssMb(cluster.pid())} MB`,
    ],
    `${(since.length / minutes).toFixed(1)} requests`,
  );
  for (const [what, count] of counted(since)) row(`  ${what}`, [], (count / minutes).toFixed(1));
}

const askedBy = (cluster: TestCluster): readonly ReturnType<TestCluster['audit']>[number][] =>
  cluster.audit().filter(({ user }) => user.username === `system:node:${NODE}`);

/** Until the audit log, which is written in batches, says nothing new. */
async function told(cluster: TestCluster): Promise<void> {
  let seen = -1;
  while (seen !== (seen = cluster.audit().length)) await new Promise((resolve) => setTimeout(resolve, 500));
}

/** By verb and resource, the most frequent first. */
function counted(asked: readonly { readonly verb: string; readonly requestURI: string }[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { verb, requestURI } of asked) {
    const parts = new URL(requestURI, 'https://server').pathname.split('/').filter((part) => part !== '');
    const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
    const [resource = '', , sub] = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
    const what = `${verb} ${resource}${sub === undefined ? '' : `/${sub}`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

/**
 * How long a static pod takes, against the same calls made bare on the same containerd, alternating in one run.
 *
 *   npm run bench:podstart [-- --rounds 20 --pods 50 --idle 60]   pods of manifests
 *   npm run bench:podstart -- --api [...]                         pods of an API server
 *
 * What counts is what containerd itself says: the event of the container's task starting or ending, as it reaches this process.
 */
import { parseArgs } from 'node:util';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { missing, startContainerd } from '../harness/containerd.ts';
import { startKubelet, type TestKubelet } from '../harness/kubelet.ts';
import { manifest } from '../harness/manifest.ts';
import { until } from '../harness/until.ts';
import { Bare, bareTogether, cpuMs, rssMb, TaskEvents } from './node.ts';
import { podmanPeer } from './podman.ts';
import { benchApi } from './podstartApi.ts';
import { median, ms, percentile, ratio, row } from './report.ts';

const { values } = parseArgs({
  options: {
    api: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '20' },
    pods: { type: 'string', default: '50' },
    idle: { type: 'string', default: '60' },
  },
});
const [rounds, pods, idleSeconds] = [Number(values.rounds), Number(values.pods), Number(values.idle)];
const PODS_IN_FLIGHT = 8;
const WARM_UP = 3;
const never = new AbortController().signal;

interface Bench {
  readonly bare: Bare;
  readonly kubelet: TestKubelet;
  readonly events: TaskEvents;
}

/** On a busy machine the end of many pods takes its time. */
const GONE_WITHIN_MS = 600_000;
const gone = (kubelet: TestKubelet): Promise<void> =>
  until('no pod is left', async () => (await kubelet.pods()).length === 0, GONE_WITHIN_MS);

async function bareRound({ bare, events }: Bench): Promise<{ start: number; stop: number }> {
  events.clear();
  const t0 = performance.now();
  const { sandbox, container } = await bare.up();
  await events.until(() => events.started.length >= 2);
  const start = events.started[1]!.atMs - t0;
  const t1 = performance.now();
  await bare.stop(container);
  await events.until(() => events.ended.some((e) => e.id === container));
  const stop = events.ended.find((e) => e.id === container)!.atMs - t1;
  await bare.remove(sandbox);
  return { start, stop };
}

async function kubeletRound({ kubelet, events }: Bench, name: string): Promise<{ start: number; stop: number; status: number }> {
  events.clear();
  const t0 = performance.now();
  kubelet.apply(`${name}.yaml`, manifest({ name }));
  await events.until(() => events.started.length >= 2);
  const { id, atMs } = events.started[1]!;
  while ((await kubelet.pod(name))?.status?.phase !== 'Running') await new Promise((resolve) => setTimeout(resolve, 1));
  const status = performance.now() - atMs;
  const t1 = performance.now();
  kubelet.remove(`${name}.yaml`);
  await events.until(() => events.ended.some((e) => e.id === id));
  const stop = events.ended.find((e) => e.id === id)!.atMs - t1;
  await gone(kubelet);
  return { start: atMs - t0, stop, status };
}

async function sequential(bench: Bench): Promise<void> {
  const bare: { start: number; stop: number }[] = [];
  const ours: { start: number; stop: number; status: number }[] = [];
  for (let i = 0; i < rounds + WARM_UP; i++) {
    const [b, k] = [await bareRound(bench), await kubeletRound(bench, `bench-${i}`)];
    if (i < WARM_UP) continue;
    bare.push(b);
    ours.push(k);
  }
  const of = <T>(list: readonly T[], pick: (x: T) => number): number[] => list.map(pick);
  const [bareStart, start] = [of(bare, (b) => b.start), of(ours, (k) => k.start)];
  const [bareStop, stop] = [of(bare, (b) => b.stop), of(ours, (k) => k.stop)];
  const status = of(ours, (k) => k.status);
  row(
    'manifest renamed -> container running',
    [
      `bare ${ms(median(bareStart))} (p95 ${ms(percentile(bareStart, 95))})`,
      `kubelet ${ms(median(start))} (p95 ${ms(percentile(start, 95))})`,
    ],
    `${ratio(median(start), median(bareStart))} x bare`,
  );
  row(
    'manifest removed -> container gone',
    [`bare ${ms(median(bareStop))} (p95 ${ms(percentile(bareStop, 95))})`, `kubelet ${ms(median(stop))} (p95 ${ms(percentile(stop, 95))})`],
    `${ratio(median(stop), median(bareStop))} x bare`,
  );
  row('container running -> status says Running', [`p95 ${ms(percentile(status, 95))}`], ms(median(status)));
}

async function together({ bare, kubelet, events }: Bench): Promise<void> {
  const names = Array.from({ length: pods }, (_, i) => `many-${i}`);
  const rates: { bare: number[]; ours: number[] } = { bare: [], ours: [] };
  const agentCpu: number[] = [];
  for (let round = 0; round < 3; round++) {
    events.clear();
    const t0 = performance.now();
    const made = await bareTogether(bare, names.length, PODS_IN_FLIGHT);
    await events.until(() => events.started.length >= 2 * pods);
    rates.bare.push((pods * 1_000) / (events.started.at(-1)!.atMs - t0));
    for (const { sandbox } of made) await bare.remove(sandbox);

    events.clear();
    const t1 = performance.now();
    const cpu = cpuMs(kubelet.pid());
    for (const name of names) kubelet.apply(`${name}.yaml`, manifest({ name }));
    await events.until(() => events.started.length >= 2 * pods);
    agentCpu.push((cpuMs(kubelet.pid()) - cpu) / pods);
    rates.ours.push((pods * 1_000) / (events.started.at(-1)!.atMs - t1));
    if (round === 2) break;
    for (const name of names) kubelet.remove(`${name}.yaml`);
    await gone(kubelet);
  }
  const [floor, ours] = [median(rates.bare), median(rates.ours)];
  row(
    `${pods} pods at once`,
    [
      `bare ${floor.toFixed(1)} pods/s, ${PODS_IN_FLIGHT} in flight`,
      `kubelet ${ours.toFixed(1)} pods/s with ${ms(median(agentCpu))} of its CPU a pod`,
    ],
    `${((100 * ours) / floor).toFixed(0)} % of bare`,
  );
}

async function idle(kubelet: TestKubelet): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const before = cpuMs(kubelet.pid());
  const t0 = performance.now();
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const share = (100 * (cpuMs(kubelet.pid()) - before)) / (performance.now() - t0);
  row(`idle with ${pods} pods, ${idleSeconds} s`, [`CPU ${share.toFixed(2)} % of a core`], `RSS ${rssMb(kubelet.pid())} MB`);
}

const lacking = missing();
if (lacking !== undefined) throw new Error(`Cannot run the benchmark: it ${lacking}`);
const containerd = await startContainerd();
const stop = new AbortController();
const client = new CriClient({ endpoint: containerd.endpoint, clock: new SystemClock() });
let kubelet: TestKubelet | undefined;
try {
  await client.waitReady(never);
  const events = new TaskEvents();
  void events.follow(client, stop.signal).catch(() => undefined);
  if (values.api) await benchApi({ containerd, client, events, rounds, pods, idleSeconds, inFlight: PODS_IN_FLIGHT });
  else {
    kubelet = await startKubelet(containerd);
    const bench = { bare: new Bare(client, containerd), kubelet, events };
    await sequential(bench);
    await podmanPeer(containerd, rounds);
    await together(bench);
    await idle(kubelet);
  }
} finally {
  stop.abort();
  client.close();
  await kubelet?.stop();
  await containerd.stop();
}

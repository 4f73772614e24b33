/**
 * A full node: how long until all its pods run, against the same calls made bare on the same containerd, and what the agent costs then:
 * without probes, and with an exec probe in each pod.
 *
 *   npm run bench:density [-- --pods 110 --idle 60 --every 10]
 */
import { parseArgs } from 'node:util';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { missing, startContainerd } from '../harness/containerd.ts';
import { startKubelet, type TestKubelet } from '../harness/kubelet.ts';
import { manifest } from '../harness/manifest.ts';
import { until } from '../harness/until.ts';
import { Bare, bareTogether, cpuMs, rssMb, TaskEvents } from './node.ts';
import { ratio, row } from './report.ts';

const { values } = parseArgs({
  options: { pods: { type: 'string', default: '110' }, idle: { type: 'string', default: '60' }, every: { type: 'string', default: '10' } },
});
const [pods, idleSeconds, everySeconds] = [Number(values.pods), Number(values.idle), Number(values.every)];
const PODS_IN_FLIGHT = 8;
/** A full node may take its time. */
const LIMIT_MS = 600_000;
const SETTLE_MS = 10_000;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

async function floor(bare: Bare, events: TaskEvents): Promise<number> {
  events.clear();
  const startedMs = performance.now();
  const made = await bareTogether(bare, pods, PODS_IN_FLIGHT);
  await until('all started', () => events.started.length >= 2 * pods, LIMIT_MS);
  const tookMs = performance.now() - startedMs;
  for (const { sandbox } of made) await bare.remove(sandbox);
  return tookMs;
}

async function fill(kubelet: TestKubelet, container: Readonly<Record<string, unknown>>): Promise<{ tookMs: number; cpu: number }> {
  const [startedMs, before] = [performance.now(), cpuMs(kubelet.pid())];
  for (let i = 0; i < pods; i++) kubelet.apply(`p${i}.yaml`, manifest({ name: `p${i}`, container }));
  const runs = async (): Promise<boolean> => (await kubelet.pods()).filter((p) => p.status?.phase === 'Running').length === pods;
  await until('all pods run', runs, LIMIT_MS);
  return { tookMs: performance.now() - startedMs, cpu: (cpuMs(kubelet.pid()) - before) / pods };
}

async function steady(kubelet: TestKubelet, what: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const [startedMs, before] = [performance.now(), cpuMs(kubelet.pid())];
  await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
  const share = (100 * (cpuMs(kubelet.pid()) - before)) / (performance.now() - startedMs);
  const restarts = (await kubelet.pods()).reduce((sum, p) => sum + (p.status?.containerStatuses?.[0]?.restartCount ?? 0), 0);
  row(
    `${pods} pods ${what}`,
    [`over ${idleSeconds} s`, `RSS ${rssMb(kubelet.pid())} MB`, `${restarts} restarts`],
    `${share.toFixed(2)} % of a core`,
  );
}

const lacking = missing();
if (lacking !== undefined) throw new Error(`Cannot run the benchmark: it ${lacking}`);
const containerd = await startContainerd();
const stop = new AbortController();
const client = new CriClient({ endpoint: containerd.endpoint, clock: new SystemClock() });
let kubelet: TestKubelet | undefined;
try {
  await client.waitReady(stop.signal);
  const events = new TaskEvents();
  void events.follow(client, stop.signal).catch(() => undefined);
  const bareMs = await floor(new Bare(client, containerd), events);
  kubelet = await startKubelet(containerd);
  const { tookMs, cpu } = await fill(kubelet, {});
  row(
    `${pods} pods at once -> all Running`,
    [`bare ${seconds(bareMs)}`, `kubelet ${seconds(tookMs)} with ${cpu.toFixed(0)} ms of its CPU a pod`],
    `${ratio(tookMs, bareMs)} x bare`,
  );
  await steady(kubelet, 'without probes');
  for (let i = 0; i < pods; i++) kubelet.remove(`p${i}.yaml`);
  const node = kubelet;
  await until('all are gone', async () => (await node.pods()).length === 0, LIMIT_MS);
  const probe = { exec: { command: ['true'] }, periodSeconds: everySeconds };
  await fill(kubelet, { livenessProbe: probe });
  await steady(kubelet, `with an exec probe every ${everySeconds} s`);
} finally {
  stop.abort();
  client.close();
  await kubelet?.stop();
  await containerd.stop();
}

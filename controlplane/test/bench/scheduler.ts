/**
 * Measures the scheduler on simulated nodes, the decisions alone and the whole loop with our API server in a process of its own:
 *   npm run bench:scheduler -- [--nodes 5000] [--pods 10000] [--only basic,spreading] [--core] [--json] [--profile DIR]
 * The pods are made first; the clock runs from when the scheduler leads until all are bound. Per CPU second is what one core of the scheduler
 * would do by itself: times depend on who else uses the machine, CPU time hardly.
 */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { parseArgs } from 'node:util';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { startSubject, type Subject } from '../../apiserver/bench/children.ts';
import { BenchClient, type Target } from '../../apiserver/bench/http.ts';
import { runCore } from '../../scheduler/bench/core.ts';
import { NAMESPACE, SHAPE, workloads, type Workload } from '../../scheduler/bench/workloads.ts';
import { makeScheduler } from '../../scheduler/run.ts';
import { nodeName } from '../../simulate/objects.ts';
import { Simulation } from '../../simulate/simulation.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '5000' },
    pods: { type: 'string', default: '10000' },
    only: { type: 'string' },
    core: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const nodes = Number(values.nodes);
const wanted = values.only?.split(',');
const all = workloads({ nodes, pods: Number(values.pods) }).filter(({ name }) => wanted === undefined || wanted.includes(name));
if (all.length === 0)
  throw new RangeError(
    `--only: want some of ${workloads({ nodes: 1, pods: 1 })
      .map((w) => w.name)
      .join(', ')}`,
  );

const CLIENTS = 16;
const clock = new SystemClock();
const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Sends all bodies, several at once; every answer has to be a success. */
async function send(
  target: Target,
  requests: readonly { readonly method: string; readonly path: string; readonly body: unknown; readonly type?: string }[],
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await BenchClient.open(target);
      try {
        for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
          const { code, body } = await client.send(request.method, request.path, Buffer.from(JSON.stringify(request.body)), request.type);
          if (code >= 300) throw new Error(`${request.method} ${request.path}: ${code} ${body.toString().slice(0, 300)}`);
        }
      } finally {
        client.close();
      }
    }),
  );
}

/** What both processes spend their time on while the clock runs: NAME.scheduler.cpuprofile, NAME.server.cpuprofile. */
async function profiling(file: string, subject: Subject): Promise<{ end(): Promise<void> }> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await subject.profileTo(`${file}.server.cpuprofile`);
  return {
    end: async () => {
      await subject.endProfile();
      const { profile } = await session.post('Profiler.stop');
      await writeFile(`${file}.scheduler.cpuprofile`, JSON.stringify(profile));
      session.disconnect();
    },
  };
}

interface LoopFigures {
  readonly podsPerSecond: number;
  readonly podsPerCpuSecond: number;
  readonly serverCpuMsEach: number;
  readonly residentMb: number;
}

async function runLoop({ name, before, stuck, pods }: Workload): Promise<LoopFigures> {
  const subject = await startSubject('memory');
  const { target } = subject;
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  const create = (list: readonly object[]) => list.map((body) => ({ method: 'POST', path, body }));
  const life = new AbortController();
  const quiet = makeLogger({ clock, write: () => undefined });
  const client = connect({
    config: {
      server: `https://${target.host}:${target.port}`,
      namespace: 'default',
      token: { kind: 'text', text: target.token },
      ...(target.ca === undefined ? {} : { ca: { kind: 'text', text: target.ca } }),
    },
    clock,
    log: quiet,
    userAgent: 'kube-scheduler',
    qps: -1,
  });
  try {
    await send(target, [{ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name: NAMESPACE } } }]);
    // Only made: their heartbeats and what they say of pods would be measured, too.
    const shape = { ...SHAPE, count: nodes };
    const simulation = new Simulation({ client, clock, log: quiet, random: Math.random, shape, startDelayMs: [0, 0], stopDelayMs: 0 });
    await simulation.make(life.signal);
    const classOf = (name: string, value: number) => ({
      method: 'POST',
      path: '/apis/scheduling.k8s.io/v1/priorityclasses',
      body: { metadata: { name }, value },
    });
    await send(target, [classOf('p10', 10), classOf('p0', 0)]);
    const placed = before.map((pod, i) => ({ ...pod, spec: { ...pod.spec, nodeName: nodeName(shape, i % nodes) } }));
    await send(target, create([...placed, ...stuck, ...pods].map(classed)));
    const log = makeLogger({ clock, write: (line) => (/^<[0-4]>/.test(line) ? say(line.trim()) : undefined) });
    const scheduler = makeScheduler({ client, eventClient: client, host: 'bench', clock, log, random: Math.random });
    const following = scheduler.follow(life.signal);
    while (!scheduler.isSynced) await clock.sleep(5, life.signal);
    const profile = values.profile === undefined ? undefined : await profiling(`${values.profile}/${name}`, subject);
    const serverBefore = subject.cpuMs() ?? 0;
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const leading = scheduler.lead(life.signal);
    // All that can be placed are confirmed by the server.
    const due = pods.length;
    const isDone = (): boolean => {
      const bound = scheduler.cluster.podCount - scheduler.cluster.assumedCount;
      const victims = before.length === 0 ? 0 : bound - pods.length;
      return before.length === 0
        ? bound >= due
        : pods.every((pod) => scheduler.cluster.placed(`${NAMESPACE}/${pod.metadata.name}`) !== undefined) && victims >= 0;
    };
    while (!isDone()) await clock.sleep(20, life.signal);
    const seconds = (performance.now() - startedMs) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    const serverMs = (subject.cpuMs() ?? 0) - serverBefore;
    await profile?.end();
    const residentMb = process.memoryUsage.rss() / 1e6;
    life.abort();
    await Promise.all([following, leading]);
    return { podsPerSecond: due / seconds, podsPerCpuSecond: (due * 1e6) / (user + system), serverCpuMsEach: serverMs / due, residentMb };
  } finally {
    life.abort();
    client.close();
    await subject.stop();
  }
}

/** A pod says its class, the server what that is worth. */
function classed(pod: object): object {
  const { spec, metadata } = pod as { readonly spec: { readonly priority?: number }; readonly metadata: { readonly uid?: string } };
  const { priority, ...rest } = spec;
  const { uid: _uid, ...named } = metadata;
  return {
    ...pod,
    metadata: named,
    spec: { ...rest, terminationGracePeriodSeconds: 0, ...(priority === undefined ? {} : { priorityClassName: `p${priority}` }) },
  };
}

const round = (n: number): string => Math.round(n).toLocaleString('en');
const rows: unknown[] = [];
const out = (line: string): void => void (values.json ? undefined : process.stdout.write(`${line}\n`));
out(
  `| ${round(nodes)} nodes | pods | decisions /CPU s | p50 / p99 of one | whole loop, pods/s | /CPU s of the scheduler | CPU of the server, each | target |\n|---|---:|---:|---:|---:|---:|---:|---:|`,
);
for (const workload of all) {
  const core = runCore(workload, nodes);
  const loop = values.core ? undefined : await runLoop(workload);
  rows.push({ name: workload.name, core, loop });
  const cells = [
    `${workload.name}: ${workload.about}`,
    round(workload.pods.length),
    round(core.podsPerCpuSecond),
    `${core.p50Ms.toFixed(2)} / ${core.p99Ms.toFixed(1)} ms`,
    loop === undefined ? '' : round(loop.podsPerSecond),
    loop === undefined ? '' : round(loop.podsPerCpuSecond),
    loop === undefined ? '' : `${loop.serverCpuMsEach.toFixed(1)} ms`,
    workload.target === undefined ? '' : `> ${round(workload.target)}`,
  ];
  out(`| ${cells.join(' | ')} |`);
}
if (values.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
process.exit(0);

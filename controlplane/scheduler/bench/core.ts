/** The decisions alone, without a network: how many a second one core makes. */
import { Cluster } from '../core/cluster.ts';
import { decide } from '../core/decide.ts';
import { podInfoOf } from '../core/podInfo.ts';
import { preempt } from '../core/preempt.ts';
import { defaultProfile } from '../plugins/profile.ts';
import { nodesOf, type Workload } from './workloads.ts';

export interface CoreFigures {
  readonly podsPerSecond: number;
  /** What does not depend on who else uses the machine. */
  readonly podsPerCpuSecond: number;
  readonly placed: number;
  /** Of a single decision. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function runCore({ before, stuck, pods }: Workload, nodes: number): CoreFigures {
  const profile = defaultProfile();
  const cluster = new Cluster();
  const all = nodesOf(nodes);
  for (const node of all) cluster.setNode(node.metadata.name ?? '', node);
  for (const [i, pod] of before.entries()) cluster.setPod({ ...pod, spec: { ...pod.spec, nodeName: all[i % nodes]?.metadata.name ?? '' } });
  const tookMs: number[] = [];
  let start = 0;
  let placed = 0;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const place = (i: number): void => {
    const pod = pods[i];
    if (pod === undefined) return;
    const info = podInfoOf(pod);
    let decision = decide(info, { profile, cluster, start, random: Math.random });
    if (decision.kind === 'doesNotFit') {
      const found = preempt(info, decision, { profile, cluster, budgets: [], random: Math.random });
      if (found.kind === 'none') return;
      for (const victim of found.candidate.victims) cluster.removePod(victim.key);
      cluster.nominate(info, found.candidate.node.name);
      decision = decide(info, { profile, cluster, start, random: Math.random });
      cluster.nominate(info, undefined);
      if (decision.kind === 'doesNotFit') return;
    }
    start = (start + decision.evaluated) % nodes;
    cluster.assume(info, decision.node.name);
    placed += 1;
  };
  const every = Math.max(1, Math.floor(pods.length / Math.max(1, stuck.length)));
  for (let i = 0; i < pods.length; i++) {
    const atMs = performance.now();
    place(i);
    const hopeless = i % every === 0 ? stuck[i / every] : undefined;
    if (hopeless !== undefined) decide(podInfoOf(hopeless), { profile, cluster, start, random: Math.random });
    tookMs.push(performance.now() - atMs);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  tookMs.sort((a, b) => a - b);
  const at = (part: number): number => tookMs[Math.floor(tookMs.length * part)] ?? 0;
  return {
    podsPerSecond: pods.length / seconds,
    podsPerCpuSecond: (pods.length * 1e6) / (user + system),
    placed,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

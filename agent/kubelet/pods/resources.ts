/**
 * From requests and limits to control groups. Pure.
 *
 * Units: CPU in millicores, memory in bytes; shares and quota as in agent/linux/cgroup.ts.
 * Source: "Resource management for Pods and Containers" and KEP-2254; the oom_score_adj table of "Node-pressure eviction" in the docs.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { toBytes, toMilli } from '#api/quantity.ts';
import type { LinuxContainerResources } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';
import { CPU_PERIOD_US, type CgroupLimits } from '../../linux/cgroup.ts';
import { qosClassOf, type QosClass } from './qos.ts';

export interface NodeCapacity {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

const MIN_SHARES = 2;
const MIN_QUOTA_US = 1_000;

export function sharesOf(cpuMilli: number): number {
  return Math.max(MIN_SHARES, Math.floor((cpuMilli * 1_024) / 1_000));
}

/** 0: no limit. */
export function quotaOf(cpuMilli: number): number {
  return cpuMilli === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((cpuMilli * CPU_PERIOD_US) / 1_000));
}

interface Amounts {
  readonly cpuRequestMilli: number;
  readonly cpuLimitMilli: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
}

/** A request that is not given is the limit; 0 means none. */
function amountsOf(c: Container): Amounts {
  const { limits, requests } = c.resources ?? {};
  const cpuLimitMilli = limits?.['cpu'] === undefined ? 0 : toMilli(limits['cpu']);
  const memoryLimitBytes = limits?.['memory'] === undefined ? 0 : toBytes(limits['memory']);
  return {
    cpuLimitMilli,
    memoryLimitBytes,
    cpuRequestMilli: requests?.['cpu'] === undefined ? cpuLimitMilli : toMilli(requests['cpu']),
    memoryRequestBytes: requests?.['memory'] === undefined ? memoryLimitBytes : toBytes(requests['memory']),
  };
}

export function containerResources(pod: Pod, c: Container, capacity: NodeCapacity): Input<LinuxContainerResources> {
  const amounts = amountsOf(c);
  return {
    cpu_period: CPU_PERIOD_US,
    cpu_quota: quotaOf(amounts.cpuLimitMilli),
    cpu_shares: sharesOf(amounts.cpuRequestMilli),
    memory_limit_in_bytes: amounts.memoryLimitBytes,
    oom_score_adj: oomScoreAdj(qosClassOf(pod.spec), amounts.memoryRequestBytes, capacity.memoryBytes),
  };
}

/** What a container asks for it keeps longer: the more of the node's memory it requested, the later it is killed. */
export function oomScoreAdj(qos: QosClass, memoryRequestBytes: number, nodeMemoryBytes: number): number {
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1_000;
  const score = Math.floor(1_000 - (1_000 * memoryRequestBytes) / nodeMemoryBytes);
  return Math.min(Math.max(score, 3), 999);
}

/** /<root>/kubepods[/burstable|/besteffort]/pod<uid>: the tree of cgroupsPerQOS with the cgroupfs driver. */
export function podCgroupPath(cgroupRoot: string, pod: Pod): string {
  return `${qosCgroupPath(cgroupRoot, qosClassOf(pod.spec))}/pod${pod.metadata.uid ?? ''}`;
}

export function qosCgroupPath(cgroupRoot: string, qos: QosClass): string {
  const root = `${cgroupRoot.replace(/\/+$/, '')}/kubepods`;
  return qos === 'Guaranteed' ? root : `${root}/${qos.toLowerCase()}`;
}

/** The pod's own group: the sum of its containers, with limits only where every container has one. */
export function podLimits(pod: Pod, pidsMax: number | undefined): CgroupLimits {
  const mains = pod.spec.containers.map(amountsOf);
  const inits = (pod.spec.initContainers ?? []).map(amountsOf);
  const sum = (pick: (a: Amounts) => number): number =>
    Math.max(
      mains.reduce((total, a) => total + pick(a), 0),
      ...inits.map(pick),
    );
  const all = (pick: (a: Amounts) => number): boolean => [...mains, ...inits].every((a) => pick(a) > 0);
  return {
    cpuShares: sharesOf(sum((a) => a.cpuRequestMilli)),
    cpuQuotaUs: all((a) => a.cpuLimitMilli) ? quotaOf(sum((a) => a.cpuLimitMilli)) : -1,
    memoryBytes: all((a) => a.memoryLimitBytes) ? sum((a) => a.memoryLimitBytes) : -1,
    ...(pidsMax === undefined || pidsMax <= 0 ? {} : { pidsMax }),
  };
}

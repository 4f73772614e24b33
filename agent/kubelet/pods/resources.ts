/**
 * From requests and limits to control groups. Pure.
 *
 * Units: CPU in millicores, memory in bytes; shares and quota as in agent/linux/cgroup.ts.
 * Source: "Resource management for Pods and Containers", KEP-2254, KEP-2837 (resources of the whole pod), "Pod Overhead", "Manage
 * HugePages"; the oom_score_adj table of "Node-pressure eviction" in the docs.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod, PodSpec } from '#api/kinds/core/pod.ts';
import { amountOf, podTotal, type ResourceList, type Side } from '#api/podResources.ts';
import { toBytes, toMilli } from '#api/quantity.ts';
import type { LinuxContainerResources } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';
import { CPU_PERIOD_US, type CgroupLimits } from '../../linux/cgroup.ts';
import { ownContainers } from './containers.ts';
import { qosClassOf, type QosClass } from './qos.ts';

export interface NodeCapacity {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Page size in bytes -> what of it there is. */
  readonly hugePages?: ReadonlyMap<number, number>;
}

/** cpuCFSQuota and cpuCFSQuotaPeriod of the configuration. */
export interface CpuQuota {
  /** undefined: limits of CPU are not enforced. */
  readonly periodUs: number | undefined;
}
const USUAL_QUOTA: CpuQuota = { periodUs: CPU_PERIOD_US };

const MIN_SHARES = 2;
const MIN_QUOTA_US = 1_000;
const NODE_CRITICAL = 'system-node-critical';
const HUGE_PAGES = 'hugepages-';

export function sharesOf(cpuMilli: number): number {
  return Math.max(MIN_SHARES, Math.floor((cpuMilli * 1_024) / 1_000));
}

/** 0: no limit. */
export function quotaOf(cpuMilli: number, periodUs = CPU_PERIOD_US): number {
  return cpuMilli === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((cpuMilli * periodUs) / 1_000));
}

const milliOf = (list: ResourceList | undefined): number => toMilli(amountOf(list, 'cpu') ?? '0');
const bytesOf = (list: ResourceList | undefined): number => toBytes(amountOf(list, 'memory') ?? '0');

/** A request that is not given is the limit. */
function requestsOf(resources: Container['resources']): ResourceList {
  return { ...resources?.limits, ...resources?.requests };
}

/** With what is not given filled in, so that the sums of podTotal are whole. */
function filled(spec: PodSpec): PodSpec {
  const fill = <T extends Pick<Container, 'resources'>>(of: T): T => ({
    ...of,
    resources: { ...of.resources, requests: requestsOf(of.resources) },
  });
  return {
    ...spec,
    containers: spec.containers.map(fill),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(fill) }),
    ...(spec.resources === undefined ? {} : { resources: { ...spec.resources, requests: requestsOf(spec.resources) } }),
  };
}

/** What the pod asks for in all, with its overhead. */
export function podRequests(spec: PodSpec): ResourceList {
  return podTotal(filled(spec), 'requests');
}

export function containerResources(
  pod: Pod,
  c: Container,
  capacity: NodeCapacity,
  { periodUs } = USUAL_QUOTA,
): Input<LinuxContainerResources> {
  const requests = requestsOf(c.resources);
  const huge = hugePageLimits(c.resources?.limits);
  const whole = pod.spec.resources?.limits; // counts for a container that has no limit of its own
  const cpuMilli = milliOf(c.resources?.limits) || milliOf(whole);
  return {
    cpu_period: periodUs ?? CPU_PERIOD_US,
    cpu_quota: periodUs === undefined ? 0 : quotaOf(cpuMilli, periodUs),
    cpu_shares: sharesOf(milliOf(requests)),
    memory_limit_in_bytes: bytesOf(c.resources?.limits) || bytesOf(whole),
    oom_score_adj: containerOomScore(pod, c, capacity.memoryBytes),
    ...(huge.size === 0 ? {} : { hugepage_limits: [...huge].map(([pageBytes, limit]) => ({ page_size: pageSizeName(pageBytes), limit })) }),
  };
}

/** Page size in bytes -> bytes. */
export function hugePageLimits(list: ResourceList | undefined): Map<number, number> {
  return new Map(
    Object.entries(list ?? {})
      .filter(([name]) => name.startsWith(HUGE_PAGES))
      .map(([name, amount]) => [toBytes(name.slice(HUGE_PAGES.length)), toBytes(amount)]),
  );
}

/** As the kernel calls them in control groups: 64KB, 2MB, 1GB. */
export function pageSizeName(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let [n, unit] = [bytes, 0];
  for (; n >= 1_024 && n % 1_024 === 0 && unit < units.length - 1; unit++) n /= 1_024;
  return `${n}${units[unit]}`;
}

/** What a container asks for it keeps longer: the more of the node's memory it requested, the later it is killed. */
export function oomScoreAdj(qos: QosClass, memoryRequestBytes: number, nodeMemoryBytes: number): number {
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1_000;
  const score = Math.floor(1_000 - (1_000 * memoryRequestBytes) / nodeMemoryBytes);
  return Math.min(Math.max(score, 3), 999);
}

/** What the whole pod asked for beyond its containers counts for them in equal parts; a sidecar is killed no sooner than they are. */
function containerOomScore(pod: Pod, c: Container, nodeMemoryBytes: number): number {
  const { spec } = pod;
  if (spec.priorityClassName === NODE_CRITICAL) return -997;
  const qos = qosClassOf(spec);
  const sidecars = (spec.initContainers ?? []).filter((s) => s.restartPolicy === 'Always');
  const running = [...spec.containers, ...sidecars];
  const own = (of: Container): number => bytesOf(requestsOf(of.resources));
  const together = running.reduce((total, of) => total + own(of), 0);
  const rest = spec.resources === undefined ? 0 : Math.max(0, bytesOf(requestsOf(spec.resources)) - together) / running.length;
  const score = (of: Container): number => oomScoreAdj(qos, own(of) + rest, nodeMemoryBytes);
  return sidecars.includes(c) ? Math.min(score(c), Math.max(...spec.containers.map(score))) : score(c);
}

export interface PodLimitOptions {
  readonly pidsMax?: number | undefined;
  readonly quota?: CpuQuota;
  /** Page sizes that the kernel has, in bytes: of those that the pod has no limit for it gets none. */
  readonly pageSizes?: Iterable<number>;
}

/** The pod's own group: the sum of its containers with its overhead, with limits only where the pod or every container has one. */
export function podLimits(pod: Pod, { pidsMax, quota = USUAL_QUOTA, pageSizes = [] }: PodLimitOptions = {}): CgroupLimits {
  const { spec } = pod;
  const requests = podRequests(spec);
  const limits = podTotal(spec, 'limits');
  const isLimited = (name: 'cpu' | 'memory'): boolean => {
    const has = (list: ResourceList | undefined): boolean => (name === 'cpu' ? milliOf(list) : bytesOf(list)) > 0;
    return has(spec.resources?.limits) || ownContainers(spec).every((c) => has(c.resources?.limits));
  };
  const huge = hugePageLimits(limits);
  const hugePages = [...pageSizes].map((bytes) => [pageSizeName(bytes), huge.get(bytes) ?? 0] as const);
  const { periodUs } = quota;
  return {
    cpuShares: sharesOf(milliOf(requests)),
    cpuQuotaUs: periodUs !== undefined && isLimited('cpu') ? quotaOf(milliOf(limits), periodUs) : -1,
    ...(periodUs === undefined || periodUs === CPU_PERIOD_US ? {} : { cpuPeriodUs: periodUs }),
    memoryBytes: isLimited('memory') ? bytesOf(limits) : -1,
    ...(hugePages.length === 0 ? {} : { hugePages: new Map(hugePages) }),
    ...(pidsMax === undefined || pidsMax <= 0 ? {} : { pidsMax }),
  };
}

/** What the runtime is told of the whole pod, for runtimes that make it a machine of its own. */
export function sandboxResources(pod: Pod): { overhead: Input<LinuxContainerResources>; resources: Input<LinuxContainerResources> } {
  const { overhead: _, ...bare } = pod.spec;
  const of = (requests: ResourceList | undefined, limits: ResourceList | undefined): Input<LinuxContainerResources> => ({
    cpu_period: CPU_PERIOD_US,
    cpu_quota: quotaOf(milliOf(limits)),
    cpu_shares: sharesOf(milliOf(requests)),
    memory_limit_in_bytes: bytesOf(limits),
  });
  const total = (side: Side): ResourceList => podTotal(filled(bare), side);
  return { overhead: of(pod.spec.overhead, pod.spec.overhead), resources: of(total('requests'), total('limits')) };
}

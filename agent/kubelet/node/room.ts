/** What pods can have of the node, and what the node is called. Pure. Source: "Reserve Compute Resources" in the Kubernetes docs. */
import type { Node } from '#api/kinds/core/node.ts';
import { amountOf as quantityOf, type ResourceList } from '#api/podResources.ts';
import { toBytes, toMilli } from '#api/quantity.ts';
import type { ClusterSettings } from '../config/clusterFields.ts';
import { amountOf, type Signal, type Threshold } from '../eviction/thresholds.ts';

export interface Size {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Of the file system with the kubelet's own files. */
  readonly storageBytes?: number;
  /** Page size in bytes -> bytes set aside in such pages. */
  readonly hugePages?: ReadonlyMap<number, number>;
}

export interface Limits {
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly eviction: { readonly thresholds: readonly Threshold[] };
  readonly resources?: { /** systemReserved and kubeReserved together. */ readonly reserved: ResourceList };
}

export function capacityOf(
  { cpuMilli, memoryBytes, storageBytes, hugePages = new Map() }: Size,
  { maxPods, podsPerCore }: Limits,
): ResourceList {
  const perCore = podsPerCore > 0 ? Math.floor((podsPerCore * cpuMilli) / 1_000) : Infinity;
  return {
    cpu: cpuMilli % 1_000 === 0 ? String(cpuMilli / 1_000) : `${cpuMilli}m`,
    memory: `${Math.floor(memoryBytes / 1_024)}Ki`,
    pods: String(Math.min(maxPods, perCore)),
    ...(storageBytes === undefined ? {} : { 'ephemeral-storage': `${Math.floor(storageBytes / 1_024)}Ki` }),
    ...Object.fromEntries([...hugePages].map(([pageBytes, bytes]) => [`hugepages-${binaryText(pageBytes)}`, binaryText(bytes)])),
  };
}

/** What is reserved and what a hard threshold keeps free is not given away; memory in huge pages is not memory for everybody. */
export function allocatableOf(size: Size, limits: Limits): ResourceList {
  const kept = (signal: Signal, all: number): number => {
    const threshold = limits.eviction.thresholds.find((t) => t.signal === signal && t.graceMs === 0);
    return threshold === undefined ? 0 : amountOf(threshold.value, all);
  };
  const enforced = enforceableOf(size, limits);
  const { storageBytes } = size;
  const reserved = toBytes(reservedOf(limits, 'ephemeral-storage'));
  return capacityOf(
    {
      ...size,
      ...enforced,
      memoryBytes: Math.max(0, enforced.memoryBytes - kept('memory.available', size.memoryBytes)),
      ...(storageBytes === undefined
        ? {}
        : { storageBytes: Math.max(0, storageBytes - reserved - kept('nodefs.available', storageBytes)) }),
    },
    { ...limits, podsPerCore: 0, maxPods: Number(capacityOf(size, limits)['pods']) },
  );
}

/** What all pods together may use at most: the node without what is reserved. */
export function enforceableOf(
  { cpuMilli, memoryBytes, hugePages = new Map() }: Size,
  limits: Limits,
): Pick<Size, 'cpuMilli' | 'memoryBytes'> {
  const inHugePages = [...hugePages.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    cpuMilli: Math.max(0, cpuMilli - toMilli(reservedOf(limits, 'cpu'))),
    memoryBytes: Math.max(0, memoryBytes - inHugePages - toBytes(reservedOf(limits, 'memory'))),
  };
}

function reservedOf({ resources }: Limits, name: string): string {
  return quantityOf(resources?.reserved, name) ?? '0';
}

/** 2Mi, 1Gi; plain bytes where nothing divides. */
function binaryText(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  return String(bytes);
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export function goArch(arch: string): string {
  return ARCHITECTURES[arch] ?? arch;
}

export function nodeLabels(
  nodeName: string,
  { hostname, arch }: { readonly hostname: string; readonly arch: string },
  given: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    ...given,
    'beta.kubernetes.io/arch': goArch(arch),
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': goArch(arch),
    'kubernetes.io/hostname': nodeName === '' ? hostname : nodeName,
    'kubernetes.io/os': 'linux',
  };
}

/** What the configuration says about the node. */
export function nodeSpec({ providerId, taints }: ClusterSettings, podCidr: string | undefined): NonNullable<Node['spec']> {
  return {
    ...(podCidr === undefined ? {} : { podCIDR: podCidr.split(',')[0] ?? '', podCIDRs: podCidr.split(',') }),
    ...(providerId === undefined ? {} : { providerID: providerId }),
    ...(taints.length === 0 ? {} : { taints }),
  };
}

/** What pods can have of the node, and what the node is called. Pure. Source: "Reserve Compute Resources" in the Kubernetes docs. */
import type { ResourceList } from '#api/podResources.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { ClusterSettings } from '../config/clusterFields.ts';
import { amountOf, type Threshold } from '../eviction/thresholds.ts';

export interface Size {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export interface Limits {
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly eviction: { readonly thresholds: readonly Threshold[] };
}

export function capacityOf({ cpuMilli, memoryBytes }: Size, { maxPods, podsPerCore }: Limits): ResourceList {
  const perCore = podsPerCore > 0 ? Math.floor((podsPerCore * cpuMilli) / 1_000) : Infinity;
  return {
    cpu: cpuMilli % 1_000 === 0 ? String(cpuMilli / 1_000) : `${cpuMilli}m`,
    memory: `${Math.floor(memoryBytes / 1_024)}Ki`,
    pods: String(Math.min(maxPods, perCore)),
  };
}

/** What a hard threshold keeps free is not given away. */
export function allocatableOf(size: Size, limits: Limits): ResourceList {
  const kept = limits.eviction.thresholds.find((t) => t.signal === 'memory.available' && t.graceMs === 0);
  const memoryBytes = size.memoryBytes - (kept === undefined ? 0 : amountOf(kept.value, size.memoryBytes));
  return capacityOf({ ...size, memoryBytes: Math.max(0, memoryBytes) }, limits);
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

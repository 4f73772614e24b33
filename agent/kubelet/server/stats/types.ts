/**
 * What is measured on a node, in our units. Types only.
 * Units: bytes; CPU time in nanoseconds of one core, and its rate in billionths of a core.
 */
import type { GroupUse } from './cgroup.ts';

export interface Cpu {
  readonly atMs: number;
  readonly coreNanoseconds: number;
  /** Since the look before; undefined at the first one. */
  readonly nanoCores: number | undefined;
}

export interface Memory {
  readonly atMs: number;
  readonly availableBytes?: number | undefined;
  readonly usageBytes: number;
  readonly workingSetBytes: number;
  readonly rssBytes?: number | undefined;
  readonly pageFaults?: number | undefined;
  readonly majorPageFaults?: number | undefined;
}

export interface Interface {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

export interface Packets {
  readonly name: string;
  readonly rx: number;
  readonly rxDropped: number;
  readonly tx: number;
  readonly txDropped: number;
}

export interface FileSystem {
  readonly atMs: number;
  readonly availableBytes?: number | undefined;
  readonly capacityBytes?: number | undefined;
  readonly usedBytes: number;
  readonly inodesFree?: number | undefined;
  readonly inodes?: number | undefined;
  readonly inodesUsed?: number | undefined;
}

export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly startedAtMs: number;
  readonly cpu: Cpu | undefined;
  readonly memory: Memory | undefined;
  readonly rootfs: FileSystem | undefined;
  readonly logs: FileSystem | undefined;
}

export interface VolumeStats {
  readonly name: string;
  /** Of a claim: its name; the volume outlives the pod. */
  readonly claim: string | undefined;
  readonly fs: FileSystem;
  /** It counts as ephemeral storage of the pod. */
  readonly ephemeral: boolean;
}

export interface PodStats {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly sandboxId: string;
  readonly startedAtMs: number;
  readonly containers: readonly ContainerStats[];
  readonly cpu: Cpu | undefined;
  readonly memory: Memory | undefined;
  /** The default interface first. */
  readonly network: { readonly atMs: number; readonly interfaces: readonly Interface[] } | undefined;
  readonly processes: number | undefined;
  readonly volumes: readonly VolumeStats[];
}

export interface NodeStats {
  readonly nodeName: string;
  readonly bootedAtMs: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly cpu: Cpu;
  readonly memory: Memory;
  readonly network: { readonly atMs: number; readonly interfaces: readonly Interface[] };
  readonly fs: FileSystem;
  readonly imageFs: FileSystem | undefined;
  readonly processes: { readonly atMs: number; readonly most: number; readonly now: number };
}

/** What is read from control groups and network namespaces when cAdvisor's metrics are asked for. */
export interface Details {
  /** By container id. */
  readonly groups: ReadonlyMap<string, GroupUse>;
  /** By pod UID. */
  readonly packets: ReadonlyMap<string, readonly Packets[]>;
  /** major:minor -> /dev/name */
  readonly devices: ReadonlyMap<string, string>;
}

export interface Stats {
  readonly node: NodeStats;
  readonly pods: readonly PodStats[];
}

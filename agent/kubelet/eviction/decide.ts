/**
 * What the node has to do when it runs short: which conditions hold, what is to be reclaimed, which pod goes. Pure.
 *
 * Units: bytes, inodes or processes, by signal; milliseconds.
 * Source: "Node-pressure Eviction" in the Kubernetes docs: soft thresholds hold for their grace period, a condition stays for the
 * transition period, minimum reclaim raises the bar until it is met; ranking by usage above request, priority, usage.
 */
import { sumUse, type DiskUse } from '../../linux/diskUsage.ts';
import { amountOf, type Signal, type Threshold } from './thresholds.ts';

export interface Reading {
  readonly available: number;
  readonly capacity: number;
}
export type Readings = ReadonlyMap<Signal, Reading>;

export type Condition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
const CONDITION: Readonly<Record<Signal, Condition>> = {
  'memory.available': 'MemoryPressure',
  'nodefs.available': 'DiskPressure',
  'nodefs.inodesFree': 'DiskPressure',
  'imagefs.available': 'DiskPressure',
  'imagefs.inodesFree': 'DiskPressure',
  'pid.available': 'PIDPressure',
};
export const CONDITIONS = ['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** The resource as messages name it. */
export const RESOURCE: Readonly<Record<Signal, 'memory' | 'ephemeral-storage' | 'inodes' | 'pids'>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
};

export interface ContainerUse {
  readonly name: string;
  readonly memoryBytes: number;
  readonly memoryRequestBytes: number;
  readonly log: DiskUse;
  /** What it wrote over its image. */
  readonly layer: DiskUse;
  readonly diskRequestBytes: number;
}

export interface Candidate {
  readonly uid: string;
  readonly priority: number;
  readonly critical: boolean;
  readonly graceMs: number;
  readonly pids: number;
  /** On the node's disk. */
  readonly volumes: DiskUse;
  readonly diskRequestBytes: number;
  readonly containers: readonly ContainerUse[];
}

export interface Memory {
  /** Threshold -> since when it is crossed. */
  readonly crossedSinceMs: ReadonlyMap<string, number>;
  /** When each condition was last seen. */
  readonly lastSeenMs: ReadonlyMap<Condition, number>;
}

export const NO_MEMORY: Memory = { crossedSinceMs: new Map(), lastSeenMs: new Map() };

export interface DecideInput {
  readonly thresholds: readonly Threshold[];
  readonly readings: Readings;
  readonly candidates: readonly Candidate[];
  readonly memory: Memory;
  readonly nowMs: number;
  readonly transitionMs: number;
  /** evictionMaxPodGracePeriod, for soft thresholds. */
  readonly maxGraceMs: number;
  /** Images were removed for the present shortage already. */
  readonly reclaimed: boolean;
  /** Images lie on a file system of their own: to remove some frees nothing on that of the node. */
  readonly imagesApart: boolean;
}

export interface Verdict {
  readonly memory: Memory;
  readonly conditions: ReadonlySet<Condition>;
  /** What there is too little of, the most urgent of it. */
  readonly short?: Signal;
  /** Remove images that nobody uses, before a pod goes. */
  readonly reclaim: boolean;
  readonly evict?: { readonly uid: string; readonly message: string; readonly graceMs: number; readonly signal: Signal };
}

/** Who uses most of these cannot be told without a look at the disk. */
export const DISK: ReadonlySet<Signal> = new Set(['nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'imagefs.inodesFree']);
const IMAGE_DISK: ReadonlySet<Signal> = new Set(['imagefs.available', 'imagefs.inodesFree']);
const NODE_DISK: ReadonlySet<Signal> = new Set(['nodefs.available', 'nodefs.inodesFree']);

/** A pod that is evicted at once has a second. */
const HARD_GRACE_MS = 1_000;

export function decide(input: DecideInput): Verdict {
  const { thresholds, readings, memory, nowMs, transitionMs } = input;
  const crossed = thresholds.filter((t) => isCrossed(t, readings.get(t.signal), memory.crossedSinceMs.has(keyOf(t))));
  const crossedSinceMs = new Map(crossed.map((t) => [keyOf(t), memory.crossedSinceMs.get(keyOf(t)) ?? nowMs]));
  const lastSeenMs = new Map(memory.lastSeenMs);
  const due = crossed.filter((t) => nowMs - (crossedSinceMs.get(keyOf(t)) ?? nowMs) >= t.graceMs);
  for (const t of due) lastSeenMs.set(CONDITION[t.signal], nowMs);
  // A condition whose last sight lies in the future was seen before the clock was set back.
  for (const [condition, seenMs] of lastSeenMs) if (nowMs - seenMs > transitionMs || seenMs > nowMs) lastSeenMs.delete(condition);
  for (const t of due) lastSeenMs.set(CONDITION[t.signal], nowMs);
  const next = { memory: { crossedSinceMs, lastSeenMs }, conditions: new Set(lastSeenMs.keys()) };
  const [first] = due.toSorted(byUrgency);
  if (first === undefined) return { ...next, reclaim: false };
  const short = { ...next, short: first.signal };
  const helps = IMAGE_DISK.has(first.signal) || (NODE_DISK.has(first.signal) && !input.imagesApart);
  if (helps && !input.reclaimed) return { ...short, reclaim: true };
  const victim = rank(input.candidates, first.signal, input.imagesApart).find((c) => !c.critical);
  if (victim === undefined) return { ...short, reclaim: false };
  const graceMs = first.graceMs === 0 ? HARD_GRACE_MS : Math.min(victim.graceMs, input.maxGraceMs);
  return { ...short, reclaim: false, evict: { uid: victim.uid, message: messageOf(first, input, victim), graceMs, signal: first.signal } };
}

export const keyOf = (t: Threshold): string => `${t.signal} ${t.graceMs}`;

/** Once crossed it is over only when the minimum was reclaimed on top. */
function isCrossed(t: Threshold, reading: Reading | undefined, before: boolean): boolean {
  if (reading === undefined) return false;
  const reclaim = before && t.minReclaim !== undefined ? amountOf(t.minReclaim, reading.capacity) : 0;
  return reading.available < amountOf(t.value, reading.capacity) + reclaim;
}

/** Memory first, as upstream; hard ones before soft ones. */
function byUrgency(a: Threshold, b: Threshold): number {
  const rank = (t: Threshold): number => (t.signal === 'memory.available' ? 0 : 1);
  return rank(a) - rank(b) || Number(a.graceMs > 0) - Number(b.graceMs > 0);
}

/** Who goes first comes first. */
export function rank(candidates: readonly Candidate[], signal: Signal, imagesApart = false): Candidate[] {
  const of = (c: Candidate): { used: number; over: number } => {
    const [used, asked] = amounts(c, signal, imagesApart);
    return { used, over: used - asked };
  };
  return candidates.toSorted((a, b) => {
    const [x, y] = [of(a), of(b)];
    const above = signal === 'pid.available' ? 0 : Number(y.over > 0) - Number(x.over > 0);
    return above || a.priority - b.priority || y.over - x.over;
  });
}

/** Of the disk what lies on the one that is short: logs and volumes on the node's, what containers wrote beside the images. */
function diskOf({ volumes, containers }: Candidate, signal: Signal, imagesApart: boolean): DiskUse {
  const nodes = [volumes, ...containers.map((u) => u.log)];
  const layers = containers.map((u) => u.layer);
  return sumUse(imagesApart ? (IMAGE_DISK.has(signal) ? layers : nodes) : [...nodes, ...layers]);
}

function amounts(c: Candidate, signal: Signal, imagesApart: boolean): [used: number, asked: number] {
  const total = (pick: (u: ContainerUse) => number): number => c.containers.reduce((sum, u) => sum + pick(u), 0);
  switch (RESOURCE[signal]) {
    case 'memory':
      return [total((u) => u.memoryBytes), total((u) => u.memoryRequestBytes)];
    case 'ephemeral-storage':
      return [diskOf(c, signal, imagesApart).bytes, c.diskRequestBytes];
    case 'inodes':
      return [diskOf(c, signal, imagesApart).inodes, 0];
    case 'pids':
      return [c.pids, 0];
  }
}

function messageOf(t: Threshold, { readings }: DecideInput, victim: Candidate): string {
  const reading = readings.get(t.signal) ?? { available: 0, capacity: 0 };
  const resource = RESOURCE[t.signal];
  const inBytes = resource === 'memory' || resource === 'ephemeral-storage';
  const show = (n: number): string => (inBytes ? binary(n) : String(Math.floor(n)));
  const threshold = 'text' in t.value ? t.value.text : show(amountOf(t.value, reading.capacity));
  const head = `The node was low on resource: ${resource}. Threshold quantity: ${threshold}, available: ${show(reading.available)}. `;
  if (!inBytes) return head;
  const parts = victim.containers.flatMap((u) => {
    const [used, asked] = resource === 'memory' ? [u.memoryBytes, u.memoryRequestBytes] : [u.log.bytes + u.layer.bytes, u.diskRequestBytes];
    return used > asked
      ? [
          `Container ${u.name} was using ${show(used)}, request is ${asked === 0 ? '0' : show(asked)}, has larger consumption of ${resource}. `,
        ]
      : [];
  });
  return head + parts.join('');
}

function binary(bytes: number): string {
  return `${Math.floor(bytes / 1_024)}Ki`;
}

/**
 * Which images go. Pure: those nobody uses, unused longest first, until enough is free; and those that nobody used for too long.
 * Units: bytes, milliseconds. Source: "Garbage collection of unused containers and images" in the Kubernetes docs.
 */
export interface LocalImage {
  readonly id: string;
  readonly sizeBytes: number;
  /** The runtime's own, and what it says is pinned: never removed. */
  readonly pinned: boolean;
  readonly firstSeenMs: number;
  /** When a container last used it; when it was first seen if none did. */
  readonly lastUsedMs: number;
  readonly inUse: boolean;
}

export interface GcRules {
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
  /** 0: no image is too old. */
  readonly maxAgeMs: number;
}

export interface DiskUse {
  readonly capacityBytes: number;
  readonly availableBytes: number;
}

/** How much has to be freed; 0 while the disk is less full than the high mark. */
export function toFree({ capacityBytes, availableBytes }: DiskUse, { highPercent, lowPercent }: GcRules): number {
  if (capacityBytes <= 0) return 0;
  const usedPercent = 100 - Math.floor((availableBytes * 100) / capacityBytes);
  return usedPercent < highPercent ? 0 : Math.max(0, Math.floor((capacityBytes * (100 - lowPercent)) / 100) - availableBytes);
}

export function isTooOld({ lastUsedMs }: LocalImage, { maxAgeMs }: GcRules, nowMs: number): boolean {
  return maxAgeMs > 0 && nowMs - lastUsedMs > maxAgeMs;
}

export function imagesToRemove(images: readonly LocalImage[], freeBytes: number, rules: GcRules, nowMs: number): LocalImage[] {
  const unused = images.filter((i) => !i.inUse && !i.pinned && nowMs - i.firstSeenMs >= rules.minAgeMs);
  const old = unused.filter((i) => isTooOld(i, rules, nowMs));
  const rest = unused.filter((i) => !old.includes(i)).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);
  const chosen = [...old];
  let freed = old.reduce((sum, i) => sum + i.sizeBytes, 0);
  for (const image of rest) {
    if (freed >= freeBytes) break;
    chosen.push(image);
    freed += image.sizeBytes;
  }
  return chosen;
}

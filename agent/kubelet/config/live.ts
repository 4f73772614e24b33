/**
 * What of a new configuration takes effect while the kubelet runs, and what waits for a restart. Pure.
 * Containers, and what is known about their probes, are not touched by either.
 */
import type { Settings } from './settings.ts';

/** Fields of KubeletConfiguration that are honoured anew at once. */
export const LIVE_FIELDS: ReadonlySet<string> = new Set([
  'allowedUnsafeSysctls',
  'clusterDNS',
  'containerLogMaxFiles',
  'containerLogMaxSize',
  'containerLogMonitorInterval',
  'crashLoopBackOff',
  'evictionHard',
  'evictionMaxPodGracePeriod',
  'evictionMinimumReclaim',
  'evictionPressureTransitionPeriod',
  'evictionSoft',
  'evictionSoftGracePeriod',
  'imageGCHighThresholdPercent',
  'imageGCLowThresholdPercent',
  'imageMaximumGCAge',
  'imageMinimumGCAge',
  'maxParallelImagePulls',
  'maxPods',
  'mergeDefaultEvictionSettings',
  'nodeStatusMaxImages',
  'podsPerCore',
  'seccompDefault',
  'serializeImagePulls',
]);

/** What they come to. */
const LIVE_KEYS = [
  'allowedUnsafeSysctls',
  'clusterDns',
  'crashBackoff',
  'eviction',
  'imageGc',
  'logRotation',
  'maxParallelImagePulls',
  'maxPods',
  'mostImages',
  'podsPerCore',
  'seccompDefault',
] as const satisfies readonly (keyof Settings)[];

export interface Reloaded {
  readonly settings: Settings;
  /** Fields that changed and are in effect. */
  readonly changed: readonly string[];
  /** Fields that changed and are not, before the kubelet is restarted. */
  readonly waiting: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

export function reloaded(now: Settings, next: Settings): Reloaded {
  const [before, after] = [now.configz as Json, next.configz as Json];
  const differ = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((field) => !same(before[field], after[field])).sort();
  const changed = differ.filter((field) => LIVE_FIELDS.has(field));
  const live = Object.fromEntries(LIVE_KEYS.map((key) => [key, next[key]]));
  const shown = { ...before };
  for (const field of changed) shown[field] = after[field];
  return {
    settings: { ...now, ...live, configz: shown },
    changed,
    waiting: differ.filter((field) => !LIVE_FIELDS.has(field)),
  };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** An object of the same fields that is at each time what read gives. */
export function following<T extends object>(read: () => T): T {
  const fields = Object.keys(read()) as (keyof T & string)[];
  return Object.defineProperties({}, Object.fromEntries(fields.map((key) => [key, { enumerable: true, get: () => read()[key] }]))) as T;
}

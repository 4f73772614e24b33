/**
 * Eviction thresholds as the configuration writes them. Pure.
 * Source: "Node-pressure Eviction" in the Kubernetes docs: signals, defaults, and a percentage or a quantity as value.
 */
import { durationMs } from '#api/formats.ts';
import { isQuantity, toBytes } from '#api/quantity.ts';

export const SIGNALS = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const;
export type Signal = (typeof SIGNALS)[number];

export interface Threshold {
  readonly signal: Signal;
  /** A share of the capacity, or an amount (bytes, inodes, processes). */
  readonly value: { readonly share: number } | { readonly amount: number; readonly text: string };
  /** 0: hard. */
  readonly graceMs: number;
  readonly minReclaim?: Threshold['value'];
}

export const HARD_DEFAULTS: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
};

export interface EvictionConfig {
  readonly evictionHard?: Readonly<Record<string, string>>;
  readonly evictionSoft?: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod?: Readonly<Record<string, string>>;
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>;
  readonly mergeDefaultEvictionSettings?: boolean;
}

/** An empty value of evictionHard switches nothing on; "0%" switches a signal off. */
export function thresholdsOf(config: EvictionConfig): Threshold[] {
  const given = config.evictionHard;
  const hard = given === undefined ? HARD_DEFAULTS : config.mergeDefaultEvictionSettings === true ? { ...HARD_DEFAULTS, ...given } : given;
  const make = (list: Readonly<Record<string, string>>, graceMs: (signal: string) => number): Threshold[] =>
    Object.entries(list).flatMap(([signal, text]) => {
      const value = valueOf(text);
      const minReclaim = valueOf(config.evictionMinimumReclaim?.[signal] ?? '');
      if (!isSignal(signal) || value === undefined || ('share' in value ? value.share : value.amount) === 0) return [];
      return [{ signal, value, graceMs: graceMs(signal), ...(minReclaim === undefined ? {} : { minReclaim }) }];
    });
  return [
    ...make(hard, () => 0),
    ...make(config.evictionSoft ?? {}, (signal) => durationMs(config.evictionSoftGracePeriod?.[signal] ?? '') ?? 0),
  ];
}

export function isSignal(text: string): text is Signal {
  return (SIGNALS as readonly string[]).includes(text);
}

/** undefined: neither a percentage nor an amount. */
export function valueOf(text: string): Threshold['value'] | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  if (percent !== undefined) return Number(percent) > 100 ? undefined : { share: Number(percent) / 100 };
  return text !== '' && isQuantity(text) && toBytes(text) >= 0 ? { amount: toBytes(text), text } : undefined;
}

export function amountOf(value: Threshold['value'], capacity: number): number {
  return 'share' in value ? value.share * capacity : value.amount;
}

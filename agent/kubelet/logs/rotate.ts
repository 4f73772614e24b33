/**
 * When a container's log is put aside and what is kept of the older ones. Pure.
 *
 * Names are upstream's: 0.log is written to, 0.log.20260131-120000 was put aside, 0.log.20260131-110000.gz is compressed; with the one
 * that is written to at most maxFiles stay.
 * Units: bytes. Source: the behaviour of upstream's container log manager (containerLogMaxSize, containerLogMaxFiles).
 */
export interface RotationLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export interface RotationPlan {
  readonly remove: readonly string[];
  readonly compress: readonly string[];
  /** The name that the log gets; undefined: it is small enough. */
  readonly rename: string | undefined;
}

const ASIDE = /^\.\d{8}-\d{6}(-\d+)?(\.gz)?$/;

/** Of these names the parts of this log that were put aside, the oldest first. */
export function asideOf(log: string, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(log) && ASIDE.test(name.slice(log.length))).sort((a, b) => (bare(a) < bare(b) ? -1 : 1));
}

const bare = (name: string): string => name.replace(/\.gz$/, '');

export interface LogFile {
  readonly log: string;
  readonly bytes: number;
  /** Everything in its directory. */
  readonly names: readonly string[];
}

export function planRotation({ log, bytes, names }: LogFile, { maxBytes, maxFiles }: RotationLimits, nowMs: number): RotationPlan {
  if (bytes < maxBytes) return { remove: [], compress: [], rename: undefined };
  // Half-written by a compression that was broken off; and what is there compressed is not needed as it was.
  const broken = names.filter((name) => name.startsWith(`${log}.`) && name.endsWith('.tmp'));
  const aside = asideOf(log, names);
  const twice = aside.filter((name) => !name.endsWith('.gz') && aside.includes(`${name}.gz`));
  const whole = aside.filter((name) => !twice.includes(name));
  // One place is for the log itself, one for what is put aside now.
  const old = whole.slice(0, Math.max(0, whole.length - (maxFiles - 2)));
  const kept = whole.slice(old.length);
  return {
    remove: [...broken, ...twice, ...old],
    compress: kept.filter((name) => !name.endsWith('.gz')),
    rename: freshName(log, names, nowMs),
  };
}

/** Two in one second get a number. */
function freshName(log: string, names: readonly string[], nowMs: number): string {
  const stamp = new Date(nowMs)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-');
  for (let n = 0; ; n++) {
    const name = `${log}.${stamp}${n === 0 ? '' : `-${n}`}`;
    if (!names.includes(name) && !names.includes(`${name}.gz`)) return name;
  }
}

/**
 * What is looked at to tell whether the kubelet does its work: upstream's ping, log and syncloop, and what its other parts would say.
 * Units: milliseconds of the monotonic clock.
 */
import { access, constants, statfs } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { formatDuration } from '#base/duration.ts';
import { codeOf } from '#base/errors.ts';
import type { HealthCheck } from './answer.ts';

export interface HealthFacts {
  readonly clock: Clock;
  readonly rootDir: string;
  /** Of the connection to the runtime; undefined: it answers. */
  readonly runtime: () => string | undefined;
  /** When the runtime was listed in full last, and how often it is. */
  readonly relist: () => { readonly lastMs: number | undefined; readonly everyMs: number };
  /** Since when a pod waits to be looked at, or is looked at. */
  readonly looksSince: () => { readonly pod: string; readonly sinceMs: number } | undefined;
  /** Whether the log can be written to. */
  readonly logs: () => boolean;
}

/** As upstream: three minutes without a list, two without a turn of the loop; more where lists are rarer than that. */
const RELIST_MS = 180_000;
const LOOP_MS = 120_000;

export function healthChecks({ clock, rootDir, runtime, relist, looksSince, logs }: HealthFacts): HealthCheck[] {
  return [
    { name: 'ping', problem: () => undefined },
    { name: 'log', problem: () => (logs() ? undefined : 'nobody reads the log any more: stderr is closed') },
    {
      name: 'syncloop',
      problem: () => {
        const looks = looksSince();
        const forMs = looks === undefined ? 0 : clock.monotonicMs() - looks.sinceMs;
        return forMs > LOOP_MS ? `sync loop: ${looks?.pod} has waited for a look at it for ${formatDuration(round(forMs))}` : undefined;
      },
    },
    { name: 'runtime', problem: runtime },
    {
      name: 'pleg',
      problem: () => {
        const { lastMs, everyMs } = relist();
        if (lastMs === undefined) return 'pleg has yet to be successful';
        const [ageMs, mostMs] = [clock.monotonicMs() - lastMs, Math.max(RELIST_MS, 3 * everyMs)];
        return ageMs > mostMs
          ? `pleg was last seen active ${formatDuration(round(ageMs))} ago; threshold is ${formatDuration(mostMs)}`
          : undefined;
      },
    },
    { name: 'disk', problem: () => diskProblem(rootDir) },
  ];
}

const round = (ms: number): number => Math.round(ms / 1_000) * 1_000;

/** Whether what has to be written down can be. */
async function diskProblem(dir: string): Promise<string | undefined> {
  try {
    await access(dir, constants.W_OK);
    const { bavail, files, ffree } = await statfs(dir);
    if (bavail === 0) return `disk: no space left below ${dir}, free some (df -h)`;
    return files > 0 && ffree === 0 ? `disk: no inodes left below ${dir}, remove files (df -i)` : undefined;
  } catch (err) {
    return `disk: ${dir} cannot be written to: ${codeOf(err) ?? 'unknown error'}`;
  }
}

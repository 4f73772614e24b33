/** The line that `systemctl status kube-proxy` shows: how much it serves, and what it cannot write. Pure. */
import { explain } from '#base/errors.ts';
import { count } from '#base/statusTeller.ts';
import type { LaneState } from './sync.ts';

export interface StatusFacts {
  readonly mode: string;
  readonly services: number;
  readonly lanes: readonly Pick<LaneState, 'family' | 'pendingSinceMs' | 'lastError'>[];
  readonly nowMs: number;
}

/** A change that waits for less is under way. */
const LATE_MS = 5_000;

export function statusLine({ mode, services, lanes, nowMs }: StatusFacts): string {
  const late = lanes.flatMap(({ family, pendingSinceMs, lastError }) => {
    if (pendingSinceMs === undefined || nowMs - pendingSinceMs < LATE_MS) return [];
    const why = lastError === undefined ? '' : `: ${explain(lastError)}`;
    return [`${family} rules are out of date since ${new Date(pendingSinceMs).toISOString()}${why}`];
  });
  return [...late, `${count(services, 'service')} by ${mode}`].join(', ');
}

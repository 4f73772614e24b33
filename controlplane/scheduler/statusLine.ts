/** The line that `systemctl status kube-scheduler` shows: who leads, and which pods have no node for which reason. Pure. */
import { count } from '#base/statusTeller.ts';
import type { Decisions } from './explain/decisions.ts';
import type { RunningScheduler } from './run.ts';

export interface StatusFacts {
  readonly leading: string;
  readonly server: string;
  readonly scheduler: {
    readonly isSynced: boolean;
    readonly cluster: Pick<RunningScheduler['cluster'], 'nodes' | 'podCount'>;
    readonly queue: { pods(): Iterable<{ readonly key: string; readonly place: string; readonly isGated: boolean }> };
  };
  readonly decisions: { of(key: string): Pick<NonNullable<ReturnType<Decisions['of']>>, 'message'> | undefined };
}

export function statusLine({ leading, server, scheduler, decisions }: StatusFacts): string {
  if (!scheduler.isSynced) return `${leading}, the cluster has not been read yet from ${server}`;
  const { cluster, queue } = scheduler;
  const waiting = [...queue.pods()].filter(({ place, isGated }) => place !== 'inFlight' && !isGated);
  const [first] = waiting.map(({ key }) => key).toSorted();
  return [
    leading,
    `${count(cluster.podCount, 'pod')} on ${count(cluster.nodes.length, 'node')}`,
    ...(first === undefined ? [] : [`${waiting.length} waiting (${first}: ${decisions.of(first)?.message ?? 'has its turn soon'})`]),
  ].join(', ');
}

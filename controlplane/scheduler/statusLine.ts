/** The line that `systemctl status kube-scheduler` shows: who leads, and which pods have no node for which reason. Pure. */
import { count } from '#base/statusTeller.ts';
import type { QueuedPod } from './queue/queue.ts';
import type { RunningScheduler } from './run.ts';

type Waiting = Pick<QueuedPod, 'key' | 'place' | 'isGated'> & { readonly info: { readonly pod: Pick<QueuedPod['info']['pod'], 'status'> } };

export interface StatusFacts {
  readonly leading: string;
  readonly server: string;
  readonly scheduler: {
    readonly isSynced: boolean;
    readonly cluster: Pick<RunningScheduler['cluster'], 'nodes' | 'podCount'>;
    readonly queue: { pods(): Iterable<Waiting> };
  };
}

export function statusLine({ leading, server, scheduler }: StatusFacts): string {
  if (!scheduler.isSynced) return `${leading}, the cluster has not been read yet from ${server}`;
  const { cluster, queue } = scheduler;
  let waiting = 0;
  let first: Waiting | undefined;
  for (const pod of queue.pods()) {
    if (pod.place === 'inFlight' || pod.isGated) continue;
    waiting += 1;
    if (first === undefined || pod.key < first.key) first = pod;
  }
  return [
    leading,
    `${count(cluster.podCount, 'pod')} on ${count(cluster.nodes.length, 'node')}`,
    ...(first === undefined ? [] : [`${waiting} waiting (${first.key}: ${wordOn(first)})`]),
  ].join(', ');
}

/** What the scheduler wrote into the pod when it was refused, however long ago. */
const wordOn = ({ info: { pod } }: Waiting): string =>
  pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? 'has its turn soon';

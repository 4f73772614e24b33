/**
 * Follows the pods of the node as the kubelet tells of them. A kubelet that goes away is not a node without pods: what it said last
 * stays, until one that is there again has told of all its pods.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { PodEvent } from './client.ts';

/** Between two tries to reach it. A socket costs nothing to try, and a pod should not wait for its service. */
const RETRY_MS = 100;
const LONGEST_RETRY_MS = 1_000;
/** How long the start waits for a kubelet before services with a selector go without endpoints. */
const WAIT_FOR_KUBELET_MS = 10_000;

export interface FollowPodsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends with an error, or when the signal aborts. */
  readonly watch: (onEvents: (events: readonly PodEvent[]) => void, signal: AbortSignal) => Promise<void>;
  /** All of them, after each change. */
  readonly onPods: (pods: readonly Pod[]) => void;
  readonly onGivingUp: () => void;
}

/** Runs until signal aborts. */
export async function followPods({ clock, log, watch, onPods, onGivingUp }: FollowPodsOptions, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(RETRY_MS, LONGEST_RETRY_MS);
  const startedAtMs = clock.nowMs();
  let isKnown = false;
  let hasFailed = false;
  while (!signal.aborted) {
    const pods = new Map<string, Pod>();
    let isComplete = false;
    const take = (events: readonly PodEvent[]): void => {
      for (const { type, object } of events) {
        const key = `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
        if (type === 'BOOKMARK') isComplete = true;
        else if (type === 'DELETED') pods.delete(key);
        else pods.set(key, object);
      }
      if (!isComplete) return;
      isKnown = true;
      backoff.reset('');
      onPods([...pods.values()]);
      if (hasFailed) log.info('The kubelet tells of its pods again');
      hasFailed = false;
    };
    try {
      await watch(take, signal);
    } catch (err) {
      if (signal.aborted) return;
      if (!hasFailed) log.warn('Cannot ask the kubelet for its pods, services with a selector keep the endpoints they have', { err });
      hasFailed = true;
      if (!isKnown && clock.nowMs() - startedAtMs >= WAIT_FOR_KUBELET_MS) onGivingUp();
    }
    await clock.sleep(backoff.nextMs(''), signal).catch(() => undefined);
  }
}

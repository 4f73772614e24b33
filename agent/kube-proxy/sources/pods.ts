/**
 * Keeps the pods of the node up to date by asking the kubelet again and again, while some service has a selector.
 * An answer equal to the last one costs its transfer only.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';

/** Between two questions: how long a pod may be ready before its service knows. */
const ASK_EVERY_MS = 500;
/** How long the start waits for a kubelet before services with a selector go without endpoints. */
const WAIT_FOR_KUBELET_MS = 10_000;

export interface PodPollOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetch: (signal: AbortSignal) => Promise<string>;
  readonly parse: (text: string) => Pod[];
  readonly isWanted: () => boolean;
  readonly onPods: (pods: readonly Pod[]) => void;
  readonly onGivingUp: () => void;
}

/** Runs until signal aborts. */
export async function pollPods(
  { clock, log, fetch, parse, isWanted, onPods, onGivingUp }: PodPollOptions,
  signal: AbortSignal,
): Promise<void> {
  let last: string | undefined;
  let hasFailed = false;
  let waitingSinceMs: number | undefined;
  while (!signal.aborted) {
    if (isWanted()) {
      waitingSinceMs ??= clock.nowMs();
      try {
        const text = await fetch(signal);
        if (text !== last) onPods(parse(text));
        last = text;
        if (hasFailed) log.info('The kubelet tells of its pods again');
        hasFailed = false;
      } catch (err) {
        if (signal.aborted) return;
        if (!hasFailed) log.warn('Cannot ask the kubelet for its pods, services with a selector keep the endpoints they have', { err });
        hasFailed = true;
        if (last === undefined && clock.nowMs() - waitingSinceMs >= WAIT_FOR_KUBELET_MS) onGivingUp();
      }
    }
    await clock.sleep(ASK_EVERY_MS, signal).catch(() => undefined);
  }
}

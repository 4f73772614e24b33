/** What every controller is made from and looks like. They know the API server only through #client. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { runLoop, type Plan } from '#base/reconcile.ts';
import type { QueueMetrics } from '#base/queueMetrics.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { isConflict } from '#client/errors.ts';
import type { EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import type { Informers } from '#client/informers.ts';
import type { Client } from '#client/rest.ts';
import type { Expectations } from './workloads/expectations.ts';

export interface ControllerDeps {
  /** Shared by all; whoever wants one asks for it when it is made, before they run. */
  readonly informers: Informers;
  /** With the rights of the whole program: for who makes the tokens that the others have theirs by. */
  readonly own: Client;
  /** Writes as the service account of this name in kube-system, with its rights and no others. */
  readonly clientAs: (account: string, boost?: Boost) => Client;
  /** Events come from this component, written with the rights of the account. */
  readonly eventsOf: (component: string, account: string) => Pick<EventRecorder, 'record'>;
  readonly queues?: QueueMetrics | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How many times as many requests a second, and at once, as others may send. */
export interface Boost {
  readonly qps: number;
  readonly burst: number;
}

export interface Controller {
  /** As in the flag --controllers. */
  readonly name: string;
  /** Resolves when the signal aborts; never throws. */
  run(signal: AbortSignal): Promise<void>;
}

export interface LoopOptions<D, A extends { readonly kind: string }> {
  readonly name: string;
  readonly deps: Pick<ControllerDeps, 'clock' | 'log' | 'queues'>;
  /** Keys that are worked on at once. Default 1. */
  readonly concurrency?: number;
  /** Whose changes ring, and for which keys. */
  readonly sources: readonly Source[];
  readonly desired: (key: string) => D | undefined;
  /** What is there, out of the informers. Pure. */
  readonly plan: (desired: D | undefined, key: string, nowMs: number) => Plan<A>;
  /** A conflict ends the turn: somebody else wrote first, and what is known of it comes. */
  readonly act: (action: A, key: string, signal: AbortSignal) => Promise<void>;
  /** An action failed for another reason than a conflict, and will be tried again: for who tells it in events too. */
  readonly onFailure?: (action: A, key: string, err: unknown) => void;
  /** The longest pause after failures, and while the same is done again and again. Default: a minute. */
  readonly retryMaxMs?: number;
  /** A key waits until what was written for it is seen. */
  readonly expectations?: Expectations;
}

export interface Source {
  readonly informer: Pick<Informer<KubeObject>, 'synced' | 'keys'>;
  onKeys(ring: (key: string) => void): void;
}

export function source<T extends KubeObject>(
  informer: Informer<T>,
  keysOf: (key: string, object: T | undefined) => readonly string[],
): Source {
  return {
    informer,
    onKeys: (ring) =>
      void informer.onChange(({ key, before, after }) => new Set([...keysOf(key, before), ...keysOf(key, after)]).forEach(ring)),
  };
}

const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 60_000;

/** A controller of one loop over keys. Nothing is decided before everything it looks at was read once. */
export function loopController<D, A extends { readonly kind: string }>(options: LoopOptions<D, A>): Controller {
  const { name, deps, sources, desired, plan, act, onFailure, concurrency = 1, expectations, retryMaxMs = RETRY_MAX_MS } = options;
  return {
    name,
    async run(signal) {
      const queue = new WorkQueue(deps.clock, deps.queues?.observer(name));
      for (const from of sources) from.onKeys((key) => queue.add(key));
      try {
        await Promise.all(sources.map(({ informer }) => informer.synced(signal)));
      } catch {
        return; // stopping
      }
      await runLoop<{ readonly key: string; readonly wanted: D | undefined }, undefined, A>(
        {
          name,
          desired: (key) => ({ key, wanted: desired(key) }),
          observe: () => Promise.resolve(undefined),
          plan: (given, _, nowMs) => {
            const key = given?.key ?? '';
            const waitMs = expectations?.waitMs(key);
            if (waitMs !== undefined) return { actions: [], lookAgainAfterMs: waitMs, waitingFor: 'own writes to be seen' };
            return plan(given?.wanted, key, nowMs);
          },
          act: async ({ key, actions, onStep }) => {
            for (const action of actions) {
              onStep(action.kind);
              try {
                await act(action, key, signal);
              } catch (err) {
                if (isConflict(err)) return;
                if (!signal.aborted) onFailure?.(action, key, err);
                throw err;
              }
            }
          },
        },
        { queue, clock: deps.clock, log: deps.log, backoff: new Backoff(RETRY_BASE_MS, retryMaxMs), concurrency },
        signal,
      );
    },
  };
}

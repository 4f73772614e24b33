import type { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { WorkQueue } from '#base/workqueue.ts';

/** What to do now, when to look again, and - if we are not done - what we are waiting for. */
export interface Plan<Action> {
  readonly actions: readonly Action[];
  readonly lookAgainAfterMs?: number;
  readonly waitingFor?: string;
}

/** One level-triggered loop. Only observe and act may touch the world; plan is a pure function. */
export interface Reconciler<Desired, Observed, Action extends { readonly kind: string }> {
  readonly name: string;
  desired(key: string): Desired | undefined;
  observe(key: string, signal: AbortSignal): Promise<Observed>;
  plan(desired: Desired | undefined, observed: Observed, nowMs: number): Plan<Action>;
  /** Runs the actions of one plan in their order. */
  act(turn: Turn<Desired, Observed, Action>, signal: AbortSignal): Promise<void>;
  /** A turn is over that did not fail, whether there was something to do or not. */
  onTurned?(turn: { readonly key: string; readonly desired: Desired | undefined; readonly observed: Observed }): void;
}

/** One plan on its way to being carried out, with what it was made from. */
export interface Turn<Desired, Observed, Action> {
  readonly key: string;
  readonly desired: Desired | undefined;
  readonly observed: Observed;
  readonly actions: readonly Action[];
  /** Told the kind of each action before it starts, so that a failure can be named. */
  readonly onStep: (kind: string) => void;
}

export interface LoopDeps {
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly log: Logger;
  /** How many keys are worked on at once; one key is never worked on twice at once. Default 1. */
  readonly concurrency?: number;
}

/** Runs until signal aborts, then waits for the turns under way. A failed key is retried for ever, later and later; it is never dropped. */
export async function runLoop<D, O, A extends { readonly kind: string }>(
  r: Reconciler<D, O, A>,
  deps: LoopDeps,
  signal: AbortSignal,
): Promise<void> {
  const { queue, concurrency = 1 } = deps;
  const lastActions = new Map<string, string>();
  const underWay = new Set<Promise<void>>();
  for await (const key of queue.keys(signal)) {
    const turn: Promise<void> = runTurn(r, deps, { key, lastActions }, signal).finally(() => {
      underWay.delete(turn);
      queue.done(key);
    });
    underWay.add(turn);
    if (underWay.size >= concurrency) await Promise.race(underWay);
  }
  await Promise.all(underWay);
}

interface KeyMemory {
  readonly key: string;
  /** What the last turn of each key did: doing the same again means that the world did not move. */
  readonly lastActions: Map<string, string>;
}

async function runTurn<D, O, A extends { readonly kind: string }>(
  r: Reconciler<D, O, A>,
  { queue, clock, backoff, log }: LoopDeps,
  { key, lastActions }: KeyMemory,
  signal: AbortSignal,
): Promise<void> {
  let step = 'observe';
  try {
    const observed = await r.observe(key, signal);
    step = 'plan';
    const desired = r.desired(key);
    const plan = r.plan(desired, observed, clock.nowMs());
    if (plan.actions.length === 0) {
      r.onTurned?.({ key, desired, observed });
      backoff.reset(key); // settled
      lastActions.delete(key);
      if (plan.lookAgainAfterMs !== undefined) queue.addAfter(key, plan.lookAgainAfterMs, signal);
      return;
    }
    await r.act({ key, desired, observed, actions: plan.actions, onStep: (kind) => (step = kind) }, signal);
    r.onTurned?.({ key, desired, observed });
    // Having acted is no proof: look again, at once while there is progress, later each time the same had to be done again.
    const did = JSON.stringify(plan.actions);
    const progress = lastActions.get(key) !== did;
    lastActions.set(key, did);
    if (progress) backoff.reset(key);
    queue.addAfter(key, progress ? 0 : backoff.nextMs(key), signal);
  } catch (err) {
    if (signal.aborted) return;
    lastActions.delete(key);
    const retryInMs = backoff.nextMs(key);
    const level = step === 'plan' ? 'error' : 'warn'; // a throw from plan is our bug; other keys go on
    log[level]('Reconcile failed', { loop: r.name, key, step, retryInMs, err });
    queue.addAfter(key, retryInMs, signal);
  }
}

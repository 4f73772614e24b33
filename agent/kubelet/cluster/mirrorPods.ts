/**
 * Mirror pods: for each static pod an object in the API that shows it. One loop over names: what a static pod lacks is made, what shows
 * another one than runs, or one that is gone, is taken away; never two of a name, because a name is one object.
 *
 * Deleting a mirror pod does not end the static pod: it is made again. A mirror goes when its static pod has ended, not before.
 * Source: "Create static Pods" in the Kubernetes docs; the owner reference is what NodeRestriction asks for.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { runLoop, type Plan } from '#base/reconcile.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#client/errors.ts';
import type { Client, ResourceClient } from '#client/rest.ts';
import { CONFIG_HASH, CONFIG_MIRROR } from '../pods/labels.ts';
import { PODS } from '../sources/apiserver.ts';
import { isMirror, isMirrorOf } from '../sources/origin.ts';

export interface MirrorPodsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  /** The static pod of that name that shall run, or the one that is still ending. */
  readonly staticPod: (key: string) => Pod | undefined;
  /** Whatever the API has under that name. */
  readonly live: (key: string) => Pod | undefined;
  /** undefined: the node is not registered yet. */
  readonly nodeUid: () => string | undefined;
  /** Everything of the API was read, and the manifests. */
  readonly isComplete: () => boolean;
}

export type MirrorAction = { readonly kind: 'createMirror'; readonly pod: Pod } | { readonly kind: 'deleteMirror'; readonly uid: string };

const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 10_000;
/** What was done is asked for again when the watch does not show it for so long. */
const SHOWN_WITHIN_MS = 5_000;

interface Seen {
  readonly there: Pod | undefined;
  /** What was done last and may not be seen yet. */
  readonly done: MirrorAction | undefined;
}

export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  readonly #pods: ResourceClient<Pod>;
  readonly #queue: WorkQueue;
  readonly #refused = new Map<string, string>();
  readonly #done = new Map<string, { readonly action: MirrorAction; readonly atMs: number }>();

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
    this.#pods = options.client.resource(PODS);
    this.#queue = new WorkQueue(options.clock);
  }

  /** The static pod or the mirror pod of that name may have changed. */
  look(key: string): void {
    this.#queue.add(key);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, staticPod, live, nodeUid, isComplete } = this.#options;
    await runLoop<Pod, Seen, MirrorAction>(
      {
        name: 'mirrorPods',
        desired: staticPod,
        observe: (key) => Promise.resolve({ there: live(key), done: this.#notSeenYet(key, live(key)) }),
        plan: (wanted, { there, done }) => (isComplete() ? withoutRepeats(planMirror(wanted, there, nodeUid()), done) : { actions: [] }),
        act: async ({ key, actions, onStep }) => {
          for (const action of actions) {
            onStep(action.kind);
            await this.#act(key, action, signal);
            this.#done.set(key, { action, atMs: clock.monotonicMs() });
          }
        },
      },
      { queue: this.#queue, clock, log, backoff: new Backoff(RETRY_BASE_MS, RETRY_MAX_MS) },
      signal,
    );
  }

  #notSeenYet(key: string, there: Pod | undefined): MirrorAction | undefined {
    const last = this.#done.get(key);
    if (last === undefined) return undefined;
    const { action, atMs } = last;
    const isSeen = action.kind === 'deleteMirror' ? there?.metadata.uid !== action.uid : there !== undefined;
    if (!isSeen && this.#options.clock.monotonicMs() - atMs < SHOWN_WITHIN_MS) return action;
    this.#done.delete(key);
    return undefined;
  }

  async #act(key: string, action: MirrorAction, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    if (action.kind === 'deleteMirror') {
      const { uid } = action;
      await this.#pods.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal }).catch((err: unknown) => {
        if (!isNotFound(err) && !isConflict(err)) throw err;
      });
      return;
    }
    const hash = action.pod.metadata.annotations?.[CONFIG_HASH] ?? '';
    if (this.#refused.get(key) === hash) return;
    try {
      await this.#pods.create(action.pod, { signal });
    } catch (err) {
      if (isAlreadyExists(err)) return; // the watch brings it in a moment
      if (!['Forbidden', 'Invalid', 'BadRequest'].includes(codeOf(err) ?? '')) throw err;
      // The pod runs all the same; asking again changes nothing before somebody mends one of the two.
      this.#refused.set(key, hash);
      this.#options.log.warn('The API server takes no mirror of a static pod, it runs without one', { pod: key, err });
    }
  }
}

/** The watch is a moment behind: what it does not show yet is not done again. Pure. */
export function withoutRepeats(plan: Plan<MirrorAction>, done: MirrorAction | undefined): Plan<MirrorAction> {
  const [next] = plan.actions;
  if (next === undefined || done === undefined || identityOf(next) !== identityOf(done)) return plan;
  return { actions: [], lookAgainAfterMs: SHOWN_WITHIN_MS, waitingFor: 'the watch' };
}

function identityOf(action: MirrorAction): string {
  return action.kind === 'deleteMirror' ? `delete ${action.uid}` : `create ${action.pod.metadata.annotations?.[CONFIG_HASH]}`;
}

/** Pure. */
export function planMirror(wanted: Pod | undefined, there: Pod | undefined, nodeUid: string | undefined): Plan<MirrorAction> {
  const mine = there !== undefined && isMirror(there) ? there : undefined;
  if (mine !== undefined && (wanted === undefined || !isMirrorOf(mine, wanted) || mine.metadata.deletionTimestamp !== undefined))
    return { actions: [{ kind: 'deleteMirror', uid: mine.metadata.uid ?? '' }] };
  if (wanted === undefined || there !== undefined || nodeUid === undefined) return { actions: [] };
  return { actions: [{ kind: 'createMirror', pod: mirrorOf(wanted, nodeUid) }] };
}

/** Without the identity of the static pod, which the API gives its own. Pure. */
export function mirrorOf(pod: Pod, nodeUid: string): Pod {
  const { name = '', namespace = 'default', labels, annotations = {} } = pod.metadata;
  const owner = { apiVersion: 'v1', kind: 'Node', name: pod.spec.nodeName ?? '', uid: nodeUid, controller: true } as const;
  return {
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [CONFIG_MIRROR]: annotations[CONFIG_HASH] ?? '' },
      ownerReferences: [owner],
    },
    spec: pod.spec,
  };
}

/**
 * Tells the API server what becomes of pods: patches of their status, only where it differs, and the end of those that were deleted, once
 * nothing of them is left here. One queue; of one pod there is never more than one request under way, and the newest status wins.
 *
 * Every request names the UID, so that a pod of the same name that came later is never touched. While the server is away the queue waits,
 * and what arrives afterwards is the truth of then, once.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import type { Client, ResourceClient } from '#client/rest.ts';
import { PODS } from '../sources/apiserver.ts';
import type { Connection } from './connection.ts';
import { statusPatch } from './statusPatch.ts';

export interface PodStatusesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connection: Connection;
  /** The pod as the server has it, or the mirror of a static one. */
  readonly live: (key: string) => Pod | undefined;
}

interface Entry {
  readonly key: string;
  /** Of the pod in the API. */
  readonly uid: string;
  status: PodStatus;
  /** Nothing of it is left on the node. */
  ended: boolean;
  /** What was sent last and what came back: where the server keeps less than it was told, it is not told again. */
  sent?: { readonly status: PodStatus; readonly answer: Pod };
}

const AT_ONCE = 8;
const RETRY_BASE_MS = 200;
const RETRY_MAX_MS = 10_000;

export class PodStatuses {
  readonly #options: PodStatusesOptions;
  readonly #pods: ResourceClient<Pod>;
  readonly #queue: WorkQueue;
  readonly #backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
  /** By UID in the API. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: PodStatusesOptions) {
    this.#options = options;
    this.#pods = options.client.resource(PODS);
    this.#queue = new WorkQueue(options.clock);
  }

  /** The status of a pod of the API, or of a static one for its mirror. */
  set(key: string, uid: string, status: PodStatus): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) this.#entries.set(uid, { key, uid, status, ended: false });
    else {
      if (entry.ended || isDeepStrictEqual(entry.status, status)) return;
      entry.status = status;
    }
    this.#queue.add(uid);
  }

  /** Nothing of the pod is left here: its last status is told, then it is taken out of the API. */
  end(key: string, uid: string, status: PodStatus): void {
    const entry = this.#entries.get(uid) ?? { key, uid, status, ended: true };
    entry.ended = true;
    this.#entries.set(uid, entry);
    this.#queue.add(uid);
  }

  /** The pod changed in the API, or went. */
  changed(key: string): void {
    const live = this.#options.live(key);
    for (const { uid } of [...this.#entries.values()].filter((e) => e.key === key)) {
      if (live?.metadata.uid === uid) this.#queue.add(uid);
      else this.#forget(uid);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const underWay = new Set<Promise<void>>();
    for await (const uid of this.#queue.keys(signal)) {
      const turn: Promise<void> = this.#turn(uid, signal).finally(() => {
        underWay.delete(turn);
        this.#queue.done(uid);
      });
      underWay.add(turn);
      if (underWay.size >= AT_ONCE) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }

  async #turn(uid: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    const { log, connection } = this.#options;
    try {
      const hasAsked = await this.#sync(entry, signal);
      this.#backoff.reset(uid);
      if (hasAsked) connection.reached();
    } catch (err) {
      if (signal.aborted) return;
      if (isNotFound(err) || isConflict(err)) return this.#forget(uid); // it is gone, or another one has its name
      const retryInMs = this.#backoff.nextMs(uid);
      if (!connection.failed(err)) log.warn('Cannot tell the API server the status of a pod', { pod: entry.key, retryInMs, err });
      this.#queue.addAfter(uid, retryInMs, signal);
    }
  }

  /** Whether the server was asked for anything. */
  async #sync(entry: Entry, signal: AbortSignal): Promise<boolean> {
    const live = this.#options.live(entry.key);
    const { sent, status, uid, key } = entry;
    if (live?.metadata.uid !== uid) {
      this.#forget(uid);
      return false;
    }
    const [namespace = '', name = ''] = key.split('/');
    const there = newest(live, sent?.answer);
    const patch = statusPatch(there.status, status);
    const isTold = sent?.status === status && sent.answer === there;
    const hasNews = patch !== undefined && !isTold;
    if (hasNews) {
      const answer = await this.#pods.patch(
        { namespace, name },
        { type: 'strategic', body: { metadata: { uid }, status: patch }, subresource: 'status' },
        { signal },
      );
      entry.sent = { status, answer };
    }
    if (!entry.ended || entry.status !== status) return hasNews;
    await this.#pods.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal }).catch((err: unknown) => {
      if (!isNotFound(err) && !isConflict(err)) throw err;
    });
    this.#forget(uid);
    return true;
  }

  #forget(uid: string): void {
    this.#entries.delete(uid);
    this.#backoff.reset(uid);
  }
}

/** Versions of one kind grow; where they are no numbers the watch is right. */
function newest(live: Pod, answer: Pod | undefined): Pod {
  if (answer === undefined) return live;
  return Number(answer.metadata.resourceVersion) >= Number(live.metadata.resourceVersion) ? answer : live;
}

/**
 * Learns from the runtime that something changed, as soon as it can tell: by the CRI's event stream (containerd from 1.7 on),
 * else by containerd's own task events, and in any case by a slow full list. Hands out keys of pods, never what happened.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { CriRuntime, ListedObject } from '../runtime/cri.ts';

export interface WatchRuntimeOptions {
  readonly runtime: CriRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  /** The slow full list. */
  readonly relistMs: number;
  readonly onPod: (key: string) => void;
  /** Told of each full list, and of each try to follow the events: for metrics. */
  readonly onRelist?: (list: { readonly tookMs: number; readonly sinceLastMs: number | undefined }) => void;
  readonly onEvents?: (outcome: 'ok' | 'failed') => void;
}

/** Without any events the list is all there is, so it comes as often as upstream's. */
const RELIST_WITHOUT_EVENTS_MS = 1_000;
const RETRY_MS = 1_000;
/** A pod is looked at again so long after an event. */
const SETTLE_MS = 100;
/** And again each time what is told to have ended is still seen running: on a busy machine the runtime takes longer to know. */
const STILL_RUNNING_MS = 500;
/** The runtime does not say since when it tells events; by then it surely does. */
const LISTENS_MS = 1_000;
const ENDED_KEPT = 256;

export class RuntimeWatch {
  readonly #options: WatchRuntimeOptions;
  /** Container or sandbox id -> its last listed state and its pod. */
  #known = new Map<string, ListedObject>();
  /** Ids of which an end was told, the newest last; also of containers that ended before their start was answered, which nobody knew then. */
  readonly #ended = new Set<string>();
  #life: AbortSignal = AbortSignal.abort();
  #events: 'cri' | 'containerd' | 'none' = 'cri';
  #retryMs = RETRY_MS;
  /** Of the monotonic clock. */
  #relistedMs: number | undefined;

  constructor(options: WatchRuntimeOptions) {
    this.#options = options;
  }

  /** A pod worker saw these: events about them can be told apart from now on. */
  learn(pod: string, ids: Iterable<string>): void {
    for (const id of ids) if (!this.#known.has(id)) this.#known.set(id, { id, pod, state: '' });
  }

  /** These containers and sandboxes were seen running. */
  sawRunning(pod: string, ids: readonly string[]): void {
    if (ids.some((id) => this.#ended.has(id))) this.#lookLater(pod, STILL_RUNNING_MS, this.#life);
  }

  /** The full list: when it came last, and how often it shall. */
  relists(): { lastMs: number | undefined; everyMs: number } {
    return { lastMs: this.#relistedMs, everyMs: this.#options.relistMs };
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#life = signal;
    await Promise.all([this.#relistForEver(signal), this.#followEvents(signal)]);
  }

  /** One full look. Every pod whose objects are not as they were is handed out. */
  async relist(signal: AbortSignal): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs();
    const listed = await this.#options.runtime.listAll(signal);
    const changed = new Set<string>();
    const next = new Map(listed.map((o) => [o.id, o]));
    for (const o of listed) if (o.pod !== undefined && this.#known.get(o.id)?.state !== o.state) changed.add(o.pod);
    for (const o of this.#known.values()) if (o.pod !== undefined && !next.has(o.id)) changed.add(o.pod);
    this.#known = next;
    const { clock, onRelist } = this.#options;
    const endedMs = clock.monotonicMs();
    onRelist?.({ tookMs: endedMs - startedMs, sinceLastMs: this.#relistedMs === undefined ? undefined : endedMs - this.#relistedMs });
    this.#relistedMs = endedMs;
    for (const pod of changed) this.#options.onPod(pod);
  }

  async #relistForEver(signal: AbortSignal): Promise<void> {
    const { clock, log, runtime, relistMs } = this.#options;
    while (!signal.aborted) {
      try {
        await runtime.client.waitReady(signal);
        await this.relist(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (codeOf(err) !== 'CRI_UNAVAILABLE') log.warn('Cannot list what the runtime has', { err });
      }
      await clock.sleep(this.#events === 'none' ? Math.min(RELIST_WITHOUT_EVENTS_MS, relistMs) : relistMs, signal).catch(() => undefined);
    }
  }

  async #followEvents(signal: AbortSignal): Promise<void> {
    const { clock, log, runtime } = this.#options;
    while (!signal.aborted) {
      try {
        await runtime.client.waitReady(signal);
        this.#options.onEvents?.('ok');
        const following = this.#events === 'cri' ? this.#followCri(signal) : this.#followContainerd(signal);
        await Promise.all([following, this.#findUnheard(signal)]);
      } catch (err) {
        if (signal.aborted) return;
        if (codeOf(err) === 'CRI_UNIMPLEMENTED') this.#fallBack();
        else this.#options.onEvents?.('failed');
        if (codeOf(err) !== 'CRI_UNIMPLEMENTED' && codeOf(err) !== 'CRI_UNAVAILABLE')
          log.warn('Lost the event stream of the runtime', { retryInMs: RETRY_MS, err });
      }
      if (this.#events === 'none') return;
      await clock.sleep(this.#retryMs, signal).catch(() => undefined);
      this.#retryMs = RETRY_MS;
    }
  }

  /** What happened while nobody listened is found by a look, and by another for what the first came too early for. */
  async #findUnheard(signal: AbortSignal): Promise<void> {
    const look = (): Promise<void> => this.relist(signal).catch(() => undefined); // the slow list tells what is wrong
    await look();
    await this.#options.clock.sleep(LISTENS_MS, signal).then(look, () => undefined);
  }

  #fallBack(): void {
    if (this.#events === 'cri') {
      this.#events = 'containerd';
      this.#retryMs = 0;
      return;
    }
    this.#events = 'none';
    this.#options.log.info('The runtime has no events, its list is read instead', { everyMs: RELIST_WITHOUT_EVENTS_MS });
  }

  async #followCri(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.runtime.client.runtime.getContainerEvents({}, { signal, deadlineMs: Infinity })) {
      const metadata = event.pod_sandbox_status?.metadata;
      if (metadata !== null && metadata !== undefined) this.#options.onPod(`${metadata.namespace}/${metadata.name}`);
      else this.#handOut(event.container_id, signal);
    }
  }

  async #followContainerd(signal: AbortSignal): Promise<void> {
    for await (const event of this.#options.runtime.client.containerdEvents(['topic=="/tasks/exit"', 'topic=="/tasks/delete"'], signal)) {
      // Processes of an exec end too; the container itself carries its own id.
      if ((event.kind === 'exit' || event.kind === 'delete') && (event.id === '' || event.id === event.container_id))
        this.#handOut(event.container_id, signal);
    }
  }

  /** The CRI plugin learns of the same event at the same time and needs a moment to change its state: look now and a little later. */
  #handOut(id: string, signal: AbortSignal): void {
    this.#ended.add(id);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= ENDED_KEPT) break;
      this.#ended.delete(oldest);
    }
    const pod = this.#known.get(id)?.pod;
    if (pod === undefined) return;
    this.#options.onPod(pod);
    this.#lookLater(pod, SETTLE_MS, signal);
  }

  #lookLater(pod: string, delayMs: number, signal: AbortSignal): void {
    this.#options.clock.sleep(delayMs, signal).then(
      () => this.#options.onPod(pod),
      () => undefined,
    );
  }
}

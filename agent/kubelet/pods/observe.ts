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
}

/** Without any events the list is all there is, so it comes as often as upstream's. */
const RELIST_WITHOUT_EVENTS_MS = 1_000;
const RETRY_MS = 1_000;
/** When a pod is looked at again after an event: mostly the first is enough; on a busy machine the runtime takes longer. */
const SETTLE_MS = [100, 1_000];
/** Events of containers that nobody knew yet: some end before their start was answered. */
const UNKNOWN_KEPT = 256;

export class RuntimeWatch {
  readonly #options: WatchRuntimeOptions;
  /** Container or sandbox id -> its last listed state and its pod. */
  #known = new Map<string, ListedObject>();
  readonly #unknown = new Set<string>();
  #life: AbortSignal = AbortSignal.abort();
  #events: 'cri' | 'containerd' | 'none' = 'cri';
  #retryMs = RETRY_MS;

  constructor(options: WatchRuntimeOptions) {
    this.#options = options;
  }

  /** A pod worker saw these: events about them can be told apart from now on. */
  learn(pod: string, ids: Iterable<string>): void {
    for (const id of ids) if (!this.#known.has(id)) this.#known.set(id, { id, pod, state: '' });
  }

  /** These were seen running. One that ended before its start was answered, so that nobody knew it then, is looked at again. */
  sawRunning(ids: Iterable<string>): void {
    for (const id of ids) if (this.#unknown.delete(id)) this.#handOut(id, this.#life);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#life = signal;
    await Promise.all([this.#relistForEver(signal), this.#followEvents(signal)]);
  }

  /** One full look. Every pod whose objects are not as they were is handed out. */
  async relist(signal: AbortSignal): Promise<void> {
    const listed = await this.#options.runtime.listAll(signal);
    const changed = new Set<string>();
    const next = new Map(listed.map((o) => [o.id, o]));
    for (const o of listed) if (o.pod !== undefined && this.#known.get(o.id)?.state !== o.state) changed.add(o.pod);
    for (const o of this.#known.values()) if (o.pod !== undefined && !next.has(o.id)) changed.add(o.pod);
    this.#known = next;
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
        if (this.#events === 'cri') await this.#followCri(signal);
        else await this.#followContainerd(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (codeOf(err) === 'CRI_UNIMPLEMENTED') this.#fallBack();
        else if (codeOf(err) !== 'CRI_UNAVAILABLE') log.warn('Lost the event stream of the runtime', { retryInMs: RETRY_MS, err });
      }
      if (this.#events === 'none') return;
      await clock.sleep(this.#retryMs, signal).catch(() => undefined);
      this.#retryMs = RETRY_MS;
      // What happened while nobody listened is found by a look.
      await this.relist(signal).catch(() => undefined);
    }
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
    const pod = this.#known.get(id)?.pod;
    if (pod === undefined) {
      this.#unknown.add(id);
      for (const oldest of this.#unknown) {
        if (this.#unknown.size <= UNKNOWN_KEPT) break;
        this.#unknown.delete(oldest);
      }
      return;
    }
    this.#options.onPod(pod);
    for (const ms of SETTLE_MS)
      this.#options.clock.sleep(ms, signal).then(
        () => this.#options.onPod(pod),
        () => undefined,
      );
  }
}

/**
 * Follows the metadata of everything that can be deleted, of kinds that come later too. The kinds are looked for again now and then, as
 * cheap as that is.
 * Units: milliseconds.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { discover, preferred, type Discovered, type Discovery } from '#client/discovery.ts';
import { Informer } from '#client/informer.ts';
import type { Client } from '#client/rest.ts';

/** Source: as often as upstream. */
const LOOK_MS = 30_000;
/** Nothing owns them, nobody waits for them, and there are many. */
const IGNORED = new Set(['/events', 'events.k8s.io/events']);

export interface MonitorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: (type: Discovered, before: KubeObject | undefined, after: KubeObject | undefined) => void;
}

interface Monitor {
  readonly type: Discovered;
  readonly informer: Informer<KubeObject>;
  readonly stop: AbortController;
}

export class Monitors {
  readonly #options: MonitorOptions;
  readonly #running = new Map<string, Monitor>();
  readonly #ended: Promise<void>[] = [];
  readonly #begun = Promise.withResolvers<void>();
  #types = new Map<string, Discovered>();

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** In any version that is served. undefined: there is no such kind. */
  typeOf(apiVersion: string, kind: string): Discovered | undefined {
    return this.#types.get(`${apiVersion}/${kind}`);
  }

  isFollowed({ group, plural }: Discovered): boolean {
    return this.#running.has(`${group}/${plural}`);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#options;
    while (!signal.aborted) {
      try {
        this.#follow(await discover(client, { signal }), signal);
        this.#begun.resolve();
      } catch (err) {
        if (!signal.aborted) log.warn('Cannot look for the kinds of the server', { retryInMs: LOOK_MS, err });
      }
      await clock.sleep(this.#running.size === 0 ? 1_000 : LOOK_MS, signal).catch(() => undefined);
    }
    await Promise.all(this.#ended);
  }

  /** Everything has been read once: before that dependents may be missing. */
  get isSynced(): boolean {
    return this.#running.size > 0 && this.#running.values().every(({ informer }) => informer.isSynced);
  }

  async synced(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
    signal.throwIfAborted();
    await Promise.race([this.#begun.promise, aborted.promise]);
    await Promise.all([...this.#running.values()].map(({ informer }) => informer.synced(signal)));
  }

  #follow(found: Discovery, signal: AbortSignal): void {
    const { client, clock, log, onChange } = this.#options;
    this.#types = new Map(found.types.map((type) => [`${type.apiVersion}/${type.kind}`, type]));
    const wanted = new Map(preferred(found, ['delete', 'list', 'watch']).map((type) => [`${type.group}/${type.plural}`, type]));
    for (const [key, type] of wanted) {
      if (IGNORED.has(key) || this.#running.has(key)) continue;
      const stop = new AbortController();
      const informer = new Informer<KubeObject>({
        source: client.resource<KubeObject>({ ...type, form: 'metadata' }),
        name: type.plural,
        clock,
        log,
        transform: essence,
      });
      informer.onChange(({ before, after }) => onChange(type, before, after));
      this.#running.set(key, { type, informer, stop });
      this.#ended.push(informer.run(AbortSignal.any([signal, stop.signal])));
    }
    // A group that did not answer is not gone.
    if (found.failed.size > 0) return;
    for (const [key, { type, stop, informer }] of this.#running) {
      if (wanted.has(key)) continue;
      stop.abort();
      this.#running.delete(key);
      for (const object of informer.values()) onChange(type, object, undefined);
    }
  }
}

function essence({ metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } = metadata;
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  };
}

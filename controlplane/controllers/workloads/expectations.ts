/**
 * What we wrote and have not yet seen come back. Until it has, the informers tell the past, and who counts by them would do everything
 * twice: a key whose writes are not seen waits. Lost when the process ends, which is right: the next one reads everything anew.
 *
 * Differs: upstream counts creations and deletions; here each write is known by its version, which also covers changes of the owner
 * itself. Versions are compared as numbers, as the Kubernetes API promises since 1.35; where they are none, nobody waits.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Change } from '#client/informer.ts';
import { keyOf } from '#client/watch.ts';

export interface Cache {
  get(key: string): KubeObject | undefined;
  onChange(handler: (change: Change<KubeObject>) => void): () => void;
}

/** Source: how long upstream waits for what never comes. */
const PATIENCE_MS = 300_000;

interface Open {
  readonly sinceMs: number;
  readonly isSeen: () => boolean;
}

export class Expectations {
  readonly #clock: Clock;
  readonly #newest = new Map<Cache, bigint>();
  readonly #open = new Map<string, Open[]>();

  /** caches: those that writes will be looked for in. */
  constructor(clock: Clock, caches: readonly Cache[]) {
    this.#clock = clock;
    for (const cache of caches) {
      cache.onChange(({ after }) => {
        const version = versionOf(after);
        if (version !== undefined && version > (this.#newest.get(cache) ?? 0n)) this.#newest.set(cache, version);
      });
    }
  }

  /** answer: what the server said the object is after our write. */
  written(key: string, cache: Cache, answer: KubeObject): void {
    const version = versionOf(answer);
    if (version !== undefined) this.#expect(key, () => (this.#newest.get(cache) ?? 0n) >= version);
  }

  deleted(key: string, cache: Cache, object: KubeObject): void {
    const name = keyOf(object);
    this.#expect(key, () => {
      const found = cache.get(name)?.metadata;
      return found === undefined || found.uid !== object.metadata.uid || found.deletionTimestamp !== undefined;
    });
  }

  /** For how long the key has to wait at most; undefined: all is seen. */
  waitMs(key: string): number | undefined {
    const open = (this.#open.get(key) ?? []).filter(({ isSeen }) => !isSeen());
    const [first] = open;
    const leftMs = first === undefined ? 0 : first.sinceMs + PATIENCE_MS - this.#clock.nowMs();
    if (leftMs <= 0) {
      this.#open.delete(key);
      return undefined;
    }
    this.#open.set(key, open);
    return leftMs;
  }

  #expect(key: string, isSeen: () => boolean): void {
    if (isSeen()) return;
    const open = this.#open.get(key) ?? [];
    open.push({ sinceMs: this.#clock.nowMs(), isSeen });
    this.#open.set(key, open);
  }
}

function versionOf(object: KubeObject | undefined): bigint | undefined {
  const text = object?.metadata.resourceVersion ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}

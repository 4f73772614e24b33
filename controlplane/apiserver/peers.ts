/**
 * Which API servers share a store: each keeps an entry there that ends soon unless it is renewed, so that the endpoints of the service
 * kubernetes lose a server that ended without saying so.
 * Source: the lease endpoint reconciler of Kubernetes 1.36: /registry/masterleases/<address>, 15 s, renewed every 10 s.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Store } from './storage/store.ts';

const PREFIX = '/registry/masterleases/';
const LIFE_MS = 15_000;
export const RENEW_MS = 10_000;

export interface PeersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** Under which others reach this server. */
  readonly address: string;
  /** Puts exactly these addresses behind the service. */
  readonly publish: (addresses: readonly string[]) => Promise<void>;
}

export class Peers {
  readonly #options: PeersOptions;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Says that this server lives, and puts all that do behind the service. */
  async join(): Promise<void> {
    await this.#renew();
    await this.#options.publish(await this.#addresses());
  }

  /** join, again and again, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(RENEW_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.join().catch((err: unknown) => {
        if (!signal.aborted) log.warn('Cannot renew the endpoints of the service kubernetes', { retryInMs: RENEW_MS, err });
      });
    }
  }

  /** The last server stays behind the service: without endpoints nobody finds out that it is gone. */
  async leave(): Promise<void> {
    const { store, publish } = this.#options;
    const key = this.#key;
    const found = await store.get(key);
    if (found !== undefined) await store.transact([{ kind: 'delete', key, ifRevision: found.modRevision }]);
    const left = await this.#addresses();
    if (left.length > 0) await publish(left);
  }

  get #key(): string {
    return PREFIX + this.#options.address;
  }

  async #renew(): Promise<void> {
    const { store, address } = this.#options;
    const key = this.#key;
    const value = Buffer.from(JSON.stringify({ kind: 'Endpoints', apiVersion: 'v1', subsets: [{ addresses: [{ ip: address }] }] }));
    for (;;) {
      const found = await store.get(key);
      try {
        await store.transact([
          found === undefined
            ? { kind: 'create', key, value, ttlMs: LIFE_MS }
            : { kind: 'update', key, value, ifRevision: found.modRevision, ttlMs: LIFE_MS },
        ]);
        return;
      } catch (err) {
        // It has just ended, or another server goes by the same address.
        if (codeOf(err) !== 'STORE_CONFLICT' && codeOf(err) !== 'STORE_EXISTS') throw err;
      }
    }
  }

  async #addresses(): Promise<readonly string[]> {
    const { entries } = await this.#options.store.list({ prefix: PREFIX });
    return entries.map(({ key }) => key.slice(PREFIX.length)).toSorted();
  }
}

/**
 * What the service ports have put into the table in common: how many need a shared chain, an address, a pair. With it, a change of
 * one service is worked out from that service alone. Holds no elements of its own: those follow from the service ports.
 */
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { elementsOf, emptyContent, type Content } from './content.ts';
import { Parts } from './parts.ts';
import { contribute } from './ruleset.ts';
import { sharedChain, sharedWithNeeds } from './shared.ts';

export interface PortChange {
  readonly from: ServicePort | undefined;
  readonly to: ServicePort | undefined;
}

/** Only what the changes touch, as it was and as it is to be. */
export interface Touched {
  readonly before: Content;
  readonly after: Content;
}

/** Where shared chains are counted, beside the sets. */
const CHAINS = '';

type Users = Map<string, number>;

export class Ledger {
  readonly #settings: ProxySettings;
  /** Set, or CHAINS -> key, or name -> how many service ports need it. */
  readonly #users = new Map<string, Users>();
  readonly #needs = new Map<string, readonly string[]>();

  constructor(settings: ProxySettings) {
    this.#settings = settings;
  }

  /** Counts them in, and adds what they need to content. */
  addAll(ports: Iterable<ServicePort>, content: Content): void {
    const parts = new Parts(content);
    for (const port of ports) {
      parts.next();
      contribute(port, this.#settings, parts);
      this.#eachCommon(parts, (where, key) => {
        if (this.#count(where, key, 1) === 1) this.#put(where, key, content);
      });
    }
  }

  /** The changes count as done: after a failure the ledger is worth nothing. */
  change(changes: Iterable<PortChange>): Touched {
    const before = emptyContent();
    const after = emptyContent();
    const wasUsed = new Map<string, Map<string, boolean>>();
    for (const { from, to } of changes) {
      if (from === to) continue;
      for (const [port, by, content] of [
        [from, -1, before],
        [to, 1, after],
      ] as const) {
        if (port === undefined) continue;
        const parts = new Parts(content);
        contribute(port, this.#settings, parts);
        this.#eachCommon(parts, (where, key) => {
          const seen = inner(wasUsed, where);
          if (!seen.has(key)) seen.set(key, this.#isUsed(where, key));
          this.#count(where, key, by);
        });
      }
    }
    for (const [where, keys] of wasUsed) {
      for (const [key, was] of keys) {
        const is = this.#isUsed(where, key);
        if (was !== is) this.#put(where, key, was ? before : after);
      }
    }
    return { before, after };
  }

  #eachCommon({ shared, common }: Parts, visit: (where: string, key: string) => void): void {
    const [first] = shared;
    // Most have one, and then nothing can be needed twice.
    const needed =
      shared.size === 1 && first !== undefined ? this.#needsOf(first) : new Set([...shared].flatMap((name) => this.#needsOf(name)));
    for (const name of needed) visit(CHAINS, name);
    for (const [set, keys] of common) for (const key of keys) visit(set, key);
  }

  #needsOf(name: string): readonly string[] {
    let needs = this.#needs.get(name);
    if (needs === undefined) this.#needs.set(name, (needs = sharedWithNeeds(name)));
    return needs;
  }

  #isUsed(where: string, key: string): boolean {
    return this.#users.get(where)?.has(key) ?? false;
  }

  #count(where: string, key: string, by: 1 | -1): number {
    const users: Users = inner(this.#users, where);
    const count = (users.get(key) ?? 0) + by;
    if (count === 0) users.delete(key);
    else users.set(key, count);
    return count;
  }

  #put(where: string, key: string, content: Content): void {
    if (where === CHAINS) content.chains.set(key, sharedChain(key, this.#settings));
    else elementsOf(content, where).set(key, '');
  }
}

function inner<T>(all: Map<string, Map<string, T>>, where: string): Map<string, T> {
  let found = all.get(where);
  if (found === undefined) all.set(where, (found = new Map<string, T>()));
  return found;
}

/**
 * What the service ports have put into the table in common: how many need a shared chain, an address, a pair. With it, a change of
 * one service is worked out from that service alone. Holds no elements of its own: those follow from the service ports.
 */
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { elementsOf, emptyContent, type Content } from './content.ts';
import type { Contribution } from './parts.ts';
import { contributionOf } from './ruleset.ts';
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
    for (const port of ports) {
      const parts = contributionOf(port, this.#settings);
      putOwn(parts, content);
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
        const parts = contributionOf(port, this.#settings);
        putOwn(parts, content);
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

  #eachCommon({ shared, common }: Contribution, visit: (where: string, key: string) => void): void {
    const chains = new Set<string>();
    for (const name of shared) for (const needed of this.#needsOf(name)) chains.add(needed);
    for (const name of chains) visit(CHAINS, name);
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

function putOwn({ elements, chains, sets }: Contribution, content: Content): void {
  for (const { set, key, value } of elements) elementsOf(content, set).set(key, value);
  for (const [name, def] of chains) content.chains.set(name, def);
  for (const [name, def] of sets) content.sets.set(name, def);
}

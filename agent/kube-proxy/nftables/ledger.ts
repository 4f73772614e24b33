/**
 * What the service ports have put into the table in common: how many need a shared chain, an address, a pair. With it, a change of
 * one service is worked out from that service alone. Holds no elements of its own: those follow from the service ports.
 */
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { elementsOf, emptyContent, type Content } from './content.ts';
import type { Contribution } from './parts.ts';
import { contributionOf } from './ruleset.ts';
import { sharedChain } from './shared.ts';

export interface PortChange {
  readonly from: ServicePort | undefined;
  readonly to: ServicePort | undefined;
}

/** Only what the changes touch, as it was and as it is to be. */
export interface Touched {
  readonly before: Content;
  readonly after: Content;
}

export class Ledger {
  readonly #settings: ProxySettings;
  /** "chain NAME" or "element SET\0KEY" -> how many service ports need it. */
  readonly #users = new Map<string, number>();

  constructor(settings: ProxySettings) {
    this.#settings = settings;
  }

  /** Counts them in, and adds what they need to content. */
  addAll(ports: Iterable<ServicePort>, content: Content): void {
    for (const port of ports) {
      const parts = contributionOf(port, this.#settings);
      putOwn(parts, content);
      this.#count(parts, 1, (key) => this.#put(key, content));
    }
  }

  /** The changes count as done: after a failure the ledger is worth nothing. */
  change(changes: Iterable<PortChange>): Touched {
    const before = emptyContent();
    const after = emptyContent();
    const wasUsed = new Map<string, boolean>();
    for (const { from, to } of changes) {
      if (from === to) continue;
      for (const [port, by, content] of [
        [from, -1, before],
        [to, 1, after],
      ] as const) {
        if (port === undefined) continue;
        const parts = contributionOf(port, this.#settings);
        putOwn(parts, content);
        for (const key of commonKeys(parts)) if (!wasUsed.has(key)) wasUsed.set(key, this.#users.has(key));
        this.#count(parts, by, () => undefined);
      }
    }
    for (const [key, was] of wasUsed) {
      const is = this.#users.has(key);
      if (was && !is) this.#put(key, before);
      if (is && !was) this.#put(key, after);
    }
    return { before, after };
  }

  /** Chains that are shared, by name. */
  *sharedChains(): Generator<string> {
    for (const key of this.#users.keys()) if (key.startsWith(CHAIN)) yield key.slice(CHAIN.length);
  }

  #count(parts: Contribution, by: 1 | -1, onFirst: (key: string) => void): void {
    for (const key of commonKeys(parts)) {
      const users = (this.#users.get(key) ?? 0) + by;
      if (users === 0) this.#users.delete(key);
      else this.#users.set(key, users);
      if (users === 1 && by === 1) onFirst(key);
    }
  }

  #put(key: string, content: Content): void {
    if (key.startsWith(CHAIN)) {
      const name = key.slice(CHAIN.length);
      content.chains.set(name, sharedChain(name, this.#settings));
      return;
    }
    const [set = '', element = ''] = key.slice(ELEMENT.length).split('\0');
    elementsOf(content, set).set(element, '');
  }
}

const CHAIN = 'chain ';
const ELEMENT = 'element ';

function commonKeys({ shared, common }: Contribution): string[] {
  return [...shared.map((name) => CHAIN + name), ...common.map(({ set, key }) => `${ELEMENT}${set}\0${key}`)];
}

function putOwn({ elements, chains, sets }: Contribution, content: Content): void {
  for (const { set, key, value } of elements) elementsOf(content, set).set(key, value);
  for (const [name, def] of chains) content.chains.set(name, def);
  for (const [name, def] of sets) content.sets.set(name, def);
}

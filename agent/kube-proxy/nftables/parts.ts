/** What one service port puts into the table, and how it is collected. Pure. */
import type { Endpoint } from '../servicePort.ts';
import type { ChainDef, SetDef } from './content.ts';
import { sharedWithNeeds } from './shared.ts';

export interface Element {
  readonly set: string;
  readonly key: string;
  readonly value: string;
}

/** What one service port puts into the table. */
export interface Contribution {
  /** Nobody else has these keys. */
  readonly elements: readonly Element[];
  /** Others may put the same ones. */
  readonly common: readonly Element[];
  /** Names of shared chains, those they jump to included. */
  readonly shared: readonly string[];
  readonly chains: ReadonlyMap<string, ChainDef>;
  readonly sets: ReadonlyMap<string, SetDef>;
}

/** Collects a contribution. */
export class Parts implements Contribution {
  readonly elements: Element[] = [];
  readonly shared: string[] = [];
  readonly chains = new Map<string, ChainDef>();
  readonly sets = new Map<string, SetDef>();
  readonly #common = new Map<string, Element>();

  get common(): readonly Element[] {
    return [...this.#common.values()];
  }

  add(set: string, key: string, value: string): void {
    this.elements.push({ set, key, value });
  }

  /** An element that others may have as well: an address, or endpoints with themselves. */
  put(set: string, what: string | readonly Endpoint[]): void {
    const keys = typeof what === 'string' ? [what] : what.map(({ ip }) => `${ip} . ${ip}`);
    for (const key of keys) this.#common.set(`${set} ${key}`, { set, key, value: '' });
  }

  addShared(set: string, key: string, chain: string): void {
    this.add(set, key, `goto ${chain}`);
    for (const name of sharedWithNeeds(chain)) if (!this.shared.includes(name)) this.shared.push(name);
  }

  addSlots(set: string, key: string, endpoints: readonly Endpoint[], offset = 0): void {
    endpoints.forEach(({ ip, port }, i) => this.add(set, `${key} . ${offset + i}`, `${ip} . ${port}`));
  }
}

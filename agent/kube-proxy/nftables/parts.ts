/** What one service port puts into the table, and how it is collected. Pure. */
import type { Endpoint } from '../servicePort.ts';
import type { ChainDef, SetDef } from './content.ts';

export interface Element {
  readonly set: string;
  readonly key: string;
  readonly value: string;
}

/** What one service port puts into the table. */
export interface Contribution {
  /** Nobody else has these keys. */
  readonly elements: readonly Element[];
  /** Keys by set; others may put the same ones. */
  readonly common: ReadonlyMap<string, ReadonlySet<string>>;
  /** Shared chains that packets are sent to; those need others (sharedWithNeeds). */
  readonly shared: ReadonlySet<string>;
  readonly chains: ReadonlyMap<string, ChainDef>;
  readonly sets: ReadonlyMap<string, SetDef>;
}

/** Collects a contribution. */
export class Parts implements Contribution {
  readonly elements: Element[] = [];
  readonly shared = new Set<string>();
  readonly chains = new Map<string, ChainDef>();
  readonly sets = new Map<string, SetDef>();
  readonly common = new Map<string, Set<string>>();

  add(set: string, key: string, value: string): void {
    this.elements.push({ set, key, value });
  }

  /** An element that others may have as well: an address, or endpoints with themselves. */
  put(set: string, what: string | readonly Endpoint[]): void {
    let keys = this.common.get(set);
    if (keys === undefined) this.common.set(set, (keys = new Set<string>()));
    if (typeof what === 'string') keys.add(what);
    else for (const { ip } of what) keys.add(`${ip} . ${ip}`);
  }

  addShared(set: string, key: string, chain: string): void {
    this.add(set, key, `goto ${chain}`);
    this.shared.add(chain);
  }

  addSlots(set: string, key: string, endpoints: readonly Endpoint[], offset = 0): void {
    endpoints.forEach(({ ip, port }, i) => this.add(set, `${key} . ${offset + i}`, `${ip} . ${port}`));
  }
}

/** What one service port puts into the table, and how it is collected. */
import type { Endpoint } from '../servicePort.ts';
import { elementsOf, type Content } from './content.ts';

/** Collects service ports, one after the other: what only one of them has goes straight into the content, what several may have waits here. */
export class Parts {
  readonly own: Content;
  /** Shared chains that packets are sent to; those need others (sharedWithNeeds). */
  readonly shared = new Set<string>();
  /** Keys by set; other service ports may put the same ones. */
  readonly common = new Map<string, Set<string>>();

  constructor(own: Content) {
    this.own = own;
  }

  /** Forgets what waits. */
  next(): void {
    this.shared.clear();
    for (const keys of this.common.values()) keys.clear();
  }

  add(set: string, key: string, value: string): void {
    elementsOf(this.own, set).set(key, value);
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
    if (endpoints.length === 0) return;
    const elements = elementsOf(this.own, set);
    for (const [i, { ip, port }] of endpoints.entries()) elements.set(`${key} . ${offset + i}`, `${ip} . ${port}`);
  }
}

/** How many service ports need an address or an entry of a set: with it, a change of one service is worked out from that service alone. */
import type { ServicePort } from '../servicePort.ts';
import { contributionOf, emptyIpvs, type IpvsContent, type PlanContext } from './plan.ts';
import type { SetKey } from './names.ts';

export interface PortChange {
  readonly from: ServicePort | undefined;
  readonly to: ServicePort | undefined;
}

export class IpvsLedger {
  readonly #context: PlanContext;
  readonly #users = new Map<string, number>();

  constructor(context: PlanContext) {
    this.#context = context;
  }

  /** Counts them in and returns all they need. */
  addAll(ports: Iterable<ServicePort>): IpvsContent {
    const content = emptyIpvs();
    for (const port of ports) {
      const parts = contributionOf(port, this.#context);
      for (const [key, def] of parts.servers) content.servers.set(key, def);
      for (const cell of cellsOf(parts)) {
        this.#count(cell, 1);
        put(cell, content);
      }
    }
    return content;
  }

  /** Only what the changes touch, as it was and as it is to be. The changes count as done. */
  change(changes: Iterable<PortChange>): { readonly before: IpvsContent; readonly after: IpvsContent } {
    const before = emptyIpvs();
    const after = emptyIpvs();
    const wasUsed = new Map<string, boolean>();
    for (const { from, to } of changes) {
      for (const [port, by, content] of [
        [from, -1, before],
        [to, 1, after],
      ] as const) {
        if (port === undefined) continue;
        const parts = contributionOf(port, this.#context);
        for (const [key, def] of parts.servers) content.servers.set(key, def);
        for (const cell of cellsOf(parts)) {
          if (!wasUsed.has(cell)) wasUsed.set(cell, this.#users.has(cell));
          this.#count(cell, by);
        }
      }
    }
    for (const [cell, was] of wasUsed) {
      const is = this.#users.has(cell);
      if (was !== is) put(cell, was ? before : after);
    }
    return { before, after };
  }

  #count(cell: string, by: 1 | -1): void {
    const users = (this.#users.get(cell) ?? 0) + by;
    if (users === 0) this.#users.delete(cell);
    else this.#users.set(cell, users);
  }
}

const ADDRESS = 'address';

function* cellsOf({ addresses, entries }: IpvsContent): Generator<string> {
  for (const ip of addresses) yield `${ADDRESS} ${ip}`;
  for (const [key, all] of entries) for (const entry of all) yield `${key} ${entry}`;
}

function put(cell: string, { addresses, entries }: IpvsContent): void {
  const space = cell.indexOf(' ');
  const [where, what] = [cell.slice(0, space), cell.slice(space + 1)];
  if (where === ADDRESS) return void addresses.add(what);
  const key = where as SetKey;
  const set = entries.get(key) ?? new Set();
  entries.set(key, set);
  set.add(what);
}

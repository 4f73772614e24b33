/**
 * Zones of nodes, and how fast nodes of a zone may be emptied: slower where much of it is down, not at all where everything is. Pure but for
 * what it counts.
 * Units: nodes a second, milliseconds.
 * Source: "Rate limits on eviction" in the Kubernetes documentation.
 */
import type { Node } from '#api/kinds/core/node.ts';
import { readyOf } from './health.ts';

export interface ZoneRates {
  /** Nodes a second. */
  readonly evictionRate: number;
  /** Of a large zone of which much is down; a small one then gets none. */
  readonly secondaryRate: number;
  readonly unhealthyShare: number;
  /** A zone of more nodes is large. */
  readonly largeSize: number;
}

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

const FEW = 2;

export function stateOf({ ready, notReady }: { readonly ready: number; readonly notReady: number }, unhealthyShare: number): ZoneState {
  if (ready === 0 && notReady > 0) return 'FullDisruption';
  return notReady > FEW && notReady / (notReady + ready) >= unhealthyShare ? 'PartialDisruption' : 'Normal';
}

export function zoneKey({ metadata: { labels = {} } }: Node): string {
  const of = (now: string, before: string): string => labels[now] ?? labels[before] ?? '';
  return `${of('topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region')}:${of('topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone')}`;
}

interface Zone {
  readonly isReady: Map<string, boolean>;
  state: ZoneState;
  /** When the next of its nodes may be emptied. */
  nextAtMs: number;
}

export class Zones {
  readonly #rates: ZoneRates;
  readonly #zones = new Map<string, Zone>();
  readonly #zoneOf = new Map<string, string>();
  #isAmnesty = false;

  constructor(rates: ZoneRates) {
    this.#rates = rates;
  }

  /** Everything is down: that may be our own network, so nobody is evicted. */
  get isAmnesty(): boolean {
    return this.#isAmnesty;
  }

  /** Names the nodes for which something else holds now. */
  set(name: string, node: Node | undefined): readonly string[] {
    const old = this.#zoneOf.get(name);
    const key = node === undefined ? undefined : zoneKey(node);
    const touched = new Set([old, key]);
    if (old !== undefined && old !== key) this.#zones.get(old)?.isReady.delete(name);
    if (key === undefined || node === undefined) this.#zoneOf.delete(name);
    else {
      this.#zoneOf.set(name, key);
      const zone = this.#zones.get(key) ?? { isReady: new Map<string, boolean>(), state: 'Normal', nextAtMs: 0 };
      this.#zones.set(key, zone);
      zone.isReady.set(name, readyOf(node)?.status === 'True');
    }
    const changed: string[] = [];
    for (const of of touched) {
      const zone = of === undefined ? undefined : this.#zones.get(of);
      if (of === undefined || zone === undefined) continue;
      if (zone.isReady.size === 0) {
        this.#zones.delete(of);
        continue;
      }
      const ready = zone.isReady.values().filter(Boolean).toArray().length;
      const state = stateOf({ ready, notReady: zone.isReady.size - ready }, this.#rates.unhealthyShare);
      if (state !== zone.state) changed.push(...zone.isReady.keys());
      zone.state = state;
    }
    const isAmnesty = this.#zones.size > 0 && this.#zones.values().every(({ state }) => state === 'FullDisruption');
    if (isAmnesty !== this.#isAmnesty) changed.push(...this.#zoneOf.keys());
    this.#isAmnesty = isAmnesty;
    return [...new Set(changed)];
  }

  /** When the node may be emptied; undefined: not as things are. */
  turnAtMs(name: string): number | undefined {
    const zone = this.#zones.get(this.#zoneOf.get(name) ?? '');
    return zone === undefined || this.#rateOf(zone) <= 0 || this.#isAmnesty ? undefined : zone.nextAtMs;
  }

  /** One of the zone was emptied. */
  take(name: string, nowMs: number): void {
    const zone = this.#zones.get(this.#zoneOf.get(name) ?? '');
    const rate = zone === undefined ? 0 : this.#rateOf(zone);
    if (zone !== undefined && rate > 0) zone.nextAtMs = nowMs + 1_000 / rate;
  }

  #rateOf({ state, isReady }: Zone): number {
    const { evictionRate, secondaryRate, largeSize } = this.#rates;
    if (state !== 'PartialDisruption') return evictionRate;
    return isReady.size > largeSize ? secondaryRate : 0;
  }
}

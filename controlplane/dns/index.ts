/**
 * Everything that has a name in the cluster, kept up to date object by object, and found by name or address. Holds values only; pure.
 * The order in which objects come does not matter: a slice may be there before its service. A property holds it to that.
 * Keys are "namespace/name".
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { podRecord, serviceRecord, sliceRecord, type PodRecord, type PortRecord, type ServiceRecord, type SliceRecord } from './records.ts';

export interface Target extends PortRecord {
  readonly hostname: string;
}

/** What the slices of a service say together. */
export interface Endpoints {
  /** Every ready address once. */
  readonly addresses: readonly string[];
  readonly byHostname: ReadonlyMap<string, readonly string[]>;
  /** Each endpoint with each port of its slice. */
  readonly targets: readonly Target[];
}

interface Entry {
  service: ServiceRecord | undefined;
  readonly slices: Map<string, SliceRecord>;
  /** Made when it is asked for; gone when a slice changes. */
  endpoints: Endpoints | undefined;
}

export class ClusterIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #slices = new Map<string, SliceRecord>();
  readonly #pods = new Map<string, PodRecord>();
  /** Cluster address -> services; endpoint address -> services with a slice that has it, as often as slices have it. */
  readonly #byClusterAddress = new Counts();
  readonly #byEndpointAddress = new Counts();
  /** Namespace -> services that have records. */
  readonly #namespaces = new Counts();
  /** "namespace/address" -> pods. */
  readonly #podAddresses = new Counts();
  #version = 0;

  /** Another one after every change that could change an answer. */
  get version(): number {
    return this.#version;
  }

  setService(key: string, object: Service | undefined): void {
    const before = this.#entries.get(key)?.service;
    const after = object === undefined ? undefined : serviceRecord(object);
    if (same(before, after)) return;
    this.#version += 1;
    this.#count(key, before, -1);
    this.#count(key, after, 1);
    const entry = this.#entry(key);
    entry.service = after;
    this.#forgetIfEmpty(key, entry);
  }

  setSlice(key: string, object: EndpointSlice | undefined): void {
    const before = this.#slices.get(key);
    const after = object === undefined ? undefined : sliceRecord(object);
    if (same(before, after)) return;
    this.#version += 1;
    if (before !== undefined) this.#putSlice(key, before, undefined);
    if (after !== undefined) this.#putSlice(key, after, after);
  }

  setPod(key: string, object: Pod | undefined): void {
    const before = this.#pods.get(key);
    const after = object === undefined ? undefined : podRecord(object);
    if (same(before, after)) return;
    this.#version += 1;
    for (const [pod, by] of [[before, -1] as const, [after, 1] as const]) {
      for (const address of pod?.addresses ?? []) this.#podAddresses.add(`${pod?.namespace}/${address}`, key, by);
    }
    if (after === undefined) this.#pods.delete(key);
    else this.#pods.set(key, after);
  }

  service(key: string): ServiceRecord | undefined {
    return this.#entries.get(key)?.service;
  }

  endpoints(key: string): Endpoints {
    const entry = this.#entries.get(key);
    return entry === undefined ? NONE : (entry.endpoints ??= endpointsOf(entry.slices));
  }

  /** Whether a service there has records. */
  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace);
  }

  hasPod(namespace: string, address: string): boolean {
    return this.#podAddresses.has(`${namespace}/${address}`);
  }

  servicesAt(address: string): readonly string[] {
    return this.#byClusterAddress.of(address);
  }

  /** Of headless services alone: the others' endpoints have no names. */
  endpointsAt(address: string): readonly { readonly service: string; readonly hostname: string }[] {
    return this.#byEndpointAddress
      .of(address)
      .filter((service) => this.service(service)?.kind === 'headless')
      .flatMap((service) =>
        [...this.endpoints(service).byHostname].flatMap(([hostname, addresses]) =>
          addresses.includes(address) ? [{ service, hostname }] : [],
        ),
      );
  }

  get sizes(): { readonly services: number; readonly slices: number; readonly pods: number } {
    return { services: this.#namespaces.total, slices: this.#slices.size, pods: this.#pods.size };
  }

  #count(key: string, service: ServiceRecord | undefined, by: 1 | -1): void {
    if (service === undefined) return;
    this.#namespaces.add(key.slice(0, key.indexOf('/')), key, by);
    if (service.kind === 'address') for (const address of service.addresses) this.#byClusterAddress.add(address, key, by);
  }

  #putSlice(key: string, slice: SliceRecord, after: SliceRecord | undefined): void {
    const entry = this.#entry(slice.service);
    entry.endpoints = undefined;
    for (const { address } of slice.endpoints) this.#byEndpointAddress.add(address, slice.service, after === undefined ? -1 : 1);
    if (after === undefined) {
      entry.slices.delete(key);
      this.#slices.delete(key);
      this.#forgetIfEmpty(slice.service, entry);
    } else {
      entry.slices.set(key, after);
      this.#slices.set(key, after);
    }
  }

  #entry(key: string): Entry {
    const found = this.#entries.get(key);
    if (found !== undefined) return found;
    const made = { service: undefined, slices: new Map<string, SliceRecord>(), endpoints: undefined };
    this.#entries.set(key, made);
    return made;
  }

  #forgetIfEmpty(key: string, { service, slices }: Entry): void {
    if (service === undefined && slices.size === 0) this.#entries.delete(key);
  }
}

const NONE: Endpoints = { addresses: [], byHostname: new Map(), targets: [] };

/** Sorted, so that it does not matter which slice came first. */
function endpointsOf(slices: ReadonlyMap<string, SliceRecord>): Endpoints {
  const byHostname = new Map<string, Set<string>>();
  const addresses = new Set<string>();
  const targets = new Map<string, Target>();
  for (const { endpoints, ports } of [...slices].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, slice]) => slice)) {
    for (const { hostname, address } of endpoints) {
      addresses.add(address);
      byHostname.set(hostname, (byHostname.get(hostname) ?? new Set()).add(address));
      for (const port of ports) targets.set(`${port.name}/${port.protocol}/${port.port}/${hostname}`, { ...port, hostname });
    }
  }
  return {
    addresses: [...addresses],
    byHostname: new Map([...byHostname].map(([hostname, set]) => [hostname, [...set]])),
    targets: [...targets.values()],
  };
}

/** Value -> keys, with how often each is there. */
class Counts {
  readonly #counts = new Map<string, Map<string, number>>();
  total = 0;

  add(value: string, key: string, by: 1 | -1): void {
    const keys = this.#counts.get(value) ?? new Map<string, number>();
    const count = (keys.get(key) ?? 0) + by;
    this.total += by;
    if (count > 0) keys.set(key, count);
    else keys.delete(key);
    if (keys.size > 0) this.#counts.set(value, keys);
    else this.#counts.delete(value);
  }

  has(value: string): boolean {
    return this.#counts.has(value);
  }

  of(value: string): readonly string[] {
    return [...(this.#counts.get(value)?.keys() ?? [])].toSorted();
  }
}

/** Records are small; most events change what DNS does not look at. */
function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}

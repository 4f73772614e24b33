/**
 * Services and EndpointSlices as they come in, kept together per service and handed to the table. No I/O.
 *
 * Changes are collected and given to the table by flush(), so that a service whose slices change ten times in a row is decided once.
 * Units: trigger times are milliseconds since the Unix epoch.
 */
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL } from './endpoints.ts';
import { PROXY_NAME_LABEL } from './services.ts';
import type { ServiceTable } from './serviceTable.ts';

/** When the endpoints controller saw what made it change the slice. */
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';

export class ObjectStore {
  readonly #table: ServiceTable;
  readonly #services = new Map<string, Service>();
  /** Service key -> slice name -> slice. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #sliceOwners = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #triggers = new Map<string, number[]>();
  serviceChanges = 0;
  endpointChanges = 0;

  constructor(table: ServiceTable) {
    this.#table = table;
  }

  setService(key: string, service: Service | undefined): void {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    this.serviceChanges += 1;
    this.#dirty.add(key);
  }

  /** key: namespace/name of the slice. */
  setSlice(key: string, slice: EndpointSlice | undefined): void {
    const namespace = key.slice(0, key.indexOf('/'));
    const before = this.#sliceOwners.get(key);
    const name = slice?.metadata.labels?.[SERVICE_NAME_LABEL];
    const isOurs = slice !== undefined && slice.metadata.labels?.[PROXY_NAME_LABEL] === undefined;
    const owner = name === undefined || name === '' || !isOurs ? undefined : `${namespace}/${name}`;
    this.endpointChanges += 1;
    if (before !== undefined && before !== owner) this.#takeOut(before, key);
    if (owner === undefined || slice === undefined) return;
    this.#sliceOwners.set(key, owner);
    const slices = this.#slices.get(owner) ?? new Map<string, EndpointSlice>();
    this.#slices.set(owner, slices.set(key, slice));
    this.#dirty.add(owner);
    const triggeredAtMs = Date.parse(slice.metadata.annotations?.[TRIGGER_TIME] ?? '');
    if (!Number.isNaN(triggeredAtMs)) this.#triggers.set(owner, [...(this.#triggers.get(owner) ?? []), triggeredAtMs]);
  }

  #takeOut(owner: string, key: string): void {
    this.#sliceOwners.delete(key);
    const slices = this.#slices.get(owner);
    slices?.delete(key);
    if (slices?.size === 0) this.#slices.delete(owner);
    this.#dirty.add(owner);
  }

  /** How many services wait for flush(). */
  get pending(): number {
    return this.#dirty.size;
  }

  flush(): void {
    for (const key of this.#dirty) {
      const service = this.#services.get(key);
      this.#table.set(key, service === undefined ? undefined : { service, slices: [...(this.#slices.get(key)?.values() ?? [])] });
    }
    this.#dirty.clear();
  }

  /** The trigger times of changes to the slices of a service since they were taken last. */
  takeTriggers(serviceKey: string): readonly number[] {
    const taken = this.#triggers.get(serviceKey) ?? [];
    this.#triggers.delete(serviceKey);
    return taken;
  }

  service(key: string): Service | undefined {
    return this.#services.get(key);
  }
}

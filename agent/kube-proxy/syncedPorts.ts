/**
 * What is kept of the service ports that were written last, beside their rules: who may leave stale flows, who has a health check
 * node port, who lacks local endpoints. Taking a change costs what changed, whatever else there is. No I/O.
 */
import type { PortChangePair } from './conntrack.ts';
import type { ServicePort } from './servicePort.ts';

export class SyncedPorts {
  readonly #connectionless = new Map<string, ServicePort>();
  readonly #healthChecked = new Map<string, ServicePort>();
  readonly #noLocal = { internal: new Set<string>(), external: new Set<string>() };

  /** All there are: what is not among them is gone. Returns what the connectionless ones were and are. */
  takeAll(ports: ReadonlyMap<string, ServicePort>): PortChangePair[] {
    const known = [...this.#connectionless.keys(), ...this.#healthChecked.keys(), ...this.#noLocal.internal, ...this.#noLocal.external];
    const gone = known.filter((id) => !ports.has(id)).map((id) => [id, undefined] as const);
    return this.take([...ports, ...gone]);
  }

  /** undefined: gone. */
  take(changed: Iterable<readonly [id: string, port: ServicePort | undefined]>): PortChangePair[] {
    const pairs: PortChangePair[] = [];
    for (const [id, port] of changed) {
      const from = this.#connectionless.get(id);
      const to = port?.protocol === 'tcp' ? undefined : port;
      if (from !== undefined || to !== undefined) pairs.push({ from, to });
      keep(this.#connectionless, id, to);
      keep(this.#healthChecked, id, port?.healthCheckNodePort === undefined ? undefined : port);
      const lacksLocal = port !== undefined && port.choice.hasAny && port.choice.local.length === 0;
      mark(this.#noLocal.internal, id, lacksLocal && port.internalPolicy === 'Local');
      mark(this.#noLocal.external, id, lacksLocal && port.externalPolicy === 'Local');
    }
    return pairs;
  }

  get connectionless(): Iterable<ServicePort> {
    return this.#connectionless.values();
  }

  get healthChecked(): Iterable<ServicePort> {
    return this.#healthChecked.values();
  }

  /** How many have endpoints and none of them here, by traffic policy. */
  get noLocal(): { readonly internal: number; readonly external: number } {
    return { internal: this.#noLocal.internal.size, external: this.#noLocal.external.size };
  }
}

function keep(all: Map<string, ServicePort>, id: string, port: ServicePort | undefined): void {
  if (port === undefined) all.delete(id);
  else all.set(id, port);
}

function mark(all: Set<string>, id: string, is: boolean): void {
  if (is) all.add(id);
  else all.delete(id);
}

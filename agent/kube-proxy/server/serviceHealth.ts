/**
 * The health check node ports: for each service of type LoadBalancer with externalTrafficPolicy Local a port on which load balancers
 * ask whether this node has an endpoint of it. Ports open and close with the services.
 *
 * Source: path, body, header and statuses as upstream's.
 */
import type { Logger } from '#base/log.ts';
import type { ServicePort } from '../servicePort.ts';
import { listen, type Answer, type Listening } from './listen.ts';

export interface ServiceHealthOptions {
  readonly log: Logger;
  /** Addresses to listen on. */
  readonly hosts: () => readonly string[];
  readonly isProxyHealthy: () => boolean;
}

interface Wanted {
  readonly port: number;
  readonly localEndpoints: number;
}

export class ServiceHealthServers {
  readonly #options: ServiceHealthOptions;
  readonly #open = new Map<string, { readonly at: string; readonly servers: readonly Listening[] }>();
  readonly #failed = new Map<string, number>();
  #wanted: ReadonlyMap<string, Wanted> = new Map();
  /** Updates run one after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
  }

  /** Opens and closes what changed, the addresses to listen on included. A port that cannot be opened is tried again at the next call. */
  update(ports: Iterable<ServicePort>, signal: AbortSignal): Promise<void> {
    this.#wanted = wantedOf(ports);
    this.#last = this.#last.then(() => this.#apply(signal));
    return this.#last;
  }

  async #apply(signal: AbortSignal): Promise<void> {
    const hosts = this.#options.hosts();
    const at = (port: number): string => `${port} ${hosts.join(' ')}`;
    for (const [service, open] of this.#open) {
      const wanted = this.#wanted.get(service);
      if (wanted !== undefined && at(wanted.port) === open.at) continue;
      for (const server of open.servers) server.close();
      this.#open.delete(service);
    }
    for (const service of this.#failed.keys()) if (!this.#wanted.has(service)) this.#failed.delete(service);
    for (const [service, { port }] of this.#wanted) {
      if (!this.#open.has(service) && !signal.aborted) await this.#start({ service, port, hosts, at: at(port) }, signal);
    }
  }

  async #start(
    { service, port, hosts, at }: { service: string; port: number; hosts: readonly string[]; at: string },
    signal: AbortSignal,
  ): Promise<void> {
    const servers: Listening[] = [];
    try {
      for (const host of hosts) {
        servers.push(await listen({ what: `the health of service ${service}`, host, port, route: () => this.#answer(service) }, signal));
      }
      this.#open.set(service, { at, servers });
      this.#failed.delete(service);
    } catch (err) {
      for (const server of servers) server.close();
      if (this.#failed.get(service) !== port) this.#options.log.error('Cannot open health check node port', { service, port, err });
      this.#failed.set(service, port);
    }
  }

  #answer(service: string): Answer {
    const count = this.#wanted.get(service)?.localEndpoints ?? 0;
    const isHealthy = this.#options.isProxyHealthy();
    const [namespace, name] = service.split('/');
    return {
      status: count > 0 && isHealthy ? 200 : 503,
      type: 'application/json',
      headers: { 'x-load-balancing-endpoint-weight': String(count) },
      body: JSON.stringify({ service: { namespace, name }, localEndpoints: count, serviceProxyHealthy: isHealthy }, undefined, '\t'),
    };
  }
}

/** By service: its port, and how many endpoints it has here. Pure. */
export function wantedOf(ports: Iterable<ServicePort>): Map<string, Wanted> {
  const wanted = new Map<string, { port: number; ips: Map<string, Set<string>> }>();
  for (const { service, healthCheckNodePort, endpoints, family } of ports) {
    if (healthCheckNodePort === undefined) continue;
    const entry = wanted.get(service) ?? { port: healthCheckNodePort, ips: new Map<string, Set<string>>() };
    wanted.set(service, entry);
    const ips = entry.ips.get(family) ?? new Set<string>();
    entry.ips.set(family, ips);
    for (const e of endpoints) if (e.isLocal && e.ready) ips.add(e.ip);
  }
  // A dual-stack endpoint is one endpoint.
  return new Map(
    [...wanted].map(([service, { port, ips }]) => [
      service,
      { port, localEndpoints: Math.max(0, ...[...ips.values()].map((s) => s.size)) },
    ]),
  );
}

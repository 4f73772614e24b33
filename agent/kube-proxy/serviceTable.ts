/**
 * All service ports of the cluster, kept up one service at a time, with the conflicts between services settled. No I/O, and
 * the content depends only on the services in it, never on the order they came in.
 *
 * An address, port and protocol belongs to one service port. A cluster IP comes before an external or load balancer address;
 * among equals the older service keeps it, then the one whose name sorts first. A service port that loses its cluster IP is
 * left out as a whole; one that loses a node port or another address only goes without that.
 * Differs: upstream writes the rules of both and lets the order of a hash map decide which one works.
 */
import { isDeepStrictEqual } from 'node:util';
import { joinHostPort, type Family } from './ip.ts';
import { readService, type ServiceInput, type ServiceReading } from './services.ts';
import type { NodeView, Problem, ServicePort } from './servicePort.ts';

interface Claimant {
  readonly port: ServicePort;
  readonly rank: string;
}

interface Entry extends Claimant {
  /** What is left of the port after the conflicts; undefined: nothing. */
  settled: ServicePort | undefined;
  conflicts: readonly Problem[];
}

export class ServiceTable {
  #node: NodeView;
  #nodeAddresses: ReadonlySet<string> = new Set();
  readonly #inputs = new Map<string, ServiceInput>();
  readonly #readings = new Map<string, ServiceReading>();
  readonly #entries = new Map<string, Entry>();
  readonly #byService = new Map<string, readonly Entry[]>();
  readonly #primary = new Claims();
  readonly #secondary = new Claims();
  /** Services whose problems may have changed. */
  readonly #judged = new Set<string>();
  readonly #settled: Readonly<Record<Family, Map<string, ServicePort>>> = { IPv4: new Map(), IPv6: new Map() };
  /** What each changed id was when the changes were last taken. */
  readonly #before: Readonly<Record<Family, Map<string, ServicePort | undefined>>> = { IPv4: new Map(), IPv6: new Map() };

  constructor(node: NodeView) {
    this.#node = node;
  }

  /** Puts, replaces or (undefined) takes out one service. Doing the same again changes nothing. */
  set(key: string, input: ServiceInput | undefined): void {
    const reading = input === undefined ? undefined : readService(input, this.#node);
    if (input === undefined || reading === undefined) {
      this.#inputs.delete(key);
      this.#readings.delete(key);
    } else {
      this.#inputs.set(key, input);
      this.#readings.set(key, reading);
    }
    this.#judged.add(key);
    const dirty = new Set<Entry>();
    for (const old of this.#byService.get(key) ?? []) {
      this.#entries.delete(entryKey(old.port));
      for (const other of this.#primary.release(primaryKey(old.port), old)) dirty.add(other);
      for (const frontend of secondaryKeys(old.port)) for (const other of this.#secondary.release(frontend, old)) dirty.add(other);
      for (const other of this.#secondary.claimants(primaryKey(old.port))) dirty.add(other);
      dirty.delete(old);
      this.#publish(old.port, undefined);
    }
    const rank = `${input?.service.metadata.creationTimestamp ?? ''} ${key}`;
    const entries = (reading?.ports ?? []).map((port, i): Entry => ({
      port,
      rank: `${rank} ${String(i).padStart(6, '0')}`,
      settled: undefined,
      conflicts: [],
    }));
    if (entries.length === 0) this.#byService.delete(key);
    else this.#byService.set(key, entries);
    for (const entry of entries) {
      this.#entries.set(entryKey(entry.port), entry);
      for (const other of this.#primary.claim(primaryKey(entry.port), entry)) dirty.add(other);
    }
    for (const entry of entries) dirty.add(entry);
    this.#settle(dirty);
  }

  /** The node changed (its zone, its name): everything is decided anew. */
  setNode(node: NodeView): void {
    if (isDeepStrictEqual(node, this.#node)) return;
    this.#node = node;
    for (const [key, input] of this.#inputs) this.set(key, input);
  }

  /** Services are served on addresses of the node too, as upstream does, but whoever gave them one hears of it. */
  setNodeAddresses(addresses: Iterable<string>): void {
    const now = new Set(addresses);
    const moved = now.symmetricDifference(this.#nodeAddresses);
    this.#nodeAddresses = now;
    if (moved.size === 0) return;
    for (const [key, { ports }] of this.#readings) if (ports.some(({ clusterIp }) => moved.has(clusterIp))) this.#judged.add(key);
  }

  /** The live view; ids are ServicePort.id. Never changed while the caller holds it without an await in between. */
  ports(family: Family): ReadonlyMap<string, ServicePort> {
    return this.#settled[family];
  }

  /** Ids whose content is not what it was at the last call. */
  takeChanges(family: Family): ReadonlySet<string> {
    const before = this.#before[family];
    const now = this.#settled[family];
    const changed = [...before].filter(([id, was]) => !isDeepStrictEqual(was, now.get(id))).map(([id]) => id);
    before.clear();
    return new Set(changed);
  }

  /** Services whose problems() may differ from the last call. */
  takeJudged(): ReadonlySet<string> {
    const taken = new Set(this.#judged);
    this.#judged.clear();
    return taken;
  }

  get services(): Iterable<string> {
    return this.#readings.keys();
  }

  reading(key: string): ServiceReading | undefined {
    return this.#readings.get(key);
  }

  /** Everything wrong with one service, conflicts included. */
  problems(key: string): readonly Problem[] {
    const { ports = [], problems = [] } = this.#readings.get(key) ?? {};
    const conflicts = (this.#byService.get(key) ?? []).flatMap((e) => e.conflicts);
    return [...problems, ...conflicts, ...this.#onNode(ports)];
  }

  #onNode(ports: readonly ServicePort[]): Problem[] {
    return ports
      .filter(({ clusterIp }) => this.#nodeAddresses.has(clusterIp))
      .map(({ service, clusterIp, port, protocol }) => ({
        object: `Service ${service}`,
        code: 'SERVICE_ON_NODE',
        message: `cluster IP ${clusterIp} is an address of this node: what listens there on port ${port}/${protocol} cannot be reached any more, give the service another`,
      }));
  }

  /** Primary claims first: who loses its cluster IP claims nothing else. */
  #settle(dirty: Set<Entry>): void {
    const again = new Set<Entry>();
    for (const entry of dirty) {
      const alive = this.#primary.winner(primaryKey(entry.port)) === entry;
      for (const frontend of secondaryKeys(entry.port)) {
        const others = alive ? this.#secondary.claim(frontend, entry) : this.#secondary.release(frontend, entry);
        for (const other of others) again.add(other);
      }
      // A cluster IP may be the external address of others.
      for (const other of this.#secondary.claimants(primaryKey(entry.port))) again.add(other);
      again.add(entry);
    }
    for (const entry of again) if (this.#entries.get(entryKey(entry.port)) === entry) this.#decide(entry);
  }

  #decide(entry: Entry): void {
    const { port } = entry;
    const owner = this.#primary.winner(primaryKey(port));
    const conflicts: Problem[] = [];
    const object = `Service ${port.service}`;
    const lost = (what: string, winner: ServicePort): void => {
      const message = `${what} belongs to service ${winner.service} already: it is not served for ${port.name}, change one of the two`;
      if (!conflicts.some((p) => p.message === message)) conflicts.push({ object, code: 'SERVICE_CONFLICT', message });
    };
    if (owner !== undefined && owner !== entry) lost(`cluster IP ${joinHostPort(port.clusterIp, port.port)}/${port.protocol}`, owner.port);
    const keeps = (key: string, what: string): boolean => {
      const winner = this.#primary.winner(key) ?? this.#secondary.winner(key);
      if (winner === undefined || winner === entry || (key === healthCheckKey(port) && winner.port.service === port.service)) return true;
      lost(what, winner.port);
      return false;
    };
    let settled: ServicePort | undefined;
    if (owner === entry) {
      const { nodePort, healthCheckNodePort, ...rest } = port;
      const keepsNodePort = nodePort !== undefined && keeps(nodePortKey(port, nodePort), `node port ${nodePort}/${port.protocol}`);
      const keepsHealthCheck =
        healthCheckNodePort !== undefined && keeps(healthCheckKey(port), `health check node port ${healthCheckNodePort}`);
      const mine = (ip: string): boolean => keeps(addressKey(port, ip), `address ${joinHostPort(ip, port.port)}/${port.protocol}`);
      const externalIps = port.externalIps.filter(mine);
      const loadBalancerIps = port.loadBalancerIps.filter(mine);
      settled = {
        ...rest,
        ...(keepsNodePort ? { nodePort } : {}),
        ...(keepsHealthCheck ? { healthCheckNodePort } : {}),
        externalIps,
        loadBalancerIps,
      };
      if (conflicts.length === 0) settled = port;
    }
    this.#judged.add(port.service);
    entry.conflicts = conflicts;
    entry.settled = settled;
    this.#publish(port, settled);
  }

  #publish({ family, id }: ServicePort, settled: ServicePort | undefined): void {
    const table = this.#settled[family];
    const was = table.get(id);
    if (was === settled) return;
    if (!this.#before[family].has(id)) this.#before[family].set(id, was);
    if (settled === undefined) table.delete(id);
    else table.set(id, settled);
  }
}

/** Who wants which key; the lowest rank wins. */
class Claims {
  readonly #claims = new Map<string, Entry[]>();

  /** Returns the others who want it too. */
  claim(key: string, entry: Entry): readonly Entry[] {
    const all = this.#claims.get(key) ?? [];
    if (!all.includes(entry))
      this.#claims.set(
        key,
        [...all, entry].sort((a, b) => (a.rank < b.rank ? -1 : 1)),
      );
    return all.filter((e) => e !== entry);
  }

  /** Returns those who may get it now. */
  release(key: string, entry: Entry): readonly Entry[] {
    const all = this.#claims.get(key);
    if (all === undefined || !all.includes(entry)) return [];
    const rest = all.filter((e) => e !== entry);
    if (rest.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, rest);
    return rest;
  }

  winner(key: string): Entry | undefined {
    return this.#claims.get(key)?.[0];
  }

  claimants(key: string): readonly Entry[] {
    return this.#claims.get(key) ?? [];
  }
}

function entryKey({ family, id }: ServicePort): string {
  return `${family} ${id}`;
}

function addressKey({ protocol, port }: ServicePort, ip: string): string {
  return `${joinHostPort(ip, port)}/${protocol}`;
}

function primaryKey(port: ServicePort): string {
  return addressKey(port, port.clusterIp);
}

function nodePortKey({ family, protocol }: ServicePort, nodePort: number): string {
  return `${family} node port ${nodePort}/${protocol}`;
}

function healthCheckKey({ healthCheckNodePort = 0 }: ServicePort): string {
  return `health check ${healthCheckNodePort}`;
}

function secondaryKeys(port: ServicePort): string[] {
  return [
    ...(port.healthCheckNodePort === undefined ? [] : [healthCheckKey(port)]),
    ...(port.nodePort === undefined ? [] : [nodePortKey(port, port.nodePort)]),
    ...port.externalIps.map((ip) => addressKey(port, ip)),
    ...port.loadBalancerIps.map((ip) => addressKey(port, ip)),
  ];
}

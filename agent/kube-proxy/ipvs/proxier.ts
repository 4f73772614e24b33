/**
 * The ipvs mode of one address family: plans with ledger.ts and plan.ts, writes with ipvsadm, ipset, ip and iptables.
 *
 * Between two full syncs it believes that the kernel holds what it wrote. Real servers that are leaving stay in the kernel with weight 0;
 * whoever asks checkIntact also ends those whose connections have ended.
 *
 * ipvsadm and ipset do one command after the other: after a failure some are done, nothing is believed, and the next sync reads everything.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#base/clock.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import { cidrContains, type Family } from '../ip.ts';
import { driftOf } from '../iptables/tables.ts';
import { isEmpty } from '../iptables/writes.ts';
import type { Packet } from '../packet.ts';
import type { Drift, ExplainedFrontend, Intactness, Proxier, ProxySettings, SyncInput, SyncReport, TraceResult } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { explainFrontends } from './explain.ts';
import { IpvsKernel, proxyErrors, type IpvsTools, type Written } from './kernel.ts';
import { IpvsLedger, type PortChange } from './ledger.ts';
import { DEVICE, setName } from './names.ts';
import {
  planWrites,
  serverFlag,
  type Draining,
  type IpvsContent,
  type IpvsNode,
  type IpvsOptions,
  type IpvsWrites,
  type ServerDef,
} from './plan.ts';
import { ipvsRules } from './rules.ts';
import { walkIpvs } from './walk.ts';

export interface IpvsModeOptions extends IpvsOptions {
  readonly strictArp: boolean;
  /** 0 leaves the kernel's value. */
  readonly tcpTimeoutSeconds: number;
  readonly tcpFinTimeoutSeconds: number;
  readonly udpTimeoutSeconds: number;
}

export interface IpvsProxierDeps {
  readonly family: Family;
  readonly tools: IpvsTools;
  readonly options: IpvsModeOptions;
  readonly clock: Clock;
  /** Of the iptables rules. */
  readonly watch: RuleWatch;
  /** Of the number of virtual servers; the other family writes some too. */
  readonly serverWatch: RuleWatch;
}

interface Believed {
  readonly ports: Map<string, ServicePort>;
  readonly settings: ProxySettings;
  readonly node: IpvsNode;
  readonly ledger: IpvsLedger;
  /** All virtual servers, each with its real servers as they should be. */
  readonly servers: Map<string, ServerDef>;
}

/** Looking at all virtual servers may take this share of the time, unless the kernel says that their number changed. */
const SHARE_FOR_LOOKING = 100;
/** Upstream looks as often for real servers that have drained. */
const LONGEST_WITHOUT_LOOK_MS = 60_000;

export class IpvsProxier implements Proxier {
  readonly mode = 'ipvs';
  readonly family: Family;
  readonly #tools: IpvsTools;
  readonly #kernel: IpvsKernel;
  readonly #options: IpvsModeOptions;
  readonly #clock: Clock;
  readonly #watch: RuleWatch;
  /** Weight 0 in the kernel, by virtual server. */
  readonly #draining = new Map<string, Set<string>>();
  readonly #serverWatch: RuleWatch;
  #isPrepared = false;
  #believed: Believed | undefined;
  #seenForeign: number | undefined;
  #seenServers: number | undefined;
  #lookAtMs = 0;

  constructor({ family, tools, options, clock, watch, serverWatch }: IpvsProxierDeps) {
    this.family = family;
    this.#tools = tools;
    this.#kernel = new IpvsKernel(tools, family);
    this.#options = options;
    this.#clock = clock;
    this.#watch = watch;
    this.#serverWatch = serverWatch;
  }

  async sync(input: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const believed = this.#believed;
    if (input.changed === undefined || believed === undefined || !isDeepStrictEqual(believed.settings, input.settings)) {
      return this.#full(input, signal);
    }
    return this.#partial(believed, input, signal);
  }

  async #partial(believed: Believed, { services, changed }: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    const changes = new Map<string, PortChange>();
    for (const id of changed ?? []) {
      const change = { from: believed.ports.get(id), to: services.get(id) };
      if (change.from !== change.to) changes.set(id, change);
    }
    // From here on until the kernel has it, nothing is believed.
    this.#believed = undefined;
    const { before, after } = believed.ledger.change(changes.values());
    this.#addDraining(before);
    const writes = planWrites({ before, after });
    const planMs = this.#clock.monotonicMs() - startMs;
    const { lines, bytes } = await this.#writeServers(writes, [], signal);
    this.#noteDraining(writes, before, after);
    for (const [id, { to }] of changes) {
      if (to === undefined) believed.ports.delete(id);
      else believed.ports.set(id, to);
    }
    for (const key of before.servers.keys()) believed.servers.delete(key);
    for (const [key, def] of after.servers) believed.servers.set(key, def);
    this.#believed = believed;
    const kernelMs = this.#clock.monotonicMs() - startMs - planMs;
    return { kind: 'partial', linesWritten: lines, bytesWritten: bytes, planMs, kernelMs };
  }

  async #full({ services, settings }: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    this.#believed = undefined;
    await this.#prepare(signal);
    const foreign = this.#watch.foreignWrites();
    const node = await this.#kernel.node(signal);
    const reading = await this.#kernel.read(settings, signal);
    const readMs = this.#clock.monotonicMs() - startMs;
    const ports = new Map(services);
    const ledger = new IpvsLedger({ settings, options: this.#options, node });
    const after = ledger.addAll(ports.values());
    const writes = planWrites({ before: reading.content, after, isForeign: (address) => this.#isExcluded(address) });
    const madeSets = this.#kernel.setsToMake(after, reading.sets);
    const planMs = this.#clock.monotonicMs() - startMs - readMs;
    await this.#kernel.makeSets(madeSets, signal);
    const rules = await this.#kernel.writeRules(reading.rules, signal);
    if (rules.transactions > 0) this.#watch.wrote(rules.transactions);
    const { lines, bytes } = await this.#writeServers(writes, madeSets, signal);
    this.#draining.clear();
    this.#noteDraining(writes, reading.content, after);
    this.#seenForeign = foreign;
    this.#believed = { ports, settings, node, ledger, servers: after.servers };
    const kernelMs = this.#clock.monotonicMs() - startMs - planMs;
    return { kind: 'full', linesWritten: lines + rules.lines, bytesWritten: bytes + rules.bytes, planMs, kernelMs };
  }

  /** Somebody else's doing up to here stays told. */
  async #writeServers(writes: IpvsWrites, madeSets: readonly string[], signal: AbortSignal): Promise<Written> {
    this.#serverWatch.foreignWrites();
    try {
      return await this.#kernel.write(writes, madeSets, signal);
    } finally {
      this.#serverWatch.wrote(1);
    }
  }

  /** What the mode needs of the kernel, once. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#isPrepared) return;
    const { ipvs } = this.#tools;
    await proxyErrors(async () => {
      await ipvs.ensureDevice(DEVICE, signal);
      // Virtual servers are looked up by the first listing, which loads the module that has these settings.
      await ipvs.save(() => undefined, signal);
      for (const [name, value] of sysctlsOf(this.family, this.#options, ipvs.kernelRelease)) await ipvs.setSysctl(name, value, signal);
      const { tcpTimeoutSeconds: tcp, tcpFinTimeoutSeconds: tcpFin, udpTimeoutSeconds: udp } = this.#options;
      if (tcp + tcpFin + udp > 0) await ipvs.setTimeouts({ tcp, tcpFin, udp }, signal);
    });
    this.#isPrepared = true;
  }

  #isExcluded(address: string): boolean {
    const ip = address.startsWith('[') ? address.slice(1, address.indexOf(']')) : address.slice(0, address.lastIndexOf(':'));
    return this.#options.excludeCidrs.some((cidr) => cidrContains(cidr, ip));
  }

  /** Real servers that are leaving are still there, with weight 0. */
  #addDraining({ servers }: IpvsContent): void {
    for (const [key, def] of servers) {
      const leaving = this.#draining.get(key);
      if (leaving !== undefined)
        servers.set(key, { ...def, reals: new Map([...[...leaving].map((real) => [real, 0] as const), ...def.reals]) });
    }
  }

  #noteDraining({ draining }: IpvsWrites, before: IpvsContent, after: IpvsContent): void {
    for (const key of [...before.servers.keys(), ...after.servers.keys()]) this.#draining.delete(key);
    for (const { server, real } of draining) {
      const leaving = this.#draining.get(server) ?? new Set();
      this.#draining.set(server, leaving.add(real));
    }
  }

  async checkIntact(signal: AbortSignal): Promise<Intactness> {
    const believed = this.#believed;
    if (believed === undefined) return 'broken';
    const foreign = this.#watch.foreignWrites();
    let found: Intactness = 'intact';
    if (foreign === undefined || foreign !== this.#seenForeign) {
      const { rules } = await this.#kernel.read(believed.settings, signal);
      this.#seenForeign = foreign;
      if (!Object.values(rules).every(isEmpty)) return 'broken';
    }
    const servers = this.#serverWatch.foreignWrites();
    if (this.#clock.monotonicMs() >= this.#lookAtMs || servers !== this.#seenServers) {
      const startMs = this.#clock.monotonicMs();
      this.#seenServers = servers;
      found = await this.#look(believed, signal);
      const tookMs = this.#clock.monotonicMs() - startMs;
      this.#lookAtMs = this.#clock.monotonicMs() + Math.min(tookMs * SHARE_FOR_LOOKING, LONGEST_WITHOUT_LOOK_MS);
    }
    return found;
  }

  /** The kernel says nothing when virtual servers change, so they are looked at from time to time. Ends what has drained. */
  async #look({ servers, node }: Believed, signal: AbortSignal): Promise<Intactness> {
    const listed = await this.#kernel.list('connections', signal);
    const drained: Draining[] = [];
    let found: Intactness = servers.size > 0 && ![...servers.keys()].some((key) => listed.has(key)) ? 'broken' : 'intact';
    for (const [key, def] of servers) {
      const reals = new Map((listed.get(key)?.reals ?? []).map((r) => [r.address, r.numbers]));
      const leaving = this.#draining.get(key);
      for (const real of leaving ?? []) {
        const [, active = 0, inactive = 0] = reals.get(real) ?? [];
        if (active + inactive === 0) drained.push({ server: key, real });
      }
      const same =
        listed.has(key) &&
        reals.size === def.reals.size + (leaving?.size ?? 0) &&
        [...def.reals].every(([real, weight]) => reals.get(real)?.[0] === weight);
      if (!same && found === 'intact') found = 'touched';
    }
    if (found === 'intact') await this.#endDrained(servers, drained, signal);
    const now = await this.#kernel.node(signal);
    return found === 'intact' && !isDeepStrictEqual(now, node) ? 'touched' : found;
  }

  async #endDrained(servers: ReadonlyMap<string, ServerDef>, drained: readonly Draining[], signal: AbortSignal): Promise<void> {
    const commands = drained.flatMap(({ server, real }) => {
      const def = servers.get(server);
      return def === undefined ? [] : [`-d ${serverFlag(def)} -r ${real}`];
    });
    await proxyErrors(() => this.#tools.ipvs.restore(commands, signal));
    for (const { server, real } of drained) {
      this.#draining.get(server)?.delete(real);
      if (this.#draining.get(server)?.size === 0) this.#draining.delete(server);
    }
  }

  async readDrift({ services, settings }: SyncInput, signal: AbortSignal): Promise<Drift> {
    const node = await this.#kernel.node(signal);
    const { content, sets, saved, rules } = await this.#kernel.read(settings, signal);
    const after = new IpvsLedger({ settings, options: this.#options, node }).addAll(services.values());
    // Leaving is no drift.
    for (const [key, def] of content.servers) {
      const wanted = after.servers.get(key);
      if (wanted === undefined) continue;
      content.servers.set(key, {
        ...def,
        reals: new Map([...def.reals].filter(([real, weight]) => weight !== 0 || wanted.reals.has(real))),
      });
    }
    const writes = planWrites({ before: content, after, isForeign: (address) => this.#isExcluded(address) });
    const missing = this.#kernel
      .setsToMake(after, sets)
      .filter((c) => c.startsWith('create'))
      .map((c) => `ipset ${c.split(' ')[1]}`);
    const foreign: string[] = [];
    for (const command of writes.servers)
      (command.startsWith('-d') || command.endsWith('-w 0') ? foreign : missing).push(`ipvs ${command}`);
    for (const command of writes.removeServers) foreign.push(`ipvs ${command.replace(/^-D/, '-A')}`);
    for (const ip of writes.addAddresses) missing.push(`${DEVICE} ${ip}`);
    for (const ip of writes.removeAddresses) foreign.push(`${DEVICE} ${ip}`);
    for (const [key, entries] of writes.addEntries) for (const e of entries) missing.push(`ipset ${setName(key, this.family)} ${e}`);
    for (const [key, entries] of writes.removeEntries) for (const e of entries) foreign.push(`ipset ${setName(key, this.family)} ${e}`);
    const ofRules = driftOf(saved, rules);
    return { missing: [...missing, ...ofRules.missing], foreign: [...foreign, ...ofRules.foreign] };
  }

  async explain(port: ServicePort, { settings }: SyncInput, signal: AbortSignal): Promise<readonly ExplainedFrontend[]> {
    const node = await this.#kernel.node(signal);
    const { content } = await this.#kernel.read(settings, signal);
    return explainFrontends({
      port,
      context: { settings, options: this.#options, node },
      kernel: content,
      listed: await this.#kernel.list('counters', signal),
      rules: ipvsRules(settings),
      savedRules: await this.#kernel.savedRules('with', signal),
    });
  }

  async trace(packet: Packet, { settings }: SyncInput, signal: AbortSignal): Promise<TraceResult> {
    const { content, rules } = await this.#kernel.read(settings, signal);
    const { outcomes, steps } = walkIpvs(content, settings, packet);
    const lacking = Object.values(rules).every(isEmpty) ? [] : ['iptables rules are not as they should be: see the drift'];
    return { outcomes, steps: [...steps, ...lacking] };
  }

  async close(): Promise<void> {
    this.#believed = undefined;
  }
}

/** A kernel from this version on needs no help with connections that reuse a port. */
const REUSE_FIXED = [5, 9];

export function sysctlsOf(
  family: Family,
  { strictArp }: IpvsModeOptions,
  kernelRelease: string,
): (readonly [name: string, value: string])[] {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  const [fixedMajor = 0, fixedMinor = 0] = REUSE_FIXED;
  const isOld = major < fixedMajor || (major === fixedMajor && minor < fixedMinor);
  return [
    // Without it connections of IPVS are not tracked and cannot be masqueraded.
    ['net/ipv4/vs/conntrack', '1'],
    ...(isOld ? [['net/ipv4/vs/conn_reuse_mode', '0'] as const] : []),
    ['net/ipv4/vs/expire_nodest_conn', '1'],
    ['net/ipv4/vs/expire_quiescent_template', '1'],
    family === 'IPv4' ? ['net/ipv4/ip_forward', '1'] : ['net/ipv6/conf/all/forwarding', '1'],
    // So that the node does not answer for addresses of services, which load balancers on the same network announce.
    ...(strictArp && family === 'IPv4'
      ? [['net/ipv4/conf/all/arp_ignore', '1'] as const, ['net/ipv4/conf/all/arp_announce', '2'] as const]
      : []),
  ];
}

/**
 * Walks a packet that opens a connection through what the ipvs mode put into the kernel: rules, sets, virtual servers. Pure.
 * The rules are few and fixed, so this says what they do rather than reading them; whether they are there is told by drift.
 *
 * Shares: those of round robin among real servers of equal weight; other schedulers decide by load or by address.
 */
import { cidrContains, isLoopback, joinHostPort } from '../ip.ts';
import { isFromPod, outcomeText, type Outcome, type Packet } from '../packet.ts';
import type { ProxySettings } from '../proxier.ts';
import { nodePortSets, type SetKey } from './names.ts';
import { serverKey, type IpvsContent } from './plan.ts';

export interface Walk {
  readonly outcomes: ReadonlyMap<string, number>;
  readonly steps: readonly string[];
}

export function walkIpvs(content: IpvsContent, settings: ProxySettings, packet: Packet): Walk {
  return new Walker(content, settings, packet).walk();
}

class Walker {
  readonly #content: IpvsContent;
  readonly #settings: ProxySettings;
  readonly #packet: Packet;
  readonly #steps: string[] = [];

  constructor(content: IpvsContent, settings: ProxySettings, packet: Packet) {
    this.#content = content;
    this.#settings = settings;
    this.#packet = packet;
  }

  walk(): Walk {
    return { outcomes: new Map(this.#outcomes()), steps: this.#steps };
  }

  #outcomes(): (readonly [string, number])[] {
    const { dst, dport, protocol, src, inInterface } = this.#packet;
    const end = (kind: 'pass' | 'drop' | 'reject'): [string, number][] => [[kind, 1]];
    const fromNode = inInterface === undefined;
    // Mangle for what the node sends, filter for what comes in: before IPVS sees it.
    if (this.#has('loadBalancerFirewall') && !this.#isAdmitted()) return end('drop');
    if (!fromNode) {
      if (this.#has('noLocalClusterIp')) return end('drop');
      if (this.#has('noLocalIp') && !isFromPod(this.#settings.localTraffic, this.#packet)) return end('drop');
    }
    const server = this.#content.servers.get(serverKey({ protocol, address: joinHostPort(dst, dport) }));
    if (server === undefined) {
      const guarded = this.#content.addresses.has(dst) && !(protocol === 'tcp' && this.#hasPort('healthCheckNodePort'));
      return end(guarded && !fromNode ? 'reject' : 'pass');
    }
    this.#steps.push(`ipvs ${serverKey(server)} ${server.how}`);
    const reals = [...server.reals].filter(([, weight]) => weight > 0);
    if (reals.length === 0) return end('reject');
    const total = reals.reduce((sum, [, weight]) => sum + weight, 0);
    const marked = this.#isMarked();
    return reals.map(([real, weight]) => {
      const port = real.slice(real.lastIndexOf(':') + 1);
      const ip = real.startsWith('[') ? real.slice(1, real.indexOf(']')) : real.slice(0, real.lastIndexOf(':'));
      const hairpin = ip === src && this.#content.entries.get('loopBack')?.has(`${ip},${protocol}:${port},${ip}`) === true;
      const outcome: Outcome = { kind: 'endpoint', endpoint: real, masquerade: marked || hairpin };
      return [outcomeText(outcome), weight / total];
    });
  }

  #member(): string {
    const { dst, dport, protocol } = this.#packet;
    return `${dst},${protocol}:${dport}`;
  }

  #has(key: SetKey, member = this.#member()): boolean {
    const is = this.#content.entries.get(key)?.has(member) === true;
    if (is) this.#steps.push(`ipset ${key} ${member}`);
    return is;
  }

  #hasPort(key: SetKey): boolean {
    return this.#has(key, String(this.#packet.dport));
  }

  #isAdmitted(): boolean {
    const { src } = this.#packet;
    if (this.#has('loadBalancerSourceIp', `${this.#member()},${src}`)) return true;
    const head = `${this.#member()},`;
    return [...(this.#content.entries.get('loadBalancerSourceCidr') ?? [])].some((entry) => {
      if (!entry.startsWith(head)) return false;
      const net = entry.slice(head.length);
      return net.includes('/') ? cidrContains(net, src) : net === src;
    });
  }

  /** KUBE-SERVICES in table nat, in the order of its rules. */
  #isMarked(): boolean {
    const { src, protocol, nodeAddresses, inInterface, dst } = this.#packet;
    const { masqueradeAll, localTraffic } = this.#settings;
    if (isLoopback(src)) return false;
    // A packet of the node to an address of the device has that very address as its source.
    const fromNode = inInterface === undefined || nodeAddresses.includes(src);
    if (this.#has('loadBalancer')) return fromNode || !this.#has('loadBalancerLocal');
    if (this.#has('clusterIp')) {
      if (masqueradeAll) return true;
      return localTraffic.kind === 'unknown' ? inInterface === undefined : !isFromPod(localTraffic, this.#packet);
    }
    if (this.#has('externalIp')) return true;
    if (this.#has('externalIpLocal')) return fromNode;
    const [all, local] = nodePortSets(protocol);
    const has = (key: SetKey): boolean => (protocol === 'sctp' ? this.#has(key) : this.#hasPort(key));
    return nodeAddresses.includes(dst) && has(all) && (fromNode || !has(local));
  }
}

/**
 * Which tracked flows of UDP and SCTP services go to an endpoint that serves no more. Pure, except for cleanStaleFlows.
 *
 * The kernel translates a flow as its first packet was translated, for as long as packets come: a client that keeps sending would
 * never reach another endpoint. TCP clients reconnect by themselves.
 *
 * An endpoint keeps its flows while it serves, whatever traffic policy, topology or readiness say now, as TCP connections are kept.
 * Differs: flows of a service that lost its last endpoint, or went away itself, are removed too, so that its clients are refused
 * at once; upstream leaves them until the client pauses.
 */
import type { Conntrack, Flow, FlowProtocol } from '../linux/conntrack.ts';
import type { ServicePort } from './servicePort.ts';

const CONNECTIONLESS: ReadonlySet<string> = new Set(['udp', 'sctp']);

export interface PortChangePair {
  readonly from: ServicePort | undefined;
  readonly to: ServicePort | undefined;
}

/** Something may have become stale: an endpoint or an address went, or somebody serves now where nobody did. */
export function mayLeaveStaleFlows({ from, to }: PortChangePair): boolean {
  if (!CONNECTIONLESS.has((from ?? to)?.protocol ?? '')) return false;
  if (to === undefined) return true;
  const before = servingOf(from);
  const after = servingOf(to);
  if ([...before].some((text) => !after.has(text)) || (before.size === 0 && after.size > 0)) return true;
  const addresses = (port: ServicePort | undefined): string[] => (port === undefined ? [] : frontendsOf(port));
  const left = new Set(addresses(to));
  return addresses(from).some((key) => !left.has(key)) || left.size > addresses(from).length;
}

function servingOf(port: ServicePort | undefined): Set<string> {
  return new Set((port?.endpoints ?? []).filter((e) => e.serving || e.ready).map((e) => `${e.ip} ${e.port}`));
}

function frontendsOf(port: ServicePort): string[] {
  const { protocol, nodePort } = port;
  return [
    ...[port.clusterIp, ...port.externalIps, ...port.loadBalancerIps].map((ip) => `${protocol} ${ip} ${port.port}`),
    ...(nodePort === undefined ? [] : [`${protocol} * ${nodePort}`]),
  ];
}

/** Who serves behind each address of a connectionless service. gone: addresses that were served until now. */
export class FlowTargets {
  readonly #serving = new Map<string, ReadonlySet<string>>();
  readonly protocols: ReadonlySet<FlowProtocol>;

  constructor(services: Iterable<ServicePort>, gone: Iterable<ServicePort> = []) {
    const protocols = new Set<FlowProtocol>();
    for (const [ports, serves] of [
      [gone, () => new Set<string>()],
      [services, servingOf],
    ] as const) {
      for (const port of ports) {
        if (port.protocol === 'tcp') continue;
        protocols.add(port.protocol);
        for (const key of frontendsOf(port)) this.#serving.set(key, serves(port));
      }
    }
    this.protocols = protocols;
  }

  isStale({ protocol, dst, dport, replySrc, replySport }: Flow): boolean {
    const serving = this.#serving.get(`${protocol} ${dst} ${dport}`) ?? this.#nodePort(`${protocol} * ${dport}`, dst, replySrc);
    return serving !== undefined && !serving.has(`${replySrc} ${replySport}`);
  }

  /** A flow to the node port of some other machine, merely routed through here, is answered by that machine itself. */
  #nodePort(key: string, dst: string, replySrc: string): ReadonlySet<string> | undefined {
    return dst === replySrc ? undefined : this.#serving.get(key);
  }
}

/** Returns how many flows were removed. */
export async function cleanStaleFlows(conntrack: Conntrack, targets: FlowTargets, signal: AbortSignal): Promise<number> {
  const stale = new Map<string, Flow>();
  for (const protocol of targets.protocols) {
    await conntrack.list(
      protocol,
      (flow) => {
        if (targets.isStale(flow)) stale.set(JSON.stringify(flow), flow);
      },
      signal,
    );
  }
  let removed = 0;
  for (const flow of stale.values()) removed += await conntrack.delete(flow, signal);
  return removed;
}

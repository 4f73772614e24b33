/**
 * A packet that opens a connection, where it may end, and the oracle: where it must end by the meaning of the services alone.
 * Every mode's rules, walked or real, are held against expectedOutcomes(). Pure.
 *
 * Source: the Service chapters of the Kubernetes documentation (virtual IPs, traffic policies, source ranges) and KEP-2086, KEP-1669.
 */
import { cidrContains, isLoopback, type Family } from './ip.ts';
import type { LocalTraffic, ProxySettings } from './proxier.ts';
import { hasExternalEndpoints, hasInternalEndpoints, type Endpoint, type Protocol, type ServicePort } from './servicePort.ts';

export interface Packet {
  readonly family: Family;
  readonly protocol: Protocol;
  readonly src: string;
  readonly dst: string;
  readonly dport: number;
  /** Where it comes in; undefined: the node itself sends it. */
  readonly inInterface?: string;
  /** Every address of the node, the loopback included. */
  readonly nodeAddresses: readonly string[];
}

export type Outcome =
  | { readonly kind: 'endpoint'; readonly endpoint: string; readonly masquerade: boolean }
  /** Refused at once with ICMP. */
  | { readonly kind: 'reject' }
  | { readonly kind: 'drop' }
  /** No service of ours: goes on as it is. */
  | { readonly kind: 'pass' };

/** outcomeText() -> probability; they add up to 1. */
export type Outcomes = ReadonlyMap<string, number>;

export function outcomeText(outcome: Outcome): string {
  if (outcome.kind !== 'endpoint') return outcome.kind;
  return outcome.masquerade ? `${outcome.endpoint} masqueraded` : outcome.endpoint;
}

/** Where the modes of upstream differ from each other. */
export interface ModeTraits {
  /**
   * What happens to packets of the node itself to an external or load balancer address of a service without endpoints: the iptables
   * mode lets them go to the network (nothing of ours is in OUTPUT for them), the others refuse them.
   */
  readonly unservedFromNode: 'pass' | 'reject';
}

export function expectedOutcomes(
  services: Iterable<ServicePort>,
  settings: ProxySettings,
  packet: Packet,
  traits: ModeTraits = { unservedFromNode: 'reject' },
): Outcomes {
  const certain = (kind: 'reject' | 'drop' | 'pass'): Outcomes => new Map([[kind, 1]]);
  const equally = (endpoints: readonly Endpoint[], masquerade: boolean): Outcomes =>
    new Map(
      endpoints.map((e) => [
        // An endpoint that calls itself gets its answer back through the node.
        outcomeText({ kind: 'endpoint', endpoint: e.text, masquerade: masquerade || e.ip === packet.src }),
        1 / endpoints.length,
      ]),
    );
  const found = findFrontend(services, settings, packet);
  if (found === undefined) return certain('pass');
  const { port, frontend } = found;
  const { choice } = port;
  const fromPod = isFromPod(settings.localTraffic, packet);
  if (frontend === 'clusterIP') {
    if (!hasInternalEndpoints(port)) return certain(choice.hasAny ? 'drop' : 'reject');
    const foreign = settings.localTraffic.kind !== 'unknown' && !fromPod;
    return equally(port.internalPolicy === 'Local' ? choice.local : choice.cluster, settings.masqueradeAll || foreign);
  }
  const leaves = packet.inInterface === undefined && !packet.nodeAddresses.includes(packet.dst);
  if (!choice.hasAny) return certain(leaves ? traits.unservedFromNode : 'reject');
  if (frontend === 'outOfScope') return certain(hasExternalEndpoints(port) ? 'pass' : 'drop');
  if (frontend === 'loadBalancer' && !isAdmitted(port, settings, packet)) return certain('drop');
  if (port.externalPolicy === 'Cluster') return equally(choice.cluster, true);
  // The node and its pods are inside already: as if they had gone out to the load balancer and come back to any node.
  if (fromPod) return equally(choice.cluster, false);
  if (packet.nodeAddresses.includes(packet.src)) return equally(choice.cluster, true);
  return choice.local.length > 0 ? equally(choice.local, false) : certain('drop');
}

type Frontend = 'clusterIP' | 'externalIP' | 'loadBalancer' | 'nodePort' | 'outOfScope';

function findFrontend(
  services: Iterable<ServicePort>,
  settings: ProxySettings,
  packet: Packet,
): { readonly port: ServicePort; readonly frontend: Frontend } | undefined {
  let byNodePort: { readonly port: ServicePort; readonly frontend: Frontend } | undefined;
  for (const port of services) {
    if (port.protocol !== packet.protocol || port.family !== packet.family) continue;
    if (port.port === packet.dport) {
      if (port.clusterIp === packet.dst) return { port, frontend: 'clusterIP' };
      if (port.externalIps.includes(packet.dst)) return { port, frontend: 'externalIP' };
      if (port.loadBalancerIps.includes(packet.dst)) return { port, frontend: 'loadBalancer' };
    }
    if (port.nodePort === packet.dport && packet.nodeAddresses.includes(packet.dst)) {
      byNodePort = { port, frontend: servesNodePortsOn(settings, packet.dst) ? 'nodePort' : 'outOfScope' };
    }
  }
  return byNodePort;
}

function servesNodePortsOn({ nodePorts, localhostNodePorts, family }: ProxySettings, ip: string): boolean {
  if (isLoopback(ip) && !(localhostNodePorts && family === 'IPv4')) return false;
  return nodePorts.kind === 'all' || nodePorts.ips.includes(ip);
}

export function isFromPod(localTraffic: LocalTraffic, { src, inInterface }: Pick<Packet, 'src' | 'inInterface'>): boolean {
  if (localTraffic.kind === 'unknown') return false;
  if (localTraffic.kind === 'cidr') return cidrContains(localTraffic.cidr, src);
  if (localTraffic.kind === 'bridge') return inInterface === localTraffic.name;
  return inInterface?.startsWith(localTraffic.prefix) ?? false;
}

function isAdmitted(port: ServicePort, { nodeIp }: ProxySettings, { src }: Packet): boolean {
  const { sourceRanges } = port;
  if (sourceRanges === undefined) return true;
  if (sourceRanges.some((cidr) => cidrContains(cidr, src))) return true;
  // Where the load balancer's address is also a local one, the node's own packets carry it as their source.
  return nodeIp !== undefined && sourceRanges.some((cidr) => cidrContains(cidr, nodeIp)) && port.loadBalancerIps.includes(src);
}

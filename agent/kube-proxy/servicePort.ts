/**
 * The domain of the proxy: what Services and EndpointSlices come down to, for one port of one service in one address family.
 * Every mode turns these, and nothing else, into kernel state.
 *
 * All addresses are canonical text (ip.ts); CIDRs too. Units: affinitySeconds.
 */
import { joinHostPort, type Family } from './ip.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';
export type Policy = 'Cluster' | 'Local';

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** "10.0.0.1:80" or "[fd00::1]:80": unique within a service port, and what endpoints are ordered by. */
  readonly text: string;
  /** It runs on this node. */
  readonly isLocal: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
  /** Who it is, for people: "Pod default/web-0". */
  readonly target?: string;
}

/** Which endpoints may be used from this node. All lists are ordered by Endpoint.text and hold nothing twice. */
export interface EndpointChoice {
  /** For traffic under policy Cluster; empty when the service port never uses that policy. */
  readonly cluster: readonly Endpoint[];
  /** For traffic under policy Local; empty when the service port never uses that policy. */
  readonly local: readonly Endpoint[];
  /** The union of the two. */
  readonly reachable: readonly Endpoint[];
  /** Somebody in the cluster serves, even if no one does for this node: missing local endpoints are then dropped, not rejected. */
  readonly hasAny: boolean;
  /** How cluster was narrowed down: by hints for this node or zone, or not at all. */
  readonly topology: 'none' | 'sameZone' | 'sameNode';
}

export interface ServicePort {
  /** name/protocol: unique within a family. */
  readonly id: string;
  /** Upstream's name of a service port, "namespace/name:port" or "namespace/name": what hashes and comments are made of. */
  readonly name: string;
  /** "namespace/name". */
  readonly service: string;
  readonly family: Family;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  readonly nodePort?: number;
  /** Disjoint from each other, from clusterIp, and from the addresses of other services on the same port. */
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  /** Who may use loadBalancerIps; undefined: everyone. An empty list: nobody. */
  readonly sourceRanges?: readonly string[];
  /** sessionAffinity: ClientIP, with its timeout. */
  readonly affinitySeconds?: number;
  readonly internalPolicy: Policy;
  readonly externalPolicy: Policy;
  readonly healthCheckNodePort?: number;
  /** Everything the slices say about this port, usable or not. */
  readonly endpoints: readonly Endpoint[];
  readonly choice: EndpointChoice;
}

/** What the node contributes to the decision. */
export interface NodeView {
  readonly name: string;
  /** Label topology.kubernetes.io/zone. */
  readonly zone?: string;
  /** Ports of SCTP cannot be served here: why, and what to do. */
  readonly lacksSctp?: string;
}

/** Something in the input that is not honoured, or (SERVICE_ON_NODE) is and should not be there, in words for the one who wrote it. */
export interface Problem {
  /** "Service default/web". */
  readonly object: string;
  readonly code: 'SERVICE_INVALID' | 'SERVICE_CONFLICT' | 'SERVICE_ON_NODE' | 'ENDPOINT_INVALID';
  readonly message: string;
}

/** Reachable by something else than its cluster IP. */
export function isExternal(port: Pick<ServicePort, 'nodePort' | 'externalIps' | 'loadBalancerIps'>): boolean {
  return port.nodePort !== undefined || port.externalIps.length > 0 || port.loadBalancerIps.length > 0;
}

/** The traffic that came to the cluster IP has somewhere to go. */
export function hasInternalEndpoints(port: ServicePort): boolean {
  return port.internalPolicy === 'Local' ? port.choice.local.length > 0 : port.choice.hasAny;
}

/** The traffic that came from outside to an external address has somewhere to go. */
export function hasExternalEndpoints(port: ServicePort): boolean {
  return port.externalPolicy === 'Local' ? port.choice.local.length > 0 : port.choice.hasAny;
}

export function endpointText(ip: string, port: number): string {
  return joinHostPort(ip, port);
}

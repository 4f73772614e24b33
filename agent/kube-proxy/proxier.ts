/**
 * What a proxy mode is: the contract between the loop (sync.ts) and the rules of one mode in one address family.
 *
 * A mode is pure in the middle (services + settings -> desired state -> the difference as writes) and dull at the edge (apply,
 * read back). The loop owns the services and says what changed; a mode owns what it believes to be in the kernel.
 *
 * Contract of sync():
 * - After it returns, the kernel holds exactly what a fresh proxier would write for the same input. changed may name too much, never too little.
 * - Its cost with a changed set grows with that set, not with the number of services.
 * - It is atomic per table: after a throw the kernel holds the old or the new state, and the loop comes again with changed undefined.
 * - changed undefined: nothing is believed. What is in the kernel is read, and what differs is written: also what upstream's proxy of the
 *   same mode left there. Rules of other software are never touched; connections that are established are never cut.
 *
 * Throws: AppError PROXY_APPLY (the kernel or its tool refused; facts name the rule), PROXY_TOOL (the tool is missing or does not answer).
 */
import type { Family } from './ip.ts';
import type { Outcomes, Packet } from './packet.ts';
import type { Protocol, ServicePort } from './servicePort.ts';

export type Mode = 'iptables' | 'ipvs' | 'nftables';

/** How traffic of pods of this node is told from other traffic. */
export type LocalTraffic =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'cidr'; readonly cidr: string }
  | { readonly kind: 'bridge'; readonly name: string }
  | { readonly kind: 'interfacePrefix'; readonly prefix: string };

/** On which addresses of the node node ports are served. */
export type NodePortScope = { readonly kind: 'all' } | { readonly kind: 'only'; readonly ips: readonly string[] };

/** What the node and its configuration decide about the rules of one family. A change of any of it is a full sync. */
export interface ProxySettings {
  readonly family: Family;
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly localTraffic: LocalTraffic;
  /** The node's own address in this family. */
  readonly nodeIp?: string;
  readonly nodePorts: NodePortScope;
  /** Serve node ports on 127.0.0.0/8 too (iptables mode, IPv4; needs route_localnet). */
  readonly localhostNodePorts: boolean;
  /** net.netfilter.nf_conntrack_tcp_be_liberal is set: packets in state INVALID are let through. */
  readonly conntrackLiberal: boolean;
}

export interface SyncInput {
  /** All service ports of the family by ServicePort.id. */
  readonly services: ReadonlyMap<string, ServicePort>;
  /** Ids that may differ from the last sync that succeeded (added, changed, removed). undefined: believe nothing. */
  readonly changed: ReadonlySet<string> | undefined;
  readonly settings: ProxySettings;
}

export interface SyncReport {
  readonly kind: 'full' | 'partial';
  /** 0: the kernel was right already. */
  readonly linesWritten: number;
  readonly bytesWritten: number;
  /** Of ours, in the whole rule set, by table (iptables: "nat", "filter"; other modes name their own parts). */
  readonly rulesByTable?: Readonly<Record<string, number>>;
  /** Of linesWritten, by the same names. */
  readonly linesByTable?: Readonly<Record<string, number>>;
  readonly planMs: number;
  readonly kernelMs: number;
}

/**
 * intact: nobody wrote since we looked last. touched: somebody did, our hooks are still there, but only a full sync knows more.
 * broken: our hooks are gone, somebody flushed or removed them.
 */
export type Intactness = 'intact' | 'touched' | 'broken';

/** The difference between what should be and what is in the kernel, in the mode's own words. Both empty: none. */
export interface Drift {
  readonly missing: readonly string[];
  readonly foreign: readonly string[];
}

/** One rule (or map element, or virtual server) that serves a service, in the order a packet meets it. */
export interface ExplainedRule {
  /** Where: "nat KUBE-SERVICES", "map service-ips". */
  readonly where: string;
  readonly rule: string;
  readonly isInKernel: boolean;
  /** Absent where the kernel does not count. */
  readonly packets?: string;
  readonly bytes?: string;
}

export interface ExplainedFrontend {
  readonly what: 'clusterIP' | 'externalIP' | 'loadBalancer' | 'nodePort';
  /** "10.96.0.10:80", or "*:30080" for a node port. */
  readonly address: string;
  readonly protocol: Protocol;
  readonly rules: readonly ExplainedRule[];
}

export interface Proxier {
  readonly mode: Mode;
  readonly family: Family;
  /** Nobody can write rules without checkIntact noticing: a full sync without evidence would find nothing. Default: not so. */
  readonly seesAllWrites?: boolean;
  sync(input: SyncInput, signal: AbortSignal): Promise<SyncReport>;
  /** Packets dropped so far because connection tracking calls them invalid. Absent: the mode does not drop them. */
  countInvalidDropped?(signal: AbortSignal): Promise<number>;
  /** Cheap: is what we wrote still there? Asked every second, so it must cost next to nothing while nobody writes. */
  checkIntact(signal: AbortSignal): Promise<Intactness>;
  /** Complete: reads everything of ours back. Changes nothing. */
  readDrift(input: SyncInput, signal: AbortSignal): Promise<Drift>;
  explain(port: ServicePort, input: SyncInput, signal: AbortSignal): Promise<readonly ExplainedFrontend[]>;
  /** Where the packet ends, by the rules that are in the kernel now. */
  trace(packet: Packet, input: SyncInput, signal: AbortSignal): Promise<TraceResult>;
  /** Ends what the proxier keeps open (resident tools). Leaves every rule where it is: services go on working without the proxy. */
  close(): Promise<void>;
}

export interface TraceResult {
  readonly outcomes: Outcomes;
  /** The rules that matched, in order, for people. */
  readonly steps: readonly string[];
}

export type Support =
  | {
      readonly kind: 'supported';
      readonly facts: Readonly<Record<string, string>>;
      /** The mode works, but not for SCTP: why, and what to do. */
      readonly lacksSctp?: string;
    }
  | { readonly kind: 'missing'; readonly why: string; readonly next: string };

/** One per mode. */
export interface ModeDriver {
  readonly mode: Mode;
  /** Can this node do it? Changes nothing that is not ours. */
  probe(family: Family, signal: AbortSignal): Promise<Support>;
  open(family: Family, signal: AbortSignal): Promise<Proxier>;
  /** Removes every rule of this mode in this family, upstream's of the same names included, and nothing else. Doing it again does nothing. */
  cleanup(family: Family, signal: AbortSignal): Promise<void>;
}

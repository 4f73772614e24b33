/**
 * Says of a service which rules serve it, with which endpoints, and why the others are not used. Pure: facts in, explanation out.
 */
import { FAMILIES, type Family } from '../ip.ts';
import type { Drift, ExplainedFrontend, Mode } from '../proxier.ts';
import { isExternal, type Endpoint, type Problem, type ServicePort } from '../servicePort.ts';
import type { NodeView } from '../servicePort.ts';

export interface ExplainedEndpoint {
  readonly endpoint: string;
  readonly state: 'ready' | 'not ready' | 'terminating, still serving' | 'terminating';
  readonly target?: string;
  readonly node?: string;
  readonly zone?: string;
  /** Share of new connections by traffic policy; absent where the policy does not apply. */
  readonly shares: Readonly<Partial<Record<'Cluster' | 'Local', number>>>;
  /** Why a policy that applies does not use it. */
  readonly notUsed: readonly string[];
}

export interface ExplainedPort {
  readonly name: string;
  readonly family: Family;
  readonly clusterIp: string;
  readonly port: number;
  readonly protocol: string;
  readonly policies: { readonly internal: string; readonly external?: string };
  readonly affinitySeconds?: number;
  readonly topology: string;
  readonly endpoints: readonly ExplainedEndpoint[];
  readonly frontends: readonly ExplainedFrontend[];
}

export interface ServiceExplanation {
  readonly service: string;
  readonly mode: Mode;
  readonly node: string;
  /** Why nothing is programmed. */
  readonly nothingBecause?: string;
  readonly noEndpointsBecause?: string;
  readonly problems: readonly string[];
  readonly ports: readonly ExplainedPort[];
  readonly lastWritten: readonly {
    readonly family: Family;
    readonly at?: string;
    readonly tookMs?: number;
    readonly linesWritten?: number;
    readonly pendingSince?: string;
    readonly error?: string;
  }[];
  /** Rules of this service that are not in the kernel. */
  readonly missing: number;
}

export interface ServiceFacts {
  readonly service: string;
  readonly mode: Mode;
  readonly node: NodeView;
  readonly nothingBecause?: string;
  readonly noEndpointsBecause?: string;
  readonly problems: readonly Problem[];
  readonly ports: readonly { readonly port: ServicePort; readonly frontends: readonly ExplainedFrontend[] }[];
  readonly lastWritten: ServiceExplanation['lastWritten'];
}

export function explainService({
  service,
  mode,
  node,
  nothingBecause,
  noEndpointsBecause,
  problems,
  ports,
  lastWritten,
}: ServiceFacts): ServiceExplanation {
  const inOrder = ports.toSorted(
    (a, b) => FAMILIES.indexOf(a.port.family) - FAMILIES.indexOf(b.port.family) || (a.port.id < b.port.id ? -1 : 1),
  );
  return {
    service,
    mode,
    node: node.name,
    ...(nothingBecause === undefined ? {} : { nothingBecause }),
    ...(noEndpointsBecause === undefined ? {} : { noEndpointsBecause }),
    problems: problems.map((p) => (p.object === `Service ${service}` ? p.message : `${p.object}: ${p.message}`)),
    ports: inOrder.map(({ port, frontends }) => explainPort(port, frontends, node)),
    lastWritten,
    missing: ports.reduce((sum, { frontends }) => sum + frontends.reduce((n, f) => n + f.rules.filter((r) => !r.isInKernel).length, 0), 0),
  };
}

function explainPort(port: ServicePort, frontends: readonly ExplainedFrontend[], node: NodeView): ExplainedPort {
  const { name, family, clusterIp, protocol, internalPolicy, externalPolicy, affinitySeconds, choice } = port;
  return {
    name,
    family,
    clusterIp,
    port: port.port,
    protocol,
    policies: { internal: internalPolicy, ...(isExternal(port) ? { external: externalPolicy } : {}) },
    ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
    topology: choice.topology,
    endpoints: port.endpoints.map((e) => explainEndpoint(e, port, node)),
    frontends,
  };
}

function explainEndpoint(e: Endpoint, port: ServicePort, node: NodeView): ExplainedEndpoint {
  const { choice, internalPolicy, externalPolicy } = port;
  const external = isExternal(port);
  const usesLocal = internalPolicy === 'Local' || (external && externalPolicy === 'Local');
  const usesCluster = internalPolicy === 'Cluster' || external;
  const shares: { Cluster?: number; Local?: number } = {};
  const notUsed: string[] = [];
  const judge = (policy: 'Cluster' | 'Local', chosen: readonly Endpoint[]): void => {
    if (chosen.includes(e)) shares[policy] = 1 / chosen.length;
    else notUsed.push(`${policy}: ${whyNot(e, policy, port, node)}`);
  };
  if (usesCluster) judge('Cluster', choice.cluster);
  if (usesLocal) judge('Local', choice.local);
  return {
    endpoint: e.text,
    state: stateOf(e),
    ...(e.target === undefined ? {} : { target: e.target }),
    ...(e.nodeName === undefined ? {} : { node: e.nodeName }),
    ...(e.zone === undefined ? {} : { zone: e.zone }),
    shares,
    notUsed,
  };
}

function stateOf({ ready, serving, terminating }: Endpoint): ExplainedEndpoint['state'] {
  if (ready) return 'ready';
  if (terminating) return serving ? 'terminating, still serving' : 'terminating';
  return 'not ready';
}

function whyNot(e: Endpoint, policy: 'Cluster' | 'Local', { choice }: ServicePort, node: NodeView): string {
  if (policy === 'Local' && !e.isLocal) return `it runs on ${e.nodeName ?? 'an unknown node'}, not on ${node.name}`;
  if (!e.ready) return e.serving && e.terminating ? 'it terminates, and others are ready' : stateOf(e);
  if (choice.topology === 'sameNode') return `its hints are for ${e.forNodes.join(', ')}, and there are endpoints for ${node.name}`;
  if (choice.topology === 'sameZone')
    return `its hints are for ${e.forZones.join(', ')}, and there are endpoints for zone ${node.zone ?? ''}`;
  return 'others were chosen';
}

export function driftText({ missing, foreign }: Drift): string[] {
  return [...missing.map((line) => `missing: ${line}`), ...foreign.map((line) => `should not be there: ${line}`)];
}

/**
 * Chains that services share: which chain it is follows from the number of endpoints alone, so its name says everything about it. Pure.
 *
 * pick/tcp/3                draws one of three slots of the address and port
 * pick-local/tcp/2          the same among the local endpoints
 * cluster-ip/tcp/3          marks what comes from outside the cluster, then pick
 * external/tcp/3            marks everything, then pick
 * external-local/tcp/3/2    pods and the node itself reach all three, others the two local endpoints
 * node-port…                the same by node port
 */
import type { ProxySettings } from '../proxier.ts';
import type { Protocol, ServicePort } from '../servicePort.ts';
import type { ChainDef } from './content.ts';
import { CHAINS, nodePortEndpoints, serviceEndpoints } from './names.ts';
import type { Rule, Statement } from './rules.ts';

/** Slots of the local list start here; numgen draws 32 bits. */
export const LOCAL_SLOTS = 65_536;

type By = 'addressAndPort' | 'port';
type What = 'pick' | 'pick-local' | 'cluster-ip' | 'external' | 'external-local';

interface Shared {
  readonly by: By;
  readonly what: What;
  readonly protocol: Protocol;
  readonly count: number;
  readonly local: number;
}

const NODE_PORT = 'node-port-';

function nameOf({ by, what, protocol, count, local }: Shared): string {
  return `${by === 'port' ? NODE_PORT : ''}${what}/${protocol}/${count}${what === 'external-local' ? `/${local}` : ''}`;
}

/** Of names that nameOf made. */
function parse(name: string): Shared {
  const [head = '', protocol = '', count = '', local = '0'] = name.split('/');
  const by: By = head.startsWith(NODE_PORT) ? 'port' : 'addressAndPort';
  const what = (by === 'port' ? head.slice(NODE_PORT.length) : head) as What;
  return { by, what, protocol: protocol as Protocol, count: Number(count), local: Number(local) };
}

export function externalChain({ port, by }: { readonly port: ServicePort; readonly by: By }): string {
  const { choice, protocol, externalPolicy } = port;
  const counts = { protocol, by, count: choice.cluster.length, local: choice.local.length };
  return nameOf({ ...counts, what: externalPolicy === 'Local' ? 'external-local' : 'external' });
}

function picksOf(shared: Shared): { cluster: Shared; local?: Shared } {
  const cluster: Shared = { ...shared, what: 'pick' };
  if (shared.what !== 'external-local' || shared.local === 0) return { cluster };
  return { cluster, local: { ...shared, what: 'pick-local', count: shared.local } };
}

/** The chain itself after all that it jumps to. */
export function sharedWithNeeds(name: string): string[] {
  const shared = parse(name);
  if (shared.what === 'pick' || shared.what === 'pick-local') return [name];
  const { cluster, local } = picksOf(shared);
  return [nameOf(cluster), ...(local === undefined ? [] : [nameOf(local)]), name];
}

export function sharedChain(name: string, settings: ProxySettings): ChainDef {
  return { rules: rulesOf(parse(name), settings) };
}

const MARK: Statement = { kind: 'jump', chain: CHAINS.mark };

function rulesOf(shared: Shared, settings: ProxySettings): Rule[] {
  const { what, by, protocol, count } = shared;
  const { cluster, local } = picksOf(shared);
  const go: Statement = { kind: 'goto', chain: nameOf(cluster) };
  switch (what) {
    case 'pick':
    case 'pick-local': {
      const map = by === 'port' ? nodePortEndpoints(protocol) : serviceEndpoints(protocol);
      return [[{ kind: 'translateBy', protocol, by, slots: count, offset: what === 'pick' ? 0 : LOCAL_SLOTS, map }]];
    }
    case 'cluster-ip': {
      const foreign = foreignTraffic(settings);
      return [...(foreign === undefined ? [] : [[...foreign, MARK]]), [go]];
    }
    case 'external':
      // The endpoint may be on another node, and the answer must come back through this one.
      return [[MARK], [go]];
    case 'external-local':
      return [...shortCut(settings, go), ...(local === undefined ? [] : [[{ kind: 'goto' as const, chain: nameOf(local) }]])];
  }
}

/**
 * Under externalTrafficPolicy Local, pods and the node itself are inside already: as if they had gone out to the load balancer and
 * come back to any node.
 */
export function shortCut(settings: ProxySettings, toCluster: Statement): Rule[] {
  const pods = localTraffic(settings, 'in');
  const fromNode: Statement = { kind: 'local', field: 'saddr' };
  return [...(pods === undefined ? [] : [[pods, toCluster]]), [fromNode, MARK], [fromNode, toCluster]];
}

/** Which traffic to a cluster IP is masqueraded; undefined: none, []: all. */
export function foreignTraffic(settings: ProxySettings): readonly Statement[] | undefined {
  if (settings.masqueradeAll) return [];
  const foreign = localTraffic(settings, 'notIn');
  return foreign === undefined ? undefined : [foreign];
}

function localTraffic({ localTraffic }: ProxySettings, is: 'in' | 'notIn'): Statement | undefined {
  switch (localTraffic.kind) {
    case 'unknown':
      return undefined;
    case 'cidr':
      return { kind: 'address', field: 'saddr', is, ranges: [localTraffic.cidr] };
    case 'bridge':
      return { kind: 'input', is, name: localTraffic.name };
    case 'interfacePrefix':
      return { kind: 'input', is, name: `${localTraffic.prefix}*` };
  }
}

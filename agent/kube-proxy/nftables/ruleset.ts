/**
 * From service ports to the content of the table. Pure and order-free: the same service ports give the same content.
 *
 * A packet is looked up once by address, protocol and port (service-ips), or by node port; the verdict names a chain that all
 * services with the same number of endpoints share: it draws a slot with `numgen random mod N` and looks the endpoint up by address,
 * port and slot. So shares are equal for any N, a service costs elements and no chains, and a packet costs the same at any number of services.
 * A service has two lists of endpoints when outside traffic stays on the node (externalTrafficPolicy Local): the local one has the slots from LOCAL_SLOTS on.
 * Only session affinity (a set of clients per endpoint) and source ranges need chains per service; they are upstream's.
 *
 * Throws: never.
 * Source: chains, maps and hooks as in upstream's nftables mode; the semantics are those of packet.ts.
 * Differs: upstream has chains for every service and endpoint, which take 30 times as long to load.
 */
import { cidrContains, isLoopback } from '../ip.ts';
import type { ProxySettings } from '../proxier.ts';
import { hasExternalEndpoints, hasInternalEndpoints, isExternal, type Protocol, type ServicePort } from '../servicePort.ts';
import { affinityParts } from './affinity.ts';
import { BASE_CHAINS, FIXED_SETS, HOOK_RULES, elementsOf, emptyContent, type Content } from './content.ts';
import { CHAINS, SETS, namesOf, nodePortEndpoints, serviceEndpoints, wordsOf } from './names.ts';
import type { Parts } from './parts.ts';
import { mergeRanges } from './ranges.ts';
import type { Rule, Statement } from './rules.ts';
import { LOCAL_SLOTS, externalChain } from './shared.ts';

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

export function staticContent(settings: ProxySettings): Content {
  const content = emptyContent();
  for (const [name, def] of FIXED_SETS) content.sets.set(name, def);
  for (const protocol of PROTOCOLS) {
    const def = { kind: 'map', value: 'endpoint', portsOf: protocol } as const;
    content.sets.set(serviceEndpoints(protocol), { ...def, key: ['address', 'port', 'slot'] });
    content.sets.set(nodePortEndpoints(protocol), { ...def, key: ['port', 'slot'] });
  }
  for (const [name, hook] of BASE_CHAINS) content.chains.set(name, { hook, rules: HOOK_RULES[name] ?? [] });
  const toService: Statement = { kind: 'dispatch', fields: ['daddr', 'l4proto', 'dport'], map: SETS.serviceIps };
  const unserved = (fields: 'address' | 'port'): Statement =>
    fields === 'address'
      ? { kind: 'dispatch', fields: ['daddr', 'l4proto', 'dport'], map: SETS.noEndpointServices }
      : { kind: 'dispatch', fields: ['l4proto', 'dport'], map: SETS.noEndpointNodePorts };
  const toNodePort: Statement = { kind: 'dispatch', fields: ['l4proto', 'dport'], map: SETS.serviceNodePorts };
  const [here, hereInInput] = nodePortScope(settings, content);
  const toClusterIp: Statement = { kind: 'lookup', fields: ['daddr'], set: SETS.clusterIps };
  const bit = settings.masqueradeBit;
  const chains: Record<string, readonly Rule[]> = {
    [CHAINS.services]: [[toService], [...here, toNodePort]],
    [CHAINS.mark]: [[{ kind: 'mark', how: 'set', bit }]],
    [CHAINS.masquerading]: [
      [{ kind: 'translated' }, { kind: 'lookup', fields: ['saddr', 'daddr'], set: SETS.hairpin }, { kind: 'jump', chain: CHAINS.mark }],
      [{ kind: 'unmarked', bit }, { kind: 'return' }],
      // Cleared, so that a packet that goes through the stack again is not masqueraded twice.
      [{ kind: 'mark', how: 'flip', bit }],
      [{ kind: 'masquerade' }],
    ],
    [CHAINS.reject]: [[{ kind: 'reject' }]],
    [CHAINS.serviceEndpointsCheck]: [[unserved('address')]],
    [CHAINS.nodePortEndpointsCheck]: [[...hereInInput, unserved('port')]],
    [CHAINS.firewallCheck]: [[{ kind: 'dispatch', fields: ['daddr', 'l4proto', 'dport'], map: SETS.firewallIps }]],
    // What reaches this was not translated: a port that the service does not have.
    // Differs: a cluster IP that is an address of the node keeps the node's other ports; upstream refuses them to the node itself.
    [CHAINS.clusterIpsCheck]: [
      [toClusterIp, { kind: 'local', field: 'daddr' }, { kind: 'return' }],
      [toClusterIp, { kind: 'reject' }],
    ],
  };
  for (const [name, rules] of Object.entries(chains)) content.chains.set(name, { rules });
  return content;
}

/** Node ports are never served on the loopback in this mode. */
function nodePortScope({ nodePorts, family }: ProxySettings, content: Content): [Statement[], Statement[]] {
  if (nodePorts.kind === 'all') {
    const away: Statement = { kind: 'address', field: 'daddr', is: 'notIn', ranges: [wordsOf(family).loopback] };
    return [[{ kind: 'local', field: 'daddr' }, away], [away]];
  }
  content.sets.set(SETS.nodePortIps, { kind: 'set', key: ['address'] });
  const served = elementsOf(content, SETS.nodePortIps);
  for (const ip of nodePorts.ips) if (!isLoopback(ip)) served.set(ip, '');
  const known: Statement[] = [{ kind: 'lookup', fields: ['daddr'], set: SETS.nodePortIps }];
  return [known, known];
}

/** What the service port needs in the table, put into parts. */
export function contribute(port: ServicePort, settings: ProxySettings, parts: Parts): void {
  const { choice, protocol, internalPolicy, externalPolicy } = port;
  const own = port.affinitySeconds === undefined || choice.reachable.length === 0 ? undefined : namesOf(port);
  if (own !== undefined) affinityParts(port, settings, parts);

  parts.put(SETS.clusterIps, port.clusterIp);
  const clusterKey = `${port.clusterIp} . ${protocol} . ${port.port}`;
  if (hasInternalEndpoints(port)) {
    const list = internalPolicy === 'Local' ? choice.local : choice.cluster;
    parts.put(SETS.hairpin, list);
    if (own !== undefined) parts.add(SETS.serviceIps, clusterKey, `goto ${internalPolicy === 'Local' ? own.local : own.service}`);
    else {
      parts.addShared(SETS.serviceIps, clusterKey, `cluster-ip/${protocol}/${list.length}`);
      parts.addSlots(serviceEndpoints(protocol), `${port.clusterIp} . ${port.port}`, list);
    }
  } else parts.add(SETS.noEndpointServices, clusterKey, refusal(port));

  if (!isExternal(port)) return;
  const served = hasExternalEndpoints(port);
  const local = externalPolicy === 'Local' ? choice.local : [];
  if (choice.hasAny) {
    parts.put(SETS.hairpin, choice.cluster);
    parts.put(SETS.hairpin, local);
  }
  for (const frontend of frontendsOf(port)) {
    if (!served) parts.add(frontend.unserved, frontend.key, refusal(port));
    if (!choice.hasAny) continue;
    if (own !== undefined) parts.add(frontend.served, frontend.key, `goto ${own.external}`);
    else {
      parts.addShared(frontend.served, frontend.key, externalChain({ port, by: frontend.by }));
      parts.addSlots(frontend.endpoints, frontend.endpointKey, choice.cluster);
      parts.addSlots(frontend.endpoints, frontend.endpointKey, local, LOCAL_SLOTS);
    }
  }
  addFirewall(port, settings, parts);
}

function refusal({ choice }: ServicePort): string {
  return choice.hasAny ? 'drop' : `goto ${CHAINS.reject}`;
}

interface Frontend {
  readonly by: 'addressAndPort' | 'port';
  readonly served: string;
  readonly unserved: string;
  readonly key: string;
  readonly endpoints: string;
  readonly endpointKey: string;
}

function frontendsOf({ externalIps, loadBalancerIps, nodePort, protocol, port }: ServicePort): Frontend[] {
  const byAddress = [...externalIps, ...loadBalancerIps].map((ip): Frontend => ({
    by: 'addressAndPort',
    served: SETS.serviceIps,
    unserved: SETS.noEndpointServices,
    key: `${ip} . ${protocol} . ${port}`,
    endpoints: serviceEndpoints(protocol),
    endpointKey: `${ip} . ${port}`,
  }));
  if (nodePort === undefined) return byAddress;
  return [
    ...byAddress,
    {
      by: 'port',
      served: SETS.serviceNodePorts,
      unserved: SETS.noEndpointNodePorts,
      key: `${protocol} . ${nodePort}`,
      endpoints: nodePortEndpoints(protocol),
      endpointKey: String(nodePort),
    },
  ];
}

function addFirewall(port: ServicePort, { nodeIp, family }: ProxySettings, parts: Parts): void {
  const { sourceRanges: ranges, loadBalancerIps, choice } = port;
  if (ranges === undefined || !choice.hasAny || ranges.some((cidr) => cidr.endsWith('/0'))) return;
  // Where the load balancer's address is a local one too, the node's own packets carry it as their source.
  const nodeMay = nodeIp !== undefined && ranges.some((cidr) => cidrContains(cidr, nodeIp));
  const { firewall } = namesOf(port);
  for (const ip of loadBalancerIps) {
    parts.add(SETS.firewallIps, `${ip} . ${port.protocol} . ${port.port}`, ranges.length === 0 ? 'drop' : `goto ${firewall}`);
  }
  if (ranges.length === 0 || loadBalancerIps.length === 0) return;
  const admitted = mergeRanges(family, [...ranges, ...(nodeMay ? loadBalancerIps : [])]);
  parts.own.chains.set(firewall, { rules: [[{ kind: 'address', field: 'saddr', is: 'notIn', ranges: admitted }, { kind: 'drop' }]] });
}

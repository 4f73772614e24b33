/**
 * The iptables rules of one service port. Pure. The form of a rule is that of ruleset.ts.
 *
 * Source: chain names, comments and order as upstream's iptables proxy; the semantics are those of packet.ts.
 */
import { cidrContains, hostCidr } from '../ip.ts';
import type { ProxySettings } from '../proxier.ts';
import { hasExternalEndpoints, hasInternalEndpoints, isExternal, type Endpoint, type ServicePort } from '../servicePort.ts';
import { EXTERNAL_SERVICES, MARK_MASQ, NODEPORTS, PROXY_FIREWALL, SERVICES, chainsOf, type PortChains, type TableName } from './names.ts';

/** terse: without comments in the chains of policies and endpoints. */
export type Style = 'commented' | 'terse';

export interface DispatchLine {
  readonly table: TableName;
  readonly chain: string;
  readonly rule: string;
}

/** What one service port contributes. */
export interface PortRules {
  /** Its own chains in table nat, each with its rules in order; chains that others jump to come first. */
  readonly own: ReadonlyMap<string, readonly string[]>;
  readonly dispatch: readonly DispatchLine[];
}

export function rulesOf(port: ServicePort, settings: ProxySettings, style: Style): PortRules {
  const chains = chainsOf(port);
  return { own: ownChains({ port, chains, settings, style }), dispatch: dispatchLines(port, chains) };
}

interface Context {
  readonly port: ServicePort;
  readonly chains: PortChains;
  readonly settings: ProxySettings;
  readonly style: Style;
}

/** Which of its chains a port needs. */
function uses(port: ServicePort): { cluster: boolean; local: boolean; external: boolean; firewall: boolean } {
  const { choice, internalPolicy, externalPolicy } = port;
  const external = choice.hasAny && isExternal(port);
  return {
    cluster: choice.cluster.length > 0 && (internalPolicy === 'Cluster' || external),
    local: choice.local.length > 0 && (internalPolicy === 'Local' || (externalPolicy === 'Local' && external)),
    external,
    firewall: choice.hasAny && port.loadBalancerIps.length > 0 && port.sourceRanges !== undefined,
  };
}

function ownChains(context: Context): Map<string, readonly string[]> {
  const { port, chains } = context;
  const needs = uses(port);
  const own = new Map<string, readonly string[]>();
  for (const e of usedEndpoints(port, needs)) own.set(chains.endpoint(e.text), endpointRules(e, context));
  if (needs.cluster) own.set(chains.cluster, policyRules(port.choice.cluster, 'Cluster', context));
  if (needs.local) own.set(chains.local, policyRules(port.choice.local, 'Local', context));
  if (needs.external) own.set(chains.external, externalRules(context));
  if (needs.firewall) own.set(chains.firewall, firewallRules(context));
  return own;
}

function usedEndpoints({ choice }: ServicePort, { cluster, local }: ReturnType<typeof uses>): readonly Endpoint[] {
  if (!local) return cluster ? choice.cluster : [];
  if (!cluster) return choice.local;
  const both = new Set([...choice.cluster, ...choice.local]);
  return choice.reachable.filter((e) => both.has(e));
}

function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

function endpointRules(e: Endpoint, { port, chains, style }: Context): string[] {
  const { name, protocol, affinitySeconds, family } = port;
  const said = style === 'commented' ? `${comment(name)} ` : '';
  const mask = family === 'IPv4' ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  const remember = affinitySeconds === undefined ? '' : `-m recent --set --name ${chains.endpoint(e.text)} --mask ${mask} --rsource `;
  return [
    // An endpoint that calls its own service must get the answer through the node.
    `-s ${hostCidr(e.ip)} ${said}-j ${MARK_MASQ}`,
    `-p ${protocol} ${said}${remember}-m ${protocol} -j DNAT --to-destination ${e.text}`,
  ];
}

/** 1/n, then 1/(n-1) of the rest, … then all of the rest: equal shares. */
function policyRules(endpoints: readonly Endpoint[], policy: 'Cluster' | 'Local', context: Context): string[] {
  const { port, chains, style } = context;
  const { affinitySeconds, name, family } = port;
  const said = (e: Endpoint): string => (style === 'commented' ? `${comment(`${name} -> ${e.text}`)} ` : '');
  const mask = family === 'IPv4' ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
  const sticky =
    affinitySeconds === undefined
      ? []
      : endpoints.map((e) => {
          const chain = chains.endpoint(e.text);
          return `${said(e)}-m recent --rcheck --seconds ${affinitySeconds} --reap --name ${chain} --mask ${mask} --rsource -j ${chain}`;
        });
  const shares = endpoints.map((e, i) => {
    const oneIn = endpoints.length - i;
    const chance = oneIn === 1 ? '' : `-m statistic --mode random --probability ${probability(oneIn)} `;
    return `${said(e)}${chance}-j ${chains.endpoint(e.text)}`;
  });
  return [...(policy === port.internalPolicy ? masqueradeInternal(context) : []), ...sticky, ...shares];
}

/** The kernel keeps probabilities in units of 2^-31; this is how iptables-save prints what it keeps. */
export function probability(oneIn: number): string {
  return (Math.round((1 / oneIn) * 2 ** 31) / 2 ** 31).toFixed(11);
}

function masqueradeInternal({ port, settings }: Context): string[] {
  const { masqueradeAll, localTraffic } = settings;
  if (!masqueradeAll && localTraffic.kind === 'unknown') return [];
  const said = comment(`${port.name} cluster IP`);
  const match = `-d ${hostCidr(port.clusterIp)}`;
  const rest = `-p ${port.protocol} ${said} -m ${port.protocol} --dport ${port.port} -j ${MARK_MASQ}`;
  if (masqueradeAll) return [`${match} ${rest}`];
  const { source, input } = localMatch(settings);
  // iptables-save prints the source, the destination, then the interface.
  return [`${source === '' ? '' : `! ${source} `}${match} ${input === '' ? '' : `! ${input} `}${rest}`];
}

function localMatch({ localTraffic }: ProxySettings): { source: string; input: string } {
  if (localTraffic.kind === 'cidr') return { source: `-s ${localTraffic.cidr}`, input: '' };
  if (localTraffic.kind === 'bridge') return { source: '', input: `-i ${localTraffic.name}` };
  return localTraffic.kind === 'interfacePrefix' ? { source: '', input: `-i ${localTraffic.prefix}+` } : { source: '', input: '' };
}

function externalRules({ port, chains, settings }: Context): string[] {
  const { name, externalPolicy } = port;
  const go = hasExternalEndpoints(port) ? [`-j ${externalPolicy === 'Local' ? chains.local : chains.cluster}`] : [];
  if (externalPolicy === 'Cluster') return [`${comment(`masquerade traffic for ${name} external destinations`)} -j ${MARK_MASQ}`, ...go];
  const { source, input } = localMatch(settings);
  const fromPods = [source, input].filter((m) => m !== '').join(' ');
  return [
    ...(fromPods === '' ? [] : [`${fromPods} ${comment(`pod traffic for ${name} external destinations`)} -j ${chains.cluster}`]),
    `${comment(`masquerade LOCAL traffic for ${name} external destinations`)} -m addrtype --src-type LOCAL -j ${MARK_MASQ}`,
    `${comment(`route LOCAL traffic for ${name} external destinations`)} -m addrtype --src-type LOCAL -j ${chains.cluster}`,
    ...go,
  ];
}

function firewallRules({ port, chains, settings }: Context): string[] {
  const said = comment(`${port.name} loadbalancer IP`);
  const ranges = port.sourceRanges ?? [];
  const { nodeIp } = settings;
  const nodeMay = nodeIp !== undefined && ranges.some((cidr) => cidrContains(cidr, nodeIp));
  return [
    ...ranges.map((cidr) => `${cidr.endsWith('/0') ? '' : `-s ${cidr} `}${said} -j ${chains.external}`),
    // Where the load balancer's address is a local one too, the node's own packets carry it as their source.
    ...(nodeMay ? port.loadBalancerIps.map((ip) => `-s ${hostCidr(ip)} ${said} -j ${chains.external}`) : []),
    comment(`other traffic to ${port.name} will be dropped by ${PROXY_FIREWALL}`),
  ];
}

function dispatchLines(port: ServicePort, chains: PortChains): DispatchLine[] {
  const { name, protocol, family, choice } = port;
  const reject = `REJECT --reject-with ${family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`;
  const refusal = choice.hasAny
    ? { said: `${name} has no local endpoints`, target: 'DROP' }
    : { said: `${name} has no endpoints`, target: reject };
  const to = (ip: string, said: string, target: string): string =>
    `-d ${hostCidr(ip)} -p ${protocol} ${comment(said)} -m ${protocol} --dport ${port.port} -j ${target}`;
  const nat = (rule: string, chain: string = SERVICES): DispatchLine => ({ table: 'nat', chain, rule });
  const filter = (rule: string, chain: string): DispatchLine => ({ table: 'filter', chain, rule });
  const { cluster, local, external, firewall } = chains;
  const lines: DispatchLine[] = [];
  const needs = uses(port);

  if (hasInternalEndpoints(port))
    lines.push(nat(to(port.clusterIp, `${name} cluster IP`, port.internalPolicy === 'Local' ? local : cluster)));
  else lines.push(filter(to(port.clusterIp, refusal.said, refusal.target), SERVICES));

  const served = hasExternalEndpoints(port);
  for (const ip of port.externalIps) {
    if (choice.hasAny) lines.push(nat(to(ip, `${name} external IP`, external)));
    if (!served) lines.push(filter(to(ip, refusal.said, refusal.target), EXTERNAL_SERVICES));
  }
  for (const ip of port.loadBalancerIps) {
    if (choice.hasAny) lines.push(nat(to(ip, `${name} loadbalancer IP`, needs.firewall ? firewall : external)));
    if (needs.firewall) lines.push(filter(to(ip, `${name} traffic not accepted by ${firewall}`, 'DROP'), PROXY_FIREWALL));
    if (!served) lines.push(filter(to(ip, refusal.said, refusal.target), EXTERNAL_SERVICES));
  }
  if (port.nodePort !== undefined) {
    const rest = `-m ${protocol} --dport ${port.nodePort}`;
    if (choice.hasAny) lines.push(nat(`-p ${protocol} ${comment(name)} ${rest} -j ${external}`, NODEPORTS));
    if (!served)
      lines.push(
        filter(`-p ${protocol} ${comment(refusal.said)} -m addrtype --dst-type LOCAL ${rest} -j ${refusal.target}`, EXTERNAL_SERVICES),
      );
  }
  if (port.healthCheckNodePort !== undefined) {
    lines.push(
      filter(`-p tcp ${comment(`${name} health check node port`)} -m tcp --dport ${port.healthCheckNodePort} -j ACCEPT`, NODEPORTS),
    );
  }
  return lines;
}

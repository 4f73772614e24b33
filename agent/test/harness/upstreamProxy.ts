/**
 * What upstream's kube-proxy writes into the kernel, and what its clean-up of the iptables mode takes out: for hand-over in both directions
 * where its binary cannot be run. Told in its own words (the order of options, --or-mark), not in those of iptables-save.
 *
 * Source: chain names by the formula of the documentation, base32(sha256(port name + protocol [+ endpoint])), 16 characters; the jumps,
 * chains and steps of the clean-up as of release 1.36.
 */
import { createHash } from 'node:crypto';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function chain(prefix: string, text: string): string {
  const bits = [...createHash('sha256').update(text).digest()].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = Array.from({ length: 16 }, (_, i) => BASE32[Number.parseInt(bits.slice(5 * i, 5 * i + 5), 2)]);
  return `${prefix}-${letters.join('')}`;
}

export interface UpstreamService {
  /** "namespace/name" or "namespace/name:port". */
  readonly name: string;
  readonly clusterIp: string;
  readonly port: number;
  /** "ip:port" */
  readonly endpoints: readonly string[];
}

const NEW = '-m conntrack --ctstate NEW';
/** table, chain, match, comment, where to. */
const JUMPS = [
  ['filter', 'INPUT', NEW, 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'],
  ['filter', 'FORWARD', NEW, 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'],
  ['filter', 'INPUT', '', 'kubernetes health check service ports', 'KUBE-NODEPORTS'],
  ['filter', 'FORWARD', NEW, 'kubernetes service portals', 'KUBE-SERVICES'],
  ['filter', 'OUTPUT', NEW, 'kubernetes service portals', 'KUBE-SERVICES'],
  ['filter', 'FORWARD', '', 'kubernetes forwarding rules', 'KUBE-FORWARD'],
  ['filter', 'INPUT', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
  ['filter', 'OUTPUT', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
  ['filter', 'FORWARD', NEW, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'],
  ['nat', 'OUTPUT', '', 'kubernetes service portals', 'KUBE-SERVICES'],
  ['nat', 'PREROUTING', '', 'kubernetes service portals', 'KUBE-SERVICES'],
  ['nat', 'POSTROUTING', '', 'kubernetes postrouting rules', 'KUBE-POSTROUTING'],
] as const;

const CHAINS = {
  nat: ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ', 'KUBE-PROXY-CANARY'],
  filter: ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL', 'KUBE-PROXY-CANARY'],
} as const;

function jumps(verb: '-A' | '-D', table: 'nat' | 'filter'): string[] {
  return JUMPS.filter(([of]) => of === table).map(
    ([, from, match, said, to]) => `${verb} ${from} ${match} -m comment --comment "${said}" -j ${to}`,
  );
}

function serviceLines({ name, clusterIp, port, endpoints }: UpstreamService, clusterCidr: string): { chains: string[]; rules: string[] } {
  const cluster = chain('KUBE-SVC', `${name}tcp`);
  const to = `-m comment --comment "${name} cluster IP" -m tcp -p tcp -d ${clusterIp} --dport ${port}`;
  const chains = [cluster];
  const rules = [`-A KUBE-SERVICES ${to} -j ${cluster}`, `-A ${cluster} ${to} ! -s ${clusterCidr} -j KUBE-MARK-MASQ`];
  for (const [i, endpoint] of endpoints.entries()) {
    const one = chain('KUBE-SEP', `${name}tcp${endpoint}`);
    const oneIn = endpoints.length - i;
    const chance = oneIn === 1 ? '' : `-m statistic --mode random --probability ${(1 / oneIn).toFixed(10)} `;
    chains.push(one);
    rules.push(
      `-A ${cluster} -m comment --comment "${name} -> ${endpoint}" ${chance}-j ${one}`,
      `-A ${one} -m comment --comment ${name} -s ${endpoint.split(':')[0]} -j KUBE-MARK-MASQ`,
      `-A ${one} -m comment --comment ${name} -m tcp -p tcp -j DNAT --to-destination ${endpoint}`,
    );
  }
  return { chains, rules };
}

const declare = (name: string): string => `:${name} - [0:0]`;

/** For iptables-restore --noflush. */
export function upstreamRules(services: readonly UpstreamService[], clusterCidr: string): string {
  const all = services.map((s) => serviceLines(s, clusterCidr));
  const noLoopback = '-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8';
  return [
    '*mangle',
    declare('KUBE-PROXY-CANARY'),
    'COMMIT',
    '*filter',
    ...CHAINS.filter.map(declare),
    ...jumps('-A', 'filter'),
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
    '*nat',
    ...CHAINS.nat.map(declare),
    ...all.flatMap(({ chains }) => chains.map(declare)),
    ...jumps('-A', 'nat'),
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    ...all.flatMap(({ rules }) => rules),
    `-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" ${noLoopback} -j KUBE-NODEPORTS`,
    'COMMIT',
    '',
  ].join('\n');
}

/** For iptables-restore --noflush: takes out a jump only where it reads as upstream's, and every chain it knows. saved: iptables-save. */
export function upstreamCleanup(saved: string): string {
  const tables = saved.split(/^\*/m).slice(1);
  const text = (table: 'nat' | 'filter'): string[] => {
    const lines = tables.find((t) => t.startsWith(`${table}\n`))?.split('\n') ?? [];
    const found = lines.flatMap((line) => /^:(\S+) -/.exec(line)?.[1] ?? []);
    const ours = found.filter((c) => (CHAINS[table] as readonly string[]).includes(c) || /^KUBE-(SVC|SVL|SEP|FW|EXT)-/.test(c));
    return [`*${table}`, ...ours.map(declare), ...jumps('-D', table), ...ours.map((c) => `-X ${c}`), 'COMMIT'];
  };
  return ['*mangle', '-X KUBE-PROXY-CANARY', 'COMMIT', ...text('nat'), ...text('filter'), ''].join('\n');
}

const IPVS_CHAINS = {
  nat: ['KUBE-SERVICES', 'KUBE-POSTROUTING', 'KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-MARK-MASQ'],
  filter: [
    'KUBE-FORWARD',
    'KUBE-NODE-PORT',
    'KUBE-PROXY-FIREWALL',
    'KUBE-SOURCE-RANGES-FIREWALL',
    'KUBE-IPVS-FILTER',
    'KUBE-IPVS-OUT-FILTER',
  ],
} as const;
const IPVS_JUMPS = [
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'],
  ['filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'],
] as const;
const IPVS_SETS = {
  'LOOP-BACK': 'hash:ip,port,ip',
  'CLUSTER-IP': 'hash:ip,port',
  'EXTERNAL-IP': 'hash:ip,port',
  'EXTERNAL-IP-LOCAL': 'hash:ip,port',
  'LOAD-BALANCER': 'hash:ip,port',
  'LOAD-BALANCER-FW': 'hash:ip,port',
  'LOAD-BALANCER-LOCAL': 'hash:ip,port',
  'LOAD-BALANCER-SOURCE-IP': 'hash:ip,port,ip',
  'LOAD-BALANCER-SOURCE-CIDR': 'hash:ip,port,net',
  'NODE-PORT-TCP': 'bitmap:port',
  'NODE-PORT-LOCAL-TCP': 'bitmap:port',
  'NODE-PORT-UDP': 'bitmap:port',
  'NODE-PORT-LOCAL-UDP': 'bitmap:port',
  'NODE-PORT-SCTP-HASH': 'hash:ip,port',
  'NODE-PORT-LOCAL-SCTP-HASH': 'hash:ip,port',
  'HEALTH-CHECK-NODE-PORT': 'bitmap:port',
  'IPVS-IPS': 'hash:ip',
} as const;

/**
 * The same services in ipvs mode, as a shell script. What is there stays, as when upstream's proxy starts: its chains are made empty and
 * filled, jumps are put in front where they are missing, entries of sets and virtual servers are added.
 */
export function upstreamIpvs(services: readonly UpstreamService[], clusterCidr: string): string {
  const set = (name: keyof typeof IPVS_SETS, which = 'dst,dst'): string => `-m set --match-set KUBE-${name} ${which}`;
  const sets = Object.entries(IPVS_SETS).map(
    ([name, type]) => `create KUBE-${name} ${type} ${type === 'bitmap:port' ? 'range 0-65535' : 'family inet hashsize 1024 maxelem 65536'}`,
  );
  const entries = services.flatMap(({ clusterIp, port, endpoints }) => [
    `add KUBE-CLUSTER-IP ${clusterIp},tcp:${port}`,
    `add KUBE-IPVS-IPS ${clusterIp}`,
    ...endpoints.map((e) => e.split(':')).map(([ip, to]) => `add KUBE-LOOP-BACK ${ip},tcp:${to},${ip}`),
  ]);
  const servers = services.flatMap(({ clusterIp, port, endpoints }) => [
    `ipvsadm -A -t ${clusterIp}:${port} -s rr 2>/dev/null || :`,
    `ip address add ${clusterIp}/32 dev kube-ipvs0 2>/dev/null || :`,
    ...endpoints.map((e) => `ipvsadm -a -t ${clusterIp}:${port} -r ${e} -m -w 1 2>/dev/null || :`),
  ]);
  const jumps = IPVS_JUMPS.map(([table, from, to, said]) => {
    const rule = `-t ${table} X ${from} -m comment --comment "${said}" -j ${to}`;
    return `iptables ${rule.replace(' X ', ' -C ')} 2>/dev/null || iptables ${rule.replace(' X ', ' -I ')}`;
  });
  const rules = [
    '*nat',
    ...IPVS_CHAINS.nat.map(declare),
    '-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN',
    `-A KUBE-POSTROUTING -m comment --comment "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose" ${set('LOOP-BACK', 'dst,dst,src')} -j MASQUERADE`,
    `-A KUBE-SERVICES -m comment --comment "Kubernetes service cluster ip + port for masquerade purpose" ${set('CLUSTER-IP')} ! -s ${clusterCidr} -j KUBE-MARK-MASQ`,
    '-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT',
    '-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ',
    `-A KUBE-SERVICES ${set('CLUSTER-IP')} -j ACCEPT`,
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
    'COMMIT',
    '*filter',
    ...IPVS_CHAINS.filter.map(declare),
    '-A KUBE-SOURCE-RANGES-FIREWALL -j DROP',
    '-A KUBE-IPVS-OUT-FILTER -s 203.0.113.77 -m ipvs --vaddr 203.0.113.77 --vproto tcp --vport 80 -j DROP',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    `-A KUBE-NODE-PORT -m comment --comment "Kubernetes health check node port" ${set('HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT`,
    ...(['LOAD-BALANCER', 'CLUSTER-IP', 'EXTERNAL-IP', 'EXTERNAL-IP-LOCAL'] as const).map(
      (name) => `-A KUBE-IPVS-FILTER ${set(name)} -j RETURN`,
    ),
    `-A KUBE-IPVS-FILTER ${set('HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN`,
    `-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW ${set('IPVS-IPS', 'dst')} -j REJECT`,
    'COMMIT',
  ];
  return [
    'set -e',
    'ip link add kube-ipvs0 type dummy 2>/dev/null || :',
    `ipset -exist restore <<'END'\n${[...sets, ...entries].join('\n')}\nEND`,
    `iptables-restore --noflush <<'END'\n${rules.join('\n')}\nEND`,
    ...jumps,
    ...servers,
  ].join('\n');
}

/**
 * The same services in nftables mode, as a file for nft: the table made anew in one transaction, a chain for each service and endpoint.
 * Source: names of chains, sets and maps as `nft list ruleset` shows them on a node with upstream's proxy; the eight letters are base32 of
 * sha256 of "namespace/name/protocol/port" [+ "__ip/port"].
 */
export function upstreamTable(services: readonly UpstreamService[], clusterCidr: string): string {
  const lines = [
    'chain filter-prerouting { type filter hook prerouting priority -110 ; }',
    'chain filter-output { type filter hook output priority -110 ; }',
    'chain nat-prerouting { type nat hook prerouting priority -100 ; }',
    'chain nat-output { type nat hook output priority -100 ; }',
    'chain nat-postrouting { type nat hook postrouting priority 100 ; }',
    ...['services', 'service-endpoints-check', 'mark-for-masquerade', 'masquerading', 'reject-chain'].map((name) => `chain ${name}`),
    'set cluster-ips { type ipv4_addr ; comment "Active ClusterIPs" ; }',
    'map service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }',
    'map service-nodeports { type inet_proto . inet_service : verdict ; }',
    'map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; }',
    'rule nat-prerouting jump services',
    'rule nat-output jump services',
    'rule nat-postrouting jump masquerading',
    'rule filter-output ct state new jump service-endpoints-check',
    'rule mark-for-masquerade meta mark set meta mark | 0x4000',
    'rule masquerading meta mark & 0x4000 == 0 return',
    'rule masquerading meta mark set meta mark ^ 0x4000',
    'rule masquerading masquerade fully-random',
    'rule reject-chain reject',
    'rule services ip daddr . meta l4proto . th dport vmap @service-ips',
    'rule service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services',
    ...services.flatMap((service) => tableLines(service, clusterCidr)),
  ].map((line) => line.replace(/^(\w+) /, 'add $1 ip kube-proxy '));
  return `${['add table ip kube-proxy', 'delete table ip kube-proxy', 'add table ip kube-proxy', ...lines].join('\n')}\n`;
}

function tableLines({ name, clusterIp, port, endpoints }: UpstreamService, clusterCidr: string): string[] {
  const [service = '', portName = ''] = name.split(':');
  const base = `${service}/tcp/${portName}`;
  const chainOf = (what: string, text: string): string => `${what}-${chain('', text).slice(1, 9)}-${text}`;
  const cluster = chainOf('service', base);
  const each = endpoints.map((endpoint) => ({ endpoint, name: chainOf('endpoint', `${base}__${endpoint.replace(':', '/')}`) }));
  return [
    ...[cluster, ...each.map((e) => e.name)].map((made) => `chain ${made}`),
    `element cluster-ips { ${clusterIp} }`,
    `element service-ips { ${clusterIp} . tcp . ${port} : goto ${cluster} }`,
    `rule ${cluster} ip daddr ${clusterIp} tcp dport ${port} ip saddr != ${clusterCidr} jump mark-for-masquerade`,
    `rule ${cluster} numgen random mod ${each.length} vmap { ${each.map((e, i) => `${i} : goto ${e.name}`).join(', ')} }`,
    ...each.map((e) => `rule ${e.name} meta l4proto tcp dnat to ${e.endpoint}`),
  ];
}

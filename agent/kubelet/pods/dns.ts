/**
 * Names: what a pod is called, its resolv.conf and its hosts file. Pure.
 *
 * Source: "DNS for Services and Pods" and "Adding entries to Pod /etc/hosts" in the Kubernetes docs; resolv.conf(5).
 * Differs: without clusterDNS a pod with the default policy takes the node's servers in silence, there is no cluster then;
 * upstream records MissingClusterDNS for every one.
 */
import type { Pod, PodDNSConfig } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface NodeNames {
  /** Of the node itself. undefined: the node has no resolv.conf for pods. */
  readonly dns: DnsConfig;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

/** The longest name the kernel takes for a host. */
const HOST_NAME_MAX = 63;
const FQDN_MAX = 64;
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2_048;

/** Long names of pods are cut. */
export function hostnameOf(pod: Pod): string {
  const { hostnameOverride, hostname } = pod.spec;
  return (hostnameOverride ?? hostname ?? pod.metadata.name ?? '')
    .slice(0, hostnameOverride === undefined ? HOST_NAME_MAX : FQDN_MAX)
    .replace(/[-.]+$/, '');
}

/** <hostname>.<subdomain>.<namespace>.svc.<domain>; undefined without a subdomain. */
export function fqdnOf(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain, hostnameOverride } = pod.spec;
  if (subdomain === undefined || subdomain === '' || hostnameOverride !== undefined) return undefined;
  return `${hostnameOf(pod)}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`;
}

/** What uname says in the pod. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const fqdn = pod.spec.setHostnameAsFQDN === true ? fqdnOf(pod, clusterDomain) : undefined;
  if (fqdn === undefined) return hostnameOf(pod);
  if (fqdn.length > FQDN_MAX)
    throw new AppError(
      'HOSTNAME_TOO_LONG',
      `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${fqdn} is too long (${FQDN_MAX} characters is the max, ${fqdn.length} characters requested)`,
      { fqdn },
    );
  return fqdn;
}

export interface PodDns {
  readonly config: DnsConfig;
  /** Messages of DNSConfigForming events: what was left out. */
  readonly omitted: readonly string[];
}

export function podDns(pod: Pod, node: NodeNames): PodDns {
  return fit(append(basis(pod, node), pod.spec.dnsConfig));
}

function basis(pod: Pod, { dns, clusterDns, clusterDomain }: NodeNames): DnsConfig {
  const { dnsPolicy: policy = 'ClusterFirst', hostNetwork } = pod.spec;
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && hostNetwork !== true);
  if (!cluster || clusterDns.length === 0) return dns;
  const domains =
    clusterDomain === '' ? [] : [`${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { servers: clusterDns, searches: unique([...domains, ...dns.searches]), options: ['ndots:5'] };
}

function append(config: DnsConfig, more: PodDNSConfig | undefined): DnsConfig {
  if (more === undefined) return config;
  const options = new Map(config.options.map((text) => [text.split(':')[0] ?? '', text]));
  for (const { name = '', value } of more.options ?? []) options.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  return {
    servers: unique([...config.servers, ...(more.nameservers ?? [])]),
    searches: unique([...config.searches, ...(more.searches ?? [])]),
    options: [...options.values()],
  };
}

/** No more than resolvers read. */
function fit({ servers, searches, options }: DnsConfig): PodDns {
  const omitted: string[] = [];
  const some = servers.slice(0, MAX_SERVERS);
  if (some.length < servers.length)
    omitted.push(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${some.join(' ')}`);
  let paths = searches.slice(0, MAX_SEARCHES);
  while (paths.join(' ').length > MAX_SEARCH_CHARS) paths = paths.slice(0, -1);
  if (paths.length < searches.length)
    omitted.push(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${paths.join(' ')}`);
  return { config: { servers: some, searches: paths, options }, omitted };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

export interface HostsFacts {
  readonly podIps: readonly string[];
  readonly clusterDomain: string;
  /** The node's own file, for pods on its network. */
  readonly nodeHosts: string;
}

/** The text of the pod's /etc/hosts; tools know it by its first line. */
export function hostsFile(pod: Pod, { podIps, clusterDomain, nodeHosts }: HostsFacts): string {
  const { hostNetwork, hostAliases = [] } = pod.spec;
  const lines =
    hostNetwork === true
      ? ['# Kubernetes-managed hosts file (host network).', nodeHosts.replace(/\n$/, '')]
      : [
          '# Kubernetes-managed hosts file.',
          '127.0.0.1\tlocalhost',
          '::1\tlocalhost ip6-localhost ip6-loopback',
          'fe00::0\tip6-localnet',
          'fe00::0\tip6-mcastprefix',
          'fe00::1\tip6-allnodes',
          'fe00::2\tip6-allrouters',
          ...podIps.map((ip) => [ip, fqdnOf(pod, clusterDomain), hostnameOf(pod)].filter((w) => w !== undefined).join('\t')),
        ];
  if (hostAliases.length > 0) lines.push('', '# Entries added by HostAliases.');
  for (const { ip, hostnames = [] } of hostAliases) lines.push([ip, ...hostnames].join('\t'));
  return `${lines.join('\n')}\n`;
}

/** On the host's network a pod has the host's own file, unless it adds to it. */
export function hasOwnHosts(pod: Pod): boolean {
  return pod.spec.hostNetwork !== true || (pod.spec.hostAliases ?? []).length > 0;
}

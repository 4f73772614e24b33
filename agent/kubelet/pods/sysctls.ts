/**
 * Kernel settings of a pod's namespaces: which ones may be set. Pure.
 * Source: "Using sysctls in a Kubernetes Cluster" in the docs: the safe list of 1.36, and which settings have a namespace of their own.
 */
import type { Pod } from '#api/kinds/core/pod.ts';

const SAFE = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
];
/** What is not below one of these belongs to the whole machine. */
const NAMESPACED: readonly (readonly [prefix: string, namespace: 'ipc' | 'network'])[] = [
  ['kernel.sem', 'ipc'],
  ['kernel.shm', 'ipc'],
  ['kernel.msg', 'ipc'],
  ['fs.mqueue.', 'ipc'],
  ['net.', 'network'],
];

/** A slash may stand for each dot, and then dots for slashes: net/ipv4/conf/eth0.1/x. */
export function sysctlName(name: string): string {
  const slash = name.indexOf('/');
  const dot = name.indexOf('.');
  if (slash === -1 || (dot !== -1 && dot < slash)) return name;
  return name.replaceAll(/[./]/g, (c) => (c === '/' ? '.' : '/'));
}

export function sysctlsOf(pod: Pod): Record<string, string> {
  return Object.fromEntries((pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value]));
}

/** allowed: allowedUnsafeSysctls of the configuration, each a name or a prefix that ends in *. */
export function sysctlRefusal(pod: Pod, allowed: readonly string[]): { reason: string; message: string } | undefined {
  const refuse = (message: string): { reason: string; message: string } => ({ reason: 'SysctlForbidden', message });
  const patterns = [...SAFE, ...allowed.map(sysctlName)];
  for (const given of pod.spec.securityContext?.sysctls ?? []) {
    const name = sysctlName(given.name);
    if (!patterns.some((p) => (p.endsWith('*') ? name.startsWith(p.slice(0, -1)) : name === p)))
      return refuse(`forbidden sysctl: "${given.name}" not allowlisted`);
    const namespace = NAMESPACED.find(([prefix]) => name.startsWith(prefix))?.[1];
    if (namespace === 'network' && pod.spec.hostNetwork === true)
      return refuse(`forbidden sysctl: "${given.name}" not allowed with host net enabled`);
    if (namespace === 'ipc' && pod.spec.hostIPC === true)
      return refuse(`forbidden sysctl: "${given.name}" not allowed with host ipc enabled`);
  }
  return undefined;
}

/** Names in allowedUnsafeSysctls that would reach beyond the pod. */
export function notNamespaced(allowed: readonly string[]): string[] {
  return allowed.filter((name) => !NAMESPACED.some(([prefix]) => sysctlName(name).startsWith(prefix)));
}

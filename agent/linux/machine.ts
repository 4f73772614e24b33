/**
 * Facts of the machine that the kubelet needs at once, from the kernel: name, size, addresses, DNS servers.
 * Units: millicores, bytes. Source: proc(5) for /proc/net/route (addresses in host byte order, hexadecimal), resolv.conf(5).
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';

export interface Machine {
  readonly hostname: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** As Node calls it: x64, arm64. */
  readonly arch: string;
  /** The address of the interface that has the default route first, then the others; loopback never. */
  readonly addresses: readonly string[];
}

export async function readMachine(): Promise<Machine> {
  const route = await readFile('/proc/net/route', 'utf8').catch(() => '');
  return {
    hostname: hostname().toLowerCase(),
    cpuMilli: availableParallelism() * 1_000,
    memoryBytes: totalmem(),
    arch: process.arch,
    addresses: orderAddresses(networkInterfaces(), defaultInterface(route)),
  };
}

/** Name of the interface with the default route of the lowest metric. Pure. */
export function defaultInterface(route: string): string | undefined {
  const rows = route
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/));
  const defaults = rows.filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000');
  return defaults.toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}

type Interfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly family: string; readonly internal: boolean }[] | undefined>
>;

export function orderAddresses(interfaces: Interfaces, first: string | undefined): string[] {
  const names = Object.keys(interfaces).sort((a, b) => Number(b === first) - Number(a === first));
  const usable = names.flatMap((name) => interfaces[name] ?? []).filter((a) => !a.internal && !a.address.startsWith('fe80:'));
  return [...usable.filter((a) => a.family === 'IPv4'), ...usable.filter((a) => a.family === 'IPv6')].map((a) => a.address);
}

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** The last search line counts, as in the resolver. Pure. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && rest[0] !== undefined) servers.push(rest[0]);
    if (word === 'search') searches = rest.map((s) => (s === '.' ? s : s.replace(/\.$/, '')));
    if (word === 'options') options = rest;
  }
  return { servers, searches, options };
}

export async function readResolvConf(path: string): Promise<ResolvConf> {
  return path === '' ? { servers: [], searches: [], options: [] } : parseResolvConf(await readFile(path, 'utf8'));
}

/** Whether the kernel has AppArmor and uses it. */
export async function hasAppArmor(): Promise<boolean> {
  return (await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => '')).startsWith('Y');
}

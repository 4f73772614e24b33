/**
 * Facts of the machine that the kubelet needs at once, from the kernel: name, size, addresses, DNS servers.
 * Units: millicores, bytes. Source: proc(5) for /proc/net/route (addresses in host byte order, hexadecimal), resolv.conf(5).
 */
import { readFile, readdir } from 'node:fs/promises';
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';

export interface Machine {
  readonly hostname: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Page size in bytes -> bytes set aside in such pages. */
  readonly hugePages: ReadonlyMap<number, number>;
  /** As Node calls it: x64, arm64. */
  readonly arch: string;
  /** The address of the interface that has the default route first, then the others; loopback never. */
  readonly addresses: readonly string[];
  /** The same with their interfaces, in no order. */
  readonly interfaces: readonly { readonly interface: string; readonly address: string }[];
  readonly defaultInterface: string | undefined;
}

export async function readMachine(): Promise<Machine> {
  const [route, route6] = await Promise.all(['route', 'ipv6_route'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')));
  const found = networkInterfaces();
  const first = defaultInterface(route ?? '') ?? defaultInterface6(route6 ?? '');
  return {
    hostname: hostname().toLowerCase(),
    cpuMilli: availableParallelism() * 1_000,
    memoryBytes: totalmem(),
    hugePages: await readHugePages(),
    arch: process.arch,
    addresses: orderAddresses(found, first),
    interfaces: Object.entries(found).flatMap(([name, all]) => usable(all ?? []).map(({ address }) => ({ interface: name, address }))),
    defaultInterface: first,
  };
}

const HUGE_PAGES = '/sys/kernel/mm/hugepages';

/** Empty where the kernel has none. Source: Documentation/admin-guide/mm/hugetlbpage.rst of the kernel. */
async function readHugePages(): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  for (const name of await readdir(HUGE_PAGES).catch(() => [])) {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    const count = Number(await readFile(`${HUGE_PAGES}/${name}/nr_hugepages`, 'utf8').catch(() => ''));
    if (Number.isInteger(kilobytes)) sizes.set(kilobytes * 1_024, count * kilobytes * 1_024);
  }
  return sizes;
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

/** The same from /proc/net/ipv6_route: destination, its length, source, its length, next hop, metric, …, device. Pure. */
export function defaultInterface6(route: string): string | undefined {
  const rows = route.split('\n').map((line) => line.trim().split(/\s+/));
  const defaults = rows.filter((r) => /^0{32}$/.test(r[0] ?? '') && r[1] === '00' && r[9] !== 'lo');
  return defaults.toSorted((a, b) => Number.parseInt(a[5] ?? '', 16) - Number.parseInt(b[5] ?? '', 16))[0]?.[9];
}

type Interfaces = Readonly<
  Record<string, readonly { readonly address: string; readonly family: string; readonly internal: boolean }[] | undefined>
>;

export function orderAddresses(interfaces: Interfaces, first: string | undefined): string[] {
  const names = Object.keys(interfaces).sort((a, b) => Number(b === first) - Number(a === first));
  const all = usable(names.flatMap((name) => interfaces[name] ?? []));
  return [...all.filter((a) => a.family === 'IPv4'), ...all.filter((a) => a.family === 'IPv6')].map((a) => a.address);
}

function usable<A extends { readonly address: string; readonly internal: boolean }>(all: readonly A[]): A[] {
  return all.filter((a) => !a.internal && !a.address.startsWith('fe80:'));
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

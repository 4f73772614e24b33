/** What the machine has of its pods' network: routes of ours, rules, forwarding, the configuration for the runtime. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cidr, IpFamily } from '#api/ip.ts';
import { codeOf } from '#base/errors.ts';
import { run } from '../linux/exec.ts';
import { listRoutes } from '../linux/routes.ts';
import { readSysctl } from '../linux/sysctl.ts';
import { CNI_CONFIG_FILE, cniConfig } from './cni.ts';
import type { Observed } from './plan.ts';
import { masquerades, TABLE, tablesIn } from './rules.ts';

/** "k": routes with this number of origin are ours. */
export const ROUTE_PROTOCOL = 107;
/** Only of families that the pods have: a host that forwards IPv6 does not learn its own route from routers any more. */
const FORWARDING: Readonly<Record<IpFamily, string>> = { IPv4: 'net/ipv4/ip_forward', IPv6: 'net/ipv6/conf/all/forwarding' };

export interface Place {
  readonly clusterCidrs: readonly Cidr[];
  readonly cniConfDir: string;
  readonly cniDataDir: string;
}

interface Device {
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string }[];
}

/** written: the rules as this process wrote them last. */
export async function observeNetwork(place: Place, written: string | undefined, signal: AbortSignal): Promise<Observed> {
  const { stdout } = await run(['ip', '-json', 'address', 'show'], { signal });
  const devices = JSON.parse(stdout) as Device[];
  const mtuOf = (ips: readonly string[]): number | undefined =>
    devices.find(({ addr_info: addresses }) => addresses.some(({ local }) => local !== undefined && ips.includes(local)))?.mtu;
  return {
    cni: await read(join(place.cniConfDir, CNI_CONFIG_FILE)),
    wantedCni: (podSubnets, nodeIps) => cniConfig({ podSubnets, dataDir: place.cniDataDir, mtu: mtuOf(nodeIps) }),
    routes: await listRoutes(ROUTE_PROTOCOL, signal),
    rules: written !== undefined && written !== '' && !(await hasRules(written, signal)) ? undefined : written,
    forwardingOff: await off(place.clusterCidrs.map(({ ip }) => FORWARDING[ip.family])),
  };
}

/** A table that was flushed stays, without its rule. */
async function hasRules(rules: string, signal: AbortSignal): Promise<boolean> {
  const listed = await Promise.all(
    tablesIn(rules).map((family) => run(['nft', 'list', 'table', family, TABLE], { signal, okCodes: [1] })), // 1: there is none
  );
  return listed.every(({ stdout }) => masquerades(stdout));
}

async function off(names: readonly string[]): Promise<readonly string[]> {
  const values = await Promise.all(names.map(async (name) => [name, await readSysctl(name)] as const));
  return values.flatMap(([name, value]) => (value === '0' ? [name] : []));
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  }
}

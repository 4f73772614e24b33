/**
 * Which address of the machine is the node's: one that others can reach. Pure.
 *
 * --node-ip decides when it is given. Else it is the address of the interface with the default route, unless that is the private side of
 * a NAT that every virtual machine has alike (10.0.2.15 of VirtualBox and QEMU): then an address of another real interface is better.
 * Throws: AppError NODE_IP_INVALID.
 */
import { parseCidr, parseIp, contains } from '#api/ip.ts';
import { AppError } from '#base/errors.ts';

export interface LocalAddress {
  readonly interface: string;
  readonly address: string;
}

export interface AddressFacts {
  /** Neither loopback nor link-local. */
  readonly addresses: readonly LocalAddress[];
  /** Interface of the default route; undefined: there is none. */
  readonly defaultInterface: string | undefined;
}

export interface Chosen {
  /** The first is the node's own; a second one of the other family only where both were asked for. Empty: there is none. */
  readonly ips: readonly string[];
  readonly interface: string | undefined;
  readonly why: string;
}

/** The network that VirtualBox, QEMU and slirp4netns give to each machine by itself; nobody outside can reach it. */
const NAT = parseCidr('10.0.2.0/24');
/** Made by container networks and the like: they lead to this machine's own guests. */
const INNER = /^(cni|docker|br-|virbr|veth|flannel|cali|tunl|vxlan|cilium|kube-|lxc|dummy|podman|nerdctl)/;

export function chooseAddresses({ addresses, defaultInterface }: AddressFacts, wanted: readonly string[]): Chosen {
  const exact = wanted.filter((ip) => !isAny(ip));
  if (exact.length > 0) {
    const found = exact.map((ip) => find(addresses, ip));
    return { ips: exact.map((ip) => parseIp(ip)?.canonical ?? ip), interface: found[0]?.interface, why: '--node-ip names it' };
  }
  const family = wanted[0] === undefined ? undefined : parseIp(wanted[0])?.family;
  const real = addresses.filter((a) => !INNER.test(a.interface) && (family === undefined || familyOf(a) === family));
  const byRoute = real.filter((a) => a.interface === defaultInterface);
  const usual = first(byRoute) ?? first(real) ?? first(addresses.filter((a) => family === undefined || familyOf(a) === family));
  if (usual === undefined) return { ips: [], interface: undefined, why: 'this machine has no address but loopback' };
  const routed = usual.interface === defaultInterface;
  if (!isNat(usual)) return one(usual, routed ? 'its interface has the default route' : 'no interface with an address has a default route');
  const better = first(real.filter((a) => !isNat(a)));
  if (better === undefined)
    return one(usual, 'there is no other; it is behind NAT, no other machine can reach it: add an interface, or give --node-ip');
  return one(
    better,
    `${usual.address} on ${usual.interface} has the default route, but is behind NAT and the same on every virtual machine`,
  );
}

const one = ({ interface: name, address }: LocalAddress, why: string): Chosen => ({ ips: [address], interface: name, why });
const familyOf = ({ address }: LocalAddress): string | undefined => parseIp(address)?.family;
/** IPv4 before IPv6. */
const first = (from: readonly LocalAddress[]): LocalAddress | undefined => from.find((a) => familyOf(a) === 'IPv4') ?? from[0];

function isNat({ address }: LocalAddress): boolean {
  const ip = parseIp(address);
  return ip !== undefined && NAT !== undefined && ip.family === NAT.ip.family && contains(NAT, ip);
}

/** 0.0.0.0 and :: ask for a family and leave the address to us, as upstream. */
function isAny(ip: string): boolean {
  return parseIp(ip)?.bits === 0n;
}

function find(addresses: readonly LocalAddress[], wanted: string): LocalAddress {
  const canonical = parseIp(wanted)?.canonical;
  const found = addresses.find((a) => parseIp(a.address)?.canonical === canonical);
  if (found !== undefined) return found;
  const there = addresses.map((a) => `${a.address} (${a.interface})`).join(', ') || 'none';
  throw new AppError('NODE_IP_INVALID', `--node-ip ${wanted} is not an address of this machine, or loopback; there are: ${there}`);
}

/**
 * Addresses as text in one canonical form per address, so that equal addresses are equal strings. Pure.
 *
 * IPv4 is four decimals (leading zeros are dropped and never mean octal, as upstream reads them); IPv6 is RFC 5952, which is
 * also what iptables-save and nft print. IPv4-mapped IPv6 addresses are IPv4. Zones (fe80::1%eth0) are no addresses.
 */
import ipaddr from 'ipaddr.js';

export type Family = 'IPv4' | 'IPv6';
export const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

export interface Ip {
  readonly family: Family;
  readonly text: string;
}

const FOUR_DECIMALS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

export function parseIp(text: string): Ip | undefined {
  const v4 = FOUR_DECIMALS.exec(text);
  if (v4 !== null) {
    const parts = v4.slice(1).map(Number);
    return parts.every((p) => p <= 255) ? { family: 'IPv4', text: parts.join('.') } : undefined;
  }
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.process(text);
  return { family: address.kind() === 'ipv4' ? 'IPv4' : 'IPv6', text: address.toString() };
}

export interface Cidr {
  readonly family: Family;
  /** The network address and the prefix length, host bits cleared: "10.0.0.0/8". */
  readonly text: string;
}

export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  if (bits > (ip.family === 'IPv4' ? 32 : 128)) return undefined;
  const network = ip.family === 'IPv4' ? ipaddr.IPv4.networkAddressFromCIDR(`${ip.text}/${bits}`) : networkOf(ip.text, bits);
  return { family: ip.family, text: `${network.toString()}/${bits}` };
}

function networkOf(text: string, bits: number): ipaddr.IPv6 {
  const bytes = ipaddr.IPv6.parse(text).toByteArray();
  const masked = bytes.map((byte, i) => byte & (0xff << Math.min(Math.max(8 - (bits - i * 8), 0), 8)) & 0xff);
  return new ipaddr.IPv6(masked);
}

/** Both in canonical form. False when the families differ. */
export function cidrContains(cidr: string, ip: string): boolean {
  const address = ipaddr.parse(ip);
  const [network, bits] = ipaddr.parseCIDR(cidr);
  return address.kind() === network.kind() && address.match(network, bits);
}

export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

/** What kind of address no endpoint may have, or undefined when it may serve. */
export function unusableAsEndpoint(ip: string): string | undefined {
  const range = ipaddr.parse(ip).range();
  return ['loopback', 'unspecified', 'linkLocal', 'multicast', 'broadcast'].includes(range) ? range : undefined;
}

/** "10.0.0.1:80", "[fd00::1]:80". */
export function joinHostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** A /32 or /128, as iptables-save prints a single address. */
export function hostCidr(ip: string): string {
  return ip.includes(':') ? `${ip}/128` : `${ip}/32`;
}

/**
 * IP addresses and CIDR blocks as texts of the API. Pure.
 * The canonical form of an IPv6 address (RFC 5952) is the one that the URL parser of the platform prints.
 * Source: RFC 4291, RFC 5952; error texts of k8s.io/apimachinery validation, Kubernetes 1.36.
 */

export type IpFamily = 'IPv4' | 'IPv6';

export interface Ip {
  readonly family: IpFamily;
  /** The address as a number: 32 or 128 bits. */
  readonly bits: bigint;
  readonly canonical: string;
  /** An IPv4 address written as ::ffff:1.2.3.4. */
  readonly mapped: boolean;
}

export interface Cidr {
  readonly ip: Ip;
  readonly prefix: number;
  readonly canonical: string;
}

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const WIDTH: Readonly<Record<IpFamily, number>> = { IPv4: 32, IPv6: 128 };

export function parseIp(text: string): Ip | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Ip | undefined {
  const parts = IPV4.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((p) => p > 255)) return undefined;
  const bits = parts.reduce((sum, p) => sum * 256n + BigInt(p), 0n);
  return { family: 'IPv4', bits, canonical: parts.join('.'), mapped: false };
}

function parseIpv6(text: string): Ip | undefined {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  const bits = [...left, ...middle, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return { family: 'IPv6', bits, canonical, mapped: bits >> 32n === 0xffffn };
}

export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const ip = match === null ? undefined : parseIp(match[1] ?? '');
  const prefix = Number(match?.[2]);
  if (ip === undefined || prefix > WIDTH[ip.family]) return undefined;
  const network = formatBits(ip.family, mask(ip, prefix));
  return { ip, prefix, canonical: `${network}/${prefix}` };
}

function mask(ip: Ip, prefix: number): bigint {
  const free = BigInt(WIDTH[ip.family] - prefix);
  return (ip.bits >> free) << free;
}

function formatBits(family: IpFamily, bits: bigint): string {
  const step = family === 'IPv4' ? 8n : 16n;
  const count = family === 'IPv4' ? 4 : 8;
  const parts = Array.from({ length: count }, (_, i) => (bits >> (step * BigInt(count - 1 - i))) & ((1n << step) - 1n));
  if (family === 'IPv4') return parts.join('.');
  return new URL(`http://[${parts.map((p) => p.toString(16)).join(':')}]/`).hostname.slice(1, -1);
}

/** The address that many after the first of a block: 10.96.0.10 for 10.96.0.0/12 and 10n. The caller keeps within the block. */
export function addressIn({ ip, prefix }: Cidr, offset: bigint): string {
  return formatBits(ip.family, mask(ip, prefix) + offset);
}

export function contains(cidr: Cidr, ip: Ip): boolean {
  return cidr.ip.family === ip.family && mask(cidr.ip, cidr.prefix) === mask(ip, cidr.prefix);
}

const hasLeadingZero = (text: string): boolean => /(^|[./])0\d/.test(text.includes(':') ? text.slice(text.lastIndexOf(':')) : text);

/** What is wrong with an address in a field that wants the strict, canonical form; nothing when it is good. */
export function ipProblems(text: string): readonly string[] {
  const ip = parseIp(text);
  if (ip === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  if (hasLeadingZero(text)) return ['must not have leading 0s'];
  if (ip.mapped) return ['must not be an IPv4-mapped IPv6 address'];
  return ip.canonical === text ? [] : [`must be in canonical form (${JSON.stringify(ip.canonical)})`];
}

/** For fields that always took any spelling (service and pod addresses): only what no one can read is refused. */
export function looseIpProblems(text: string): readonly string[] {
  return parseIp(text) === undefined ? ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'] : [];
}

export function cidrProblems(text: string): readonly string[] {
  return parseCidr(text) === undefined ? ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'] : [];
}

/** Addresses that no endpoint can have, with upstream's words. */
export function specialIpProblems(text: string): readonly string[] {
  const ip = parseIp(text);
  if (ip === undefined) return ['must be a valid IP address'];
  if (ip.bits === 0n) return [`may not be unspecified (${text})`];
  if (within(ip, '127.0.0.0/8', '::1/128')) return ['may not be in the loopback range (127.0.0.0/8, ::1/128)'];
  if (within(ip, '169.254.0.0/16', 'fe80::/10')) return ['may not be in the link-local range (169.254.0.0/16, fe80::/10)'];
  if (within(ip, '224.0.0.0/24', 'ff02::/16')) return ['may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'];
  return [];
}

function within(ip: Ip, ...blocks: readonly string[]): boolean {
  return blocks.some((block) => {
    const cidr = parseCidr(block);
    return cidr !== undefined && contains(cidr, ip);
  });
}

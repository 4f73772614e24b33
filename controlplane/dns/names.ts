/**
 * Addresses in names: reverse zones, and names of pods and endpoints made of their address. Pure.
 * Source: RFC 1035 (3.5), RFC 3596 (2.5); the form of pod names is upstream's.
 */
import { parseIp } from '#api/ip.ts';

const V4 = '.in-addr.arpa';
const V6 = '.ip6.arpa';

/** The address that a name of a reverse zone stands for, in its canonical form. */
export function addressOfReverse(name: string): string | undefined {
  if (name.endsWith(V4)) {
    const parts = name.slice(0, -V4.length).split('.');
    if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
    return parseIp(parts.toReversed().join('.'))?.canonical;
  }
  if (!name.endsWith(V6)) return undefined;
  const nibbles = name.slice(0, -V6.length).split('.');
  if (nibbles.length !== 32 || nibbles.some((nibble) => !/^[0-9a-f]$/.test(nibble))) return undefined;
  const digits = nibbles.toReversed().join('');
  return parseIp(digits.replace(/.{4}(?!$)/g, '$&:'))?.canonical;
}

/** The other way; for canonical addresses. */
export function reverseOf(address: string): string {
  const ip = parseIp(address);
  if (ip?.family !== 'IPv6') return `${address.split('.').toReversed().join('.')}${V4}`;
  return `${ip.bits.toString(16).padStart(32, '0').split('').toReversed().join('.')}${V6}`;
}

/** 10-1-2-3, fd00--5: what an endpoint without a name of its own is called. */
export function dashed(address: string): string {
  const text = address.replace(/[.:]/g, '-');
  // A label neither begins nor ends with a dash.
  return `${text.startsWith('-') ? '0' : ''}${text}${text.endsWith('-') ? '0' : ''}`;
}

export function addressOfDashed(label: string): string | undefined {
  const v4 = /^\d{1,3}(-\d{1,3}){3}$/.test(label) ? parseIp(label.replaceAll('-', '.')) : undefined;
  return (v4 ?? parseIp(label.replaceAll('-', ':')))?.canonical;
}

export const isIpv6 = (address: string): boolean => address.includes(':');

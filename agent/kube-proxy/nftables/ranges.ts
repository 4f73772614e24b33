/**
 * CIDRs as the fewest ranges that cover the same addresses, in the form nft prints a set of intervals: sorted, neighbours joined,
 * "10.0.0.1", "10.0.0.0/8", or "10.0.0.0-10.0.0.11" where no prefix fits. Pure.
 */
import ipaddr from 'ipaddr.js';
import type { Family } from '../ip.ts';

interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

/** Canonical CIDRs or addresses of one family. */
export function mergeRanges(family: Family, cidrs: readonly string[]): string[] {
  const bits = family === 'IPv4' ? 32 : 128;
  const sorted = cidrs.map((cidr) => rangeOf(cidr, bits)).sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const merged: Range[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.from > last.to + 1n) merged.push(range);
    else if (range.to > last.to) merged[merged.length - 1] = { from: last.from, to: range.to };
  }
  return merged.map((range) => textOf(range, family, bits));
}

function rangeOf(cidr: string, bits: number): Range {
  const [address = '', length = String(bits)] = cidr.split('/');
  const from = numberOf(address);
  return { from, to: from + (1n << BigInt(bits - Number(length))) - 1n };
}

export function numberOf(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function textOf({ from, to }: Range, family: Family, bits: number): string {
  const size = to - from + 1n;
  const first = addressOf(from, family);
  if (size === 1n) return first;
  const free = size.toString(2).length - 1;
  if (size === 1n << BigInt(free) && from % size === 0n) return `${first}/${bits - free}`;
  return `${first}-${addressOf(to, family)}`;
}

function addressOf(n: bigint, family: Family): string {
  const bytes: number[] = [];
  for (let shift = family === 'IPv4' ? 24 : 120; shift >= 0; shift -= 8) bytes.push(Number((n >> BigInt(shift)) & 255n));
  return (family === 'IPv4' ? new ipaddr.IPv4(bytes) : new ipaddr.IPv6(bytes)).toString();
}

/** Of the texts that mergeRanges makes. */
export function rangeContains(range: string, ip: string): boolean {
  const [from = '', to] = range.split('-');
  const n = numberOf(ip);
  if (to !== undefined) return n >= numberOf(from) && n <= numberOf(to);
  const bits = ip.includes(':') ? 128 : 32;
  const whole = rangeOf(from, bits);
  return n >= whole.from && n <= whole.to;
}

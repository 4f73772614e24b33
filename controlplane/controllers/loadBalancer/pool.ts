/** Addresses that services of type LoadBalancer get: blocks and ranges of the hosts' own network. No effects. */
import { addressIn, parseCidr, parseIp, type IpFamily } from '#api/ip.ts';

interface Range {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

const WHOLE = { IPv4: '0.0.0.0/0', IPv6: '::/0' } as const;
/** So many are looked at for a free one: more services than that have no load balancer. */
const MOST_TRIED = 1 << 16;

/** "192.168.1.0/28", "192.168.1.10-192.168.1.20" or one address. undefined: it is none of these. */
export function parseRange(text: string): Range | undefined {
  const [from = '', to = from] = text.split('-').map((part) => part.trim());
  const cidr = parseCidr(from);
  if (cidr !== undefined && from === to) {
    const free = BigInt((cidr.ip.family === 'IPv4' ? 32 : 128) - cidr.prefix);
    const first = (cidr.ip.bits >> free) << free;
    return { family: cidr.ip.family, first, last: first + (1n << free) - 1n };
  }
  const [first, last] = [parseIp(from), parseIp(to)];
  if (first === undefined || last === undefined || first.family !== last.family || first.bits > last.bits) return undefined;
  return { family: first.family, first: first.bits, last: last.bits };
}

export class AddressPool {
  readonly #ranges: readonly Range[];
  readonly #owners = new Map<string, string>();

  constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  has(family: IpFamily): boolean {
    return this.#ranges.some((range) => range.family === family);
  }

  contains(text: string): boolean {
    const ip = parseIp(text);
    return ip !== undefined && this.#ranges.some(({ family, first, last }) => family === ip.family && first <= ip.bits && ip.bits <= last);
  }

  ownerOf(text: string): string | undefined {
    return this.#owners.get(text);
  }

  /** Notes what a service says it has; false: it is another's. */
  take(text: string, owner: string): boolean {
    const there = this.#owners.get(text);
    if (there !== undefined && there !== owner) return false;
    if (this.contains(text)) this.#owners.set(text, owner);
    return true;
  }

  releaseAll(owner: string, except: readonly string[] = []): void {
    for (const [text, of] of this.#owners) if (of === owner && !except.includes(text)) this.#owners.delete(text);
  }

  /** undefined: there is none left. */
  give(family: IpFamily, owner: string): string | undefined {
    const whole = parseCidr(WHOLE[family]);
    let tried = 0;
    for (const { family: of, first, last } of this.#ranges) {
      if (of !== family || whole === undefined) continue;
      for (let bits = first; bits <= last && tried < MOST_TRIED; bits++, tried++) {
        const text = addressIn(whole, bits);
        if (this.#owners.has(text)) continue;
        this.#owners.set(text, owner);
        return text;
      }
    }
    return undefined;
  }
}

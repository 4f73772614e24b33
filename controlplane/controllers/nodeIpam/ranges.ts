/**
 * Which part of the pods' network belongs to which node: blocks of one size out of a range, the next free one after the last that was given.
 * No effects.
 * Source: upstream's range allocator.
 */
import { addressIn, contains, parseCidr, parseIp, type Cidr } from '#api/ip.ts';

const WIDTH = { IPv4: 32, IPv6: 128 } as const;
/** Source: upstream's limit, so that the blocks of a range can be counted. */
export const MOST_BITS = 16;

export class BlockRange {
  readonly #range: Cidr;
  readonly #prefix: number;
  readonly #count: number;
  readonly #owners = new Map<number, string>();
  #next = 0;

  /** prefix: of a node's block. reserved: what no node gets, such as the addresses of services. */
  constructor(range: Cidr, prefix: number, reserved: readonly Cidr[] = []) {
    if (prefix < range.prefix || prefix > WIDTH[range.ip.family] || prefix - range.prefix > MOST_BITS)
      throw new RangeError(
        `blocks of /${prefix} in ${range.canonical}: want /${range.prefix} to /${Math.min(range.prefix + MOST_BITS, WIDTH[range.ip.family])}`,
      );
    this.#range = range;
    this.#prefix = prefix;
    this.#count = 2 ** (prefix - range.prefix);
    for (const other of reserved) {
      if (other.ip.family !== range.ip.family) continue;
      if (contains(other, range.ip) && other.prefix <= range.prefix)
        throw new RangeError(`${range.canonical} lies within ${other.canonical}, which is reserved`);
      if (!contains(range, other.ip)) continue;
      const first = this.#indexOf(other.ip.bits);
      const blocks = Math.max(1, 2 ** Math.max(0, prefix - other.prefix));
      for (let i = 0; i < blocks; i++) this.#owners.set(first + i, '');
    }
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.#range.ip.family;
  }

  get free(): number {
    return this.#count - this.#owners.size;
  }

  /** false: it is no block of ours, or another's. */
  take(text: string, owner: string): boolean {
    const cidr = parseCidr(text);
    if (cidr === undefined || cidr.ip.family !== this.family || cidr.prefix !== this.#prefix || !contains(this.#range, cidr.ip))
      return false;
    const index = this.#indexOf(cidr.ip.bits);
    const there = this.#owners.get(index);
    if (there !== undefined && there !== owner) return false;
    this.#owners.set(index, owner);
    return true;
  }

  release(text: string, owner: string): void {
    const ip = parseIp(text.split('/')[0] ?? '');
    if (ip === undefined || !contains(this.#range, ip)) return;
    const index = this.#indexOf(ip.bits);
    if (this.#owners.get(index) === owner) this.#owners.delete(index);
  }

  /** undefined: there is none left. */
  give(owner: string): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = (this.#next + tried) % this.#count;
      if (this.#owners.has(index)) continue;
      this.#owners.set(index, owner);
      this.#next = (index + 1) % this.#count;
      return `${addressIn(this.#range, BigInt(index) << this.#shift)}/${this.#prefix}`;
    }
    return undefined;
  }

  get #shift(): bigint {
    return BigInt(WIDTH[this.family] - this.#prefix);
  }

  #indexOf(bits: bigint): number {
    const free = BigInt(WIDTH[this.family] - this.#range.prefix);
    return Number((bits & ((1n << free) - 1n)) >> this.#shift);
  }
}

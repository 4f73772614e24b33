/**
 * Cluster IPs out of the service ranges. An address is taken by the IPAddress object of its name, which is written in the same transaction
 * as the service: two API servers can never give out the same one.
 * Source: MultiCIDRServiceAllocator of Kubernetes 1.36 (labels, the reserved lower part of a range); KEP-1880, KEP-3070.
 */
import { contains, parseCidr, parseIp, type Cidr, type IpFamily } from '#api/ip.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { IPAddress } from '#api/kinds/networking/addresses.ts';
import { AppError } from '#base/errors.ts';
import { EVERYTHING } from '../../cache/filter.ts';
import type { CachedObject } from '../../cache/object.ts';
import type { ResourceCache } from '../../cache/resourceCache.ts';
import { storedForm } from '../../cache/bytes.ts';
import type { Write } from '../../storage/store.ts';
import { rfc3339 } from '#api/formats.ts';

export interface ServiceRange {
  readonly family: IpFamily;
  readonly cidr: Cidr;
}

/** One range, or two of different families. Throws AppError SERVICE_RANGE. */
export function parseServiceRanges(text: string): readonly ServiceRange[] {
  const ranges = text.split(',').map((part) => {
    const cidr = parseCidr(part.trim());
    if (cidr === undefined) throw refuse(text, `${JSON.stringify(part)} is no CIDR, such as 10.96.0.0/12`);
    const bits = (cidr.ip.family === 'IPv4' ? 32 : 128) - cidr.prefix;
    if (bits < 3) throw refuse(text, 'a range needs at least 8 addresses');
    return { family: cidr.ip.family, cidr: parseCidr(cidr.canonical) ?? cidr };
  });
  if (ranges.length > 2 || (ranges.length === 2 && ranges[0]?.family === ranges[1]?.family)) {
    throw refuse(text, 'want one range, or two of different IP families');
  }
  return ranges;
}

function refuse(text: string, why: string): AppError {
  return new AppError('SERVICE_RANGE', `Cannot use --service-cluster-ip-range=${text}: ${why}`, { range: text });
}

/** Who says in a label that it has given an address out. */
export const ALLOCATOR = 'ipallocator.k8s.io';

/** How much of a large range is used: looking for free addresses in more would gain nothing. */
const MOST_BITS = 20n;

export class AddressAllocator {
  readonly #cache: ResourceCache;
  readonly #ranges: readonly ServiceRange[];
  readonly #random: () => number;

  constructor(options: { readonly cache: ResourceCache; readonly ranges: readonly ServiceRange[]; readonly random: () => number }) {
    this.#cache = options.cache;
    this.#ranges = options.ranges;
    this.#random = options.random;
  }

  get families(): readonly IpFamily[] {
    return this.#ranges.map(({ family }) => family);
  }

  get ranges(): readonly string[] {
    return this.#ranges.map(({ cidr }) => cidr.canonical);
  }

  /** The address of the service `kubernetes`: the first of the range. */
  get first(): string {
    const range = this.#ranges[0];
    return range === undefined ? '' : addressAt(range, 1n);
  }

  /** undefined: the family has no range here, or it is used up. */
  free(family: IpFamily): string | undefined {
    const range = this.#ranges.find((r) => r.family === family);
    if (range === undefined) return undefined;
    const size = sizeOf(range);
    const reserved = reservedOf(size);
    // The lower part is kept for addresses that users choose, until the rest is full.
    return this.#freeWithin(range, reserved, size) ?? this.#freeWithin(range, 1n, reserved);
  }

  #freeWithin(range: ServiceRange, from: bigint, to: bigint): string | undefined {
    const count = Number(to - from);
    const start = Math.floor(this.#random() * count);
    for (let i = 0; i < count; i++) {
      const address = addressAt(range, from + BigInt((start + i) % count));
      if (this.#cache.get(address) === undefined) return address;
    }
    return undefined;
  }

  /** Why a service may not have this address; undefined: it may. */
  problem(text: string): string | undefined {
    const ip = parseIp(text);
    if (ip === undefined) return undefined;
    const range = this.#ranges.find((r) => contains(r.cidr, ip));
    if (range === undefined)
      return `the provided network does not match the current range: the provided IP (${text}) is not in the valid range. The range of valid IPs is ${this.#ranges.map((r) => r.cidr.canonical).join(', ')}`;
    return this.#cache.get(ip.canonical) === undefined ? undefined : 'provided IP is already allocated';
  }

  take(
    address: string,
    owner: { readonly namespace: string; readonly name: string },
    made: { readonly uid: string; readonly nowMs: number },
  ): Write {
    const ip = parseIp(address);
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: {
        name: ip?.canonical ?? address,
        uid: made.uid,
        creationTimestamp: rfc3339(made.nowMs),
        labels: {
          'ipaddress.kubernetes.io/ip-family': ip?.family ?? 'IPv4',
          'ipaddress.kubernetes.io/managed-by': ALLOCATOR,
        },
      },
      spec: { parentRef: { group: '', resource: 'services', ...owner } },
    };
    return { kind: 'create', key: this.#cache.prefix + object.metadata.name, value: storedForm(object) };
  }

  /** undefined: this service does not have it. */
  giveBack(address: string, { namespace, name }: { readonly namespace: string; readonly name: string }): Write | undefined {
    const held = this.#cache.get(parseIp(address)?.canonical ?? address);
    if (held === undefined) return undefined;
    const parent = (held.decode() as IPAddress).spec?.parentRef;
    return parent?.namespace === namespace && parent.name === name ? this.#removal(held) : undefined;
  }

  /** All that are taken, each with the write that would free it. */
  held(): readonly { readonly object: KubeObject; readonly remove: Write }[] {
    return this.#cache.list(EVERYTHING).map((held) => ({ object: held.decode(), remove: this.#removal(held) }));
  }

  #removal({ key, revision }: CachedObject): Write {
    return { kind: 'delete', key: this.#cache.prefix + key, ifRevision: revision };
  }
}

function sizeOf({ cidr }: ServiceRange): bigint {
  const bits = BigInt((cidr.ip.family === 'IPv4' ? 32 : 128) - cidr.prefix);
  // The last address of an IPv4 range is its broadcast address.
  return (1n << (bits > MOST_BITS ? MOST_BITS : bits)) - (cidr.ip.family === 'IPv4' ? 1n : 0n);
}

/** Source: KEP-3070: min(max(16, size / 16), 256). */
function reservedOf(size: bigint): bigint {
  const sixteenth = size / 16n;
  const wanted = sixteenth < 16n ? 16n : sixteenth > 256n ? 256n : sixteenth;
  return wanted < size ? wanted : 1n;
}

function addressAt({ family, cidr }: ServiceRange, offset: bigint): string {
  const bits = cidr.ip.bits + offset;
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));
  return parseIp(groups.join(':'))?.canonical ?? groups.join(':');
}

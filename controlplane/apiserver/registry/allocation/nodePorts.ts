/**
 * Node ports. A port is taken by a record of its own, written in the same transaction as the service.
 * One service may have the same port for TCP and for UDP, as upstream allows.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { AppError } from '#base/errors.ts';
import { EVERYTHING } from '../../cache/filter.ts';
import type { CachedObject } from '../../cache/object.ts';
import type { ResourceCache } from '../../cache/resourceCache.ts';
import { storedForm } from '../../cache/bytes.ts';
import type { Write } from '../../storage/store.ts';

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** "30000-32767". Throws AppError NODE_PORT_RANGE. */
export function parsePortRange(text: string): PortRange {
  const [, from = '', to = ''] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { from: Number(from), to: Number(to) };
  if (from === '' || range.from < 1 || range.to > 65_535 || range.from > range.to) {
    throw new AppError('NODE_PORT_RANGE', `Cannot use --service-node-port-range=${text}: want two ports such as 30000-32767`, {
      range: text,
    });
  }
  return range;
}

export class NodePortAllocator {
  readonly #cache: ResourceCache;
  readonly #range: PortRange;
  readonly #random: () => number;

  constructor(options: { readonly cache: ResourceCache; readonly range: PortRange; readonly random: () => number }) {
    this.#cache = options.cache;
    this.#range = options.range;
    this.#random = options.random;
  }

  /** except: ports this very write already takes. */
  free(except: ReadonlySet<number>): number | undefined {
    const { from, to } = this.#range;
    const count = to - from + 1;
    const start = Math.floor(this.#random() * count);
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count);
      if (!except.has(port) && this.#cache.get(String(port)) === undefined) return port;
    }
    return undefined;
  }

  problem(port: number): string | undefined {
    const { from, to } = this.#range;
    if (port < from || port > to) return `provided port is not in the valid range. The range of valid ports is ${from}-${to}`;
    return this.#cache.get(String(port)) === undefined ? undefined : 'provided port is already allocated';
  }

  take(port: number, service: string): Write {
    const object = { apiVersion: 'kijabi/v1', kind: 'NodePort', metadata: { name: String(port) }, service };
    return { kind: 'create', key: `${this.#cache.prefix}${port}`, value: storedForm(object) };
  }

  /** undefined: this service does not have it. */
  giveBack(port: number, service: string): Write | undefined {
    const held = this.#cache.get(String(port));
    return held === undefined || ownerOfPort(held.decode()) !== service ? undefined : this.#removal(held);
  }

  /** All that are taken, each with the write that would free it. */
  held(): readonly { readonly object: KubeObject; readonly remove: Write }[] {
    return this.#cache.list(EVERYTHING).map((held) => ({ object: held.decode(), remove: this.#removal(held) }));
  }

  #removal({ key, revision }: CachedObject): Write {
    return { kind: 'delete', key: this.#cache.prefix + key, ifRevision: revision };
  }
}

/** "namespace/name" of the service that has it. */
export const ownerOfPort = (record: KubeObject): string => (record as unknown as { readonly service?: string }).service ?? '';

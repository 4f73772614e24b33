/** Reads the table of one family from the kernel. */
import { AppError, codeOf } from '#base/errors.ts';
import type { Nft } from '../../linux/nft.ts';
import type { Content, SetDef } from './content.ts';
import { TABLE, type Words } from './names.ts';
import { isSameSet, namedProtocol, readElements, readStructure, setsOfListing, type Counters, type Structure } from './readback.ts';

export interface Reading {
  readonly structure: Structure;
  readonly elements: Map<string, Map<string, string>>;
}

export class TableReader {
  readonly #nft: Nft;
  readonly #words: Words;

  constructor(nft: Nft, words: Words) {
    this.#nft = nft;
    this.#words = words;
  }

  async structure(signal: AbortSignal): Promise<Structure> {
    return proxyErrors(async () => readStructure(await this.#nft.structure(this.#words.ip, signal), this.#words));
  }

  /** Everything of ours, with the elements of the sets that are as they should be. */
  async all(content: Content, signal: AbortSignal): Promise<Reading> {
    return this.elementsOf(await this.structure(signal), content, signal);
  }

  async elementsOf(structure: Structure, { sets }: Content, signal: AbortSignal): Promise<Reading> {
    const elements = new Map<string, Map<string, string>>();
    if (structure.sets.size === 0) return { structure, elements };
    // All sets at once: each nft process loads all of the table first.
    const text = await proxyErrors(() => this.#nft.table(this.#words.ip, TABLE, signal));
    for (const [name, part] of setsOfListing(text)) {
      const kernel = structure.sets.get(name);
      const def = sets.get(name);
      if (kernel === undefined || def === undefined || def.remembersSeconds !== undefined || !isSameSet(kernel, def, this.#words)) continue;
      elements.set(name, this.#elements(part, def));
    }
    return { structure, elements };
  }

  #elements(text: string, { key }: SetDef, onCounters?: (key: string, counters: Counters) => void): Map<string, string> {
    const found = new Map<string, string>();
    const at = key.indexOf('protocol');
    readElements(text, (printed, value, counters) => {
      const named = at === -1 ? printed : namedProtocol(printed, at);
      found.set(named, value);
      if (counters !== undefined) onCounters?.(named, counters);
    });
    return found;
  }

  async set(
    name: string,
    def: SetDef,
    signal: AbortSignal,
    onCounters?: (key: string, counters: Counters) => void,
  ): Promise<Map<string, string>> {
    const set = { family: this.#words.ip, table: TABLE, kind: def.kind, name };
    const text = await proxyErrors(() => this.#nft.elements(set, onCounters === undefined ? 'without' : 'with', signal));
    return this.#elements(text, def, onCounters);
  }
}

/** In the words of the proxy's contract. */
export async function proxyErrors<T>(work: () => Promise<T>, facts: Readonly<Record<string, string>> = {}): Promise<T> {
  try {
    return await work();
  } catch (err) {
    const code = codeOf(err);
    if (code === 'NFT_FAILED')
      throw new AppError(
        'PROXY_APPLY',
        'Cannot write the nftables rules',
        { ...(err instanceof AppError ? err.facts : {}), ...facts },
        err,
      );
    if (code === 'NFT_MISSING' || code === 'NFT_TIMEOUT') throw new AppError('PROXY_TOOL', 'Cannot work with nft', {}, err);
    throw err;
  }
}

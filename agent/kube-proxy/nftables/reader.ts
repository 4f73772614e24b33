/** Reads the table of one family from the kernel. */
import { AppError, codeOf } from '#base/errors.ts';
import type { Nft } from '../../linux/nft.ts';
import type { Content, SetDef } from './content.ts';
import { TABLE, type Words } from './names.ts';
import { isSameSet, namedProtocol, readElements, readStructure, type Counters, type Structure } from './readback.ts';

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
  async all({ sets }: Content, signal: AbortSignal): Promise<Reading> {
    const structure = await this.structure(signal);
    const elements = new Map<string, Map<string, string>>();
    for (const [name, kernel] of structure.sets) {
      const def = sets.get(name);
      if (def === undefined || def.remembersSeconds !== undefined || !isSameSet(kernel, def, this.#words)) continue;
      elements.set(name, await this.set(name, def, signal));
    }
    return { structure, elements };
  }

  async set(
    name: string,
    { kind, key }: SetDef,
    signal: AbortSignal,
    onCounters?: (key: string, counters: Counters) => void,
  ): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const at = key.indexOf('protocol');
    const set = { family: this.#words.ip, table: TABLE, kind, name };
    const text = await proxyErrors(() => this.#nft.elements(set, onCounters === undefined ? 'without' : 'with', signal));
    readElements(text, (printed, value, counters) => {
      const named = at === -1 ? printed : namedProtocol(printed, at);
      found.set(named, value);
      if (counters !== undefined) onCounters?.(named, counters);
    });
    return found;
  }
}

/** In the words of the proxy's contract. */
export async function proxyErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    const code = codeOf(err);
    if (code === 'NFT_FAILED')
      throw new AppError('PROXY_APPLY', 'Cannot write the nftables rules', err instanceof AppError ? err.facts : {}, err);
    if (code === 'NFT_MISSING' || code === 'NFT_TIMEOUT') throw new AppError('PROXY_TOOL', 'Cannot work with nft', {}, err);
    throw err;
  }
}

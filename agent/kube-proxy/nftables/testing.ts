/** For tests: the table of a namespace in a form where equal means equal. */
import type { Nft } from '../../linux/nft.ts';
import type { Family } from '../ip.ts';
import { TABLE, wordsOf } from './names.ts';
import { readElements, readStructure, setsOfListing } from './readback.ts';

export async function stateOf(nft: Nft, family: Family): Promise<string[]> {
  const { signal } = new AbortController();
  const words = wordsOf(family);
  const { chains, sets } = readStructure(await nft.structure(words.ip, signal), words);
  const state: string[] = [];
  for (const [name, { hook, forms }] of chains) state.push(`chain ${name} ${JSON.stringify(hook ?? {})}\n${forms.join('\n')}`);
  for (const [name, { kind, form }] of sets) state.push(`${kind} ${name} ${form}`);
  const listing = sets.size === 0 ? '' : await nft.table(words.ip, TABLE, signal);
  for (const [name, text] of setsOfListing(listing)) {
    if (!name.startsWith('affinity-')) readElements(text, (key, value) => state.push(`${name} { ${key} : ${value} }`));
  }
  return state.sort();
}

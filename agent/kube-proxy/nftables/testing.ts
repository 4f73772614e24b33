/** For tests: the table of a namespace in a form where equal means equal. */
import type { Nft } from '../../linux/nft.ts';
import type { Family } from '../ip.ts';
import { TABLE, wordsOf } from './names.ts';
import { readElements, readStructure } from './readback.ts';

export async function stateOf(nft: Nft, family: Family): Promise<string[]> {
  const { signal } = new AbortController();
  const words = wordsOf(family);
  const { chains, sets } = readStructure(await nft.structure(words.ip, signal), words);
  const state: string[] = [];
  for (const [name, { hook, forms }] of chains) state.push(`chain ${name} ${JSON.stringify(hook ?? {})}\n${forms.join('\n')}`);
  for (const [name, { kind, form }] of sets) {
    state.push(`${kind} ${name} ${form}`);
    const text = await nft.elements({ family: words.ip, table: TABLE, kind, name }, 'without', signal);
    if (!name.startsWith('affinity-')) readElements(text, (key, value) => state.push(`${name} { ${key} : ${value} }`));
  }
  return state.sort();
}

/** What changes in the tables when some service ports change: the cost is that of the changed ones. Pure. */
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { rulesOf, type PortRules, type Style } from './portRules.ts';
import { compare, type Writes } from './tables.ts';
import { emptyWrites } from './writes.ts';

export interface PortChange {
  readonly from: ServicePort | undefined;
  readonly to: ServicePort | undefined;
}

const NOTHING: PortRules = { own: new Map(), dispatch: [] };

export interface Patch {
  readonly writes: Writes;
  /** How many rules more (or less) there are afterwards. */
  readonly added: { readonly nat: number; readonly filter: number };
}

export function patchOf(changes: Iterable<PortChange>, settings: ProxySettings, style: Style): Patch {
  const writes: Writes = { nat: emptyWrites(), filter: emptyWrites(), mangle: emptyWrites() };
  const added = { nat: 0, filter: 0 };
  for (const { from, to } of changes) {
    const before = from === undefined ? NOTHING : rulesOf(from, settings, style);
    const after = to === undefined ? NOTHING : rulesOf(to, settings, style);
    for (const [chain, rules] of after.own) {
      if (before.own.get(chain)?.join('\n') !== rules.join('\n')) writes.nat.rewrite.put(chain, rules);
    }
    for (const chain of before.own.keys()) if (!after.own.has(chain)) writes.nat.drop.push(chain);
    patchDispatch(before, after, writes);
    for (const table of ['nat', 'filter'] as const) added[table] += countRules(after, table) - countRules(before, table);
  }
  return { writes, added };
}

function countRules({ own, dispatch }: PortRules, table: 'nat' | 'filter'): number {
  const mine = dispatch.filter((line) => line.table === table).length;
  return table === 'nat' ? mine + [...own.values()].reduce((sum, rules) => sum + rules.length, 0) : mine;
}

function patchDispatch(before: PortRules, after: PortRules, writes: Writes): void {
  const text = ({ dispatch }: PortRules): string[] => dispatch.map(({ table, chain, rule }) => `${table} ${chain} ${rule}`);
  const { missing, foreign } = compare(text(before), text(after));
  for (const line of after.dispatch) if (missing.includes(`${line.table} ${line.chain} ${line.rule}`)) writes[line.table].insert.push(line);
  for (const line of before.dispatch)
    if (foreign.includes(`${line.table} ${line.chain} ${line.rule}`)) writes[line.table].remove.push(line);
}

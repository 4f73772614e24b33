/** For tests: the iptables rules of a namespace in a form where equal means equal. */
import type { Iptables } from '../../linux/iptables.ts';

/** Rules of chains whose rules exclude each other have no order, except for what goes to the node ports. */
const UNORDERED = /^-A (KUBE-SERVICES|KUBE-NODEPORTS|KUBE-EXTERNAL-SERVICES|KUBE-PROXY-FIREWALL) (?!.*-j KUBE-NODEPORTS)/;

export async function stateOf(iptables: Iptables): Promise<string[]> {
  const state: string[] = [];
  for (const table of ['mangle', 'filter', 'nat'] as const) {
    const lines: string[] = [];
    await iptables.save({ table }, (line) => lines.push(line), new AbortController().signal);
    const chains = lines.filter((l) => l.startsWith(':')).map((l) => l.split(' ')[0] ?? '');
    const rules = lines.filter((l) => l.startsWith('-A'));
    const free = rules.filter((l) => UNORDERED.test(l));
    const bound = new Map<string, string[]>();
    for (const line of rules.filter((l) => !UNORDERED.test(l))) {
      const chain = line.split(' ')[1] ?? '';
      bound.set(chain, [...(bound.get(chain) ?? []), line]);
    }
    // A built-in chain may hold our hooks in any order among themselves; what others put there keeps its own.
    const builtIn = [...bound].filter(([chain]) => !chain.includes('-')).flatMap(([, all]) => all);
    const ordered = [...bound].filter(([chain]) => chain.includes('-')).sort(([a], [b]) => (a < b ? -1 : 1));
    state.push(`*${table}`, ...chains.sort(), ...free.sort(), ...ordered.flatMap(([, all]) => all), ...builtIn.sort());
  }
  return state;
}

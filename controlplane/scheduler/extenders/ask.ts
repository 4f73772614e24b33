/** Asks several extenders, one after the other, and draws the conclusions: what is left of nodes and of victims, and who is preferred. */
import type { Logger } from '#base/log.ts';
import type { DoesNotFit, Found, PluginScores } from '../core/decide.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { PodInfo } from '../core/podInfo.ts';
import { leastLoss, type Preemption } from '../core/preempt.ts';
import { EXTENDER, type Extender } from './extender.ts';

export interface Asking {
  readonly extenders: readonly Extender[];
  readonly pod: PodInfo;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** The extenders left nobody who may be pushed out. */
const NO_PREEMPTION: Preemption = { kind: 'none', text: '' };

/** What they leave of the nodes that passed. nodes: how many there are in all. */
export async function narrow({ extenders, pod, log, signal }: Asking, found: Found, nodes: number): Promise<Found | DoesNotFit> {
  let { feasible } = found;
  const refused = new Map(found.refused);
  for (const extender of extenders) {
    if (feasible.length === 0) break;
    try {
      const said = await extender.filter(pod, feasible, signal);
      feasible = said.passed;
      for (const [node, why] of said.refused) refused.set(node, why);
    } catch (err) {
      leaveOut(extender, err, { log, signal });
    }
  }
  if (feasible.length > 0) return { ...found, feasible, refused };
  const plugins = new Set([...refused.values()].map(({ plugin }) => (plugin.startsWith(`${EXTENDER} `) ? EXTENDER : plugin)));
  return { kind: 'doesNotFit', refused, before: undefined, plugins, nodes };
}

/** Those that have a say about who is pushed out leave some of the candidates, or none. */
export async function narrowVictims(
  { extenders, pod, log, signal }: Asking,
  preemption: Preemption | undefined,
): Promise<Preemption | undefined> {
  if (preemption?.kind !== 'victims') return preemption;
  let { candidates } = preemption;
  for (const extender of extenders) {
    if (!extender.preempts || candidates.length === 0) continue;
    try {
      candidates = await extender.preempt(pod, candidates, signal);
    } catch (err) {
      leaveOut(extender, err, { log, signal });
    }
  }
  const [first, ...others] = candidates;
  return first === undefined ? NO_PREEMPTION : { kind: 'victims', candidates, candidate: leastLoss([first, ...others]) };
}

/** As upstream: where one does not say what it prefers, the others decide. */
export async function preferences({ extenders, pod, log, signal }: Asking, nodes: readonly NodeInfo[]): Promise<readonly PluginScores[]> {
  const out: PluginScores[] = [];
  for (const extender of extenders) {
    try {
      const scores = await extender.prioritize(pod, nodes, signal);
      if (scores !== undefined) out.push(scores);
    } catch (err) {
      signal.throwIfAborted();
      log.warn('An extender does not say what it prefers', { extender: extender.name, err });
    }
  }
  return out;
}

/** false: none of them binds, or the one that does may be missing and fails. */
export async function bindByExtender({ extenders, pod, log, signal }: Asking, node: string): Promise<boolean> {
  const binder = extenders.find((e) => e.binds);
  if (binder === undefined) return false;
  try {
    await binder.bind(pod, node, signal);
    return true;
  } catch (err) {
    leaveOut(binder, err, { log, signal });
    return false;
  }
}

function leaveOut(extender: Extender, err: unknown, { log, signal }: Pick<Asking, 'log' | 'signal'>): void {
  if (signal.aborted || !extender.ignorable) throw err;
  log.warn('An extender is left out, it does not answer', { extender: extender.name, err });
}

/**
 * Why a pod was not placed, in one sentence as upstream words it: people and their tools look for these words. Pure.
 * "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: 0/3 nodes are available: ..."
 * Source: the errors of upstream's plugins and of its FitError, Kubernetes 1.36.
 * Differs: a taint that is in the way is named, as before 1.35 ("node(s) had untolerated taint {key: value}", now "untolerated taint(s)"): it is
 * what a reader needs. There is no DynamicResources here, so that its "no new claims to deallocate, " does not stand before "preemption:".
 */
import type { DoesNotFit } from './decide.ts';

export const NO_NODES = 'no nodes available to schedule pods';

export function refusalText({ nodes, before, refused }: Pick<DoesNotFit, 'nodes' | 'before' | 'refused'>, preemption = ''): string {
  if (nodes === 0) return NO_NODES;
  const why = before ?? counted([...refused.values()].flatMap(({ verdict }) => verdict.reasons));
  const told = `0/${nodes} nodes are available:${why === '' ? '' : ` ${why}.`}`;
  return preemption === '' ? told : `${told} ${preemption}`;
}

export function preemptionText(nodes: number, reasons: readonly string[]): string {
  return `preemption: 0/${nodes} nodes are available: ${counted(reasons)}.`;
}

/** "2 a, 1 b", in the order of the texts. */
function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}

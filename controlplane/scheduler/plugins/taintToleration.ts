/**
 * TaintToleration: taints keep pods away (NoSchedule, NoExecute) or make a node worse (PreferNoSchedule).
 * Differs: the newest releases say "untolerated taint(s)" only; here the taint is named, as in those before.
 */
import type { Taint } from '#api/kinds/core/scheduling.ts';
import { tolerates, untolerated } from '#api/tolerations.ts';
import { normalizeToMost, type Plugin, type Verdict } from '../core/plugin.ts';

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  filter: ({ pod }) => {
    const { tolerations } = pod.spec;
    return {
      check: (node) => {
        const taints = node.node?.spec.taints;
        if (taints === undefined || taints.length === 0) return undefined;
        const taint = untolerated(taints, tolerations);
        return taint === undefined ? undefined : refusal(taint);
      },
    };
  },
  score: ({ pod }) => {
    const soft = (pod.spec.tolerations ?? []).filter((t) => t.effect === undefined || t.effect === 'PreferNoSchedule');
    const isBorne = (taint: Taint): boolean => soft.some((t) => tolerates(t, taint));
    return {
      score: (node) => {
        const taints = node.node?.spec.taints;
        if (taints === undefined) return 0;
        return taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !isBorne(taint)).length;
      },
      normalize: (scores) => normalizeToMost(scores, true),
    };
  },
  helps: (event, { pod }) => {
    if (event.kind === 'self') return true;
    if (event.kind === 'nodeChanged' && !event.what.taints) return false;
    if (event.kind !== 'nodeAdded' && event.kind !== 'nodeChanged') return false;
    return untolerated(event.node.spec.taints, pod.spec.tolerations) === undefined;
  },
};

const refusal = ({ key, value = '' }: Taint): Verdict => ({
  reasons: [`node(s) had untolerated taint {${key}: ${value}}`],
  helpedByPreemption: false,
});

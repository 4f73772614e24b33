/** NodeUnschedulable: cordoned nodes, but for pods that tolerate the taint which says so. */
import type { Taint } from '#api/kinds/core/scheduling.ts';
import { tolerates } from '#api/tolerations.ts';
import type { Plugin } from '../core/plugin.ts';

const CORDONED = { reasons: ['node(s) were unschedulable'], helpedByPreemption: false };
const TAINT: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  filter: ({ pod }) => {
    if (pod.spec.tolerations?.some((t) => tolerates(t, TAINT)) === true) return undefined;
    return { check: (node) => (node.node?.spec.unschedulable === true ? CORDONED : undefined) };
  },
  helps: (event) => event.kind === 'nodeAdded' || (event.kind === 'nodeChanged' && event.what.unschedulable) || event.kind === 'self',
};

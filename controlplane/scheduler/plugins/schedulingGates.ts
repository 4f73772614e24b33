/** SchedulingGates: a pod is not even tried before its gates are gone. */
import type { Plugin } from '../core/plugin.ts';

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  gate: ({ pod }) => {
    const gates = (pod.spec.schedulingGates ?? []).map(({ name }) => name);
    return gates.length === 0 ? undefined : `waiting for scheduling gates: [${gates.join(' ')}]`;
  },
  helps: (event) => event.kind === 'self',
};

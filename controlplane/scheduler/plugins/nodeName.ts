/** NodeName: a pod that names its node goes there or nowhere. */
import type { Plugin } from '../core/plugin.ts';

const OTHER = { reasons: ["node(s) didn't match the requested node name"], helpedByPreemption: false };

export const nodeName: Plugin = {
  name: 'NodeName',
  filter: ({ pod }) => {
    const wanted = pod.spec.nodeName ?? '';
    return wanted === '' ? undefined : { check: (node) => (node.name === wanted ? undefined : OTHER) };
  },
  helps: (event) => event.kind === 'nodeAdded',
};

/** NodePorts: each port of a node serves one pod. */
import type { Plugin } from '../core/plugin.ts';

const TAKEN = { reasons: ["node(s) didn't have free ports for the requested pod ports"], helpedByPreemption: true };

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter: ({ ports }) => (ports.length === 0 ? undefined : { check: (node) => (node.hasPortFor(ports) ? undefined : TAKEN) }),
  helps: (event) => event.kind === 'nodeAdded' || (event.kind === 'podGone' && event.pod.ports.length > 0),
};

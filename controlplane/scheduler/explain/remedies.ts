/**
 * What would have to change on a node so that a plugin takes a pod there. Pure.
 * size: how much of a change it is, to order by: below 1 is a part of a node's resources, 1 is one step by hand, 10 is another node.
 */
import { untolerated } from '#api/tolerations.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { Verdict } from '../core/plugin.ts';
import type { PodInfo } from '../core/podInfo.ts';

export interface Remedy {
  readonly text: string;
  readonly size: number;
}

export function remediesFor(plugin: string, pod: PodInfo, node: NodeInfo, { reasons }: Verdict): readonly Remedy[] {
  switch (plugin) {
    case 'NodeResourcesFit':
      return room(pod, node);
    case 'TaintToleration': {
      const taint = untolerated(node.node?.spec.taints, pod.pod.spec.tolerations);
      if (taint === undefined) break;
      const told = `${taint.key}${taint.value === undefined ? '' : `=${taint.value}`}:${taint.effect}`;
      return [{ text: `tolerate the taint ${told}, or remove it: kubectl taint node ${node.name} ${told}-`, size: 1 }];
    }
    case 'NodeUnschedulable':
      return [{ text: `make it schedulable: kubectl uncordon ${node.name}`, size: 1 }];
    case 'NodeAffinity':
      return [labels(pod, node) ?? { text: "change the pod's node affinity, or the labels that it asks for", size: 2 }];
    case 'NodePorts':
      return [{ text: `free the host port ${pod.ports.map((p) => `${p.port}/${p.protocol}`).join(', ')}`, size: 1 }];
    case 'NodeName':
      return [{ text: 'the pod names another node', size: 10 }];
    default:
      break;
  }
  return reasons.map((text) => ({ text: `${plugin}: ${text}`, size: 3 }));
}

const UNITS: Readonly<Record<string, (amount: number) => string>> = {
  cpu: (n) => (n % 1_000 === 0 ? String(n / 1_000) : `${n}m`),
  memory: (n) => `${Math.ceil(n / 2 ** 20)}Mi`,
  'ephemeral-storage': (n) => `${Math.ceil(n / 2 ** 20)}Mi`,
};

function room(pod: PodInfo, node: NodeInfo): readonly Remedy[] {
  const out: Remedy[] = [];
  if (node.pods.size + 1 > node.podLimit)
    out.push({ text: `one pod less: it has ${node.pods.size} of ${node.podLimit}`, size: 1 / Math.max(1, node.podLimit) });
  for (const name of ['cpu', 'memory', 'ephemeral-storage', ...pod.requests.scalars.keys()]) {
    const [asks, all, used] = [pod.requests.get(name), node.allocatable.get(name), node.requested.get(name)];
    const short = asks - (all - used);
    if (asks === 0 || short <= 0) continue;
    const show = UNITS[name] ?? String;
    if (asks > all)
      out.push({
        text: `${show(asks - all)} more ${name} than the node has in all (asks for ${show(asks)} of ${show(all)})`,
        size: 5 + short / Math.max(1, all),
      });
    else
      out.push({
        text: `${show(short)} of ${name} have to become free (asks for ${show(asks)}, ${show(all - used)} are free of ${show(all)})`,
        size: short / all,
      });
  }
  return out;
}

/** Labels of the plain selector that it lacks; those of expressions can be had in many ways. */
function labels({ pod }: PodInfo, node: NodeInfo): Remedy | undefined {
  const missing = Object.entries(pod.spec.nodeSelector ?? {}).filter(([key, value]) => node.labels[key] !== value);
  if (missing.length === 0) return undefined;
  return {
    text: `the labels that its selector asks for: kubectl label node ${node.name} ${missing.map(([k, v]) => `${k}=${v}`).join(' ')}`,
    size: missing.length,
  };
}

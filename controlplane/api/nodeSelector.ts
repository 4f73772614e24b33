/**
 * Which nodes a node selector means: nodeSelector and node affinity of pods, node affinity of volumes. Pure.
 * Any term suffices; within a term all conditions have to hold, and a term without any means no node.
 * Source: "Assigning Pods to Nodes" in the Kubernetes docs. Gt and Lt compare whole numbers; where either side is none, they do not hold.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '#api/kinds/core/scheduling.ts';
import type { Labels } from '#api/labels.ts';

export interface NodeFacts {
  readonly name: string | undefined;
  readonly labels: Labels | undefined;
}

/** spec.nodeSelector and the required node affinity of a pod. */
export function podMatchesNode({ spec }: Pick<Pod, 'spec'>, node: NodeFacts): boolean {
  for (const key in spec.nodeSelector) if (labelOf(node.labels, key) !== spec.nodeSelector[key]) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

export function matchesNodeSelector({ nodeSelectorTerms = [] }: Partial<NodeSelector>, node: NodeFacts): boolean {
  return nodeSelectorTerms.some((term) => matchesNodeTerm(term, node));
}

export function matchesNodeTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { name, labels }: NodeFacts): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((e) => holds(e, labelOf(labels, e.key))) &&
    matchFields.every((e) => holds(e, e.key === 'metadata.name' ? name : undefined))
  );
}

function labelOf(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function holds({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compared(value, values[0], (a, b) => a > b);
    case 'Lt':
      return compared(value, values[0], (a, b) => a < b);
    default:
      return false;
  }
}

const WHOLE = /^[-+]?[0-9]+$/;

function compared(value: string | undefined, bound: string | undefined, holds: (a: bigint, b: bigint) => boolean): boolean {
  if (value === undefined || bound === undefined || !WHOLE.test(value) || !WHOLE.test(bound)) return false;
  return holds(BigInt(value.replace('+', '')), BigInt(bound.replace('+', '')));
}

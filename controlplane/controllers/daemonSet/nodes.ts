/**
 * On which nodes a daemon runs, and the pod that is made for one of them. Pure.
 * Source: the predicates, tolerations and node affinity of upstream's daemon set controller, Kubernetes 1.36.
 */
import type { DaemonSet } from '#api/kinds/apps/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { NodeSelectorTerm, Taint, Toleration } from '#api/kinds/core/scheduling.ts';
import { DAEMON_SETS } from '../kinds.ts';
import { podFrom } from '../workloads/template.ts';
import { REVISION_LABEL } from '../workloads/revisions.ts';

const NAME_FIELD = 'metadata.name';

type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

const TOLERATED: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const HOST_NETWORK: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' };

export function tolerationsOf({ spec }: PodTemplateSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const given = [...TOLERATED, ...(spec.hostNetwork === true ? [HOST_NETWORK] : [])];
  const isOwn = (t: Toleration): boolean =>
    own.some((o) => o.key === t.key && o.effect === t.effect && o.operator === t.operator && (o.value ?? '') === '');
  return [...own, ...given.filter((toleration) => !isOwn(toleration))];
}

export interface Fit {
  /** A pod belongs there. */
  readonly runs: boolean;
  /** One that is there stays. */
  readonly stays: boolean;
}

export function fitOf({ spec: { template } }: DaemonSet, { metadata, spec }: Node): Fit {
  const { nodeName, nodeSelector = {}, affinity } = template.spec;
  const labels = metadata.labels ?? {};
  const isNamed = nodeName === undefined || nodeName === '' || nodeName === metadata.name;
  const isSelected = Object.entries(nodeSelector).every(([key, value]) => labels[key] === value);
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const isWanted = terms === undefined || terms.some((term) => termFits(term, labels, metadata.name ?? ''));
  if (!isNamed || !isSelected || !isWanted) return { runs: false, stays: false };
  const tolerations = tolerationsOf(template);
  const refused = (spec?.taints ?? []).filter(
    (taint) => taint.effect !== 'PreferNoSchedule' && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
  return { runs: refused.length === 0, stays: refused.every(({ effect }) => effect !== 'NoExecute') };
}

function termFits(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  labels: Readonly<Record<string, string>>,
  name: string,
): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((r) => holds(r, Object.hasOwn(labels, r.key) ? labels[r.key] : undefined)) &&
    matchFields.every((r) => holds(r, r.key === NAME_FIELD ? name : undefined))
  );
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
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
      return isInteger(value) && isInteger(values[0]) && Number(value) > Number(values[0]);
    case 'Lt':
      return isInteger(value) && isInteger(values[0]) && Number(value) < Number(values[0]);
  }
}

const isInteger = (text: string | undefined): boolean => text !== undefined && /^[-+]?\d+$/.test(text);

function tolerates({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== undefined && key !== '' && key !== taint.key) return false;
  switch (operator) {
    case 'Exists':
      return true;
    case 'Equal':
      return key !== undefined && key !== '' && value === (taint.value ?? '');
    case 'Gt':
      return isInteger(value) && isInteger(taint.value) && Number(taint.value) > Number(value);
    case 'Lt':
      return isInteger(value) && isInteger(taint.value) && Number(taint.value) < Number(value);
  }
}

/** Where a pod is, or is going to be; undefined: it does not say. */
export function targetOf({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms
    .flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key, operator, values = [] }) => key === NAME_FIELD && operator === 'In' && values.length === 1)?.values?.[0];
}

/** The scheduler puts it there and nowhere else. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const pod = podFrom(set.spec.template, { type: DAEMON_SETS, object: set });
  const { affinity } = pod.spec;
  const term = { matchFields: [{ key: NAME_FIELD, operator: 'In' as const, values: [node] }] };
  return {
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [REVISION_LABEL]: hash } },
    spec: {
      ...pod.spec,
      tolerations: tolerationsOf(set.spec.template),
      affinity: {
        ...affinity,
        nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
      },
    },
  };
}

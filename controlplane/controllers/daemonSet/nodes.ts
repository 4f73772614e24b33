/**
 * On which nodes a daemon runs, and the pod that is made for one of them. Pure.
 * Source: the predicates, tolerations and node affinity of upstream's daemon set controller, Kubernetes 1.36.
 */
import type { DaemonSet } from '#api/kinds/apps/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { Toleration } from '#api/kinds/core/scheduling.ts';
import { podMatchesNode } from '#api/nodeSelector.ts';
import { untolerated } from '#api/tolerations.ts';
import { DAEMON_SETS } from '../../component/kinds.ts';
import { podFrom } from '../workloads/template.ts';
import { REVISION_LABEL } from '../workloads/revisions.ts';

const NAME_FIELD = 'metadata.name';

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
  const { nodeName } = template.spec;
  const isNamed = nodeName === undefined || nodeName === '' || nodeName === metadata.name;
  if (!isNamed || !podMatchesNode(template, { name: metadata.name, labels: metadata.labels })) return { runs: false, stays: false };
  const tolerations = tolerationsOf(template);
  return {
    runs: untolerated(spec?.taints, tolerations) === undefined,
    stays: untolerated(spec?.taints, tolerations, ['NoExecute']) === undefined,
  };
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

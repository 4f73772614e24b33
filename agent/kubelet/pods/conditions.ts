/**
 * The conditions of a pod that the kubelet speaks of, and those of others beside them. Pure.
 *
 * Reasons and messages are upstream's, because people and tools match on them.
 * Source: "Pod conditions" and "Pod readiness" in the Kubernetes docs.
 */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodCondition, PodStatus } from '#api/kinds/core/podStatus.ts';
import { RESIZE_INFEASIBLE } from './allocated.ts';
import { time } from './time.ts';

/** The types that no one else writes: whatever else is there belongs to others, readiness gates among them. */
const OURS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'DisruptionTarget',
  'PodResizePending',
]);

export function isOurs({ type }: PodCondition): boolean {
  return OURS.has(type);
}

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: string;
  readonly mains: readonly ContainerStatus[];
  readonly inits: readonly ContainerStatus[];
  /** Names of init containers that have not done their part yet. */
  readonly uninitialised: readonly string[];
  readonly sandboxReady: boolean;
  /** It asks for other resources than it was given. */
  readonly isResized: boolean;
  /** The node took the pod away for its own sake. */
  readonly disruption: { readonly reason: string; readonly message: string } | undefined;
  readonly nowMs: number;
  /** The status told before: transition times of conditions that did not change are kept. */
  readonly previous: PodStatus | undefined;
}

type Verdict = [status: 'True' | 'False', reason?: string, message?: string];

export function conditionsOf(input: ConditionInput): PodCondition[] {
  const { pod, phase, uninitialised, sandboxReady, isResized, disruption, nowMs, previous } = input;
  const done = phase === 'Succeeded' || phase === 'Failed';
  const containersReady = containersVerdict(input);
  const initialized: Verdict =
    uninitialised.length > 0 && !done
      ? ['False', 'ContainersNotInitialized', `containers with incomplete status: [${uninitialised.join(' ')}]`]
      : phase === 'Succeeded'
        ? ['True', 'PodCompleted']
        : ['True'];
  const verdicts: [PodCondition['type'], Verdict][] = [
    ['PodReadyToStartContainers', [sandboxReady ? 'True' : 'False']],
    ['Initialized', initialized],
    ['Ready', containersReady[0] === 'True' ? gatesVerdict(pod) : containersReady],
    ['ContainersReady', containersReady],
    ['PodScheduled', ['True']],
  ];
  if (disruption !== undefined) verdicts.push(['DisruptionTarget', ['True', disruption.reason, disruption.message]]);
  if (isResized && !done) verdicts.push(['PodResizePending', ['True', 'Infeasible', RESIZE_INFEASIBLE]]);
  const { generation } = pod.metadata;
  const ours = verdicts.map(([type, [status, reason, message]]): PodCondition => {
    const old = previous?.conditions?.find((c) => c.type === type);
    const since = old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : time(nowMs);
    return {
      type,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status,
      lastTransitionTime: since,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    };
  });
  return [...ours, ...(pod.status?.conditions ?? []).filter((c) => !isOurs(c))];
}

function containersVerdict({ pod, phase, mains, inits }: ConditionInput): Verdict {
  if (phase === 'Succeeded') return ['False', 'PodCompleted'];
  if (phase === 'Failed') return ['False', 'PodFailed'];
  const sidecars = inits.filter((c) => pod.spec.initContainers?.some((s) => s.name === c.name && s.restartPolicy === 'Always'));
  const unready = [...sidecars, ...mains].filter((c) => !c.ready).map((c) => c.name);
  return unready.length > 0 ? ['False', 'ContainersNotReady', `containers with unready status: [${unready.join(' ')}]`] : ['True'];
}

/** Whether what others have to say about the pod lets it be ready. */
function gatesVerdict({ spec, status }: Pod): Verdict {
  const unready = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = status?.conditions?.find((c) => c.type === conditionType);
    if (found === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return found.status === 'True' ? [] : [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  return unready.length > 0 ? ['False', 'ReadinessGatesNotReady', unready.join(', ')] : ['True'];
}

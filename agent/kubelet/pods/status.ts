/**
 * What the world may know about a pod: its PodStatus, from the wanted pod and what the runtime says. Pure.
 *
 * Reasons, messages and the rules for phase and conditions are upstream's, because people and tools match on them.
 * Units: milliseconds since the Unix epoch in; RFC 3339 seconds out.
 * Source: "Pod Lifecycle" in the Kubernetes docs (phases, container states, conditions).
 */
import type { ContainerState, ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { formatDuration } from '#base/duration.ts';
import { isResized } from './allocated.ts';
import { conditionsOf } from './conditions.ts';
import { ownContainers } from './containers.ts';
import { qosClassOf } from './qos.ts';
import type { RuntimeContainer, RuntimeSandbox } from '../runtime/types.ts';
import type { ProbeVerdict } from '../probes/plan.ts';
import { isDue, nextStart, shouldRestart, type CrashBackoff, type ExitCodeRule, type RestartPolicy, type RestartRules } from './restart.ts';
import { time } from './time.ts';

/** Why a container is not running although it should: image pull, creation. */
export interface Waiting {
  readonly container: string;
  readonly reason: string;
  readonly message: string;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly sandboxes: readonly RuntimeSandbox[];
  readonly containers: readonly RuntimeContainer[];
  readonly waiting: readonly Waiting[];
  /** Container -> how far the pull of its image is. */
  readonly pulling?: ReadonlyMap<string, string>;
  readonly hostIps: readonly string[];
  readonly crashBackoff: CrashBackoff;
  readonly nowMs: number;
  /** The status told before: transition times of conditions that did not change are kept. */
  readonly previous: PodStatus | undefined;
  /** First seen by this node. */
  readonly startedAtMs: number;
  /** By container id. */
  readonly probes?: ReadonlyMap<string, ProbeVerdict>;
  /** The kubelet ended the pod, or did not let it begin. */
  readonly ended?: Ended;
  /** It was deleted: nothing of it starts again. */
  readonly isEnding?: boolean;
}

export interface Ended {
  /** Evicted, DeadlineExceeded, OutOfcpu, … */
  readonly reason: string;
  readonly message: string;
  /** The reason of the condition DisruptionTarget, where the node took the pod away for its own sake. */
  readonly disruption?: string;
}

type SpecContainer = Pod['spec']['containers'][number];

/** For good. */
export function isOver(status: PodStatus | undefined): status is PodStatus {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export function podStatus(input: StatusInput): PodStatus {
  const { pod, hostIps, previous } = input;
  const uid = pod.metadata?.uid ?? '';
  const sandbox = input.sandboxes.filter((s) => s.uid === uid).toSorted((a, b) => b.attempt - a.attempt)[0];
  const initSpecs = pod.spec.initContainers ?? [];
  const inits = initSpecs.map((c) => containerStatus(input, c, 'PodInitializing'));
  const initialised = initSpecs.every((c, i) => isInitialised(c, inits[i]));
  const mains = pod.spec.containers.map((c) => containerStatus(input, c, initialised ? 'ContainerCreating' : 'PodInitializing'));
  const ephemerals = (pod.spec.ephemeralContainers ?? []).map((c) => ephemeralStatus(input, c));
  const phase = input.ended === undefined ? phaseOf(input, { mains, inits, ephemerals, initialised }) : 'Failed';
  const { generation } = pod.metadata;
  const neverBegan = input.ended !== undefined && !input.containers.some((c) => c.uid === uid);
  const over = phase === 'Succeeded' || phase === 'Failed' || input.isEnding === true;
  const lastIps = over ? (previous?.podIPs ?? []).map(({ ip }) => ip) : []; // whoever asks who had the address finds it there
  const own = sandbox?.ready === true ? sandbox.ips : [];
  const ips = pod.spec.hostNetwork === true ? hostIps : own.length > 0 ? own : lastIps;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    ...(input.ended === undefined ? {} : { reason: input.ended.reason, message: input.ended.message }),
    conditions: conditionsOf({
      pod,
      phase,
      mains,
      inits,
      uninitialised: initSpecs.filter((c, i) => !isInitialised(c, inits[i])).map((c) => c.name),
      sandboxReady: sandbox?.ready === true && (ips.length > 0 || pod.spec.hostNetwork === true),
      isResized: isResized(pod, input.containers),
      disruption: disruptionOf(input.ended),
      nowMs: input.nowMs,
      previous,
    }),
    ...(hostIps[0] === undefined ? {} : { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(ips[0] === undefined || (sandbox?.ready !== true && !over) ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: time(input.startedAtMs),
    ...(inits.length > 0 && !neverBegan ? { initContainerStatuses: inits } : {}),
    ...(neverBegan ? {} : { containerStatuses: mains }),
    ...(ephemerals.length > 0 && !neverBegan ? { ephemeralContainerStatuses: ephemerals } : {}),
    qosClass: qosClassOf(pod.spec),
  };
}

function disruptionOf(ended: Ended | undefined): { reason: string; message: string } | undefined {
  return ended?.disruption === undefined ? undefined : { reason: ended.disruption, message: ended.message };
}

function containerStatus(input: StatusInput, spec: SpecContainer, firstReason: string): ContainerStatus {
  const uid = input.pod.metadata?.uid;
  const all = input.containers.filter((c) => c.uid === uid && c.name === spec.name).toSorted((a, b) => b.attempt - a.attempt);
  const [current, before] = all;
  const waiting = input.waiting.find((w) => w.container === spec.name);
  const message = waiting?.message ?? input.pulling?.get(spec.name);
  if (current === undefined) {
    const lost = lostContainer(input, spec);
    if (lost !== undefined) return lost;
    return {
      name: spec.name,
      state: { waiting: { reason: waiting?.reason ?? firstReason, ...(message === undefined ? {} : { message }) } },
      lastState: {},
      ready: false,
      started: false,
      restartCount: 0,
      image: spec.image ?? '',
      imageID: '',
    };
  }
  const backoff = current.state === 'exited' ? crashWait(input, spec.name, current) : undefined;
  // One that is not started again waits for nothing, whatever kept it from starting.
  const held = current.state === 'exited' && startsAgain(input, spec.name, current) ? (waiting ?? backoff) : undefined;
  const running = current.state === 'running';
  const verdict = input.probes?.get(current.id);
  const isInit = input.pod.spec.initContainers?.some((c) => c.name === spec.name && c.restartPolicy !== 'Always') === true;
  return {
    name: spec.name,
    state: held === undefined ? stateOf(current) : { waiting: { reason: held.reason, message: held.message } },
    lastState: held !== undefined ? stateOf(current) : before === undefined ? {} : stateOf(before),
    ready: (running && !isInit && verdict?.ready !== false) || (isInit && current.state === 'exited' && current.exitCode === 0),
    started: running && verdict?.started !== false,
    restartCount: current.attempt,
    image: current.image,
    imageID: current.imageRef,
    containerID: current.runtimeId,
    ...resourcesOf(current.resources ?? spec.resources),
    ...(spec.lifecycle?.stopSignal === undefined ? {} : { stopSignal: spec.lifecycle.stopSignal }),
  };
}

/** Nobody asks whether it is ready, or has begun to work. Source: upstream leaves both out of the verdicts of probes. */
function ephemeralStatus(input: StatusInput, spec: SpecContainer): ContainerStatus {
  const firstReason = (input.pod.spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating';
  const { started: _, ...status } = containerStatus(input, spec, firstReason);
  return { ...status, ready: false };
}

/** It ran by an earlier word of ours, and the runtime knows nothing of it any more. Source: upstream's reason and exit code. */
function lostContainer({ previous, isEnding }: StatusInput, { name }: SpecContainer): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = previous ?? {};
  const before = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find((c) => c.name === name);
  if (isEnding !== true || before === undefined) return undefined;
  if (before.state?.terminated !== undefined) return before;
  if (before.state?.running === undefined) return undefined;
  const message = 'The container could not be located when the pod was terminated';
  const terminated = { reason: 'ContainerStatusUnknown', message, exitCode: 137 };
  return { ...before, state: { terminated }, ready: false, started: false };
}

/** What the runtime was asked for when it made the container; nothing changes that later. */
function resourcesOf(resources: SpecContainer['resources'] = {}): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const { requests, limits } = resources;
  if (requests === undefined && limits === undefined) return {};
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) },
  };
}

function stateOf(c: RuntimeContainer): ContainerState {
  switch (c.state) {
    case 'running':
      return { running: { startedAt: time(c.startedAtMs) } };
    case 'created':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'unknown':
      return { waiting: { reason: 'ContainerStatusUnknown', message: 'The runtime cannot tell the state of the container' } };
    case 'exited':
      return {
        terminated: {
          exitCode: c.exitCode,
          reason: c.reason === '' ? (c.exitCode === 0 ? 'Completed' : 'Error') : c.reason,
          ...(c.message === '' ? {} : { message: c.message }),
          startedAt: time(c.startedAtMs),
          finishedAt: time(c.finishedAtMs),
          containerID: c.runtimeId,
        },
      };
  }
}

function crashWait(input: StatusInput, name: string, ended: RuntimeContainer): Waiting | undefined {
  const { pod, crashBackoff, nowMs } = input;
  if (input.ended !== undefined || input.isEnding === true || !startsAgain(input, name, ended)) return undefined;
  const { notBeforeMs } = nextStart(ended, crashBackoff);
  if (isDue(notBeforeMs, nowMs, crashBackoff.maxMs)) return undefined;
  const { name: podName = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const message = `back-off ${formatDuration(ended.backoffMs)} restarting failed container=${name} pod=${podName}_${namespace}(${uid})`;
  return { container: name, reason: 'CrashLoopBackOff', message };
}

/** As the planner sees it: one that a probe gave up did not end well, whatever its code. */
function startsAgain(
  { pod, probes, isEnding }: StatusInput,
  name: string,
  { id, exitCode }: Pick<RuntimeContainer, 'id' | 'exitCode'>,
): boolean {
  if (isEnding === true) return false;
  const spec = ownContainers(pod.spec).find((c) => c.name === name);
  if (spec === undefined) return false;
  const { policy, rules } = restartRulesOf(pod, spec);
  return probes?.get(id)?.failed === undefined ? shouldRestart(policy, exitCode, rules) : policy !== 'Never';
}

interface ContainerStatuses {
  readonly mains: readonly ContainerStatus[];
  readonly inits: readonly ContainerStatus[];
  readonly ephemerals: readonly ContainerStatus[];
  readonly initialised: boolean;
}

function phaseOf(input: StatusInput, { mains, inits, ephemerals, initialised }: ContainerStatuses): NonNullable<PodStatus['phase']> {
  const again = (c: ContainerStatus): boolean => {
    const end = c.state?.terminated ?? c.lastState?.terminated;
    const id = end?.containerID?.replace(/^[^:]*:\/\//, '') ?? '';
    return end === undefined || startsAgain(input, c.name, { id, exitCode: end.exitCode });
  };
  if (!initialised) {
    const failed = inits.some((c, i) => {
      const isInit = input.pod.spec.initContainers?.[i]?.restartPolicy !== 'Always';
      return isInit && (c.state?.terminated?.exitCode ?? 0) !== 0 && !again(c);
    });
    return failed ? 'Failed' : 'Pending';
  }
  if (input.isEnding === true && ![...mains, ...inits, ...ephemerals].some((c) => c.state?.running !== undefined))
    return mains.every((c) => c.state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
  if (mains.some((c) => c.state?.running === undefined && c.state?.terminated === undefined && c.lastState?.terminated === undefined))
    return 'Pending';
  if (mains.some((c) => c.state?.running !== undefined || again(c))) return 'Running';
  return mains.every((c) => c.state?.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

function isInitialised(spec: SpecContainer, status: ContainerStatus | undefined): boolean {
  if (spec.restartPolicy === 'Always') return status?.started === true;
  return status?.state?.terminated?.exitCode === 0;
}

export function restartPolicyOf(pod: Pod): RestartPolicy {
  return pod.spec.restartPolicy ?? 'Always';
}

/** A container's own policy and rules, else the pod's. */
export function restartRulesOf(pod: Pod, { restartPolicy, restartPolicyRules = [] }: SpecContainer): RestartRules {
  const rules = restartPolicyRules.flatMap(({ action, exitCodes }): ExitCodeRule[] =>
    exitCodes === undefined || action !== 'Restart' ? [] : [{ operator: exitCodes.operator, values: exitCodes.values ?? [] }],
  );
  return { policy: restartPolicy ?? restartPolicyOf(pod), ...(rules.length === 0 ? {} : { rules }) };
}

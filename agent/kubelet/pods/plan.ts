/**
 * Decides the next steps for everything that carries one pod's name. Pure: no clock, no I/O, no mutation of its arguments.
 *
 * A changed static pod is a new pod with another UID: what runs under an old UID is ended first, then the new one starts.
 * One plan goes as far as it can (sandbox, then every container that is due), because each look at the runtime costs time.
 *
 * Units: all times are milliseconds since the Unix epoch; durations end in Ms.
 * Throws: never. Impossible input is a type error, not a run-time one.
 * Source: the order of steps follows "Pod lifecycle" and "Sidecar containers" in the Kubernetes docs.
 */
import type { Plan } from '#base/reconcile.ts';
import type { ProbeVerdict } from '../probes/plan.ts';
import { isDue, nextStart, shouldRestart, type CrashBackoff, type RestartPolicy, type RestartRules } from './restart.ts';

/** The longest that Holds ever asks for. */
const LONGEST_HOLD_MS = 300_000;

/** An ephemeral one was put in later, to look at the pod: it begins once, whatever the others do, and never again. */
export type ContainerRole = 'init' | 'sidecar' | 'main' | 'ephemeral';

export interface DesiredContainer {
  readonly name: string;
  readonly role: ContainerRole;
  readonly specHash: string;
  /** Its own, where they are not the pod's. */
  readonly restart?: RestartRules;
  /** Of its probes, where it is not the pod's: how long it has to end when the probe failed. */
  readonly probeGraceMs?: { readonly [probe in 'liveness' | 'startup']?: number };
  /** A sidecar with a startup probe: what follows waits until that says yes. */
  readonly slowStart?: boolean;
}

export interface DesiredPod {
  readonly uid: string;
  readonly restartPolicy: RestartPolicy;
  readonly graceMs: number;
  /** activeDeadlineSeconds: from then on nothing of it runs. */
  readonly deadlineAtMs?: number;
  /** Decided elsewhere (eviction, shutdown, no room): nothing of it runs any more. */
  readonly ended?: { readonly why: StopReason; readonly graceMs?: number };
  /** In the order of the manifest, init containers and sidecars first, ephemeral ones last. */
  readonly containers: readonly DesiredContainer[];
}

export interface ObservedSandbox {
  readonly id: string;
  readonly uid: string;
  readonly attempt: number;
  readonly ready: boolean;
}

export interface ObservedContainer {
  readonly id: string;
  readonly uid: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly specHash: string;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly exitCode: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly backoffMs: number;
  readonly graceMs: number;
  /** When the whole pod ends: 0 with the first, sidecars after those they serve. */
  readonly stopOrder?: number;
}

/** A container that could not be started (image, creation): not to be tried before untilMs. */
export interface Hold {
  readonly container: string;
  readonly untilMs: number;
  readonly reason: string;
}

export interface ObservedPod {
  readonly sandboxes: readonly ObservedSandbox[];
  readonly containers: readonly ObservedContainer[];
  readonly holds: readonly Hold[];
  /** UIDs that have files, cgroups or logs left on the node. */
  readonly leftovers: readonly string[];
  /** What probes say of each container, by id; of one that is not named here nothing bad is known. */
  readonly probes?: ReadonlyMap<string, ProbeVerdict>;
}

export type StopReason =
  | 'podGone'
  | 'specChanged'
  | 'unknown'
  | 'sandboxLost'
  | 'podDone'
  | 'livenessFailed'
  | 'startupFailed'
  | 'hookFailed'
  | 'deadlineExceeded'
  | 'evicted'
  | 'preempted'
  | 'nodeShutdown'
  | 'rejected';

export type PodAction =
  | { readonly kind: 'createSandbox'; readonly attempt: number }
  | { readonly kind: 'startContainer'; readonly name: string; readonly attempt: number; readonly backoffMs: number }
  | {
      readonly kind: 'stopContainer';
      readonly id: string;
      readonly name: string;
      readonly graceMs: number;
      readonly why: StopReason;
      /** Those with a lower one have to end first; the grace period is shared. */
      readonly order: number;
    }
  | { readonly kind: 'removeContainer'; readonly id: string; readonly name: string }
  | { readonly kind: 'stopSandbox'; readonly id: string }
  | { readonly kind: 'removeSandbox'; readonly id: string }
  | { readonly kind: 'removePodData'; readonly uid: string };

/** Containers that ended before the newest of their name. */
export interface DeadContainers {
  /** So many stay of each; negative: all. */
  readonly perContainer: number;
  /** And every one that ended less than so long ago. */
  readonly minAgeMs: number;
}

export interface PlanOptions {
  readonly crashBackoff: CrashBackoff;
  /** Default: one of each. */
  readonly deadContainers?: DeadContainers;
}

export function planPod(desired: DesiredPod | undefined, observed: ObservedPod, nowMs: number, options: PlanOptions): Plan<PodAction> {
  const gone = endOthers(desired?.uid, observed);
  if (gone.length > 0 || desired === undefined) return { actions: gone };

  const mine = observed.containers.filter((c) => c.uid === desired.uid);
  const sandboxes = observed.sandboxes.filter((s) => s.uid === desired.uid).toSorted((a, b) => b.attempt - a.attempt);
  const sandbox = sandboxes.find((s) => s.ready);
  const { due, waitMs, waitingFor, stops, finished } = lookAtContainers(desired, mine, {
    sandboxId: sandbox?.id,
    nowMs,
    options,
    holds: observed.holds,
    probes: observed.probes ?? new Map<string, ProbeVerdict>(),
  });
  const tidy = tidyUp(mine, { sandboxes, current: sandbox?.id, nowMs, keep: options.deadContainers ?? ONE_DEAD });

  if (stops.length > 0) return { actions: stops };
  if (finished) {
    // Nothing of it will ever run again: give back the network, keep the containers for their logs and exit codes.
    const open = sandboxes.filter((s) => s.ready).map((s): PodAction => ({ kind: 'stopSandbox', id: s.id }));
    return { actions: [...open, ...tidy] };
  }
  const actions: PodAction[] = [];
  if (due.length > 0 && sandbox === undefined) actions.push({ kind: 'createSandbox', attempt: (sandboxes[0]?.attempt ?? -1) + 1 });
  actions.push(...due, ...tidy);
  const leftMs = Math.min(waitMs, (desired.deadlineAtMs ?? Infinity) - nowMs);
  if (actions.length > 0 || leftMs === Infinity) return { actions };
  return { actions, lookAgainAfterMs: Math.max(leftMs, 0), ...(waitingFor === undefined ? {} : { waitingFor }) };
}

/** Whether the pod ran into its deadline; one that was done before it did not. */
export function isPastDeadline(desired: DesiredPod, observed: ObservedPod, nowMs: number): boolean {
  const { deadlineAtMs } = desired;
  if (deadlineAtMs === undefined || nowMs < deadlineAtMs) return false;
  const inTime = observed.containers.filter((c) => c.uid === desired.uid && !(c.state === 'exited' && c.finishedAtMs >= deadlineAtMs));
  const sandbox = observed.sandboxes.find((s) => s.uid === desired.uid && s.ready);
  return !isFinished(desired, inTime, { sandboxId: sandbox?.id, probes: observed.probes ?? new Map<string, ProbeVerdict>() });
}

/** Everything that carries the pod's name but not the wanted UID ends: containers, then the sandbox, then what lies on disk. */
function endOthers(wantedUid: string | undefined, observed: ObservedPod): PodAction[] {
  const sandboxes = observed.sandboxes.filter((s) => s.uid !== wantedUid);
  const containers = observed.containers.filter((c) => c.uid !== wantedUid);
  const uids = new Set([...sandboxes, ...containers].map((x) => x.uid).concat(observed.leftovers.filter((uid) => uid !== wantedUid)));
  return [
    ...containers.filter(mayRun).map((c): PodAction => ({
      kind: 'stopContainer',
      id: c.id,
      name: c.name,
      graceMs: c.graceMs,
      why: 'podGone',
      order: c.stopOrder ?? 0,
    })),
    ...sandboxes.filter((s) => s.ready).map((s): PodAction => ({ kind: 'stopSandbox', id: s.id })),
    ...containers.map((c): PodAction => ({ kind: 'removeContainer', id: c.id, name: c.name })),
    ...sandboxes.map((s): PodAction => ({ kind: 'removeSandbox', id: s.id })),
    ...[...uids].map((uid): PodAction => ({ kind: 'removePodData', uid })),
  ];
}

interface Look {
  readonly due: PodAction[];
  readonly stops: PodAction[];
  readonly waitMs: number;
  readonly waitingFor: string | undefined;
  /** No container will ever be started again. */
  readonly finished: boolean;
}

interface LookContext {
  readonly sandboxId: string | undefined;
  readonly nowMs: number;
  readonly options: PlanOptions;
  readonly holds: readonly Hold[];
  readonly probes: ReadonlyMap<string, ProbeVerdict>;
}

function lookAtContainers(desired: DesiredPod, mine: readonly ObservedContainer[], ctx: LookContext): Look {
  const end = endOf(desired, mine, ctx);
  const finished = end !== undefined;
  const stops = mine.filter(mayRun).flatMap((c) => stopOf(c, { desired, end, sandboxId: ctx.sandboxId, probes: ctx.probes }));
  const starts = new Starts(desired, mine, ctx);
  if (!finished) {
    starts.walk();
    starts.lookIn();
  }
  return { due: starts.due, waitMs: starts.waitMs, waitingFor: starts.waitingFor, stops, finished };
}

interface End {
  readonly why: StopReason;
  readonly graceMs?: number;
}

/** Why nothing of the pod shall run any more; undefined while something shall. */
function endOf(desired: DesiredPod, mine: readonly ObservedContainer[], ctx: LookContext): End | undefined {
  if (desired.ended !== undefined) return desired.ended;
  if (isFinished(desired, mine, ctx)) return { why: 'podDone' };
  return ctx.nowMs >= (desired.deadlineAtMs ?? Infinity) ? { why: 'deadlineExceeded' } : undefined;
}

type Endings = Pick<LookContext, 'sandboxId' | 'probes'>;

/** Every main container ended for good, or an init container did so without success. */
function isFinished(desired: DesiredPod, mine: readonly ObservedContainer[], { sandboxId, probes }: Endings): boolean {
  const endedForGood = (want: DesiredContainer): boolean => {
    const last = newest(mine, want.name);
    return last?.state === 'exited' && last.specHash === want.specHash && !startsAgain(desired, want, last, probes);
  };
  const mains = desired.containers.filter((c) => c.role === 'main');
  if (mains.every(endedForGood)) return true;
  if (mainsBegun(desired, mine, sandboxId)) return false;
  return desired.containers.some((c) => c.role === 'init' && newest(mine, c.name)?.exitCode !== 0 && endedForGood(c));
}

/** An init container that failed is tried again under Always as well; one that a probe ended did not end well, whatever its code. */
function startsAgain(
  desired: DesiredPod,
  want: DesiredContainer,
  ended: ObservedContainer,
  probes: ReadonlyMap<string, ProbeVerdict>,
): boolean {
  const { policy, rules } = want.restart ?? { policy: desired.restartPolicy };
  if (probes.get(ended.id)?.failed !== undefined) return policy !== 'Never';
  return shouldRestart(policy, ended.exitCode, rules);
}

function mainsBegun(desired: DesiredPod, mine: readonly ObservedContainer[], sandboxId: string | undefined): boolean {
  return desired.containers.some((want) => want.role === 'main' && mine.some((c) => c.name === want.name && c.sandboxId === sandboxId));
}

interface StopContext extends Endings {
  readonly desired: DesiredPod;
  readonly end: End | undefined;
}

function stopOf(c: ObservedContainer, { desired, end, sandboxId, probes }: StopContext): PodAction[] {
  const want = desired.containers.find((w) => w.name === c.name);
  const stop = (why: StopReason, graceMs = desired.graceMs, order = 0): PodAction[] => [
    { kind: 'stopContainer', id: c.id, name: c.name, graceMs, why, order },
  ];
  // Unknown to us, or in a state the runtime itself cannot tell: end it before anything is started in its place.
  if (want === undefined || c.state === 'unknown') return stop('unknown');
  if (end !== undefined) return stop(end.why, end.graceMs, c.stopOrder ?? 0);
  if (c.sandboxId !== sandboxId) return stop('sandboxLost', 0);
  if (want.specHash !== c.specHash) return stop('specChanged');
  const failed = probes.get(c.id)?.failed;
  return failed === undefined ? [] : stop(`${failed}Failed`, want.probeGraceMs?.[failed]);
}

/** Goes through the containers in their order and collects what may start now, or how long the nearest one has to wait. */
class Starts {
  readonly due: PodAction[] = [];
  waitMs = Infinity;
  waitingFor: string | undefined;
  readonly #desired: DesiredPod;
  readonly #mine: readonly ObservedContainer[];
  readonly #ctx: LookContext;

  constructor(desired: DesiredPod, mine: readonly ObservedContainer[], ctx: LookContext) {
    this.#desired = desired;
    this.#mine = mine;
    this.#ctx = ctx;
  }

  walk(): void {
    const begun = mainsBegun(this.#desired, this.#mine, this.#ctx.sandboxId);
    for (const want of this.#desired.containers.filter((c) => c.role !== 'ephemeral')) {
      const last = newest(this.#mine, want.name);
      if (want.role === 'init') {
        if (begun || (last?.state === 'exited' && last.sandboxId === this.#ctx.sandboxId && last.exitCode === 0)) continue;
        if (last === undefined || !mayRun(last)) this.#start(want, last);
        return; // what follows an init container waits for its success
      }
      const { probes } = this.#ctx;
      if (last !== undefined && mayRun(last)) {
        if (want.role === 'sidecar' && !begun && probes.get(last.id)?.started === false) return; // its startup probe rings
        continue;
      }
      const ended = last?.state === 'exited' && last.specHash === want.specHash;
      if (want.role === 'main' && ended && !startsAgain(this.#desired, want, last, probes)) continue;
      const started = this.#start(want, last);
      if (want.role === 'sidecar' && !begun && (!started || want.slowStart === true)) return;
    }
  }

  /** Ephemeral containers wait for nothing but the sandbox, which is not made for their sake. */
  lookIn(): void {
    if (this.#ctx.sandboxId === undefined) return;
    for (const want of this.#desired.containers.filter((c) => c.role === 'ephemeral')) {
      const last = newest(this.#mine, want.name);
      if (last === undefined || last.state === 'created') this.#start(want, last);
    }
  }

  #start(want: DesiredContainer, last: ObservedContainer | undefined): boolean {
    const { nowMs, holds, options } = this.#ctx;
    const next = startOf(want, last, options.crashBackoff);
    const hold = holds.find((h) => h.container === want.name && !isDue(h.untilMs, nowMs, LONGEST_HOLD_MS));
    const crashMs = isDue(next.notBeforeMs, nowMs, options.crashBackoff.maxMs) ? 0 : next.notBeforeMs;
    const notBeforeMs = Math.max(crashMs, hold?.untilMs ?? 0);
    if (notBeforeMs <= nowMs) {
      if (last?.state === 'created') this.due.push({ kind: 'removeContainer', id: last.id, name: last.name });
      this.due.push({ kind: 'startContainer', name: want.name, attempt: next.attempt, backoffMs: next.backoffMs });
      return true;
    }
    if (notBeforeMs - nowMs < this.waitMs) {
      this.waitMs = notBeforeMs - nowMs;
      this.waitingFor = hold?.reason ?? 'CrashLoopBackOff';
    }
    return false;
  }
}

function startOf(
  want: DesiredContainer,
  last: ObservedContainer | undefined,
  backoff: CrashBackoff,
): { notBeforeMs: number; backoffMs: number; attempt: number } {
  if (last === undefined) return { notBeforeMs: 0, backoffMs: 0, attempt: 0 };
  // Created but never started (the kubelet died in between): the same attempt once more.
  if (last.state === 'created') return { notBeforeMs: 0, backoffMs: last.backoffMs, attempt: last.attempt };
  if (last.specHash !== want.specHash) return { notBeforeMs: 0, backoffMs: 0, attempt: last.attempt + 1 };
  return { ...nextStart(last, backoff), attempt: last.attempt + 1 };
}

/** For lastState and `logs --previous`. Source: the default of --maximum-dead-containers-per-container. */
const ONE_DEAD: DeadContainers = { perContainer: 1, minAgeMs: 0 };

interface TidyFacts {
  readonly sandboxes: readonly ObservedSandbox[];
  readonly current: string | undefined;
  readonly nowMs: number;
  readonly keep: DeadContainers;
}

/** Of each container the newest stays, and so many that ended before it; a sandbox nothing refers to goes. */
function tidyUp(mine: readonly ObservedContainer[], { sandboxes, current, nowMs, keep }: TidyFacts): PodAction[] {
  const drop: ObservedContainer[] = [];
  for (const name of new Set(mine.map((c) => c.name))) {
    const [, ...older] = mine.filter((c) => c.name === name).toSorted((a, b) => b.attempt - a.attempt);
    const spare = keep.perContainer < 0 ? [] : older.slice(keep.perContainer);
    drop.push(...spare.filter((c) => !mayRun(c) && nowMs - c.finishedAtMs >= keep.minAgeMs));
  }
  const kept = mine.filter((c) => !drop.includes(c));
  const newestSandbox = current ?? sandboxes[0]?.id;
  const unused = sandboxes.filter((s) => s.id !== newestSandbox && !kept.some((c) => c.sandboxId === s.id));
  return [
    ...drop.map((c): PodAction => ({ kind: 'removeContainer', id: c.id, name: c.name })),
    ...unused.map((s): PodAction => ({ kind: 'removeSandbox', id: s.id })),
  ];
}

function newest(containers: readonly ObservedContainer[], name: string): ObservedContainer | undefined {
  return containers
    .filter((c) => c.name === name)
    .reduce<ObservedContainer | undefined>((best, c) => (best === undefined || c.attempt > best.attempt ? c : best), undefined);
}

function mayRun(c: ObservedContainer): boolean {
  return c.state === 'running' || c.state === 'unknown';
}

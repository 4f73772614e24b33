/**
 * Ends containers: those of one pod that have to end first, side by side, then those that serve them; each after its preStop hook.
 * The grace period is the pod's and runs from the first moment on; what is left of it is shared.
 *
 * Source: "Termination of Pods" in the Kubernetes docs; two seconds are left to a container after its hook took everything.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { codeOf, explain } from '#base/errors.ts';
import { runHook } from '../lifecycle/act.ts';
import type { RuntimeContainer } from '../runtime/types.ts';
import type { ActDeps, PodTurn, StopAction } from './act.ts';
import { containerNamed } from './containers.ts';
import type { StopReason } from './plan.ts';
import { restartRulesOf } from './status.ts';
import { stopWithSignal } from './stopSignal.ts';
import { within } from './within.ts';

const LEAST_MS = 2_000;

export async function stopContainers(deps: ActDeps, turn: PodTurn, stops: readonly StopAction[], signal: AbortSignal): Promise<void> {
  const startedMs = deps.clock.monotonicMs();
  const orders = [...new Set(stops.map((a) => a.order))].sort((a, b) => a - b);
  for (const order of orders) {
    const usedMs = deps.clock.monotonicMs() - startedMs;
    const group = stops.filter((a) => a.order === order);
    await Promise.all(group.map((a) => stopContainer(deps, turn, { ...a, graceMs: left(a.graceMs, usedMs) }, signal)));
  }
}

/** A container that has time has two seconds at least. */
function left(graceMs: number, usedMs: number): number {
  return graceMs <= 0 || usedMs === 0 ? graceMs : Math.max(graceMs - usedMs, LEAST_MS);
}

/** Source: upstream's words for a Killing event. */
function message(
  why: StopReason,
  { name, state }: { readonly name: string; readonly state: RuntimeContainer['state'] | undefined },
  pod: Pod,
): string {
  switch (why) {
    case 'livenessFailed':
    case 'startupFailed': {
      const spec = containerNamed(pod.spec, name);
      const again = spec === undefined || restartRulesOf(pod, spec).policy === 'Never' ? '' : ', will be restarted';
      return `Container ${name} failed ${why === 'livenessFailed' ? 'liveness' : 'startup'} probe${again}`;
    }
    case 'hookFailed':
      return 'FailedPostStartHook';
    case 'specChanged':
      return `Container ${name} definition changed, will be restarted`;
    case 'unknown':
      return state === 'unknown' ? 'Container is in "unknown" state, try killing it before restart' : `Stopping container ${name}`;
    default:
      return `Stopping container ${name}`;
  }
}

export async function stopContainer(deps: ActDeps, turn: PodTurn, a: StopAction, signal: AbortSignal): Promise<void> {
  const { clock, timeline, log } = deps;
  const pod = turn.shown ?? turn.desired;
  const container = turn.observed.containers.find((c) => c.id === a.id);
  if (pod !== undefined)
    deps.events.record(pod, 'Normal', 'Killing', message(a.why, { name: a.name, state: container?.state }, pod), a.name);
  const startedMs = clock.monotonicMs();
  await timeline.step(turn.key, { step: a.kind, container: a.name }, async () => {
    if (container?.preStop !== undefined && a.graceMs > 0) await preStop(deps, { turn, pod, container, graceMs: a.graceMs }, signal);
    const graceMs = left(a.graceMs, clock.monotonicMs() - startedMs);
    const wanted = pod === undefined ? undefined : containerNamed(pod.spec, a.name)?.lifecycle?.stopSignal;
    if (wanted !== undefined && (await stopWithSignal(deps, { id: a.id, name: wanted, graceMs }, signal))) return;
    try {
      await deps.runtime.client.runtime.stopContainer({ container_id: a.id, timeout: Math.ceil(graceMs / 1_000) }, { signal });
    } catch (err) {
      if (pod !== undefined && ENDS_POD.has(a.why) && !signal.aborted && codeOf(err) !== 'CRI_NOT_FOUND')
        deps.events.record(pod, 'Warning', 'FailedKillPod', notKilled(a.name, err));
      throw err;
    }
  });
  log.info('Stopped container', { pod: turn.key, container: a.name, why: a.why, tookMs: Math.round(clock.monotonicMs() - startedMs) });
}

const ENDS_POD: ReadonlySet<StopReason> = new Set(['podGone', 'deadlineExceeded', 'evicted', 'preempted', 'nodeShutdown', 'rejected']);

/** Source: upstream's words. */
function notKilled(name: string, err: unknown): string {
  return `error killing pod: failed to "KillContainer" for ${JSON.stringify(name)} with KillContainerError: ${JSON.stringify(explain(err))}`;
}

interface PreStop {
  readonly turn: PodTurn;
  readonly pod: Pod | undefined;
  readonly container: RuntimeContainer;
  readonly graceMs: number;
}

/** A hook that fails or takes too long does not keep the container from ending. */
async function preStop(deps: ActDeps, { turn, pod, container, graceMs }: PreStop, signal: AbortSignal): Promise<void> {
  const { preStop: hook, name, ports } = container;
  if (hook === undefined) return;
  const ip = turn.observed.sandboxes.find((s) => s.id === container.sandboxId)?.ips[0] ?? deps.node.hostIps[0] ?? '';
  const target = { containerId: container.id, container: { name, ...(ports === undefined ? {} : { ports }) }, ip };
  const client = deps.runtime.client;
  try {
    await deps.timeline.step(turn.key, { step: 'preStop', container: name }, () =>
      within(deps.clock, { ms: graceMs, late: () => 'the hook took the whole grace period', signal }, (s) =>
        runHook({ client, clock: deps.clock }, hook, target, s),
      ),
    );
  } catch (err) {
    if (signal.aborted) throw err;
    if (codeOf(err) === 'CRI_NOT_FOUND') return; // it ended by itself
    if (pod !== undefined) deps.events.record(pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', name);
    deps.log.warn('Hook failed', { pod: turn.key, container: name, hook: 'preStop', err });
  }
}

/**
 * Carries out the plan of one pod: one handler per kind of action, nothing decided here.
 *
 * What fails throws, and the loop tries again; a container that cannot be started becomes a hold instead (start.ts).
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Turn } from '#base/reconcile.ts';
import type { Semaphore } from '#base/semaphore.ts';
import type { PodDisk } from '../disk/act.ts';
import type { EventLog } from '../events.ts';
import type { ObjectsOf } from '../objects/source.ts';
import type { CredentialSource } from '../images/observe.ts';
import type { ImagePuller } from '../images/puller.ts';
import type { CriRuntime, PodObjects } from '../runtime/cri.ts';
import { runtimeTrouble } from '../runtime/trouble.ts';
import type { Timeline } from '../timeline.ts';
import type { PodVolumes } from '../volumes/sync.ts';
import type { NodeContext } from './config.ts';
import type { Holds } from './holds.ts';
import type { ObservedPod, PodAction } from './plan.ts';
import { inSlot } from './slot.ts';
import { PodStart } from './start.ts';
import { stopContainers } from './stop.ts';

export interface ActDeps {
  readonly runtime: CriRuntime;
  readonly images: ImagePuller;
  readonly credentials: CredentialSource;
  readonly disk: PodDisk;
  readonly objects: ObjectsOf;
  /** What tells containers where services are. Throws what they have to wait for. */
  readonly serviceEnv?: (pod: Pod) => ReadonlyMap<string, string>;
  readonly volumes: PodVolumes;
  readonly holds: Holds;
  readonly events: EventLog;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly log: Logger;
  readonly node: NodeContext;
  /** How many pods start, and how many end, at once: more is slower. */
  readonly starts: Semaphore;
  readonly ends: Semaphore;
}

/** What the planner sees, with all that the runtime told. */
export type SeenPod = Omit<ObservedPod, keyof PodObjects> & PodObjects;
export type PodTurn = Turn<Pod, SeenPod, PodAction> & {
  /** The pod that is there, also when it is not wanted any more; undefined: nobody knows it. */
  readonly shown?: Pod | undefined;
  /** Told how far the image of a container is. */
  readonly onPull?: (container: string, text: string) => void;
};
export type StopAction = Extract<PodAction, { kind: 'stopContainer' }>;

/** life ends with the daemon; turn also when the pod is not wanted any more, and then only cuts short what is mere waiting. */
export interface ActSignals {
  readonly life: AbortSignal;
  readonly turn: AbortSignal;
}

export async function actOnPod(deps: ActDeps, turn: PodTurn, signals: ActSignals): Promise<void> {
  const begins = turn.actions.filter((a) => a.kind === 'createSandbox' || a.kind === 'startContainer');
  const ends = turn.actions.filter((a) => a.kind !== 'createSandbox' && a.kind !== 'startContainer');
  try {
    if (begins.length === 0 || turn.desired === undefined) return await endThings(deps, turn, ends, signals.life);
    // What is removed makes room (a name that is taken), but for old sandboxes: that is mere tidying, and if it fails the pod still starts.
    const old = ends.filter((a) => a.kind === 'removeSandbox');
    await endThings(
      deps,
      turn,
      ends.filter((a) => a.kind !== 'removeSandbox'),
      signals.life,
    );
    try {
      await new PodStart(deps, turn, turn.desired).run(begins, signals);
    } catch (err) {
      await endThings(deps, { ...turn, onStep: () => undefined }, old, signals.life).catch(() => undefined); // tried again, and told, once the start works
      throw err;
    }
    await endThings(deps, turn, old, signals.life);
  } catch (err) {
    throw runtimeTrouble(err);
  }
}

async function endThings(deps: ActDeps, turn: PodTurn, actions: readonly PodAction[], signal: AbortSignal): Promise<void> {
  const of = <K extends PodAction['kind']>(kind: K): Extract<PodAction, { kind: K }>[] =>
    actions.filter((a): a is Extract<PodAction, { kind: K }> => a.kind === kind);
  const { runtime } = deps.runtime.client;
  const { key, onStep } = turn;
  const stops = of('stopContainer');
  if (stops.length > 0) {
    onStep('stopContainer');
    await stopContainers(deps, turn, stops, signal);
  }
  const rest = actions.filter((a) => a.kind !== 'stopContainer');
  if (rest.length === 0) return;
  await inSlot(
    deps.ends,
    deps.clock,
    async () => {
      for (const a of of('stopSandbox')) {
        onStep(a.kind);
        await deps.timeline.step(key, { step: a.kind }, () => runtime.stopPodSandbox({ pod_sandbox_id: a.id }, { signal }));
      }
      for (const a of of('removeContainer')) {
        onStep(a.kind);
        await runtime.removeContainer({ container_id: a.id }, { signal });
        const c = turn.observed.containers.find((o) => o.id === a.id);
        if (c !== undefined) await deps.disk.removeContainerLog({ key, uid: c.uid }, c.name, c.attempt, c.id);
      }
      for (const a of of('removeSandbox')) {
        onStep(a.kind);
        await runtime.stopPodSandbox({ pod_sandbox_id: a.id }, { signal });
        await runtime.removePodSandbox({ pod_sandbox_id: a.id }, { signal });
      }
      for (const a of of('removePodData')) {
        onStep(a.kind);
        await deps.disk.remove(key, a.uid);
        deps.holds.forget(a.uid);
        deps.volumes.forget(a.uid);
        deps.log.info('Removed pod', { pod: key, uid: a.uid });
      }
    },
    signal,
  );
}

/**
 * Carries out the plan of one pod: one handler per kind of action, nothing decided here.
 *
 * Images are looked for while the sandbox is being made. A container that cannot be started holds up itself alone:
 * what went wrong becomes a hold that the next plan sees. Everything else that fails throws, and the loop tries again.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import { formatDuration } from '#base/duration.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Turn } from '#base/reconcile.ts';
import type { Semaphore } from '#base/semaphore.ts';
import type { PodDisk } from '../disk/act.ts';
import type { EventLog } from '../events.ts';
import type { ImagePuller, ImageReady } from '../images/puller.ts';
import { podName } from '../paths.ts';
import type { CriRuntime } from '../runtime/cri.ts';
import type { Timeline } from '../timeline.ts';
import { containerMounts, planVolumes } from '../volumes/plan.ts';
import { containerConfig, sandboxConfig, type NodeContext } from './config.ts';
import type { Holds } from './holds.ts';
import type { ObservedPod, PodAction } from './plan.ts';

export interface ActDeps {
  readonly runtime: CriRuntime;
  readonly images: ImagePuller;
  readonly disk: PodDisk;
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

type PodTurn = Turn<Pod, ObservedPod, PodAction>;
type StartAction = Extract<PodAction, { kind: 'startContainer' }>;
type StopAction = Extract<PodAction, { kind: 'stopContainer' }>;

/** life ends with the daemon; turn also when the pod is not wanted any more, and then only cuts short what is mere waiting. */
export interface ActSignals {
  readonly life: AbortSignal;
  readonly turn: AbortSignal;
}

export async function actOnPod(deps: ActDeps, turn: PodTurn, signals: ActSignals): Promise<void> {
  const ends = turn.actions.filter((a) => a.kind !== 'createSandbox' && a.kind !== 'startContainer');
  const begins = turn.actions.filter((a) => a.kind === 'createSandbox' || a.kind === 'startContainer');
  // In a plan that starts something, what is removed makes room for it (a name that is taken) or is mere tidying.
  await endThings(deps, turn, ends, signals.life);
  if (begins.length > 0 && turn.desired !== undefined) await new PodStart(deps, turn, turn.desired).run(begins, signals);
}

async function endThings(deps: ActDeps, turn: PodTurn, actions: readonly PodAction[], signal: AbortSignal): Promise<void> {
  const of = <K extends PodAction['kind']>(kind: K): Extract<PodAction, { kind: K }>[] =>
    actions.filter((a): a is Extract<PodAction, { kind: K }> => a.kind === kind);
  const { runtime } = deps.runtime.client;
  const { key, onStep } = turn;
  const stops = of('stopContainer');
  if (stops.length > 0) {
    onStep('stopContainer');
    // Side by side: the grace period is the pod's, not one after the other.
    await Promise.all(stops.map((a) => stopContainer(deps, turn, a, signal)));
  }
  const rest = actions.filter((a) => a.kind !== 'stopContainer');
  if (rest.length === 0) return;
  await deps.ends.run(async () => {
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
      deps.log.info('Removed pod', { pod: key, uid: a.uid });
    }
  }, signal);
}

async function stopContainer(deps: ActDeps, turn: PodTurn, a: StopAction, signal: AbortSignal): Promise<void> {
  if (turn.desired !== undefined) deps.events.record(turn.desired, 'Normal', 'Killing', `Stopping container ${a.name}`, a.name);
  const startedMs = deps.clock.monotonicMs();
  const seconds = Math.ceil(a.graceMs / 1_000);
  await deps.timeline.step(turn.key, { step: a.kind, container: a.name }, () =>
    deps.runtime.client.runtime.stopContainer({ container_id: a.id, timeout: seconds }, { signal }),
  );
  deps.log.info('Stopped container', {
    pod: turn.key,
    container: a.name,
    why: a.why,
    tookMs: Math.round(deps.clock.monotonicMs() - startedMs),
  });
}

/** The start of a pod or of some of its containers. */
class PodStart {
  readonly #deps: ActDeps;
  readonly #turn: PodTurn;
  readonly #pod: Pod;
  readonly #uid: string;
  readonly #images = new Map<string, Promise<ImageReady | undefined>>();

  constructor(deps: ActDeps, turn: PodTurn, pod: Pod) {
    this.#deps = deps;
    this.#turn = turn;
    this.#pod = pod;
    this.#uid = podName(pod).uid;
  }

  async run(actions: readonly PodAction[], { life: signal, turn }: ActSignals): Promise<void> {
    const starts = actions.filter((a) => a.kind === 'startContainer');
    for (const a of starts) this.#images.set(a.name, this.#ensureImage(a.name, turn));
    let ready = false;
    const allImages = Promise.all(this.#images.values()).then(() => (ready = true));
    const { starts: slots } = this.#deps;
    const attempt = actions.find((a) => a.kind === 'createSandbox')?.attempt;
    let sandboxId = this.#turn.observed.sandboxes.find((s) => s.uid === this.#uid && s.ready)?.id;
    let started = false;
    await slots.run(async () => {
      if (attempt !== undefined) sandboxId = await this.#createSandbox(attempt, signal);
      if (!ready || sandboxId === undefined) return; // a pull takes long: others may start meanwhile
      await this.#startContainers(sandboxId, starts, signal);
      started = true;
    }, signal);
    if (started || sandboxId === undefined) return;
    const id = sandboxId;
    await allImages;
    if (turn.aborted) return;
    await slots.run(() => this.#startContainers(id, starts, signal), signal);
  }

  async #createSandbox(attempt: number, signal: AbortSignal): Promise<string> {
    const { runtime, disk, timeline, node, events } = this.#deps;
    const { key } = this.#turn;
    this.#turn.onStep('createSandbox');
    try {
      await timeline.step(key, { step: 'prepare' }, () => disk.prepare(this.#pod));
      const { pod_sandbox_id: id } = await timeline.step(key, { step: 'sandbox' }, () =>
        runtime.client.runtime.runPodSandbox({ config: sandboxConfig(this.#pod, attempt, node) }, { signal }),
      );
      return id;
    } catch (err) {
      if (!signal.aborted)
        events.record(this.#pod, 'Warning', codeOf(err) === 'VOLUME_FAILED' ? 'FailedMount' : 'FailedCreatePodSandBox', explain(err));
      throw err;
    }
  }

  async #startContainers(sandboxId: string, starts: readonly StartAction[], signal: AbortSignal): Promise<void> {
    const { runtime, disk } = this.#deps;
    const podIps = await runtime.addresses(sandboxId, signal);
    await disk.writeHosts(this.#pod, podIps);
    for (const a of starts) await this.#startContainer(sandboxId, a, podIps, signal);
  }

  async #startContainer(sandboxId: string, a: StartAction, podIps: readonly string[], signal: AbortSignal): Promise<void> {
    const { runtime, disk, holds, timeline, node, events, clock, log } = this.#deps;
    const { key } = this.#turn;
    const container = this.#container(a.name);
    const image = await this.#images.get(a.name);
    if (container === undefined || image === undefined) return; // its hold says why
    const startedMs = clock.monotonicMs();
    let step: 'CreateContainerError' | 'RunContainerError' = 'CreateContainerError';
    try {
      this.#turn.onStep('createContainer');
      const mounts = [
        ...containerMounts(container, planVolumes(this.#pod, node.paths)),
        ...(await disk.prepareContainer(this.#pod, container, a.attempt)),
      ];
      const config = containerConfig(this.#pod, container, {
        node,
        attempt: a.attempt,
        backoffMs: a.backoffMs,
        imageId: image.id,
        podIps,
        mounts,
      });
      const request = { pod_sandbox_id: sandboxId, config, sandbox_config: sandboxConfig(this.#pod, this.#sandboxAttempt(), node) };
      const { container_id: id } = await timeline.step(key, { step: 'create', container: a.name }, () =>
        runtime.client.runtime.createContainer(request, { signal }),
      );
      events.record(this.#pod, 'Normal', 'Created', 'Container created', a.name);
      step = 'RunContainerError';
      this.#turn.onStep('startContainer');
      await timeline.step(key, { step: 'start', container: a.name }, () =>
        runtime.client.runtime.startContainer({ container_id: id }, { signal }),
      );
      events.record(this.#pod, 'Normal', 'Started', 'Container started', a.name);
      holds.clear(this.#uid, a.name);
      await disk.linkContainerLog(this.#pod, a.name, a.attempt, id);
      const restarts = a.attempt === 0 ? undefined : a.attempt;
      log.info('Started container', {
        pod: key,
        container: a.name,
        image: container.image,
        restarts,
        tookMs: Math.round(clock.monotonicMs() - startedMs),
      });
    } catch (err) {
      if (signal.aborted || isRuntimeDown(err)) throw err;
      events.record(this.#pod, 'Warning', 'Failed', `Error: ${explain(err)}`, a.name);
      this.#hold(a.name, step, err);
    }
  }

  /** undefined: not to be had; the container is on hold. Never rejects but for the runtime being away. */
  async #ensureImage(name: string, signal: AbortSignal): Promise<ImageReady | undefined> {
    const { images, events, timeline, clock } = this.#deps;
    const container = this.#container(name);
    const image = container?.image ?? '';
    const startedMs = clock.monotonicMs();
    const onPull = (): void => events.record(this.#pod, 'Normal', 'Pulling', `Pulling image "${image}"`, name);
    try {
      const ready = await timeline.step(
        this.#turn.key,
        { step: 'image', container: name },
        () => images.ensure({ image, policy: container?.imagePullPolicy ?? 'IfNotPresent' }, onPull, signal),
        (r) => (r.pulled ? 'pulled' : 'present'),
      );
      const took = formatDuration(clock.monotonicMs() - startedMs);
      const message = ready.pulled
        ? `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${ready.sizeBytes} bytes.`
        : `Container image "${image}" already present on machine`;
      events.record(this.#pod, 'Normal', 'Pulled', message, name);
      return ready;
    } catch (err) {
      if (signal.aborted) return undefined;
      const never = codeOf(err) === 'IMAGE_NEVER_PULL';
      events.record(
        this.#pod,
        'Warning',
        never ? 'ErrImageNeverPull' : 'Failed',
        never ? explain(err) : `Failed to pull image "${image}": ${explain(err)}`,
        name,
      );
      this.#hold(name, never ? 'ErrImageNeverPull' : 'ErrImagePull', err);
      return undefined;
    }
  }

  #hold(container: string, reason: string, err: unknown): void {
    const lookAgainInMs = this.#deps.holds.add(this.#uid, container, reason, explain(err));
    this.#deps.log.warn('Pod is waiting', { pod: this.#turn.key, for: reason, container, lookAgainInMs, err });
  }

  #container(name: string): Container | undefined {
    return [...(this.#pod.spec.initContainers ?? []), ...this.#pod.spec.containers].find((c) => c.name === name);
  }

  #sandboxAttempt(): number {
    const created = this.#turn.actions.find((a) => a.kind === 'createSandbox');
    return created?.attempt ?? this.#turn.observed.sandboxes.find((s) => s.uid === this.#uid && s.ready)?.attempt ?? 0;
  }
}

/** Trouble of the runtime as a whole is no trouble of one container. */
function isRuntimeDown(err: unknown): boolean {
  return codeOf(err) === 'CRI_UNAVAILABLE';
}

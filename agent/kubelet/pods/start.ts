/**
 * The start of a pod, or of some of its containers: sandbox, files and images side by side, then the containers in their order.
 *
 * A container that cannot be started becomes a hold and holds up itself alone. Everything else that fails throws.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { formatDuration } from '#base/duration.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Credentials } from '../images/credentials.ts';
import type { ImageReady } from '../images/puller.ts';
import { runHook } from '../lifecycle/act.ts';
import { fetchObjects } from '../objects/fetch.ts';
import { notFound } from '../objects/source.ts';
import { podName } from '../paths.ts';
import { runtimeTrouble } from '../runtime/trouble.ts';
import type { VolumePlan } from '../volumes/plan.ts';
import type { ActDeps, ActSignals, PodTurn } from './act.ts';
import { containerConfig, desiredPod, fieldFacts, sandboxConfig, type MountSpec } from './config.ts';
import { containerNamed } from './containers.ts';
import { podDns } from './dns.ts';
import { allocatedPod } from './allocated.ts';
import { checkEphemeral, targetOf } from './ephemeral.ts';
import { environment, envRefs, readsPodIp, type Environment } from './environment.ts';
import type { PodAction } from './plan.ts';
import { classRef } from './runtimeClass.ts';
import { checkNonRoot } from './security.ts';
import { inSlot } from './slot.ts';
import { stopContainer } from './stop.ts';

type StartAction = Extract<PodAction, { kind: 'startContainer' }>;

/** A sandbox that is there, with what is still being found out about it. */
interface Sandbox {
  readonly id: string;
  /** The pod's addresses, when its hosts file says them too. */
  readonly addressed: Promise<readonly string[]>;
}

export class PodStart {
  readonly #deps: ActDeps;
  readonly #turn: PodTurn;
  readonly #pod: Pod;
  readonly #uid: string;
  readonly #images = new Map<string, Promise<ImageReady | undefined>>();
  /** Besides the volumes, by container. */
  readonly #mounts = new Map<string, readonly MountSpec[]>();
  #volumes: readonly VolumePlan[] = [];
  /** Ids of the containers that were started. */
  readonly #made: string[] = [];
  /** Their logs; nobody who waits for a place need wait for that. */
  readonly #linked: Promise<void>[] = [];
  /** Ends also when the pod is not wanted any more. */
  #turnSignal: AbortSignal = new AbortController().signal;

  constructor(deps: ActDeps, turn: PodTurn, pod: Pod) {
    this.#deps = deps;
    this.#turn = turn;
    this.#pod = allocatedPod(pod, turn.observed.containers);
    this.#uid = podName(pod).uid;
  }

  async run(actions: readonly PodAction[], { life: signal, turn }: ActSignals): Promise<void> {
    this.#turnSignal = turn;
    const starts = actions.filter((a) => a.kind === 'startContainer');
    for (const a of starts) this.#images.set(a.name, this.#ensureImage(a.name, turn));
    let ready = false;
    const allImages = Promise.all(this.#images.values()).then(() => (ready = true));
    const { starts: slots, clock } = this.#deps;
    let sandbox: Sandbox | undefined;
    let started = false;
    await inSlot(
      slots,
      clock,
      async () => {
        sandbox = await this.#ensureSandbox(actions, signal);
        if (!ready || sandbox === undefined) return; // a pull takes long: others may start meanwhile
        await this.#startContainers(sandbox, starts, signal);
        started = true;
      },
      signal,
    );
    const made: Sandbox | undefined = sandbox;
    if (made === undefined) return;
    if (!started) {
      await allImages;
      if (turn.aborted) return;
      await inSlot(slots, clock, () => this.#startContainers(made, starts, signal), signal);
    }
    await Promise.all(this.#linked);
    this.#tellMade(made, starts);
  }

  /** When all that there is of the pod was made here. */
  #tellMade({ id }: Sandbox, starts: readonly StartAction[]): void {
    const { sandboxes, containers } = this.#turn.observed;
    if (sandboxes.length > 0 || containers.length > 0 || this.#made.length < starts.length) return;
    this.#deps.runtime.made(this.#turn.key, { sandbox: id, containers: this.#made });
  }

  /**
   * The sandbox, made if need be, and beside it everything that containers need on disk.
   * Differs: upstream mounts the volumes first; the two have nothing to do with each other, and a start is quicker so.
   */
  async #ensureSandbox(actions: readonly PodAction[], signal: AbortSignal): Promise<Sandbox | undefined> {
    const { runtime, disk, events } = this.#deps;
    const attempt = actions.find((a) => a.kind === 'createSandbox')?.attempt;
    const there = this.#turn.observed.sandboxes.find((s) => s.uid === this.#uid && s.ready)?.id;
    const [prepared, made] = await Promise.allSettled([
      this.#prepare(actions, signal),
      attempt === undefined ? there : this.#createSandbox(attempt, signal),
    ]);
    signal.throwIfAborted();
    for (const [end, step] of [
      [prepared, 'prepare'],
      [made, 'createSandbox'],
    ] as const) {
      if (end.status === 'fulfilled') continue;
      this.#turn.onStep(step); // of the two side by side, the one that failed
      const { reason, message } = step === 'prepare' ? prepareTrouble(end.reason) : sandboxTrouble(end.reason);
      events.record(this.#pod, 'Warning', reason, message);
      throw end.reason;
    }
    if (made.status === 'rejected' || made.value === undefined) return undefined;
    const id = made.value;
    const addressed = runtime.addresses(id, signal).then(async (ips) => {
      await disk.writeHosts(this.#pod, ips);
      return ips;
    });
    addressed.catch(() => undefined); // awaited before a container starts
    return { id, addressed };
  }

  async #prepare(actions: readonly PodAction[], signal: AbortSignal): Promise<void> {
    const { disk, timeline, volumes } = this.#deps;
    await timeline.step(this.#turn.key, { step: 'prepare' }, async () => {
      await disk.prepare(this.#pod);
      this.#volumes = await volumes.prepare(this.#pod, signal);
      for (const a of actions) {
        const container = a.kind === 'startContainer' ? this.#container(a.name) : undefined;
        if (a.kind !== 'startContainer' || container === undefined) continue;
        this.#mounts.set(a.name, await disk.prepareContainer(this.#pod, container, a.attempt));
      }
    });
  }

  async #createSandbox(attempt: number, signal: AbortSignal): Promise<string> {
    const { runtime, timeline, node, events } = this.#deps;
    this.#turn.onStep('createSandbox');
    if (attempt > 0) events.record(this.#pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    for (const message of podDns(this.#pod, node.names).omitted) events.record(this.#pod, 'Warning', 'DNSConfigForming', message);
    const config = sandboxConfig(this.#pod, attempt, node);
    const runtimeHandler = await this.#runtimeHandler(signal);
    const { pod_sandbox_id: id } = await timeline.step(
      this.#turn.key,
      { step: 'sandbox' },
      () => runtime.client.runtime.runPodSandbox({ config, runtime_handler: runtimeHandler }, { signal }),
      runtimeHandler === '' ? undefined : () => runtimeHandler,
    );
    return id;
  }

  /** Empty: the runtime's default. */
  async #runtimeHandler(signal: AbortSignal): Promise<string> {
    const ref = classRef(this.#pod);
    if (ref === undefined) return '';
    const found = await this.#deps.objects(this.#pod).get(ref, signal);
    if (found === undefined) throw notFound(ref);
    return found.handler;
  }

  /** Whether the pod's runtime can make mounts read-only with all that is mounted below; not asked where no mount wants to know. */
  async #recursive(container: Container, signal: AbortSignal): Promise<boolean> {
    if (!(container.volumeMounts ?? []).some((m) => m.recursiveReadOnly === 'Enabled' || m.recursiveReadOnly === 'IfPossible'))
      return false;
    return this.#deps.runtime.features().recursiveReadOnly.has(await this.#runtimeHandler(signal));
  }

  async #startContainers(sandbox: Sandbox, starts: readonly StartAction[], signal: AbortSignal): Promise<void> {
    for (const a of starts) await this.#startContainer(sandbox, a, signal);
  }

  async #startContainer(sandbox: Sandbox, a: StartAction, signal: AbortSignal): Promise<void> {
    const { holds, events, clock, log, disk } = this.#deps;
    const container = this.#container(a.name);
    const image = await this.#images.get(a.name);
    if (container === undefined || image === undefined) return; // its hold says why
    const startedMs = clock.monotonicMs();
    const at = { reason: 'CreateContainerConfigError' };
    let id: string;
    try {
      id = await this.#createAndStart(sandbox, { ...a, container, image }, at, signal);
    } catch (cause) {
      const err = runtimeTrouble(cause);
      if (signal.aborted || codeOf(err) === 'CRI_UNAVAILABLE') throw err; // trouble of the runtime as a whole is no trouble of one container
      events.record(this.#pod, 'Warning', 'Failed', `Error: ${explain(err)}`, a.name);
      this.#hold(a.name, at.reason, err);
      return;
    }
    this.#made.push(id);
    holds.clear(this.#uid, a.name);
    await this.#postStart(container, id, sandbox, signal);
    const restarts = a.attempt === 0 ? undefined : a.attempt;
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    log.info('Started container', { pod: this.#turn.key, container: a.name, image: container.image, restarts, tookMs });
    const linked = disk
      .linkContainerLog(this.#pod, a.name, a.attempt, id)
      .catch((err: unknown) => log.warn('Cannot link container log', { pod: this.#turn.key, container: a.name, err }));
    this.#linked.push(linked);
  }

  async #createAndStart(
    sandbox: Sandbox,
    a: StartAction & { container: Container; image: ImageReady },
    at: { reason: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { node, timeline, events, volumes } = this.#deps;
    const { runtime } = this.#deps.runtime.client;
    const { container, image, attempt, backoffMs } = a;
    const { key, onStep } = this.#turn;
    onStep('createContainer');
    const podIps = readsPodIp(container) ? await sandbox.addressed : [];
    checkEphemeral(this.#pod, container, node.security);
    const target = targetOf(this.#pod, container, this.#turn.observed.containers);
    const { variables } = await this.#environment(container, image, podIps, signal);
    const volumeMounts = await volumes.mounts(this.#pod, container, {
      plans: this.#volumes,
      variables,
      recursiveReadOnly: await this.#recursive(container, signal),
    });
    at.reason = 'CreateContainerError';
    const config = containerConfig(this.#pod, container, {
      node,
      attempt,
      backoffMs,
      image,
      variables,
      target,
      mounts: [...volumeMounts, ...(this.#mounts.get(a.name) ?? [])],
    });
    const request = { pod_sandbox_id: sandbox.id, config, sandbox_config: sandboxConfig(this.#pod, this.#sandboxAttempt(), node) };
    const { container_id: id } = await timeline.step(key, { step: 'create', container: a.name }, () =>
      runtime.createContainer(request, { signal }),
    );
    events.record(this.#pod, 'Normal', 'Created', 'Container created', a.name);
    at.reason = 'RunContainerError';
    onStep('startContainer');
    await sandbox.addressed;
    await timeline.step(key, { step: 'start', container: a.name }, () => runtime.startContainer({ container_id: id }, { signal }));
    events.record(this.#pod, 'Normal', 'Started', 'Container started', a.name);
    return id;
  }

  /** A hook that fails ends its container; what then follows decides the restart policy. */
  async #postStart(container: Container, id: string, sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const { events, timeline, log, clock, runtime, node } = this.#deps;
    const { key } = this.#turn;
    const ip = (await sandbox.addressed)[0] ?? node.hostIps[0] ?? '';
    this.#turn.onStep('postStart');
    try {
      await timeline.step(key, { step: 'postStart', container: container.name }, () =>
        runHook({ client: runtime.client, clock }, hook, { containerId: id, container, ip }, this.#turnSignal),
      );
    } catch (err) {
      if (this.#turnSignal.aborted) return; // the next turn ends it
      if (codeOf(err) === 'CRI_UNAVAILABLE') throw err;
      events.record(this.#pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', container.name);
      log.warn('Hook failed', { pod: key, container: container.name, hook: 'postStart', err });
      const graceMs = desiredPod(this.#pod).graceMs;
      const action = { kind: 'stopContainer', id, name: container.name, graceMs, why: 'hookFailed', order: 0 } as const;
      await stopContainer(this.#deps, { ...this.#turn, shown: this.#pod }, action, signal);
    }
  }

  /** Throws what makes a container wait as CreateContainerConfigError. */
  async #environment(container: Container, image: ImageReady, podIps: readonly string[], signal: AbortSignal): Promise<Environment> {
    const { node, objects, events } = this.#deps;
    checkNonRoot(this.#pod, container, image);
    const found = await fetchObjects(objects(this.#pod), envRefs(this.#pod, container), signal);
    const services = this.#deps.serviceEnv?.(this.#pod) ?? new Map<string, string>();
    const made = environment(this.#pod, container, { ...fieldFacts(node, podIps), objects: found, services });
    for (const message of made.skipped) events.record(this.#pod, 'Warning', 'InvalidEnvironmentVariableNames', message, container.name);
    return made;
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
        () =>
          images.ensure(
            {
              image,
              policy: container?.imagePullPolicy ?? 'IfNotPresent',
              credentials: () => this.#credentials(name, image, signal),
              onProgress: (text) => this.#turn.onPull?.(name, `Pulling image "${image}": ${text}`),
            },
            onPull,
            signal,
          ),
        (r) => (r.pulled ? 'pulled' : 'present'),
      );
      const took = formatDuration(clock.monotonicMs() - startedMs);
      const message = ready.pulled
        ? `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${ready.sizeBytes} bytes.`
        : `Container image "${image}" already present on machine and can be accessed by the pod`;
      events.record(this.#pod, 'Normal', 'Pulled', message, name);
      return ready;
    } catch (err) {
      if (signal.aborted) return undefined;
      const never = codeOf(err) === 'IMAGE_NEVER_PULL';
      const unnamed = codeOf(err) === 'IMAGE_NAME_INVALID';
      events.record(
        this.#pod,
        'Warning',
        never ? 'ErrImageNeverPull' : unnamed ? 'InspectFailed' : 'Failed',
        never || unnamed ? explain(err) : `Failed to pull image "${image}": ${explain(err)}`,
        name,
      );
      const reason = never ? 'ErrImageNeverPull' : unnamed ? 'InvalidImageName' : 'ErrImagePull';
      events.record(this.#pod, 'Warning', 'Failed', `Error: ${reason}`, name);
      this.#hold(name, reason, err, image);
      if (reason === 'ErrImagePull') {
        events.record(this.#pod, 'Normal', 'BackOff', `Back-off pulling image "${image}"`, name);
        events.record(this.#pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', name);
      }
      return undefined;
    }
  }

  async #credentials(container: string, image: string, signal: AbortSignal): Promise<readonly Credentials[]> {
    const { credentials, events } = this.#deps;
    const found = await credentials.of(this.#pod, image, signal);
    for (const { message } of found.problems) events.record(this.#pod, 'Warning', 'FailedToRetrieveImagePullSecret', message, container);
    return found.credentials;
  }

  #hold(container: string, reason: string, err: unknown, image?: string): void {
    const lookAgainInMs = this.#deps.holds.add(this.#uid, container, { reason, message: explain(err), image });
    this.#deps.log.warn('Pod is waiting', { pod: this.#turn.key, for: reason, container, lookAgainInMs, err });
  }

  #container(name: string): Container | undefined {
    return containerNamed(this.#pod.spec, name);
  }

  #sandboxAttempt(): number {
    const created = this.#turn.actions.find((a) => a.kind === 'createSandbox');
    return created?.attempt ?? this.#turn.observed.sandboxes.find((s) => s.uid === this.#uid && s.ready)?.attempt ?? 0;
  }
}

/** Source: upstream's events for what a pod needs on the node before it has a sandbox. */
function prepareTrouble(err: unknown): { readonly reason: string; readonly message: string } {
  const code = codeOf(err);
  if (code?.startsWith('DISK_') === true) return { reason: 'Failed', message: `error making pod data directories: ${explain(err)}` };
  if (code?.startsWith('CGROUP_') === true)
    return { reason: 'FailedCreatePodContainer', message: `unable to ensure pod container exists: ${explain(err)}` };
  return { reason: 'FailedMount', message: explain(err) };
}

/** Source: upstream's events for a sandbox that cannot be made, and for a network that is not there yet. */
function sandboxTrouble(cause: unknown): { readonly reason: string; readonly message: string } {
  const err = runtimeTrouble(cause);
  return codeOf(err) === 'NETWORK_NOT_CONFIGURED'
    ? { reason: 'NetworkNotReady', message: `network is not ready: ${explain(err)}` }
    : { reason: 'FailedCreatePodSandBox', message: `Failed to create pod sandbox: ${explain(err)}` };
}

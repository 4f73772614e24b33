/**
 * One worker per pod name: looks at the runtime, publishes the status, plans, acts. Which pods shall run is told by setPods;
 * before it was called once, nothing is ended, because what is wanted is not known yet.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { Backoff } from '#base/backoff.ts';
import { runLoop, type Plan } from '#base/reconcile.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { podName } from '../paths.ts';
import type { PodObjects } from '../runtime/cri.ts';
import { actOnPod, type ActDeps, type SeenPod } from './act.ts';
import type { Admission } from './admission.ts';
import { desiredPod } from './config.ts';
import { withLastWords } from './lastWords.ts';
import { CrashNotices } from './crashNotices.ts';
import type { Fates } from './fates.ts';
import type { TerminationHistory } from './history.ts';
import { CONFIG_SEEN } from './labels.ts';
import type { RuntimeWatch } from './observe.ts';
import { type DeadContainers, isPastDeadline, planPod, type PodAction } from './plan.ts';
import { nextStart, type CrashBackoff } from './restart.ts';
import { isOver, podStatus, type Ended } from './status.ts';
import { TurnTimes, type TurnKind } from './turnTimes.ts';
import { deletionOf, isEnding, isHastened, isSameWish, overOf } from './wishes.ts';
import type { Prober } from '../probes/prober.ts';
import { keyOf } from '../sources/fileSet.ts';

export interface WorkersDeps extends ActDeps {
  readonly crashBackoff: CrashBackoff;
  readonly deadContainers?: DeadContainers;
  readonly history: TerminationHistory;
  readonly watch: () => RuntimeWatch;
  readonly prober: Prober;
  /** Told after each look at a pod: its status may be another one, or it is gone. */
  readonly onLooked?: (key: string) => void;
  /** Told of each look with what was done then, for metrics. */
  readonly onTurn?: (kind: TurnKind, tookMs: number) => void;
  readonly fates: Fates;
  readonly admission: Admission;
  /** A pod that was deleted in the API has ended, and nothing of it is left here; status is its last. */
  readonly onEnded?: (key: string, pod: Pod, status: PodStatus) => void;
}

export interface KnownPod {
  readonly pod: Pod;
  readonly status: PodStatus | undefined;
  readonly objects: PodObjects | undefined;
}

/** A pod that waits for the one before it of its name, or that nobody has looked at yet. */
const NOT_SEEN: PodStatus = { phase: 'Pending' };
const DEADLINE: Ended = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
/** Of each end of a container. */
const LINES_REMEMBERED = 5;
const RETRY_BASE_MS = 500;
const RETRY_MAX_MS = 60_000;

export class PodWorkers {
  readonly #deps: WorkersDeps;
  readonly #queue: WorkQueue;
  #wanted: ReadonlyMap<string, Pod> | undefined;
  /** Whether nobody wants what is not in #wanted. */
  #isComplete = false;
  /** What was left alone because not everything that is wanted was known. */
  readonly #undecided = new Set<string>();
  /** UIDs of pods that are being deleted and run no container any more: what is left of them goes. */
  readonly #stopped = new Set<string>();
  readonly #known = new Map<string, KnownPod>();
  readonly #crashes: CrashNotices;
  /** Pod -> container -> how far the pull of its image is. */
  readonly #pulling = new Map<string, Map<string, string>>();
  readonly #times: TurnTimes;
  /** Evicted pods whose volumes are empty, with their UIDs. */
  readonly #emptied = new Map<string, string>();
  /** Aborted when the pod of a key becomes another one: what the turn waits for is not wanted any more. */
  readonly #turns = new Map<string, { readonly uid: string | undefined; readonly stop: AbortController }>();

  constructor(deps: WorkersDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue(deps.clock);
    this.#times = new TurnTimes(deps.clock);
    this.#crashes = new CrashNotices(deps.events, deps.log);
  }

  /**
   * The pods that shall run, by key. isComplete: nobody wants any other pod; as long as a source has not spoken, pods of others than static
   * ones may be wanted and go on.
   */
  setPods(pods: ReadonlyMap<string, Pod>, isComplete = true): void {
    const before = this.#wanted ?? new Map<string, Pod>();
    this.#wanted = pods;
    this.#isComplete ||= isComplete;
    if (this.#isComplete && this.#undecided.size > 0) {
      for (const key of this.#undecided) this.#queue.add(key);
      this.#undecided.clear();
    }
    this.#deps.admission.wanted(pods);
    const uids = new Set([...pods.values()].map((pod) => pod.metadata.uid ?? ''));
    for (const uid of this.#stopped) if (!uids.has(uid)) this.#stopped.delete(uid);
    for (const key of new Set([...before.keys(), ...pods.keys()])) {
      const [old, pod] = [before.get(key), pods.get(key)];
      if (isSameWish(old, pod)) continue;
      const turn = this.#turns.get(key);
      const ends = old?.metadata.deletionTimestamp === undefined && pod?.metadata.deletionTimestamp !== undefined;
      if (turn !== undefined && (turn.uid !== pod?.metadata.uid || ends)) turn.stop.abort(new Error('the pod changed'));
      if (old !== undefined && pod !== undefined && isHastened(old, pod)) void this.#hasten(key, pod);
      this.#queue.add(key);
    }
  }

  /** Something may have happened to the pod. */
  look(key: string): void {
    if (this.#wanted !== undefined) this.#queue.add(key);
  }

  /** It has to end, or may begin again: what it merely waits for (a pull, a hook) is not waited for. */
  turnOver(key: string): void {
    this.#turns.get(key)?.stop.abort(new Error('the pod ends'));
    this.look(key);
  }

  /** Every pod that shall run, and every one that is still ending. */
  pods(): KnownPod[] {
    const all = new Map(this.#known);
    for (const [key, pod] of this.#wanted ?? []) {
      const known = all.get(key);
      if (known === undefined || known.pod.metadata.uid !== pod.metadata.uid)
        all.set(key, { pod, status: NOT_SEEN, objects: known?.objects });
    }
    return [...all.values()];
  }

  /** Whether it is one of those that shall run, and not on its way out. */
  wants(pod: Pod): boolean {
    return this.#wanted?.get(keyOf(pod))?.metadata.uid === pod.metadata.uid;
  }

  pod(key: string): KnownPod | undefined {
    const wanted = this.#wanted?.get(key);
    return this.#known.get(key) ?? (wanted === undefined ? undefined : { pod: wanted, status: NOT_SEEN, objects: undefined });
  }

  /** Containers of a pod that wait for their back-off to end. */
  nextTries(key: string): { container: string; atMs: number }[] {
    const known = this.pod(key);
    const { holds, crashBackoff, clock } = this.#deps;
    const held = holds.of(known?.pod.metadata.uid).map(({ container, untilMs }) => ({ container, atMs: untilMs }));
    const crashed = (known?.status?.containerStatuses ?? []).flatMap(({ name, state }) => {
      if (state?.waiting?.reason !== 'CrashLoopBackOff') return [];
      const runs = (known?.objects?.containers ?? []).filter((c) => c.name === name && c.uid === known?.pod.metadata.uid);
      const last = runs.toSorted((a, b) => b.attempt - a.attempt)[0];
      return last === undefined ? [] : [{ container: name, atMs: nextStart(last, crashBackoff).notBeforeMs }];
    });
    return [...held, ...crashed].filter(({ atMs }) => atMs > clock.nowMs());
  }

  /** The look that lasts longest; a runtime that is away is waited for before one begins. */
  looksSince(): { pod: string; sinceMs: number } | undefined {
    return this.#times.longest();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    await runLoop<Pod, SeenPod, PodAction>(
      {
        name: 'pods',
        desired: (key) => this.#wish(key),
        observe: async (key) => {
          await this.#deps.runtime.client.waitReady(signal);
          return this.#times.look(key, () => this.#observe(key, signal));
        },
        plan: (pod, observed, nowMs) => this.#plan(pod, observed, nowMs),
        act: (turn) => this.#act(turn, signal),
        onTurned: ({ key, desired, observed }) => this.#tellTurn(key, desired, observed),
      },
      { queue: this.#queue, clock, log, backoff: new Backoff(RETRY_BASE_MS, RETRY_MAX_MS), concurrency: Infinity },
      signal,
    );
  }

  #tellTurn(key: string, pod: Pod | undefined, { sandboxes }: SeenPod): void {
    const tookMs = this.#times.end(key);
    if (tookMs === undefined) return;
    const kind = pod === undefined ? 'kill' : sandboxes.some((s) => s.uid === pod.metadata.uid) ? 'sync' : 'create';
    this.#deps.onTurn?.(kind, tookMs);
  }

  /** What shall be there under this name. A deleted pod whose containers have ended is not wanted any more. */
  #wish(key: string): Pod | undefined {
    const pod = this.#wanted?.get(key);
    return pod !== undefined && this.#stopped.has(pod.metadata.uid ?? '') ? undefined : pod;
  }

  /** Its grace period became shorter while it is ending: the runtime lets a second stop win over the first. */
  async #hasten(key: string, pod: Pod): Promise<void> {
    const { runtime, log } = this.#deps;
    const timeout = pod.metadata.deletionGracePeriodSeconds ?? 0;
    const running = (this.#known.get(key)?.objects?.containers ?? []).filter((c) => c.uid === pod.metadata.uid && c.state === 'running');
    const never = new AbortController().signal;
    await Promise.all(running.map((c) => runtime.client.runtime.stopContainer({ container_id: c.id, timeout }, { signal: never }))).catch(
      (err: unknown) => log.debug('Cannot hasten the end of a container', { pod: key, err }),
    );
  }

  async #observe(key: string, signal: AbortSignal): Promise<SeenPod> {
    const { runtime, holds, disk, watch } = this.#deps;
    const [namespace = '', name = ''] = key.split('/');
    const objects = await runtime.pod(namespace, name, signal);
    watch().learn(
      key,
      [...objects.sandboxes, ...objects.containers].map((o) => o.id),
    );
    const running = [...objects.containers.filter((c) => c.state === 'running'), ...objects.sandboxes.filter((s) => s.ready)];
    watch().sawRunning(
      key,
      running.map((o) => o.id),
    );
    const pod = this.#wish(key);
    this.#admit(key, pod, objects);
    await this.#publish(key, pod, objects);
    this.#giveBack(key, pod, objects);
    await this.#emptyVolumes(key, pod?.metadata.uid, objects);
    this.#deps.onLooked?.(key);
    const probes = this.#deps.prober.verdicts(objects.containers);
    const seen = { ...objects, holds: holds.of(pod?.metadata.uid), leftovers: disk.uidsOf(key), probes };
    if (pod === undefined && !this.#mayEnd(seen)) this.#undecided.add(key);
    return seen;
  }

  #admit(key: string, pod: Pod | undefined, objects: PodObjects): void {
    const wanted = pod?.metadata.uid;
    const present = new Set([...objects.sandboxes, ...objects.containers].map((o) => o.uid));
    this.#deps.admission.seen(key, { wanted, present, over: false });
    // What has the same name ends first, and gives back its room.
    if (pod === undefined || isEnding(pod) || isOver(pod.status)) return;
    if ([...present].every((uid) => uid === wanted)) this.#deps.admission.consider(key, pod);
  }

  /** A pod that is over for good gives back its room. */
  #giveBack(key: string, pod: Pod | undefined, objects: PodObjects): void {
    const wanted = pod?.metadata.uid;
    const known = this.#known.get(key);
    const phase = known?.pod.metadata.uid === wanted ? known?.status?.phase : undefined;
    const runs = objects.containers.some((c) => c.uid === wanted && c.state !== 'exited');
    if (runs || (phase !== 'Succeeded' && phase !== 'Failed')) return;
    this.#deps.admission.seen(key, {
      wanted,
      present: new Set([...objects.sandboxes, ...objects.containers].map((o) => o.uid)),
      over: true,
    });
  }

  /** An evicted pod gives back the disk as well, once nothing of it runs. */
  async #emptyVolumes(key: string, uid: string | undefined, { containers }: PodObjects): Promise<void> {
    const { fates, disk } = this.#deps;
    if (uid === undefined || fates.of(uid)?.why !== 'evicted') return void this.#emptied.delete(key);
    if (this.#emptied.get(key) === uid || containers.some((c) => c.uid === uid && c.state !== 'exited')) return;
    await disk.removeEmptyDirs(uid);
    this.#emptied.set(key, uid);
  }

  async #publish(key: string, pod: Pod | undefined, objects: PodObjects): Promise<void> {
    const shown = pod ?? this.#known.get(key)?.pod;
    const nothingLeft = objects.sandboxes.length === 0 && objects.containers.length === 0;
    if (shown === undefined || (pod === undefined && nothingLeft)) {
      const last = this.#known.get(key)?.status;
      if (shown !== undefined && this.#isOnDisk(key, shown)) return;
      this.#known.delete(key);
      this.#crashes.forget(key);
      if (shown !== undefined) this.#deps.prober.track({ key, pod: shown, containers: [], ip: '', ending: true });
      if (shown !== undefined) this.#deps.history.forget(shown.metadata.uid ?? '');
      this.#tellEnded(key, shown, last);
      return;
    }
    const { clock, holds, node, crashBackoff, disk } = this.#deps;
    const uid = shown.metadata.uid ?? '';
    const withMessages = await withLastWords(disk, shown, objects.containers);
    await this.#deps.history.remember(uid, withMessages, (c) => disk.lastLines({ ...podName(shown), uid }, c, LINES_REMEMBERED));
    const before = this.#known.get(key);
    const mine = objects.containers.filter((c) => c.uid === uid);
    const ip =
      objects.sandboxes.find((s) => s.uid === uid && s.ready)?.ips[0] ??
      (shown.spec.hostNetwork === true ? (node.hostIps[0] ?? '127.0.0.1') : '');
    const ended = this.#endOf(shown, objects);
    const ending = pod === undefined || isEnding(shown);
    this.#deps.prober.track({ key, pod: shown, containers: mine, ip, ending: ending || ended !== undefined });
    const status = isOver(shown.status)
      ? shown.status
      : podStatus({
          pod: shown,
          sandboxes: objects.sandboxes,
          containers: withMessages,
          waiting: holds.waiting(uid),
          ...(this.#pulling.has(key) ? { pulling: this.#pulling.get(key) ?? new Map<string, string>() } : {}),
          hostIps: node.hostIps,
          crashBackoff,
          nowMs: clock.nowMs(),
          previous: before?.pod.metadata.uid === uid ? before.status : shown.status, // of the API, told by a kubelet before this one
          isEnding: isEnding(shown),
          startedAtMs: this.#startOf(shown, objects),
          probes: this.#deps.prober.verdicts(mine),
          ...(ended === undefined ? {} : { ended }),
        });
    if (ended === DEADLINE && before?.status?.reason !== ended.reason)
      this.#deps.events.record(shown, 'Normal', ended.reason, ended.message);
    this.#known.set(key, { pod: shown, status, objects });
    if (pod !== undefined && isEnding(pod) && !mine.some((c) => c.state === 'running' || c.state === 'unknown')) {
      this.#stopped.add(uid);
      this.#queue.add(key);
    }
    this.#crashes.tell(key, shown, status);
  }

  #plan(pod: Pod | undefined, observed: SeenPod, nowMs: number): Plan<PodAction> {
    if (pod === undefined && !this.#mayEnd(observed)) return { actions: [] };
    const ended = pod === undefined ? undefined : (deletionOf(pod) ?? this.#deps.fates.of(pod.metadata.uid) ?? overOf(pod));
    const startedAtMs = pod === undefined ? nowMs : this.#startOf(pod, this.#objectsOf(pod));
    const desired = pod === undefined ? undefined : desiredPod(pod, { startedAtMs, ...(ended === undefined ? {} : { ended }) });
    return planPod(desired, observed, nowMs, {
      crashBackoff: this.#deps.crashBackoff,
      ...(this.#deps.deadContainers === undefined ? {} : { deadContainers: this.#deps.deadContainers }),
    });
  }

  /** What is left of a name that no source has spoken of: static pods are all known from the first moment on. */
  #mayEnd({ sandboxes, leftovers }: SeenPod): boolean {
    return (
      this.#isComplete ||
      (sandboxes.length > 0 && sandboxes.every((s) => s.isStatic || this.#stopped.has(s.uid))) ||
      leftovers.some((uid) => this.#stopped.has(uid))
    );
  }

  #isOnDisk(key: string, { metadata }: Pod): boolean {
    return this.#stopped.has(metadata.uid ?? '') && this.#deps.disk.uidsOf(key).includes(metadata.uid ?? '');
  }

  #tellEnded(key: string, pod: Pod | undefined, status: PodStatus | undefined): void {
    if (pod === undefined || !this.#stopped.has(pod.metadata.uid ?? '')) return;
    this.#deps.onEnded?.(key, pod, status ?? NOT_SEEN);
  }

  #objectsOf(pod: Pod): PodObjects | undefined {
    return this.#known.get(keyOf(pod))?.objects;
  }

  /** First seen by this node: by this kubelet, or by one before it that made its sandbox. */
  #startOf(pod: Pod, objects: PodObjects | undefined): number {
    const { uid, annotations } = pod.metadata;
    const made = (objects?.sandboxes ?? []).filter((s) => s.uid === uid && s.createdAtMs > 0).map((s) => s.createdAtMs);
    const told = Date.parse(pod.status?.startTime ?? '') || Infinity;
    return Math.min(Date.parse(annotations?.[CONFIG_SEEN] ?? '') || this.#deps.clock.nowMs(), told, ...made);
  }

  #endOf(pod: Pod, objects: PodObjects): Ended | undefined {
    const fate = this.#deps.fates.of(pod.metadata.uid);
    if (fate !== undefined) return fate;
    const desired = desiredPod(pod, { startedAtMs: this.#startOf(pod, objects) });
    const observed = { ...objects, holds: [], leftovers: [], probes: this.#deps.prober.verdicts(objects.containers) };
    return isPastDeadline(desired, observed, this.#deps.clock.nowMs()) ? DEADLINE : undefined;
  }

  /** The worker of the pod waits for the pull, so its status is told from here. */
  #pulled(key: string, container: string, text: string): void {
    const known = this.#known.get(key);
    const pulling = this.#pulling.get(key) ?? new Map<string, string>();
    this.#pulling.set(key, pulling.set(container, text));
    if (known?.objects === undefined) return;
    void this.#publish(key, this.#wanted?.get(key), known.objects).then(
      () => this.#deps.onLooked?.(key),
      () => undefined, // the next look tells it
    );
  }

  async #act(turn: Parameters<typeof actOnPod>[1], signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const mine = { uid: turn.desired?.metadata.uid, stop };
    this.#turns.set(turn.key, mine);
    try {
      await actOnPod(
        this.#deps,
        { ...turn, shown: this.#known.get(turn.key)?.pod, onPull: (container, text) => this.#pulled(turn.key, container, text) },
        { life: signal, turn: AbortSignal.any([signal, stop.signal]) },
      );
    } finally {
      if (this.#turns.get(turn.key) === mine) this.#turns.delete(turn.key);
      this.#pulling.delete(turn.key);
    }
  }
}

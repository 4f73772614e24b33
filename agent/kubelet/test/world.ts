/**
 * A node in one process: the pod workers on the fake runtime, over its real socket and on a real directory, with time that stands still
 * until a test moves it. Everything between two moves of time has come to rest before the next one.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import { ManualClock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { Semaphore } from '#base/semaphore.ts';
import { CriClient } from '#cri/client.ts';
import type { Program } from '#cri/fakeRuntime.ts';
import { startFakeRuntime, type FakeRuntime } from '#cri/fakeServer.ts';
import { Cgroups } from '../../linux/cgroup.ts';
import { PodDisk } from '../disk/act.ts';
import { EventLog, type PodEvent } from '../events.ts';
import { ImagePuller } from '../images/puller.ts';
import { StandaloneObjects } from '../objects/standalone.ts';
import { makePaths, type Paths } from '../paths.ts';
import { Admission } from '../pods/admission.ts';
import type { NodeRoom } from '../pods/admit.ts';
import { Fates } from '../pods/fates.ts';
import { Holds } from '../pods/holds.ts';
import { RuntimeWatch } from '../pods/observe.ts';
import { DEFAULT_CRASH_BACKOFF } from '../pods/restart.ts';
import { TerminationHistory } from '../pods/history.ts';
import { PodWorkers } from '../pods/workers.ts';
import { askOnce } from '../probes/act.ts';
import { Prober } from '../probes/prober.ts';
import { CriRuntime } from '../runtime/cri.ts';
import { readManifest } from '../sources/manifests.ts';
import { Timeline } from '../timeline.ts';
import { PodVolumes } from '../volumes/sync.ts';
import { CgroupNames } from '../pods/cgroupNames.ts';

export const IMAGE = 'docker.io/library/busybox:1';
export const START_MS = Date.UTC(2026, 0, 1);
const RELIST_MS = 30_000;
/** Loop turns in which nothing happened: what travels through a socket or a promise takes one or two each. */
const QUIET_TURNS = 25;

export interface WorldOptions {
  readonly events?: 'cri' | 'containerd' | 'none';
  readonly parallelPulls?: number;
  /** Puts itself between the answer of a call and the kubelet that waits for it. */
  readonly delay?: (rpc: string) => Promise<void>;
}

/** One start of a container, as the runtime saw it. */
export interface Start {
  readonly container: string;
  readonly atMs: number;
}

/** Who may use an image is not what is played here, and nobody waits for its files. */
const EVERYBODYS = {
  mayUse: async () => true,
  began: async () => undefined,
  succeeded: async () => undefined,
  failed: async () => undefined,
  unsure: () => undefined,
};

export class World {
  readonly clock: ManualClock;
  readonly log: string[] = [];
  readonly starts: Start[] = [];
  /** By the name of the container. */
  readonly programs: Record<string, Program> = {};
  /** Told of each start by the labels of the container, before it runs. */
  onStart: (labels: Readonly<Record<string, string>>) => void = () => undefined;
  /** What the node has for pods; admission.lookAgain() after a change. */
  room: NodeRoom = { allocatable: {}, labels: {}, pressures: [] };
  readonly fates: Fates;
  readonly prober: Prober;
  /** Names of pods that no probe asks any more. */
  readonly unasked: string[] = [];
  readonly admission: Admission;
  readonly paths: Paths;
  readonly fake: FakeRuntime;
  readonly client: CriClient;
  readonly workers: PodWorkers;
  readonly watch: RuntimeWatch;
  readonly disk: PodDisk;
  readonly objects = new StandaloneObjects();
  readonly #events: EventLog;
  readonly #dir: string;
  readonly #stop = new AbortController();
  #finished = 0;
  #onDisk = 0;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(dir: string, { clock, fake }: { readonly clock: ManualClock; readonly fake: FakeRuntime }, options: WorldOptions) {
    const { signal } = this.#stop;
    this.#dir = dir;
    this.clock = clock;
    this.paths = makePaths(join(dir, 'root'), join(dir, 'logs', 'pods'));
    this.fake = fake;
    this.fake.addImage(IMAGE);
    this.fake.program = ({ metadata, labels }) => {
      const container = metadata?.name ?? '';
      this.onStart(labels);
      this.starts.push({ container, atMs: clock.nowMs() - START_MS });
      return this.programs[container] ?? {};
    };
    this.client = new CriClient({ endpoint: this.fake.endpoint, clock });
    for (const service of ['runtime', 'image'] as const)
      Object.defineProperty(this.client, service, { value: this.#counted(this.client[service], options.delay) });
    if (options.events === 'none') {
      const refuse = (): never => {
        throw new AppError('CRI_UNIMPLEMENTED', 'no events here');
      };
      Object.defineProperty(this.client, 'containerdEvents', { value: refuse });
    }
    const runtime = new CriRuntime(this.client);
    const log = makeLogger({ write: (line) => this.log.push(line), clock });
    this.disk = new PodDisk({
      paths: this.paths,
      cgroups: new Cgroups({ mode: 'v1', controllers: new Map(), trees: [] }),
      cgroupNames: new CgroupNames('/'),
      podPidsLimit: undefined,
      clusterDomain: '',
    });
    this.#countDisk(this.disk);
    this.#events = new EventLog(clock);
    this.fates = new Fates();
    const admission = new Admission({
      fates: this.fates,
      events: this.#events,
      log,
      room: () => this.room,
      ranBefore: new Set(),
      onChange: (key) => this.workers.look(key),
    });
    this.admission = admission;
    this.prober = new Prober(
      {
        clock,
        log,
        events: this.#events,
        random: () => 0.5,
        ask: (target, probe, s) => askOnce({ client: this.client, clock }, target, probe, s),
        onChange: (key) => this.workers.look(key),
        onGone: (pod) => this.unasked.push(pod.metadata.name ?? ''),
      },
      signal,
    );
    this.workers = new PodWorkers({
      fates: this.fates,
      admission,
      runtime,
      disk: this.disk,
      objects: () => this.objects,
      volumes: new PodVolumes({
        objects: () => this.objects,
        log,
        facts: { paths: this.paths, nodeName: 'n', hostIps: [], podIps: [], allocatable: {} },
        clock,
      }),
      events: this.#events,
      timeline: new Timeline(clock),
      clock,
      log,
      credentials: { of: async () => ({ credentials: [], problems: [] }) },
      history: new TerminationHistory([], () => undefined),
      images: new ImagePuller({
        client: this.client,
        clock: this.clock,
        parallel: options.parallelPulls ?? 5,
        rate: { qps: 0, burst: 0 },
        records: EVERYBODYS,
        life: signal,
      }),
      holds: new Holds(clock),
      node: {
        nodeName: 'n',
        paths: this.paths,
        cgroupNames: new CgroupNames('/'),
        capacity: { cpuMilli: 2_000, memoryBytes: 2 ** 30 },
        names: { dns: { servers: [], searches: [], options: [] }, clusterDns: [], clusterDomain: '' },
        security: { seccompDefault: false, seccompDir: '/seccomp', appArmor: false },
        allowedUnsafeSysctls: [],
        hostIps: ['192.0.2.1'],
      },
      starts: new Semaphore(8),
      ends: new Semaphore(8),
      crashBackoff: DEFAULT_CRASH_BACKOFF,
      watch: () => this.watch,
      prober: this.prober,
    });
    this.watch = new RuntimeWatch({ runtime, clock, log, relistMs: RELIST_MS, onPod: (key) => this.workers.look(key) });
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), 'kijabi-world-'));
    const events = options.events === 'cri' ? 'cri' : 'containerd';
    const clock = new ManualClock(START_MS);
    const fake = await startFakeRuntime({ socketPath: join(dir, 'fake.sock'), clock, events });
    const world = new World(dir, { clock, fake }, options);
    const { signal } = world.#stop;
    world.#running = Promise.all([world.watch.run(signal), world.workers.run(signal)]);
    world.#running.catch(() => undefined); // told by stop()
    const streams = options.events === 'none' ? 0 : 1;
    for (let turn = 0; world.fake.openStreams < streams; turn++) {
      if (turn > 10_000) throw new Error('the event stream was never opened');
      await world.clock.advance(0); // the second kind of events is tried after a sleep of no time
      await nextTurn();
    }
    await world.settle();
    return world;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the test is over'));
    this.client.close();
    await this.#running;
    this.fake.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** A pod as the manifest directory gives it, with one container c unless the spec says otherwise. */
  pod(name: string, spec: Readonly<Record<string, unknown>> = {}, container: Readonly<Record<string, unknown>> = {}): Pod {
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { containers: [{ name: 'c', image: IMAGE, ...container }], ...spec },
    };
    const context = { nodeName: 'n', file: `/m/${name}.yaml`, seenAt: new Date(this.clock.nowMs()) };
    const reading = readManifest(Buffer.from(JSON.stringify(manifest)), context);
    const pod = reading.kind === 'pods' ? reading.pods[0] : undefined;
    if (pod === undefined) throw new Error(`no such pod can be: ${JSON.stringify(reading)}`);
    return pod;
  }

  /** From now on these pods shall run and no others. Returns when everything that follows at once has happened. */
  async set(...pods: readonly Pod[]): Promise<void> {
    this.workers.setPods(new Map(pods.map((p) => [`${p.metadata.namespace}/${p.metadata.name}`, p])));
    await this.settle();
  }

  /** Moves time, stopping wherever something is due. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + byMs;
    await this.settle();
    for (;;) {
      const leftMs = untilMs - this.clock.nowMs();
      const nextMs = this.clock.nextWakeMs ?? Infinity;
      await this.clock.advance(Math.max(0, Math.min(leftMs, nextMs)));
      await this.settle();
      if (nextMs >= leftMs) return;
    }
  }

  /**
   * Waits until nothing happens any more without time moving on. Work on the disk is counted; what travels through the socket of this
   * process is there a few turns of the loop later.
   */
  async settle(): Promise<void> {
    let quiet = 0;
    let before = -1;
    while (quiet < QUIET_TURNS) {
      await nextTurn();
      const activity = this.fake.calls.length + this.#finished + this.log.length;
      quiet = activity === before && this.#onDisk === 0 ? quiet + 1 : 0;
      before = activity;
    }
  }

  status(name: string): ContainerStatus | undefined {
    return this.workers.pod(`default/${name}-n`)?.status?.containerStatuses?.[0];
  }

  phase(name: string): string | undefined {
    return this.workers.pod(`default/${name}-n`)?.status?.phase;
  }

  /** Of the running containers, as <pod>/<container>. */
  running(): string[] {
    return [...this.fake.state.containers.values()]
      .filter((c) => c.state === 'CONTAINER_RUNNING')
      .map((c) => `${c.sandbox.config.metadata?.name.replace(/-n$/, '')}/${c.config.metadata?.name}`)
      .sort();
  }

  /** The id of the newest container of this name that runs. */
  idOf(container: string): string {
    const found = [...this.fake.state.containers.values()].filter(
      (c) => c.config.metadata?.name === container && c.state === 'CONTAINER_RUNNING',
    );
    const id = found.at(-1)?.id;
    if (id === undefined) throw new Error(`no container ${container} runs`);
    return id;
  }

  /** What lies in the directory of the pods' logs. */
  logDirs(): string[] {
    return existsSync(this.paths.podLogsDir) ? readdirSync(this.paths.podLogsDir) : [];
  }

  calls(rpc: string): number {
    return this.fake.calls.filter((c) => c.rpc === rpc).length;
  }

  /** <reason> x<count>: <message> */
  events(reason?: string): string[] {
    const shown = (e: PodEvent): string => `${e.reason} x${e.count}: ${e.message}`;
    return this.#events
      .list()
      .filter((e) => reason === undefined || e.reason === reason)
      .map(shown);
  }

  /** <type> <reason>: <message>, each once, that which happened last at the end. */
  eventLines(): string[] {
    return this.#events.list().map((e) => `${e.type} ${e.reason}: ${e.message}`);
  }

  /** The calls of a service, told when they end. */
  #counted<T extends object>(service: T, delay: ((rpc: string) => Promise<void>) | undefined): T {
    const entries = Object.entries(service).map(([name, call]) => {
      const counted = (...args: unknown[]): unknown => {
        const result = (call as (...a: unknown[]) => unknown)(...args);
        if (!(result instanceof Promise)) return result; // a stream
        const finish = async (): Promise<void> => {
          await delay?.(name);
          this.#finished += 1;
        };
        return result.then(
          (answer: unknown) => finish().then(() => answer),
          (err: unknown) => finish().then(() => Promise.reject(err)),
        );
      };
      return [name, counted];
    });
    return Object.fromEntries(entries) as T;
  }

  #countDisk(disk: PodDisk): void {
    for (const name of Object.getOwnPropertyNames(PodDisk.prototype) as (keyof PodDisk)[]) {
      const method = disk[name] as (...args: unknown[]) => unknown;
      const counted = (...args: unknown[]): unknown => {
        const result = method.apply(disk, args);
        if (!(result instanceof Promise)) return result;
        this.#onDisk += 1;
        return result.finally(() => {
          this.#onDisk -= 1;
          this.#finished += 1;
        });
      };
      if (name !== ('constructor' as string)) Object.defineProperty(disk, name, { value: counted });
    }
  }
}

export async function world(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const made = await World.start(options);
  t.after(() => made.stop());
  return made;
}

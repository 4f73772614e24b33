/** The scheduler put together: who watches, who decides, who writes. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { MetricsRegistry } from '#base/metrics.ts';
import { EventMetrics } from '#client/eventMetrics.ts';
import { EventRecorder } from '#client/events.ts';
import { Informers } from '#client/informers.ts';
import type { Client } from '#client/rest.ts';
import { Writer } from './act.ts';
import { profilesOf, type BuiltProfile } from './config/profiles.ts';
import { Cluster } from './core/cluster.ts';
import type { PluginHandle } from './core/storage.ts';
import { EXTENDER, type Extender } from './extenders/extender.ts';
import { Feed } from './feed.ts';
import { DISRUPTION_BUDGETS, VOLUME_CLAIMS, CSI_NODES, NAMESPACES, NODES, PODS, STORAGE_CLASSES, VOLUMES } from '../component/kinds.ts';
import { SchedulerMetrics } from './metrics.ts';
import { DEFAULT_SCHEDULER } from './plugins/profile.ts';
import { SchedulingQueue } from './queue/queue.ts';
import { Scheduler, type Outcome } from './scheduler.ts';
import { storageOf } from './storageAct.ts';

export interface SchedulerOptions {
  readonly client: Client;
  /** Of events, which never hold up bindings. */
  readonly eventClient: Client;
  /** The machine, for who reports events. */
  readonly host: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry?: MetricsRegistry;
  /** 0 <= x < 1 */
  readonly random: () => number;
  readonly parallelism?: number;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  readonly flushAfterMs?: number;
  /** Default: upstream's profile. Throws what is wrong with a configuration. */
  readonly profiles?: (handle: PluginHandle) => readonly BuiltProfile[];
  readonly onOutcome?: (outcome: Outcome) => void;
  readonly extenders?: readonly Extender[];
}

export interface RunningScheduler {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly profileOf: (pod: Pod) => BuiltProfile | undefined;
  readonly isSynced: boolean;
  /** Follows the API server; runs beside all of lead(). */
  follow(signal: AbortSignal): Promise<void>;
  /** Places pods until the signal aborts. */
  lead(signal: AbortSignal): Promise<void>;
}

/** Pods that are over take no room, and need none. */
const LIVING_PODS = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };
const PARALLELISM = 16;

export function makeScheduler(options: SchedulerOptions): RunningScheduler {
  const { client, eventClient, host, clock, log, registry = new MetricsRegistry(), random, onOutcome = () => undefined } = options;
  const informers = new Informers(client, log);
  const pods = informers.for(PODS, { selection: LIVING_PODS, transform: withoutManagedFields });
  const nodes = informers.for(NODES, { transform: withoutManagedFields });
  const namespaces = informers.for(NAMESPACES, { transform: withoutManagedFields });
  const budgets = informers.for(DISRUPTION_BUDGETS, { transform: withoutManagedFields });
  const storage = {
    claims: informers.for(VOLUME_CLAIMS, { transform: withoutManagedFields }),
    volumes: informers.for(VOLUMES, { transform: withoutManagedFields }),
    classes: informers.for(STORAGE_CLASSES, { transform: withoutManagedFields }),
    csiNodes: informers.for(CSI_NODES, { transform: withoutManagedFields }),
  };
  const handle = storageOf(storage, client, clock);
  const profiles = new Map(
    (options.profiles ?? ((own) => profilesOf({}, { handle: own })))(handle).map((profile) => [profile.schedulerName, profile]),
  );
  const profileOf = ({ spec }: Pod): BuiltProfile | undefined => profiles.get(spec.schedulerName ?? DEFAULT_SCHEDULER);
  const cluster = new Cluster();
  const recording = { client: eventClient, clock, log, metrics: new EventMetrics(registry), host, form: 'series' } as const;
  const recorders = new Map([...profiles.keys()].map((component) => [component, new EventRecorder({ ...recording, component })]));
  const queue: SchedulingQueue = new SchedulingQueue({
    ...pick(options, 'initialBackoffMs', 'maxBackoffMs', 'flushAfterMs'),
    gate: (pod) => profileOf(pod.pod)?.plugins.find((plugin) => plugin.gate?.(pod) !== undefined)?.name,
    helps: (event, pod, refusedBy) =>
      // Nobody knows what helps an extender.
      refusedBy.has(EXTENDER) ||
      profileOf(pod.pod)?.plugins.some((plugin) => refusedBy.has(plugin.name) && plugin.helps(event, pod)) === true,
    onIncoming: (place, event) => metrics.incoming.inc([place, event]),
  });
  const metrics = new SchedulerMetrics(
    registry,
    () => queue,
    cluster,
    ({ spec }) => spec.schedulerName ?? '',
  );
  const scheduler = new Scheduler({
    cluster,
    queue,
    writer: new Writer(client, clock),
    profileOf,
    recorderOf: (name) => recorders.get(name) as EventRecorder,
    budgets: () => budgets.values(),
    preemption: ({ schedulerName }) => profiles.get(schedulerName)?.preemption,
    metrics,
    clock,
    log,
    random,
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    parallelism: options.parallelism ?? PARALLELISM,
    onOutcome,
    extenders: options.extenders ?? [],
  });
  const feed = new Feed({
    cluster,
    queue,
    isOurs: (pod) => profileOf(pod) !== undefined,
    nowMs: () => clock.monotonicMs(),
    onChange: scheduler.wake,
  });
  nodes.onChange(feed.node);
  namespaces.onChange(feed.namespace);
  pods.onChange(feed.pod);
  feed.storage('PersistentVolumeClaim', storage.claims);
  feed.storage('PersistentVolume', storage.volumes);
  feed.storage('StorageClass', storage.classes);
  feed.storage('CSINode', storage.csiNodes);
  const all = [pods, nodes, namespaces, budgets, ...Object.values(storage)];
  return {
    cluster,
    queue,
    profileOf,
    get isSynced() {
      return all.every((informer) => informer.isSynced);
    },
    follow: async (signal) => {
      await Promise.all([informers.run(signal), ...[...recorders.values()].map((recorder) => recorder.run(signal))]);
    },
    lead: async (signal) => {
      await informers.synced(signal);
      await scheduler.run(signal);
    },
  };
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function pick<T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): { [P in K]: Exclude<T[P], undefined> } {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]]))) as never;
}

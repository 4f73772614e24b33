/** The parts of a kubelet, each made of those before it; what they tell each other is said here and nowhere else. */
import { join } from 'node:path';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import { type DaemonContext } from '#base/lifecycle.ts';
import { Semaphore } from '#base/semaphore.ts';
import { StatusTeller } from '#base/statusTeller.ts';
import { Cgroups, findMounts, type OnGroup } from '../linux/cgroup.ts';
import { SliceCgroups } from '../linux/slices.ts';
import { hasAppArmor, readMachine } from '../linux/machine.ts';
import { Logind } from '../linux/logind.ts';
import { PodDisk } from './disk/act.ts';
import type { Join } from './cluster/join.ts';
import { enforcedEvent } from './cluster/nodeEvents.ts';
import { openMemory } from './checkpoint/memory.ts';
import { EventLog } from './events.ts';
import { makeImages } from './images/make.ts';
import { KubeletMetrics } from './metrics/kubeletMetrics.ts';
import { makeHousekeeping } from './housekeeping/act.ts';
import { NodeView, storageBytesAt } from './node/observe.ts';
import { chooseAddresses } from './node/addresses.ts';
import { allocatableOf, capacityOf, enforceableOf, goArch, nodeLabels, nodeSpec } from './node/room.ts';
import { TerminationHistory } from './pods/history.ts';
import { makePaths } from './paths.ts';
import { Admission } from './pods/admission.ts';
import type { NodeRoom } from './pods/admit.ts';
import { Fates } from './pods/fates.ts';
import { QosGroups } from './pods/qosGroups.ts';
import { nodeRefusal } from './pods/refusal.ts';
import { podResolvConf } from './pods/resolvConf.ts';
import { classRef } from './pods/runtimeClass.ts';
import type { SecurityPolicy } from './pods/security.ts';
import type { ObjectsOf } from './objects/source.ts';
import { StandaloneObjects } from './objects/standalone.ts';
import { Holds } from './pods/holds.ts';
import { RuntimeWatch } from './pods/observe.ts';
import { isOver } from './pods/status.ts';
import { PodWorkers } from './pods/workers.ts';
import { askOnce } from './probes/act.ts';
import { Prober } from './probes/prober.ts';
import { CriRuntime } from './runtime/cri.ts';
import { linkRuntime } from './runtime/link.ts';
import { makeApi } from './server/make.ts';
import { PodFeed } from './server/podFeed.ts';
import { processUsage } from './server/stats/usage.ts';
import { NodeShutdown } from './shutdown/shutdown.ts';
import { makeSources } from './sources/make.ts';
import { isFromApi } from './sources/origin.ts';
import { PodVolumes } from './volumes/sync.ts';
import { keyOf } from './sources/fileSet.ts';
import { podFact, statusLine } from './statusLine.ts';
import { Timeline } from './timeline.ts';
import type { Settings } from './config/settings.ts';

/** Measured: with more pods starting or ending at once than this the node gets slower, not faster. */
const PODS_AT_ONCE = 8;

export interface AssembleContext extends DaemonContext {
  /** 0 <= x < 1 */
  readonly random: () => number;
}

/** settings: those in effect, which a reload of the configuration changes. No pod is looked at before the parts are run. */
export async function assemble(settings: Settings, { clock, log, signal, notify, random }: AssembleContext) {
  const machine = await readMachine();
  const nodeName = settings.hostnameOverride ?? machine.hostname;
  const chosen = chooseAddresses({ addresses: machine.interfaces, defaultInterface: machine.defaultInterface }, settings.nodeIps);
  const hostIps = chosen.ips;
  const paths = makePaths(settings.rootDir, settings.podLogsDir);
  const { cgroupNames } = settings;

  const statusTeller = new StatusTeller({
    clock,
    line: () =>
      statusLine({
        pods: workers.pods().map(({ pod, status }) => podFact(keyOf(pod), pod, status)),
        refusedManifests: new Set(manifests.view().refusals.map(({ file }) => file)).size,
        problems: [problem()].filter((text) => text !== undefined),
      }),
    tell: (line) => notify.send({ STATUS: line }),
  });
  const { client, problem } = linkRuntime(
    {
      settings,
      clock,
      log,
      onCall: (rpc, tookMs, outcome) => metrics.runtimeCall(rpc, tookMs, outcome),
      onChange: () => statusTeller.changed(),
      // It may be another version; if it went again, the next time.
      onBack: () => void runtime.identify(signal).catch(() => undefined),
    },
    signal,
  );
  const runtime = new CriRuntime(client);
  const cgroupMounts = findMounts();
  const onGroup: OnGroup = (operation, tookMs) => metrics.groupChanged(operation, tookMs);
  const cgroups = cgroupNames.driver === 'systemd' ? new SliceCgroups(cgroupMounts, onGroup) : new Cgroups(cgroupMounts, onGroup);
  const size = { ...machine, storageBytes: await storageBytesAt(settings.rootDir) };
  const { enforcePods, quota } = settings.resources;
  const qosGroups = new QosGroups({
    cgroups,
    cgroupNames,
    most: enforcePods ? enforceableOf(size, settings) : undefined,
    log,
    onEnforced: (outcome) => joined?.recordNode(enforcedEvent(outcome)),
  });
  const disk = new PodDisk({
    paths,
    cgroups,
    cgroupNames,
    podPidsLimit: settings.podPidsLimit,
    limits: { pageSizes: machine.hugePages.keys().toArray(), quota },
    clusterDomain: settings.clusterDomain,
  });
  const metrics = new KubeletMetrics({
    nodeName,
    pods: () => workers.pods(),
    isWanted: ({ pod }) => workers.wants(pod),
    mirrors: () => joined?.mirrors() ?? 0,
    pullRecords: () => images.records.counts,
    cgroupVersion: cgroupMounts.mode === 'v2' ? 2 : 1,
    usage: processUsage,
    nowMs: () => clock.nowMs(),
  });
  const objects = new StandaloneObjects();
  const joined: Join | undefined =
    settings.kubeconfig === undefined
      ? undefined
      : await (
          await import('./cluster/join.ts')
        ).Join.open(
          {
            kubeconfig: settings.kubeconfig,
            bootstrapKubeconfig: settings.bootstrapKubeconfig,
            certDir: settings.certDir,
            random,
            servedNames: [nodeName, ...hostIps],
            settings: settings.cluster,
            nodeName,
            port: settings.server.port,
            clock,
            log,
            workers: () => workers,
            showNode: (s) => node.show(s),
            onPods: (pods) => podSet.setApi(pods),
            onContent: (pod) => void volumes.refresh(pod, signal),
            metrics,
          },
          signal,
        );
  const memory = await openMemory(paths, log);
  const events = new EventLog(clock, (event) => joined?.record(event), memory.events.known);
  const timeline = new Timeline(clock, (key, step) => metrics.stepped(workers.pod(key)?.pod, step));
  const prober = new Prober(
    {
      clock,
      log,
      events,
      random,
      ask: (target, probe, s) => askOnce({ client, clock }, target, probe, s),
      onChange: (key) => workers.look(key),
      onAnswer: (pod, container, kind, answer) => metrics.probes.probed(pod, container, kind, answer),
      onGone: (pod) => metrics.probes.forget(pod),
      known: new Map(memory.probes.known),
      keep: (results) => memory.probes.save([...results]),
    },
    signal,
  );
  const feed = new PodFeed();
  const holds = new Holds(clock);

  const fates = new Fates(memory.fates.known, (all) => memory.fates.save(all));
  const security: SecurityPolicy = {
    get seccompDefault() {
      return settings.seccompDefault;
    },
    seccompDir: join(settings.rootDir, 'seccomp'),
    appArmor: await hasAppArmor(),
  };
  const ranBefore = new Set<string>();
  const room = (): NodeRoom => ({
    allocatable: allocatableOf(size, settings),
    labels: joined?.nodeLabels() ?? nodeLabels(nodeName, machine, settings.cluster.labels),
    pressures: [...evictor.conditions()],
    refuse: (pod) =>
      shutdown.refusal() ?? nodeRefusal(pod, { security, allowedUnsafeSysctls: settings.allowedUnsafeSysctls }, runtime.features()),
  });
  const classOf = (pod: Pod): RuntimeClass | undefined => {
    const ref = classRef(pod);
    return ref === undefined ? undefined : objects.peek(ref);
  };
  const isIncomplete = (pod: Pod): boolean => !isFromApi(pod) && classRef(pod) !== undefined && classOf(pod) === undefined;
  const admission = new Admission({
    fates,
    events,
    log,
    room,
    isIncomplete,
    ranBefore,
    onChange: (key) => workers.look(key),
    onPushed: () => metrics.preempted('resources'),
    onRefused: (reason) => metrics.refused(reason),
  });
  const objectsOf: ObjectsOf = (pod) => (joined !== undefined && isFromApi(pod) ? joined.objects : objects);
  const images = await makeImages({ settings, client, objectsOf, metrics: metrics.images, clock, log }, signal);
  const { imageFs, collector, evictor, storage } = makeHousekeeping({
    settings,
    client,
    clock,
    log,
    events,
    fates,
    paths,
    admission,
    cgroupMounts,
    pullRecords: images.records,
    pods: () => workers.pods().map(({ pod }) => pod),
    onPod: (key) => workers.look(key),
    onEvicted: (low) => metrics.evicted(low),
    onImageRemoved: (why) => metrics.images.removed(why),
    onNodeEvent: (event) => joined?.recordNode(event),
  });

  const shutdown: NodeShutdown = new NodeShutdown({
    clock,
    log,
    fates,
    logind: new Logind(),
    periods: settings.shutdown,
    pods: () => new Map(workers.pods().flatMap(({ pod, status }) => (isOver(status) ? [] : [[keyOf(pod), pod] as const]))),
    runs: (key, pod) => workers.pod(key)?.objects?.containers.some((c) => c.uid === pod.metadata.uid && c.state === 'running') === true,
    onPod: (key) => workers.turnOver(key),
    onChange: () => {
      if (shutdown.isShuttingDown) metrics.shutdownBegan(clock.nowMs());
      joined?.nodeChanged();
      admission.lookAgain();
    },
    onEnded: () => metrics.shutdownEnded(clock.nowMs()),
  });
  const allocatable = allocatableOf(size, settings);
  const volumes = new PodVolumes({
    objects: objectsOf,
    tokens: joined?.tokens,
    log,
    facts: { paths, nodeName, hostIps, podIps: [], allocatable },
    clock,
    onMade: (plugin, tookMs, outcome) => metrics.volumeMade(plugin, tookMs, outcome),
  });
  const history = new TerminationHistory(memory.terminations.known, (all) => memory.terminations.save(all));
  const workers: PodWorkers = new PodWorkers({
    runtime,
    disk,
    objects: objectsOf,
    serviceEnv: (pod) => joined?.serviceEnv(pod) ?? new Map(),
    volumes,
    events,
    timeline,
    clock,
    log,
    images: images.puller,
    credentials: images.credentials,
    holds,
    node: {
      nodeName,
      paths,
      cgroupNames,
      capacity: machine,
      cpuQuota: quota,
      allocatable,
      names: {
        dns: await podResolvConf(settings.resolvConf),
        get clusterDns() {
          return settings.clusterDns;
        },
        clusterDomain: settings.clusterDomain,
      },
      security,
      get allowedUnsafeSysctls() {
        return settings.allowedUnsafeSysctls;
      },
      hostIps,
    },
    starts: new Semaphore(PODS_AT_ONCE),
    ends: new Semaphore(PODS_AT_ONCE),
    deadContainers: settings.containerGc,
    history,
    get crashBackoff() {
      return settings.crashBackoff;
    },
    watch: () => runtimeWatch,
    prober,
    onLooked: (key) => {
      const known = workers.pod(key);
      if (known !== undefined) metrics.podLooked(known, timeline.of(key), clock.nowMs());
      feed.changed(key);
      statusTeller.changed();
      joined?.looked(key);
    },
    onTurn: (kind, tookMs) => metrics.turned(kind, tookMs),
    onEnded: (key, pod, status) => joined?.ended(key, pod, status),
    fates,
    admission,
  });
  const runtimeWatch = new RuntimeWatch({
    runtime,
    clock,
    log,
    relistMs: settings.syncFrequencyMs,
    onPod: (key) => workers.look(key),
    onRelist: (list) => metrics.relisted(list, clock.nowMs()),
    onEvents: (outcome) => metrics.eventsFollowed(outcome),
  });
  const { podSet, manifests } = makeSources({
    settings,
    nodeName,
    clock,
    log,
    objects,
    objectsOf,
    classOf,
    onPods: (pods, isComplete) => {
      void qosGroups.update(pods.values()); // tells itself what went wrong
      workers.setPods(pods, isComplete);
    },
    onObject: (key, pod) => {
      for (const reason of ['CreateContainerConfigError', ...(pod.spec.imagePullSecrets === undefined ? [] : ['ErrImagePull'])])
        holds.clearReason(pod.metadata.uid ?? '', reason);
      void volumes.refresh(pod, signal); // tells itself what went wrong
      workers.look(key);
    },
    onManifests: () => statusTeller.changed(),
  });
  const api = makeApi({
    settings,
    nodeName,
    cores: machine.cpuMilli / 1_000,
    cgroupMounts,
    paths,
    clock,
    runtime,
    runtimeWatch,
    runtimeProblem: problem,
    workers,
    volumes,
    metrics,
  });
  const node = new NodeView({
    client,
    clock,
    architecture: goArch(machine.arch),
    get mostImages() {
      return settings.mostImages;
    },
    pressures: () => evictor.conditions(),
    shuttingDown: () => shutdown.isShuttingDown,
    facts: () => ({
      name: nodeName,
      labels: nodeLabels(nodeName, machine, settings.cluster.labels),
      capacity: capacityOf(size, settings),
      allocatable: allocatableOf(size, settings),
      addresses: hostIps,
      spec: nodeSpec(settings.cluster, settings.podCidr),
    }),
  });
  return {
    admission,
    api,
    chosen,
    client,
    collector,
    disk,
    events,
    evictor,
    feed,
    history,
    imageFs,
    images: images.puller,
    joined,
    machine,
    manifests,
    memory,
    node,
    nodeName,
    paths,
    prober,
    ranBefore,
    runtime,
    runtimeWatch,
    shutdown,
    statusTeller,
    storage,
    timeline,
    workers,
  };
}

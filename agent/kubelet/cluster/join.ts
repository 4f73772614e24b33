/**
 * The kubelet under an API server: what it is made of. Its pods come from one watch; the Node, their statuses, events and mirror pods go
 * there; objects and tokens that pods refer to come from there. Nothing here ends by itself or throws: without the server the pods go on.
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { Service } from '#api/kinds/core/service.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { EventRecorder } from '#client/events.ts';
import { Informer } from '#client/informer.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { datesProblem, endOf, lifeOf } from '../certificates/act.ts';
import { bootstrap, renewedPair, rotate, rotatedConfig } from '../certificates/manager.ts';
import { CLIENT, SERVER } from '../certificates/plan.ts';
import type { ClusterSettings } from '../config/clusterFields.ts';
import type { PodEvent } from '../events.ts';
import type { KubeletMetrics } from '../metrics/kubeletMetrics.ts';
import { Heartbeat, NODES } from '../node/heartbeat.ts';
import { ApiObjects } from '../objects/apiserver.ts';
import { ApiTokens } from '../objects/tokens.ts';
import { serviceEnvironment } from '../pods/serviceEnv.ts';
import type { PodWorkers } from '../pods/workers.ts';
import { ApiPods } from '../sources/apiserver.ts';
import { isFromApi, isMirror, isMirrorOf } from '../sources/origin.ts';
import { podName } from '../paths.ts';
import { Connection } from './connection.ts';
import { MirrorPods } from './mirrorPods.ts';
import { nodeEvents, rebootEvents, schedulableEvents, type NodeEvent } from './nodeEvents.ts';
import { PodStatuses } from './podStatuses.ts';

export interface JoinOptions {
  readonly kubeconfig: string;
  readonly bootstrapKubeconfig: string | undefined;
  readonly certDir: string;
  /** Names and addresses of the certificate that the HTTP API serves with. */
  readonly servedNames: readonly string[];
  readonly settings: ClusterSettings;
  readonly nodeName: string;
  /** Where the kubelet's HTTP API listens. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 <= x < 1 */
  readonly random: () => number;
  readonly workers: () => PodWorkers;
  /** The node as it is now. */
  readonly showNode: (signal: AbortSignal) => Promise<Node>;
  /** All pods of the API to run, by key. */
  readonly onPods: (pods: ReadonlyMap<string, Pod>) => void;
  /** The files of a pod's volumes may be others now. */
  readonly onContent: (pod: Pod) => void;
  readonly metrics: Pick<KubeletMetrics, 'events' | 'requests' | 'certificates'>;
}

interface Connected {
  readonly config: ClientConfig;
  /** For pods, for events, for the heartbeat. */
  readonly clients: readonly [Client, Client, Client];
  readonly connection: Connection;
}

const SERVICES: ResourceType<Service> = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true, schema: Service };
/** How often tokens are looked at; they live for ten minutes at least. */
const TOKENS_EVERY_MS = 10_000;

export class Join {
  readonly objects: ApiObjects;
  readonly tokens: ApiTokens;
  /** Who this kubelet is to the server. */
  readonly config: ClientConfig;
  readonly #options: JoinOptions;
  readonly #log: Logger;
  #useServed: (pem: string) => void = () => undefined;
  readonly #clients: readonly [Client, Client, Client];
  readonly #pods: ApiPods;
  readonly #node: Informer<Node>;
  readonly #services: Informer<Service>;
  readonly #statuses: PodStatuses;
  readonly #mirrors: MirrorPods;
  readonly #heartbeat: Heartbeat;
  readonly #recorder: EventRecorder;
  #hasManifests = false;

  /** Gets credentials first where it has none yet and may. Throws KUBECONFIG_*. */
  static async open(options: JoinOptions, signal: AbortSignal): Promise<Join> {
    const { kubeconfig, bootstrapKubeconfig, settings, clock, log } = options;
    if (bootstrapKubeconfig !== undefined) await bootstrap({ ...options, bootstrapKubeconfig }, signal);
    const given = await loadKubeconfig(kubeconfig);
    const config = settings.rotateCertificates ? await rotatedConfig(given, options) : given;
    const clientFor = (limits: { readonly qps: number; readonly burst: number }): Client =>
      connect({ config, clock, log, userAgent: 'kubelet', ...limits, onAnswer: (sent) => options.metrics.requests.sent(sent) });
    // The heartbeat never waits behind pods.
    const clients = [clientFor(settings.api), clientFor(settings.events), clientFor({ qps: -1, burst: 0 })] as const;
    const connection = new Connection({ log, server: config.server, hint: () => datesProblem(config.certificate, clock.nowMs()) });
    return new Join(options, { config, clients, connection }, signal);
  }

  private constructor(options: JoinOptions, { config, clients, connection }: Connected, life: AbortSignal) {
    const { nodeName, clock, settings, port, workers, showNode, onPods } = options;
    const [client, eventClient, heartbeatClient] = clients;
    const log = connection.logFor(options.log);
    this.#options = options;
    this.#log = log;
    this.config = config;
    this.#clients = clients;
    this.objects = new ApiObjects({ client, clock, log }, life);
    this.tokens = new ApiTokens({ client, clock, log });
    this.#pods = new ApiPods({ client, clock, log, nodeName, onPods, onChange: (key) => this.#changed(key) });
    this.#node = new Informer({
      source: client.resource(NODES),
      name: 'nodes',
      clock,
      log,
      selection: { fieldSelector: `metadata.name=${nodeName}` },
    });
    this.#services = new Informer({ source: client.resource(SERVICES), name: 'services', clock, log, transform: linkOnly });
    const live = (key: string): Pod | undefined => this.#pods.live(key);
    this.#statuses = new PodStatuses({ client, clock, log, connection, live });
    this.#mirrors = new MirrorPods({
      client,
      clock,
      log,
      nodeName,
      live,
      staticPod: (key) => staticOf(workers().pod(key)?.pod),
      nodeUid: () => this.#heartbeat.uid,
      isComplete: () => this.#pods.isComplete && this.#hasManifests,
    });
    this.#recorder = new EventRecorder({
      client: eventClient,
      clock,
      log,
      metrics: options.metrics.events,
      component: 'kubelet',
      host: nodeName,
    });
    this.#heartbeat = new Heartbeat({
      client: heartbeatClient,
      clock,
      log,
      connection,
      nodeName,
      settings,
      port,
      show: showNode,
      live: () => this.#node.get(nodeName),
      onStatus: (before, now) => {
        for (const event of nodeEvents(before, now)) this.recordNode(event);
      },
      onRegistered: (known, seen) => {
        for (const event of rebootEvents(nodeName, known.status, seen.status)) this.recordNode(event);
        this.#lookAtMirrors();
      },
    });
    this.#node.onChange(({ before, after }) => {
      for (const event of schedulableEvents(nodeName, before, after)) this.recordNode(event);
    });
  }

  /** Resolves when the pods of the API were read once, or when the signal aborts. */
  async complete(signal: AbortSignal): Promise<void> {
    await this.#pods.complete(signal).catch(() => undefined);
  }

  /** How many mirror pods the server has. */
  mirrors(): number {
    return this.#pods.mirrors().length;
  }

  /** The node itself is not as it was: its status is told now. */
  nodeChanged(): void {
    this.#heartbeat.look();
  }

  /** Labels of the Node, also those that people gave it; undefined: not known yet. */
  nodeLabels(): Readonly<Record<string, string>> | undefined {
    return this.#node.get(this.#options.nodeName)?.metadata.labels;
  }

  /** Told of each certificate to serve with, certificate and key in one text. */
  onServed(use: (pem: string) => void): void {
    this.#useServed = use;
  }

  /** Throws SERVICES_UNKNOWN, for pods of the API: where services are was not read yet. */
  serviceEnv(pod: Pod): ReadonlyMap<string, string> {
    if (isFromApi(pod) && !this.#services.isSynced)
      throw new AppError('SERVICES_UNKNOWN', 'services have not yet been read at least once, cannot construct envvars');
    return serviceEnvironment(pod, this.#services.values());
  }

  /** The manifests were read once: a mirror of what is not among them goes. */
  manifestsKnown(): void {
    this.#hasManifests = true;
    this.#lookAtMirrors();
  }

  /** A worker has looked at the pod of this name. */
  looked(key: string): void {
    const known = this.#options.workers().pod(key);
    const live = this.#pods.live(key);
    if (known?.objects !== undefined && known.status !== undefined) {
      const { pod, status } = known;
      if (isFromApi(pod)) this.#statuses.set(key, podName(pod).uid, status);
      else if (live !== undefined && isMirrorOf(live, pod)) this.#statuses.set(key, podName(live).uid, status);
    }
    if (staticOf(known?.pod) !== undefined || (live !== undefined && isMirror(live))) this.#mirrors.look(key);
  }

  /** Nothing is left here of a pod that was deleted in the API. */
  ended(key: string, pod: Pod, status: PodStatus): void {
    this.tokens.forget(podName(pod).uid);
    this.#statuses.end(key, podName(pod).uid, status);
  }

  record({ type, reason, message, namespace, pod, uid, fieldPath }: PodEvent): void {
    this.#recorder.record({ apiVersion: 'v1', kind: 'Pod', namespace, name: pod, uid, fieldPath }, { type, reason, message });
  }

  recordNode(event: NodeEvent): void {
    const { nodeName } = this.#options;
    // Upstream's kubelet has always named the node in place of its UID, and tools look for that.
    this.#recorder.record({ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeName }, event);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.recordNode({ type: 'Normal', reason: 'Starting', message: 'Starting kubelet.' });
    signal.addEventListener('abort', () => this.#clients.forEach((client) => client.close()), { once: true });
    await Promise.all([
      this.#node.run(signal),
      this.#services.run(signal),
      this.#pods.run(signal),
      this.#statuses.run(signal),
      this.#mirrors.run(signal),
      this.#heartbeat.run(signal),
      this.#recorder.run(signal),
      this.#renewTokens(signal),
      this.#rotate(signal),
    ]);
  }

  /** A kubelet that was off for too long comes in as it came the first time. */
  #bootstrapClient(): (() => Promise<Client>) | undefined {
    const { bootstrapKubeconfig: file, clock, log } = this.#options;
    return file === undefined ? undefined : async () => connect({ config: await loadKubeconfig(file), clock, log, userAgent: 'kubelet' });
  }

  async #rotate(signal: AbortSignal): Promise<void> {
    const { settings, servedNames, kubeconfig } = this.#options;
    const [client] = this.#clients;
    const { certificates } = this.#options.metrics;
    const told = (use: 'client' | 'serving') => ({
      onRenewed: (livedMs: number) => certificates.renewed(use, livedMs),
      onFailed: () => certificates.notRenewed(use),
    });
    const endsAtMs = endOf(this.config.certificate);
    if (endsAtMs !== undefined) certificates.inUse('client', endsAtMs);
    const parts = { ...this.#options, log: this.#log, client };
    await Promise.all([
      settings.rotateCertificates
        ? rotate(
            {
              ...parts,
              ...told('client'),
              onCertificate: (pem) => certificates.inUse('client', lifeOf(pem).toMs),
              kind: CLIENT,
              names: () => [],
              afterEnd: this.#bootstrapClient(),
              replacement: () => renewedPair(kubeconfig, parts),
            },
            signal,
          )
        : undefined,
      settings.serverTlsBootstrap
        ? rotate(
            { ...parts, ...told('serving'), kind: SERVER, names: () => servedNames, onCertificate: (pem) => this.#useServed(pem) },
            signal,
          )
        : undefined,
    ]);
  }

  #changed(key: string): void {
    this.#statuses.changed(key);
    this.looked(key);
    const pod = this.#pods.pod(key);
    if (pod !== undefined) this.#options.onContent(pod);
  }

  #lookAtMirrors(): void {
    for (const pod of [
      ...this.#options
        .workers()
        .pods()
        .map((known) => known.pod),
      ...this.#pods.mirrors(),
    ]) {
      const { namespace, name } = podName(pod);
      if (!isFromApi(pod)) this.#mirrors.look(`${namespace}/${name}`);
    }
  }

  async #renewTokens(signal: AbortSignal): Promise<void> {
    const { clock, workers, onContent } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(TOKENS_EVERY_MS, signal).catch(() => undefined);
      const due = this.tokens.due();
      for (const { pod } of due.size === 0 ? [] : workers().pods()) if (due.has(podName(pod).uid)) onContent(pod);
    }
  }
}

function staticOf(pod: Pod | undefined): Pod | undefined {
  return pod === undefined || isFromApi(pod) ? undefined : pod;
}

/** What environment variables are made of: a cluster may have 10,000 services. */
function linkOnly(service: Service): Service {
  const { name, namespace, resourceVersion, uid } = service.metadata;
  const { clusterIP, ports } = service.spec ?? {};
  return JSON.parse(JSON.stringify({ metadata: { name, namespace, resourceVersion, uid }, spec: { clusterIP, ports } })) as Service;
}

/**
 * The Node of this kubelet in the API: made at the start, its status told when it changes and at least every so often, and a Lease that
 * says that the node lives. Each goes on for ever, whatever the server answers.
 *
 * Differs: a Node that somebody deleted while its kubelet runs is made again at the next look; upstream's waits for its next start.
 */
import { rfc3339Micro } from '#api/formats.ts';
import type { Lease } from '#api/kinds/coordination/v1.ts';
import { Lease as LeaseSchema } from '#api/kinds/coordination/v1.ts';
import { Node } from '#api/kinds/core/node.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#client/errors.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client, ResourceClient } from '#client/rest.ts';
import type { ClusterSettings } from '../config/clusterFields.ts';
import type { Connection } from '../cluster/connection.ts';
import { labelPatch, newNode, nodeStatusPatch } from './object.ts';

export const NODES: ResourceType<Node> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node };
const LEASES: ResourceType<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schema: LeaseSchema,
};
const LEASE_NAMESPACE = 'kube-node-lease';
/** A sign of life comes four times within the time that others wait. */
const RENEW_SHARE = 0.25;
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 7_000;

export interface HeartbeatOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly connection: Connection;
  readonly nodeName: string;
  readonly settings: ClusterSettings;
  readonly port: number;
  /** The node as it is now. */
  readonly show: (signal: AbortSignal) => Promise<Node>;
  /** The Node as the watch brought it last. */
  readonly live: () => Node | undefined;
  /** Told of each status that is written, with the one before. */
  readonly onStatus?: (before: Node['status'] | undefined, now: NonNullable<Node['status']>) => void;
  /** The node is in the API as known; again when it is another object. seen: as it is. */
  readonly onRegistered: (known: Node, seen: Node) => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #nodes: ResourceClient<Node>;
  readonly #leases: ResourceClient<Lease>;
  readonly #registered = Promise.withResolvers<void>();
  #uid: string | undefined;
  #told: Node['status'];
  #wake: () => void = () => undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#nodes = options.client.resource(NODES);
    this.#leases = options.client.resource(LEASES);
  }

  /** Of the Node in the API; undefined: not registered yet. */
  get uid(): string | undefined {
    return this.#uid;
  }

  /** The status may have changed: look now. */
  look(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#statusLoop(signal), this.#leaseLoop(signal)]);
  }

  async #statusLoop(signal: AbortSignal): Promise<void> {
    const { clock, settings, log, connection } = this.#options;
    const backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
    let reportAtMs = -Infinity;
    while (!signal.aborted) {
      let waitMs = settings.statusLookMs;
      try {
        if (this.#uid === undefined) await this.#register(signal);
        const isDue = clock.monotonicMs() >= reportAtMs;
        if (await this.#tell(isDue ? 'all' : 'changes', signal)) {
          reportAtMs = clock.monotonicMs() + settings.statusReportMs;
          connection.reached();
        }
        backoff.reset('');
      } catch (err) {
        if (signal.aborted) return;
        if (isNotFound(err)) this.#uid = undefined; // somebody deleted it
        waitMs = backoff.nextMs('');
        if (!connection.failed(err)) log.warn('Cannot tell the API server about this node', { retryInMs: waitMs, err });
      }
      await this.#pause(waitMs, signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    this.#wake = () => undefined;
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { settings, port, show, nodeName, log, onRegistered } = this.#options;
    const seen = this.#withPort(await show(signal), port);
    let node: Node;
    if (settings.registerNode) {
      try {
        node = await this.#nodes.create(newNode(seen, { settings, port }), { signal });
        this.#told = seen.status;
        this.#options.onStatus?.(undefined, seen.status ?? {});
        log.info('Registered the node', { node: nodeName });
      } catch (err) {
        if (!isAlreadyExists(err)) throw err;
        node = await this.#nodes.get({ name: nodeName }, { signal });
        const patch = labelPatch(node, seen);
        if (patch !== undefined) node = await this.#nodes.patch({ name: nodeName }, { type: 'strategic', body: patch }, { signal });
        this.#told = undefined;
      }
    } else {
      node = await this.#nodes.get({ name: nodeName }, { signal }).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
        const next = 'make it, or let the kubelet do so (registerNode: true)';
        throw new AppError('NODE_MISSING', `There is no Node ${nodeName} in the API, and registerNode is false: ${next}`, { next }, err);
      });
      this.#told = undefined;
    }
    this.#uid = node.metadata.uid;
    this.#registered.resolve();
    onRegistered(node, seen);
  }

  #withPort(node: Node, port: number): Node {
    return { ...node, status: { ...node.status, daemonEndpoints: { kubeletEndpoint: { Port: port } } } };
  }

  /** Whether something was written. */
  async #tell(report: 'all' | 'changes', signal: AbortSignal): Promise<boolean> {
    const { nodeName, show, port, onStatus, live } = this.#options;
    const now = this.#withPort(await show(signal), port).status ?? {};
    const watched = live();
    // Others write conditions too: a node that was given up for lost says that it is not.
    const conditions = watched?.metadata.uid === this.#uid ? (watched?.status?.conditions ?? []) : this.#told?.conditions;
    const told = this.#told === undefined || conditions === undefined ? this.#told : { ...this.#told, conditions };
    const patch = nodeStatusPatch(told, now, report);
    if (patch === undefined) return false;
    await this.#nodes.patch({ name: nodeName }, { type: 'strategic', body: { status: patch }, subresource: 'status' }, { signal });
    onStatus?.(this.#told, now);
    this.#told = now;
    return true;
  }

  async #leaseLoop(signal: AbortSignal): Promise<void> {
    const { clock, settings, log, connection } = this.#options;
    const everyMs = settings.leaseSeconds * 1_000 * RENEW_SHARE;
    const backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
    await Promise.race([this.#registered.promise, aborted(signal)]);
    let lease: Lease | undefined;
    while (!signal.aborted) {
      let waitMs = everyMs;
      try {
        lease = await this.#renew(lease, signal);
        connection.reached();
        backoff.reset('');
      } catch (err) {
        if (signal.aborted) return;
        lease = undefined;
        waitMs = isConflict(err) || isNotFound(err) ? RETRY_BASE_MS : backoff.nextMs('');
        if (!connection.failed(err)) log.warn('Cannot renew the lease of this node', { retryInMs: waitMs, err });
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  async #renew(known: Lease | undefined, signal: AbortSignal): Promise<Lease> {
    const { nodeName, clock, settings } = this.#options;
    const name = { namespace: LEASE_NAMESPACE, name: nodeName };
    const spec = {
      holderIdentity: nodeName,
      leaseDurationSeconds: settings.leaseSeconds,
      renewTime: rfc3339Micro(clock.nowMs()),
    };
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: this.#uid ?? '' };
    const there =
      known ??
      (await this.#leases.get(name, { signal }).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
        return undefined;
      }));
    if (there === undefined) return this.#leases.create({ metadata: { ...name, ownerReferences: [owner] }, spec }, { signal });
    return this.#leases.update(
      { ...there, metadata: { ...there.metadata, ownerReferences: [owner] }, spec: { ...there.spec, ...spec } },
      { signal },
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));
}

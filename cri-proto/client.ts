/**
 * The CRI over a unix socket: every call of RuntimeService and ImageService, and containerd's own task events.
 *
 * Each call has a deadline (deadlines.ts), takes an AbortSignal, and fails with an AppError (errors.ts) or with the signal's reason.
 * While the connection is lost, calls fail at once with CRI_UNAVAILABLE; it comes back by itself, and waitReady waits for that.
 * Nothing is retried here: whether a call may be made twice is known to who makes it.
 * Units: see values.ts. Throws: AppError CRI_ENDPOINT_INVALID from the constructor.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import { makeService, type CallDeps } from './call.ts';
import { loadSchema } from './codec.ts';
import { Connection } from './connection.ts';
import { DEFAULT_REQUEST_TIMEOUT_MS } from './deadlines.ts';
import { parseEndpoint } from './endpoint.ts';
import { payloadDecoder, type ContainerdEvent } from './containerdEvents.ts';
import type { Content, Events } from './gen/containerd.ts';
import type { ImageService, RuntimeService } from './gen/cri.ts';

export interface CriClientOptions {
  /** unix:///run/containerd/containerd.sock, or the bare path. */
  readonly endpoint: string;
  readonly clock: Clock;
  /** runtimeRequestTimeout; the unit of the default deadlines. */
  readonly requestTimeoutMs?: number;
  /** Told of each change once: from the first connection or the first refusal on, until close(). */
  readonly onStateChange?: (up: boolean) => void;
  /** Told of each call that ended, streams left out: for metrics. */
  readonly onCall?: CallDeps['onCall'];
}

export interface Download {
  /** Such as layer-sha256:... */
  readonly ref: string;
  readonly doneBytes: number;
  /** 0: not known. */
  readonly totalBytes: number;
}

export class CriClient {
  readonly runtime: RuntimeService;
  readonly image: ImageService;
  readonly socket: string;
  readonly #connection: Connection;
  readonly #events: Events;
  readonly #content: Content;
  readonly #decode: ReturnType<typeof payloadDecoder>;

  constructor({
    endpoint,
    clock,
    requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS,
    onStateChange = () => undefined,
    onCall,
  }: CriClientOptions) {
    this.socket = parseEndpoint(endpoint);
    this.#connection = new Connection(this.socket, clock, onStateChange);
    const schema = loadSchema();
    const deps = { connection: this.#connection, clock, socket: this.socket, requestTimeoutMs, onCall };
    this.runtime = makeService(schema.methods('runtime.v1.RuntimeService'), deps) as unknown as RuntimeService;
    this.image = makeService(schema.methods('runtime.v1.ImageService'), deps) as unknown as ImageService;
    const namespace = new Metadata();
    namespace.set('containerd-namespace', 'k8s.io');
    this.#events = makeService(schema.methods('containerd.services.events.v1.Events'), deps, namespace) as unknown as Events;
    this.#content = makeService(schema.methods('containerd.services.content.v1.Content'), deps, namespace) as unknown as Content;
    this.#decode = payloadDecoder(schema);
  }

  /** Returns once the socket takes calls, or throws the reason of the signal. Whether the runtime itself is ready says Status. */
  waitReady(signal: AbortSignal): Promise<void> {
    return this.#connection.waitUp(signal);
  }

  /**
   * Task events of CRI's containers and sandboxes from now on, in their order; for runtimes without GetContainerEvents.
   * filters is in containerd's language and any of them may match, such as topic=="/tasks/exit"; none: all task events.
   * The runtime does not say when it has begun: list after the first turn of the loop is under way, and list now and then.
   */
  async *containerdEvents(filters: readonly string[], signal: AbortSignal): AsyncGenerator<ContainerdEvent, void, undefined> {
    const wanted = filters.length > 0 ? filters : ['topic~="^/tasks/"'];
    for await (const envelope of this.#events.subscribe({ filters: wanted }, { signal })) {
      const event = this.#decode(envelope);
      if (event !== undefined) yield event;
    }
  }

  /** Downloads of images that are under way, where the runtime is a containerd; another one throws CRI_UNIMPLEMENTED. */
  async containerdDownloads(signal: AbortSignal): Promise<readonly Download[]> {
    const { statuses } = await this.#content.listStatuses({}, { signal });
    return statuses.map(({ ref, offset, total }) => ({ ref, doneBytes: Number(offset), totalBytes: Number(total) }));
  }

  /** Calls under way go on to their end (abort their signals to end them); later ones fail with CRI_UNAVAILABLE. */
  close(): void {
    this.#connection.close();
  }
}

/**
 * Makes the calls of one service: deadline, cancellation, errors. Messages are encoded before a call starts, so that a value of the
 * wrong shape is a TypeError of the caller and never looks like an answer of the runtime.
 *
 * Deadlines run on our clock and cancel the call, which ends the work in the runtime just as a deadline sent along would.
 */
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type { MethodCodec } from './codec.ts';
import type { Connection } from './connection.ts';
import { deadlineOf } from './deadlines.ts';
import { closedError, toAppError } from './errors.ts';
import type { CallOptions } from './values.ts';

export interface CallDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly socket: string;
  readonly requestTimeoutMs: number;
  /** Told of each call that ended, streams left out. */
  readonly onCall?: ((rpc: string, tookMs: number, outcome: 'ok' | 'failed') => void) | undefined;
}

/** An object with one function per method, named as in gen/: the first letter small. */
export function makeService(
  methods: readonly MethodCodec[],
  deps: CallDeps,
  metadata: Metadata = new Metadata(),
): Readonly<Record<string, unknown>> {
  const entries = methods.map((m) => {
    const call = (request: object, options: CallOptions = {}): unknown =>
      (m.streams ? stream : unary)(m, deps, metadata, { request, options });
    return [m.name.charAt(0).toLowerCase() + m.name.slice(1), call];
  });
  return Object.fromEntries(entries);
}

interface Args {
  readonly request: object;
  readonly options: CallOptions;
}

async function unary(m: MethodCodec, deps: CallDeps, metadata: Metadata, { request, options }: Args): Promise<object> {
  const bytes = begin(m, deps, { request, options });
  const startedMs = deps.clock.monotonicMs();
  return new Promise((resolve, reject) => {
    const call = deps.connection.client.makeUnaryRequest(m.path, same, decoder(m), bytes, metadata, {}, (err, answer) => {
      guard.end();
      deps.onCall?.(m.name, deps.clock.monotonicMs() - startedMs, err === null ? 'ok' : 'failed');
      if (err === null && answer !== undefined) resolve(answer);
      else reject(guard.explain(err));
    });
    const guard = new Guard(m, deps, { request, options }, () => call.cancel());
  });
}

async function* stream(
  m: MethodCodec,
  deps: CallDeps,
  metadata: Metadata,
  { request, options }: Args,
): AsyncGenerator<object, void, undefined> {
  const bytes = begin(m, deps, { request, options });
  const call = deps.connection.client.makeServerStreamRequest(m.path, same, decoder(m), bytes, metadata, {});
  const guard = new Guard(m, deps, { request, options }, () => call.cancel());
  try {
    for await (const message of call) yield message as object;
  } catch (err) {
    throw guard.explain(err);
  } finally {
    guard.end();
    call.on('error', () => undefined); // the cancellation below has no reader any more
    call.cancel();
  }
}

/** The request in bytes; throws when there is no use in calling. */
function begin(m: MethodCodec, { connection, socket }: CallDeps, { request, options }: Args): Buffer {
  options.signal?.throwIfAborted();
  if (connection.closed) throw closedError(m.name, socket);
  const bytes = m.request.encode(request);
  connection.watch();
  return bytes;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function decoder(m: MethodCodec): (bytes: Buffer) => object {
  return (bytes) => m.response.decode(bytes);
}

/** Ends one call early: when its time is up or its signal aborts. */
class Guard {
  readonly #stopTimer: (() => void) | undefined;
  readonly #cancel: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #rpc: string;
  readonly #socket: string;
  #expiredAfterMs: number | undefined;

  constructor(m: MethodCodec, { clock, socket, requestTimeoutMs }: CallDeps, { request, options }: Args, cancel: () => void) {
    this.#cancel = cancel;
    this.#rpc = m.name;
    this.#socket = socket;
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', cancel, { once: true });
    const deadlineMs = options.deadlineMs ?? deadlineOf(m.name, request, requestTimeoutMs);
    if (deadlineMs === Infinity) return;
    this.#stopTimer = clock.after(deadlineMs, () => {
      this.#expiredAfterMs = deadlineMs;
      cancel();
    });
  }

  end(): void {
    this.#stopTimer?.();
    this.#signal?.removeEventListener('abort', this.#cancel);
  }

  explain(err: unknown): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    return toAppError(err as ServiceError, { rpc: this.#rpc, socket: this.#socket, expiredAfterMs: this.#expiredAfterMs });
  }
}

/**
 * Calls one of several etcd members. Stays with a member while it answers and moves on to the next when it does not. A read is tried
 * again until its time is up; a write only while it is certain that no member has seen it.
 * Throws: StoreError, as etcd's answers translate; the signal's reason when the caller gave up.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  Client,
  connectivityState,
  credentials,
  Metadata,
  status,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { closed, StoreError } from '../errors.ts';
import type { Method } from './wire.ts';

export interface EtcdTls {
  readonly ca: Buffer;
  /** Of the client, where etcd asks for one. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface EtcdClientOptions {
  readonly clock: Clock;
  /** Such as https://10.0.0.1:2379 or unix:///run/etcd.sock. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  /** How long a call may take before it fails with STORE_UNAVAILABLE. */
  readonly timeoutMs?: number;
}

/** etcd itself gives up on a proposal after 5 s plus an election of 2 s, and then says more than we could. */
export const TIMEOUT_MS = 7_000;
const RETRY_MS = 100;

const CHANNEL = {
  // A list or the catching up of a watch comes as one message.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // As upstream's API server: a silent connection is found out within 40 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Each store has its own connections, so that closing it closes them.
  'grpc.use_local_subchannel_pool': 1,
} as const;

export interface CallOptions {
  /** The call changes nothing, or a second time nothing more. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export class EtcdClient {
  readonly #clock: Clock;
  readonly #members: readonly Client[];
  readonly #timeoutMs: number;
  #current = 0;
  readonly #closing = new AbortController();

  constructor({ clock, endpoints, tls, timeoutMs = TIMEOUT_MS }: EtcdClientOptions) {
    this.#clock = clock;
    if (endpoints.length === 0) throw new StoreError('STORE_INVALID', 'Cannot use etcd: no endpoint is given');
    this.#members = endpoints.map((endpoint) => {
      const { host, target } = targetOf(endpoint);
      // TLS knows no addresses as server names, and Node refuses to send one: another name is sent, and the address is checked.
      const options = isIP(host) === 0 ? CHANNEL : { ...CHANNEL, 'grpc.ssl_target_name_override': 'etcd' };
      return new Client(target, credentialsOf(endpoint, host, tls), options);
    });
    this.#timeoutMs = timeoutMs;
  }

  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { repeatable, signal }: CallOptions,
  ): Promise<Response> {
    const endMs = this.#clock.monotonicMs() + this.#timeoutMs;
    let last: unknown;
    for (let attempt = 0; ; attempt++) {
      this.#closing.signal.throwIfAborted();
      signal?.throwIfAborted();
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0) throw translate(last ?? new Error('no member can be reached'));
      // No member may use up the time of the others, unless it is the only one.
      const member = await this.#ready(Math.min(leftMs, this.#timeoutMs / this.#members.length));
      if (member !== undefined) {
        try {
          const attemptMs = repeatable ? Math.max(leftMs / this.#members.length, 500) : leftMs;
          return await once(member, method, request, { deadline: this.#clock.nowMs() + Math.min(leftMs, attemptMs), signal });
        } catch (err) {
          this.#closing.signal.throwIfAborted();
          signal?.throwIfAborted();
          last = err;
          if (!isTrouble(err)) throw translate(err);
          this.#moveOn(member);
          if (!repeatable && !wasNotTaken(err)) throw translate(err);
        }
      }
      if (attempt % this.#members.length === this.#members.length - 1) await this.#clock.sleep(RETRY_MS, signal ?? this.#closing.signal);
    }
  }

  /** A stream to a member that is there. Does not fail over: open another one. */
  async duplex<Request, Response>(method: Method<Request, Response>, signal: AbortSignal): Promise<ClientDuplexStream<Request, Response>> {
    const member = await this.#connected();
    // A member cut off from the others then ends the stream instead of keeping silent.
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const stream = member.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, metadata);
    cancelWith(signal, stream);
    stream.on('error', () => {
      if (!signal.aborted) this.#moveOn(member);
    });
    return stream;
  }

  async download<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): Promise<ClientReadableStream<Response>> {
    const member = await this.#connected();
    const stream = member.makeServerStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, request);
    cancelWith(signal, stream);
    return stream;
  }

  close(): void {
    this.#closing.abort(closed());
    for (const member of this.#members) member.close();
  }

  async #connected(): Promise<Client> {
    for (let tried = 0; tried < this.#members.length; tried++) {
      this.#closing.signal.throwIfAborted();
      const member = await this.#ready(this.#timeoutMs / this.#members.length);
      if (member !== undefined) return member;
    }
    throw translate(new Error('no member can be reached'));
  }

  /**
   * The current member once there is a connection to it, or it is certain that there will be none for now: a call then fails at once
   * and says why. undefined: not known in time, and the next member is the current one.
   */
  async #ready(timeoutMs: number): Promise<Client | undefined> {
    const member = this.#members[this.#current];
    if (member === undefined || this.#closing.signal.aborted) return undefined;
    const channel = member.getChannel();
    const deadline = this.#clock.nowMs() + timeoutMs;
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY || state === connectivityState.TRANSIENT_FAILURE) return member;
      if (state === connectivityState.SHUTDOWN) break;
      const changed = await new Promise<boolean>((resolve) =>
        channel.watchConnectivityState(state, deadline, (err) => resolve(err === undefined)),
      );
      if (!changed || this.#closing.signal.aborted) break;
    }
    this.#moveOn(member);
    return undefined;
  }

  #moveOn(from: Client): void {
    if (this.#members[this.#current] === from) this.#current = (this.#current + 1) % this.#members.length;
  }
}

interface Once {
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

function once<Request, Response>(
  member: Client,
  method: Method<Request, Response>,
  request: Request,
  { deadline, signal }: Once,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = member.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline },
      (err, response) => {
        signal?.removeEventListener('abort', onAbort);
        if (err !== null) reject(err);
        else if (response === undefined) reject(new Error('etcd sent an empty answer'));
        else resolve(response);
      },
    );
    const onAbort = (): void => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function cancelWith(signal: AbortSignal, stream: { cancel(): void; once(event: 'close', fn: () => void): unknown }): void {
  const onAbort = (): void => stream.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', onAbort));
  if (signal.aborted) stream.cancel();
}

function targetOf(endpoint: string): { readonly host: string; readonly target: string } {
  const unix = /^unixs?:\/\/(.+)$/.exec(endpoint);
  if (unix !== null) return { host: 'localhost', target: `unix:${unix[1] ?? ''}` };
  const url = URL.parse(endpoint);
  if (url !== null && /^https?:$/.test(url.protocol) && url.hostname !== '') {
    const port = url.port === '' ? '2379' : url.port;
    return { host: url.hostname.replace(/^\[|\]$/g, ''), target: `dns:${url.hostname}:${port}` };
  }
  throw new StoreError('STORE_INVALID', `Cannot use etcd endpoint ${endpoint}: want http(s)://HOST:PORT or unix://PATH`, {
    facts: { endpoint },
  });
}

function credentialsOf(endpoint: string, host: string, tls: EtcdTls | undefined): ChannelCredentials {
  if (!/^(https|unixs):/.test(endpoint)) return credentials.createInsecure();
  const verify = { checkServerIdentity: (_name: string, cert: PeerCertificate) => checkServerIdentity(host, cert) };
  return credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null, verify);
}

interface GrpcError {
  readonly code: number;
  readonly details: string;
}

function grpcOf(err: unknown): GrpcError | undefined {
  if (!(err instanceof Error && 'code' in err && typeof err.code === 'number')) return undefined;
  return { code: err.code, details: 'details' in err && typeof err.details === 'string' ? err.details : err.message };
}

const TROUBLE: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED, status.INTERNAL]);

/** The member's fault, not the request's. */
function isTrouble(err: unknown): boolean {
  return TROUBLE.has(grpcOf(err)?.code ?? status.UNKNOWN);
}

/** The request did not leave this machine, or was turned away at the door. */
function wasNotTaken(err: unknown): boolean {
  return /^No connection established|etcdserver: (no leader|not leader|too many requests)/.test(grpcOf(err)?.details ?? '');
}

/** Texts: etcd's rpctypes; clients have nothing else to tell its errors by. */
const ANSWERS: readonly [RegExp, ConstructorParameters<typeof StoreError>[0], string][] = [
  [/revision has been compacted/, 'STORE_COMPACTED', 'Cannot read the past: that revision has been compacted; list anew'],
  [/is a future revision/, 'STORE_FUTURE', 'Cannot read a revision that has not happened yet'],
  [/database space exceeded/, 'STORE_FULL', 'Cannot write to etcd: its quota is used up; compact, defragment, and disarm the alarm'],
  [/request is too large|too many operations/, 'STORE_INVALID', 'Cannot write to etcd: the transaction is too large for its settings'],
  [/corrupt/, 'STORE_CORRUPT', 'Cannot use etcd: it found its data corrupted'],
];

function translate(err: unknown): StoreError {
  if (err instanceof StoreError) return err;
  const { details } = grpcOf(err) ?? { details: explain(err) };
  for (const [text, code, message] of ANSWERS)
    if (text.test(details)) return new StoreError(code, message, { facts: { etcd: details }, cause: err });
  const facts = { etcd: details, code: codeOf(err) ?? grpcOf(err)?.code ?? '' };
  return new StoreError('STORE_UNAVAILABLE', `Cannot reach etcd: ${details}; check that most of its members run`, { facts, cause: err });
}

/**
 * A container runtime for tests: the real protocol on a real unix socket, nothing behind it but memory. contract.ts holds it and the
 * real containerd to the same behaviour. Programs are scripted, time is the clock's, any call can be made to fail, wait or answer
 * otherwise. A call that nobody scripted fails and is kept in `unexpected`.
 */
import { rmSync } from 'node:fs';
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  status as Status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import { loadSchema, type MethodCodec } from './codec.ts';
import { type Answer, imageAnswers, runtimeAnswers } from './fakeAnswers.ts';
import { FakeEvents } from './fakeEvents.ts';
import { type ExecResult, type FakeContainer, type FakeImage, FakeState, type Program, RpcError } from './fakeRuntime.ts';
import type { ContainerConfig } from './gen/cri.ts';

export interface FakeRuntimeOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** Which events it has: its own as containerd 1.6, or CRI's as well. Default 'containerd'. */
  readonly events?: 'containerd' | 'cri';
}

export interface FakeCall {
  readonly rpc: string;
  readonly request: object;
}

type RpcCode = Exclude<keyof typeof Status, 'OK'>;

export async function startFakeRuntime(options: FakeRuntimeOptions): Promise<FakeRuntime> {
  const fake = new FakeRuntime(options);
  await fake.listen();
  return fake;
}

export class FakeRuntime {
  readonly socketPath: string;
  readonly endpoint: string;
  readonly state: FakeState;
  /** Every call so far, in the order of arrival. */
  readonly calls: FakeCall[] = [];
  /** Calls that nobody scripted. A test that expects none asserts so. */
  readonly unexpected: FakeCall[] = [];
  /** What a started container does. */
  program: (config: ContainerConfig) => Program = () => ({});
  /** What an exec gives; undefined: not asked for. */
  exec: (container: FakeContainer, cmd: readonly string[]) => ExecResult | 'hangs' | undefined = () => undefined;
  readonly #clock: Clock;
  readonly #events: FakeEvents;
  readonly #answers: Map<string, Answer>;
  readonly #before = new Map<string, ((request: object, signal: AbortSignal) => Promise<void> | void)[]>();
  #server: Server | undefined;

  constructor({ socketPath, clock, events = 'containerd' }: FakeRuntimeOptions) {
    this.socketPath = socketPath;
    this.endpoint = `unix://${socketPath}`;
    this.#clock = clock;
    this.state = new FakeState(clock, {
      program: (config) => this.program(config),
      exec: (c, cmd) => this.exec(c, cmd),
      event: (kind, c) => this.#events.container(kind, c),
      sandboxEvent: (kind, s) => this.#events.sandbox(kind, s),
    });
    this.#events = new FakeEvents(this.state, events);
    this.#answers = new Map(Object.entries({ ...runtimeAnswers(this.state), ...imageAnswers(this.state) }));
  }

  /** Takes connections; after unlisten() again, with everything it remembered. */
  async listen(): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
    const schema = loadSchema();
    for (const service of ['runtime.v1.RuntimeService', 'runtime.v1.ImageService', 'containerd.services.events.v1.Events']) {
      const methods = schema.methods(service);
      server.addService(
        Object.fromEntries(methods.map((m) => [m.name, serverMethod(m)])) as ServiceDefinition,
        Object.fromEntries(methods.map((m) => [m.name, m.streams ? this.#stream(m) : this.#unary(m)])) as UntypedServiceImplementation,
      );
    }
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.socketPath}`, ServerCredentials.createInsecure(), (err) => (err === null ? resolve() : reject(err)));
    });
    this.#server = server;
  }

  /** As when the runtime is killed: connections break, the socket file stays, containers go on. */
  unlisten(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** Ends everything and removes the socket. */
  close(): void {
    this.unlisten();
    rmSync(this.socketPath, { force: true });
  }

  /** How many event streams are open: a test waits for it before it changes something. */
  get openStreams(): number {
    return this.#events.open;
  }

  /** Makes an image present; its id comes from the reference. */
  addImage(reference: string, more: Partial<FakeImage> = {}): FakeImage {
    const image = makeImage(reference, more);
    this.state.images.set(image.id, image);
    return image;
  }

  /** Makes an image that PullImage finds. */
  offerImage(reference: string, more: Partial<FakeImage> = {}): FakeImage {
    const image = makeImage(reference, more);
    this.state.registry.set(reference, image);
    return image;
  }

  /** The container's first process ends by itself. */
  exitContainer(id: string, exitCode: number, reason?: 'OOMKilled'): void {
    this.state.exit(this.state.container(id), exitCode, reason);
  }

  /** The sandbox's own process dies; its containers and its network go on until they are stopped. */
  killSandbox(id: string): void {
    this.state.endSandbox(this.state.sandbox(id));
  }

  /** Events tell the end of a container or sandbox that answers still call alive, as containerd does for a moment. */
  tellEnd(id: string): void {
    const sandbox = this.state.sandboxes.get(id);
    if (sandbox === undefined) this.#events.container('stopped', this.state.container(id));
    else this.#events.sandbox('stopped', sandbox);
  }

  /** The next call (or calls) of this rpc fail. */
  failNext(rpc: string, code: RpcCode, message: string, times: number = 1): void {
    for (let i = 0; i < times; i++) {
      this.#next(rpc, () => {
        throw new RpcError(Status[code], message);
      });
    }
  }

  /** The next call of this rpc is answered only after the clock moved on. */
  delayNext(rpc: string, byMs: number): void {
    this.#next(rpc, (_request, signal) => this.#clock.sleep(byMs, signal));
  }

  /** The next call of this rpc waits; the returned function lets it go on. */
  holdNext(rpc: string): () => void {
    const gate = Promise.withResolvers<void>();
    this.#next(rpc, () => gate.promise);
    return gate.resolve;
  }

  /** Answers all calls of this rpc from now on, instead of the fake's own answer if it has one. */
  answer(rpc: string, answer: Answer): void {
    this.#answers.set(rpc, answer);
  }

  #next(rpc: string, step: (request: object, signal: AbortSignal) => Promise<void> | void): void {
    const steps = this.#before.get(rpc) ?? [];
    this.#before.set(rpc, steps);
    steps.push(step);
  }

  async #handle(rpc: string, request: object, signal: AbortSignal): Promise<object> {
    this.calls.push({ rpc, request });
    await this.#before.get(rpc)?.shift()?.(request, signal);
    const answer = this.#answers.get(rpc);
    if (answer !== undefined) return answer(request as never, signal);
    this.unexpected.push({ rpc, request });
    throw new RpcError(Status.UNIMPLEMENTED, `the fake runtime was not told how to answer ${rpc}`);
  }

  #unary(m: MethodCodec): (call: ServerUnaryCall<object, object>, callback: sendUnaryData<object>) => Promise<void> {
    return async (call, callback) => {
      const gone = new AbortController();
      call.on('cancelled', () => gone.abort(new Error('the caller went away')));
      let answer: object;
      try {
        answer = await this.#handle(m.name, call.request, gone.signal);
      } catch (err) {
        callback(grpcStatus(err));
        return;
      }
      callback(null, answer);
    };
  }

  #stream(m: MethodCodec): (call: ServerWritableStream<object, object>) => void {
    return (call) => {
      this.calls.push({ rpc: m.name, request: call.request });
      try {
        if (m.name === 'Subscribe') return this.#events.subscribe(call.request as never, call);
        if (m.name === 'GetContainerEvents') return this.#events.watch(call);
        throw new RpcError(Status.UNIMPLEMENTED, `the fake runtime was not told how to answer ${m.name}`);
      } catch (err) {
        call.emit('error', grpcStatus(err));
      }
    };
  }
}

/** An error of the fake itself is not an answer of a runtime: INTERNAL, with its stack, so that the test shows it. */
function grpcStatus(err: unknown): { code: Status; details: string } {
  if (err instanceof RpcError) return { code: err.code, details: err.message };
  return { code: Status.INTERNAL, details: err instanceof Error ? (err.stack ?? err.message) : String(err) };
}

function serverMethod(m: MethodCodec): object {
  return {
    path: m.path,
    requestStream: false,
    responseStream: m.streams,
    requestDeserialize: (bytes: Buffer) => m.request.decode(bytes),
    responseSerialize: (value: object) => m.response.encode(value),
    requestSerialize: (value: object) => m.request.encode(value),
    responseDeserialize: (bytes: Buffer) => m.response.decode(bytes),
  };
}

function makeImage(reference: string, more: Partial<FakeImage>): FakeImage {
  const hex = Buffer.from(reference).toString('hex').padEnd(64, '0').slice(-64);
  return { id: `sha256:${hex}`, tags: [reference], digests: [], sizeBytes: 1_000_000, ...more };
}

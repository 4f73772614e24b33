/** The event streams of the fake runtime: containerd's own, and CRI's where it was asked to have them. */
import { type ServerWritableStream, status as Status } from '@grpc/grpc-js';
import { loadSchema } from './codec.ts';
import { containerEvent } from './fakeAnswers.ts';
import { type FakeContainer, type FakeSandbox, type FakeState, RpcError } from './fakeRuntime.ts';
import type { Envelope, SubscribeRequest, Timestamp } from './gen/containerd.ts';
import type { ContainerEventType } from './gen/cri.ts';
import type { Input, Int64 } from './values.ts';

type Stream = ServerWritableStream<object, object>;
type Change = 'created' | 'started' | 'stopped' | 'deleted';

const CRI_TYPE: Readonly<Record<Change, ContainerEventType>> = {
  created: 'CONTAINER_CREATED_EVENT',
  started: 'CONTAINER_STARTED_EVENT',
  stopped: 'CONTAINER_STOPPED_EVENT',
  deleted: 'CONTAINER_DELETED_EVENT',
};

export class FakeEvents {
  readonly #state: FakeState;
  readonly #has: 'containerd' | 'cri';
  readonly #watchers = new Set<Stream>();
  readonly #subscribers = new Map<Stream, readonly ((topic: string) => boolean)[]>();
  readonly #schema = loadSchema();

  constructor(state: FakeState, has: 'containerd' | 'cri') {
    this.#state = state;
    this.#has = has;
  }

  /** How many event streams are open. */
  get open(): number {
    return this.#watchers.size + this.#subscribers.size;
  }

  watch(stream: Stream): void {
    if (this.#has !== 'cri') throw new RpcError(Status.UNIMPLEMENTED, 'method GetContainerEvents not implemented');
    this.#watchers.add(stream);
    stream.on('cancelled', () => this.#watchers.delete(stream));
  }

  subscribe({ filters }: SubscribeRequest, stream: Stream): void {
    const namespace = stream.metadata.get('containerd-namespace')[0];
    if (namespace === undefined) throw new RpcError(Status.FAILED_PRECONDITION, 'namespace is required: failed precondition');
    this.#subscribers.set(stream, filters.map(topicFilter));
    stream.on('cancelled', () => this.#subscribers.delete(stream));
  }

  container(kind: Change, c: FakeContainer): void {
    this.#toWatchers(kind, c.id, c.sandbox);
    if (kind === 'started') this.#publish('TaskStart', '/tasks/start', { container_id: c.id, pid: 4242 });
    if (kind !== 'stopped') return;
    const ended = { container_id: c.id, pid: 4242, exit_status: c.exitCode, exited_at: timestamp(c.finishedAt) };
    if (c.reason === 'OOMKilled') this.#publish('TaskOOM', '/tasks/oom', { container_id: c.id });
    this.#publish('TaskExit', '/tasks/exit', { ...ended, id: c.id });
    this.#publish('TaskDelete', '/tasks/delete', ended);
  }

  sandbox(kind: 'started' | 'stopped', s: FakeSandbox): void {
    this.#toWatchers(kind, s.id, s);
    if (kind === 'started') return this.#publish('TaskStart', '/tasks/start', { container_id: s.id, pid: 4241 });
    const ended = { container_id: s.id, pid: 4241, exit_status: 137, exited_at: timestamp(this.#state.now()) };
    this.#publish('TaskExit', '/tasks/exit', { ...ended, id: s.id });
    this.#publish('TaskDelete', '/tasks/delete', ended);
  }

  #toWatchers(kind: Change, id: string, sandbox: FakeSandbox): void {
    for (const w of this.#watchers) w.write(containerEvent(this.#state, CRI_TYPE[kind], { id, sandbox }));
  }

  #publish(message: string, topic: string, payload: object): void {
    const name = `containerd.events.${message}`;
    const envelope: Input<Envelope> = {
      timestamp: timestamp(this.#state.now()),
      namespace: 'k8s.io',
      topic,
      event: { type_url: name, value: this.#schema.message(name).encode(payload) },
    };
    for (const [stream, filters] of this.#subscribers) {
      if (filters.length === 0 || filters.some((f) => f(topic))) stream.write(envelope);
    }
  }
}

/** Of containerd's filter language only topic=="…" and topic~="…" (a regular expression). */
function topicFilter(filter: string): (topic: string) => boolean {
  const [, operator, quoted = ''] = /^topic(==|~=)(".*")$/.exec(filter) ?? [];
  if (operator === undefined) throw new RpcError(Status.INVALID_ARGUMENT, `the fake runtime does not know the filter ${filter}`);
  const value = JSON.parse(quoted) as string;
  return operator === '==' ? (topic) => topic === value : (topic) => new RegExp(value).test(topic);
}

function timestamp(nanos: Int64): Input<Timestamp> {
  const n = BigInt(nanos);
  return { seconds: `${n / 1_000_000_000n}`, nanos: Number(n % 1_000_000_000n) };
}

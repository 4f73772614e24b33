/**
 * What a container runtime remembers and how it answers, without a container: the inside of fakeServer.ts.
 *
 * It behaves as containerd 1.6 does where contract.ts looks, down to which error code; programs do not run, they are scripted.
 * Units: timestamps are the clock's, made unique and growing by a count of nanoseconds.
 * Throws: RpcError, which the server sends as the status of the call.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { status as Status } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';
import type * as cri from './gen/cri.ts';
import type { Input, Int64 } from './values.ts';

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: Status;

  constructor(code: Status, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a container's first process does once it is started. */
export interface Program {
  /** It ends by itself at once, after printing; otherwise it runs until it is stopped. */
  readonly exits?: number;
  /** Why it ends, where that is not the exit code. */
  readonly reason?: 'OOMKilled';
  /** It cannot even be started; the text is the runtime's. */
  readonly failsToStart?: string;
  /** The exit code when it gets the stop signal; 'ignores' waits for SIGKILL. Default 143, as when SIGTERM kills it. */
  readonly onStop?: number | 'ignores';
  readonly prints?: readonly string[];
}

export interface ExecResult {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

export interface FakeSandbox {
  readonly id: string;
  readonly config: cri.PodSandboxConfig;
  readonly runtimeHandler: string;
  readonly createdAt: Int64;
  /** '' once its network is torn down, or when it has none of its own. */
  ip: string;
  ready: boolean;
}

export interface FakeContainer {
  readonly id: string;
  readonly sandbox: FakeSandbox;
  readonly config: cri.ContainerConfig;
  readonly imageId: string;
  readonly createdAt: Int64;
  state: cri.ContainerState;
  startedAt: Int64;
  finishedAt: Int64;
  exitCode: number;
  reason: string;
  message: string;
  resources: cri.LinuxContainerResources | null;
  program: Program;
}

export interface FakeImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** The user of the image: a uid as a number, or a name. */
  readonly user?: number | string;
}

export interface FakeHooks {
  /** Asked when a container starts. */
  program(config: cri.ContainerConfig): Program;
  /** 'hangs': until its timeout. undefined: nobody asked for this command, which fails the call. */
  exec(container: FakeContainer, cmd: readonly string[]): ExecResult | 'hangs' | undefined;
  /** Told after each change. */
  event(kind: 'created' | 'started' | 'stopped' | 'deleted', container: FakeContainer): void;
  sandboxEvent(kind: 'started' | 'stopped', sandbox: FakeSandbox): void;
}

export class FakeState {
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  /** Every local image by its id. */
  readonly images = new Map<string, FakeImage>();
  /** What PullImage finds, by complete reference. */
  readonly registry = new Map<string, FakeImage>();
  readonly #clock: Clock;
  readonly #hooks: FakeHooks;
  #count = 0;

  constructor(clock: Clock, hooks: FakeHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  now(): Int64 {
    return `${BigInt(Math.floor(this.#clock.nowMs())) * 1_000_000n + BigInt(++this.#count % 1_000_000)}`;
  }

  runSandbox(config: cri.PodSandboxConfig | null, runtimeHandler: string): FakeSandbox {
    const meta = config?.metadata;
    if (config === null || meta === null || meta === undefined) throw new RpcError(Status.UNKNOWN, 'sandbox config must include metadata');
    const name = sandboxName(meta);
    const holder = [...this.sandboxes.values()].find((s) => sandboxName(s.config.metadata) === name);
    if (holder !== undefined) {
      throw new RpcError(Status.UNKNOWN, `failed to reserve sandbox name "${name}": name "${name}" is reserved for "${holder.id}"`);
    }
    const host = config.linux?.security_context?.namespace_options?.network === 'NODE';
    const id = this.#newId(name);
    const ip = host ? '' : `10.88.${(this.#count >> 8) & 255}.${this.#count & 255}`;
    const sandbox: FakeSandbox = { id, config, runtimeHandler, createdAt: this.now(), ip, ready: true };
    this.sandboxes.set(id, sandbox);
    this.#hooks.sandboxEvent('started', sandbox);
    return sandbox;
  }

  /** The sandbox's own process ends: by StopPodSandbox, or by itself when a test kills it. */
  endSandbox(sandbox: FakeSandbox): void {
    if (!sandbox.ready) return;
    sandbox.ready = false;
    this.#hooks.sandboxEvent('stopped', sandbox);
  }

  stopSandbox(id: string): void {
    const sandbox = this.sandbox(id);
    for (const c of this.containersOf(sandbox)) if (c.state === 'CONTAINER_RUNNING') this.exit(c, 137);
    this.endSandbox(sandbox);
    sandbox.ip = '';
  }

  removeSandbox(id: string): void {
    const sandbox = find(this.sandboxes, id);
    if (sandbox === undefined) return;
    this.stopSandbox(sandbox.id);
    for (const c of this.containersOf(sandbox)) this.removeContainer(c.id);
    this.sandboxes.delete(sandbox.id);
  }

  createContainer({ pod_sandbox_id, config }: cri.CreateContainerRequest): FakeContainer {
    const sandbox = find(this.sandboxes, pod_sandbox_id);
    if (sandbox === undefined) throw new RpcError(Status.NOT_FOUND, `failed to find sandbox id "${pod_sandbox_id}": not found`);
    const meta = config?.metadata;
    if (config === null || meta === null || meta === undefined)
      throw new RpcError(Status.UNKNOWN, 'container config must include metadata');
    if (!sandbox.ready) {
      const text = `failed to get sandbox container task: no running task found: task ${sandbox.id} not found: not found`;
      throw new RpcError(Status.NOT_FOUND, text);
    }
    const name = `${meta.name}_${sandboxName(sandbox.config.metadata)}_${meta.attempt}`;
    const holder = this.containersOf(sandbox).find(
      (c) => c.config.metadata?.name === meta.name && c.config.metadata.attempt === meta.attempt,
    );
    if (holder !== undefined) {
      throw new RpcError(Status.UNKNOWN, `failed to reserve container name "${name}": name "${name}" is reserved for "${holder.id}"`);
    }
    const image = this.image(config.image?.image ?? '');
    if (image === undefined) throw new RpcError(Status.NOT_FOUND, `failed to resolve image "${config.image?.image ?? ''}": not found`);
    const container: FakeContainer = {
      id: this.#newId(name),
      sandbox,
      config,
      imageId: image.id,
      createdAt: this.now(),
      state: 'CONTAINER_CREATED',
      startedAt: '0',
      finishedAt: '0',
      exitCode: 0,
      reason: '',
      message: '',
      resources: config.linux?.resources ?? null,
      program: {},
    };
    this.containers.set(container.id, container);
    this.#hooks.event('created', container);
    return container;
  }

  startContainer(id: string): void {
    const c = this.container(id);
    if (c.state !== 'CONTAINER_CREATED') {
      throw new RpcError(Status.UNKNOWN, `failed to set starting state for container "${c.id}": container is in ${c.state} state`);
    }
    if (!c.sandbox.ready) throw new RpcError(Status.UNKNOWN, `sandbox container "${c.sandbox.id}" is not running`);
    c.program = this.#hooks.program(c.config);
    if (c.program.failsToStart !== undefined) {
      Object.assign(c, { state: 'CONTAINER_EXITED', exitCode: 128, reason: 'StartError', message: c.program.failsToStart });
      c.finishedAt = this.now();
      throw new RpcError(Status.UNKNOWN, c.program.failsToStart);
    }
    c.state = 'CONTAINER_RUNNING';
    c.startedAt = this.now();
    this.writeLog(c, []);
    this.#hooks.event('started', c);
    this.writeLog(c, c.program.prints ?? []);
    if (c.program.exits !== undefined) this.exit(c, c.program.exits, c.program.reason);
  }

  async stopContainer(id: string, timeoutSeconds: number, signal: AbortSignal): Promise<void> {
    const c = this.container(id);
    if (c.state !== 'CONTAINER_RUNNING') return;
    const onStop = c.program.onStop ?? 143;
    if (timeoutSeconds <= 0 || onStop !== 'ignores') return this.exit(c, timeoutSeconds <= 0 || onStop === 'ignores' ? 137 : onStop);
    await this.#clock.sleep(timeoutSeconds * 1000, signal);
    this.exit(c, 137);
  }

  /** The first process ends. No effect on a container that does not run. */
  exit(c: FakeContainer, exitCode: number, reason: string = exitCode === 0 ? 'Completed' : 'Error'): void {
    if (c.state !== 'CONTAINER_RUNNING') return;
    c.state = 'CONTAINER_EXITED';
    c.exitCode = exitCode;
    c.reason = reason;
    c.finishedAt = this.now();
    this.#hooks.event('stopped', c);
  }

  removeContainer(id: string): void {
    const c = find(this.containers, id);
    if (c === undefined) return;
    this.exit(c, 137);
    this.containers.delete(c.id);
    this.#hooks.event('deleted', c);
  }

  async exec({ container_id, cmd, timeout }: cri.ExecSyncRequest, signal: AbortSignal): Promise<Input<cri.ExecSyncResponse>> {
    const c = this.container(container_id);
    if (c.state !== 'CONTAINER_RUNNING') throw new RpcError(Status.UNKNOWN, `container is in ${c.state} state`);
    const result = this.#hooks.exec(c, cmd);
    if (result === undefined) throw new RpcError(Status.INTERNAL, `the fake runtime has no script for exec ${JSON.stringify(cmd)}`);
    if (result !== 'hangs') {
      const { stdout = '', stderr = '', exitCode = 0 } = result;
      return { stdout: Buffer.from(stdout), stderr: Buffer.from(stderr), exit_code: exitCode };
    }
    const seconds = Number(timeout);
    await this.#clock.sleep(seconds > 0 ? seconds * 1000 : Infinity, signal);
    throw new RpcError(Status.DEADLINE_EXCEEDED, `failed to exec in container: timeout ${seconds}s exceeded: context deadline exceeded`);
  }

  /** In the format of CRI logs: time, stream, F for a full line, text. Without lines it only makes the file. */
  writeLog(c: FakeContainer, lines: readonly string[], stream: 'stdout' | 'stderr' = 'stdout'): void {
    const path = logPath(c);
    if (path === '') return;
    mkdirSync(dirname(path), { recursive: true });
    const at = new Date(this.#clock.nowMs()).toISOString().replace('Z', '000000Z');
    appendFileSync(path, lines.map((line) => `${at} ${stream} F ${line}\n`).join(''));
  }

  sandbox(id: string): FakeSandbox {
    const found = find(this.sandboxes, id);
    if (found === undefined) throw new RpcError(Status.NOT_FOUND, `an error occurred when try to find sandbox "${id}": not found`);
    return found;
  }

  container(id: string): FakeContainer {
    const found = find(this.containers, id);
    if (found === undefined) throw new RpcError(Status.NOT_FOUND, `an error occurred when try to find container "${id}": not found`);
    return found;
  }

  containersOf(sandbox: FakeSandbox): FakeContainer[] {
    return [...this.containers.values()].filter((c) => c.sandbox === sandbox);
  }

  /** By id, by digest or by a name as people write it. */
  image(name: string): FakeImage | undefined {
    const full = completeReference(name);
    return this.images.get(name) ?? [...this.images.values()].find((i) => i.tags.includes(full) || i.digests.includes(full));
  }

  #newId(name: string): string {
    return createHash('sha256')
      .update(`${name} ${++this.#count}`)
      .digest('hex');
  }
}

export function logPath(c: FakeContainer): string {
  return c.config.log_path === '' ? '' : join(c.sandbox.config.log_directory, c.config.log_path);
}

/** nginx -> docker.io/library/nginx:latest */
export function completeReference(name: string): string {
  const slash = name.indexOf('/');
  const host = name.slice(0, Math.max(slash, 0));
  const withHost = host === 'localhost' || /[.:]/.test(host) ? name : `docker.io/${slash === -1 ? 'library/' : ''}${name}`;
  return /@|:[^/]*$/.test(withHost) ? withHost : `${withHost}:latest`;
}

function sandboxName(meta: cri.PodSandboxMetadata | null): string {
  return meta === null ? '' : `${meta.name}_${meta.namespace}_${meta.uid}_${meta.attempt}`;
}

/** containerd takes the beginning of an id where only one begins so. */
function find<T>(all: ReadonlyMap<string, T>, id: string): T | undefined {
  if (id === '') return undefined;
  const matches = [...all].filter(([key]) => key.startsWith(id));
  return matches.length === 1 ? matches[0]?.[1] : undefined;
}

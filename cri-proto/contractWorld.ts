/** What the tests of contract.ts stand on: the runtime under test, the programs they run, and a few ways to assert. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '#base/errors.ts';
import type { CriClient } from './client.ts';
import type { ContainerConfig, ContainerStatus, PodSandboxConfig } from './gen/cri.ts';
import type { Input } from './values.ts';

export interface ContractRuntime {
  readonly client: CriClient;
  /** Every cgroup_parent stands below it. */
  readonly cgroupRoot: string;
  readonly logRoot: string;
  /** A complete reference, with docker.io/library/ and a tag, of an image that is there and has sh and sleep. */
  readonly image: string;
  /** A reference that can be pulled, and one that no registry has. */
  readonly pullable: string;
  readonly missing: string;
  /** SIGKILL to the first process of a container or of a sandbox. */
  readonly kill: (kind: 'container' | 'sandbox', id: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Everything that the contract runs. A fake has a script for each. */
export const PROGRAMS = {
  runs: ['sleep', '3600'],
  exits3: ['sh', '-c', 'exit 3'],
  exits0: ['sh', '-c', 'exit 0'],
  prints: ['sh', '-c', 'echo one; echo two; sleep 3600'],
  endsWell: ['sh', '-c', 'trap "exit 5" TERM; echo ready; while true; do sleep 0.05; done'],
  isMissing: ['/no/such/program'],
  /** With a memory limit of 16 MiB. */
  eats: ['busybox', 'tail', '/dev/zero'],
  ignoresTerm: ['sh', '-c', 'trap "" TERM; echo ready; while true; do sleep 0.05; done'],
} as const;
export const EXECS = {
  speaks: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
  hangs: ['sleep', '3600'],
} as const;

/** One sentence each. */
export type Rules = Readonly<Record<string, (r: World, t: TestContext) => Promise<void>>>;

/** Nothing here takes this long; a wait that does is a failure. */
const PATIENCE_MS = 20_000;

/** The runtime under test, with shorter ways to say things. Sandboxes made through it are removed at the end. */
export class World {
  readonly host: ContractRuntime;
  readonly client: CriClient;
  readonly #sandboxes: string[] = [];
  readonly #configs = new Map<string, Input<PodSandboxConfig>>();
  #count = 0;

  constructor(host: ContractRuntime) {
    this.host = host;
    this.client = host.client;
  }

  get runtime(): CriClient['runtime'] {
    return this.client.runtime;
  }

  get image(): CriClient['image'] {
    return this.client.image;
  }

  unique(): string {
    return `c${process.pid}-${++this.#count}`;
  }

  sandboxConfig(more: { labels?: Record<string, string>; annotations?: Record<string, string>; hostNetwork?: true } = {}) {
    const name = this.unique();
    const network = more.hostNetwork === true ? ('NODE' as const) : ('POD' as const);
    return {
      metadata: { name, uid: `uid-${name}`, namespace: 'contract', attempt: 0 },
      hostname: more.hostNetwork === true ? '' : name,
      log_directory: join(this.host.logRoot, name),
      labels: more.labels ?? {},
      annotations: more.annotations ?? {},
      linux: { cgroup_parent: `${this.host.cgroupRoot}/${name}`, security_context: { namespace_options: { network } } },
    };
  }

  async sandbox(more: Parameters<World['sandboxConfig']>[0] = {}): Promise<string> {
    const config = this.sandboxConfig(more);
    const { pod_sandbox_id: id } = await this.runtime.runPodSandbox({ config });
    this.#sandboxes.push(id);
    this.#configs.set(id, config);
    return id;
  }

  async created(sandbox: string, command: readonly string[], more: Input<ContainerConfig> = {}): Promise<string> {
    const sandbox_config = this.#configs.get(sandbox) ?? this.sandboxConfig();
    const config = {
      metadata: { name: 'main', attempt: 0 },
      image: { image: this.host.image },
      log_path: `${this.unique()}.log`,
      command,
      ...more,
    };
    return (await this.runtime.createContainer({ pod_sandbox_id: sandbox, config, sandbox_config })).container_id;
  }

  async started(sandbox: string, command: readonly string[], more: Input<ContainerConfig> = {}): Promise<string> {
    const id = await this.created(sandbox, command, more);
    await this.runtime.startContainer({ container_id: id });
    return id;
  }

  async status(id: string): Promise<ContainerStatus> {
    const { status } = await this.runtime.containerStatus({ container_id: id });
    assert.ok(status !== null);
    return status;
  }

  async exited(id: string): Promise<ContainerStatus> {
    await until(`${id} to exit`, async () => (await this.status(id)).state === 'CONTAINER_EXITED');
    return this.status(id);
  }

  /** Waits for a line in the log of a container. */
  async prints(status: ContainerStatus, line: string): Promise<void> {
    const path = status.log_path;
    await until(`${line} in ${path}`, async () => existsSync(path) && readFileSync(path, 'utf8').includes(`F ${line}\n`));
  }

  async close(): Promise<void> {
    try {
      for (const pod_sandbox_id of this.#sandboxes) {
        await this.runtime.stopPodSandbox({ pod_sandbox_id }).catch((err: unknown) => assert.equal(codeOf(err), 'CRI_NOT_FOUND'));
        await this.runtime.removePodSandbox({ pod_sandbox_id });
      }
    } finally {
      await this.host.close();
    }
  }
}

export async function rejects(call: Promise<unknown>, code: string | readonly string[], text: RegExp = /./): Promise<void> {
  await assert.rejects(call, (err: unknown) => {
    assert.ok(err instanceof Error);
    assert.ok([code].flat().includes(codeOf(err) ?? ''), `want ${String(code)}, got ${codeOf(err)}: ${err.message}`);
    assert.match(err.message, text);
    return true;
  });
}

export function between(ms: number | undefined, fromMs: number, toMs: number): void {
  assert.ok(ms !== undefined && ms >= Math.floor(fromMs) && ms <= toMs, `${ms} is not between ${fromMs} and ${toMs}`);
}

export async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const givenUp = AbortSignal.timeout(PATIENCE_MS);
  while (!(await done())) {
    assert.ok(!givenUp.aborted, `waited ${PATIENCE_MS} ms in vain for ${what}`);
    await delay(5);
  }
}

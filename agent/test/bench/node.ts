/** What the benchmarks of the kubelet share: the bare calls as the floor, the events of containerd, what a process costs. */
import { CgroupNames } from '#agent/kubelet/pods/cgroupNames.ts';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CriClient } from '#cri/client.ts';
import { etcHosts, makePaths, podLogs, podName, terminationLog } from '../../kubelet/paths.ts';
import { containerConfig, sandboxConfig, type NodeContext } from '../../kubelet/pods/config.ts';
import { readManifest } from '../../kubelet/sources/manifests.ts';
import type { TestContainerd } from '../harness/containerd.ts';
import { manifest } from '../harness/manifest.ts';
import { BUSYBOX_IMAGE } from '../harness/ociImage.ts';

/** No event for so long: one was lost, or the machine stands still. */
const LOST_AFTER_MS = 120_000;

/** Starts and ends of tasks, each with the time it reached us. */
export class TaskEvents {
  readonly started: { id: string; atMs: number }[] = [];
  readonly ended: { id: string; atMs: number }[] = [];
  /** Told of each event: whoever waits for one costs nothing meanwhile. */
  #onEvent: () => void = () => undefined;

  async follow(client: CriClient, signal: AbortSignal): Promise<void> {
    for await (const event of client.containerdEvents(['topic=="/tasks/start"', 'topic=="/tasks/delete"'], signal)) {
      const at = { id: event.container_id, atMs: performance.now() };
      if (event.kind === 'start') this.started.push(at);
      else if (event.kind === 'delete') this.ended.push(at);
      this.#onEvent();
    }
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const event = Promise.withResolvers<void>();
      this.#onEvent = event.resolve;
      const lost = setTimeout(() => event.reject(new Error('waited in vain for an event of containerd')), LOST_AFTER_MS);
      await event.promise.finally(() => clearTimeout(lost));
    }
  }

  clear(): void {
    this.started.length = 0;
    this.ended.length = 0;
  }
}

/** The floor: the calls that every kubelet has to make for this very pod, with the same bytes, and nothing else. */
export class Bare {
  readonly #client: CriClient;
  readonly #node: NodeContext;
  #next = 0;

  constructor(client: CriClient, containerd: TestContainerd) {
    this.#client = client;
    this.#node = {
      nodeName: 'bare',
      paths: makePaths(join(containerd.dir, 'bare'), join(containerd.dir, 'bare-logs')),
      cgroupNames: new CgroupNames(containerd.cgroupRoot),
      capacity: { cpuMilli: 2_000, memoryBytes: 2 ** 33 },
      names: { dns: { servers: ['10.0.2.3'], searches: [], options: [] }, clusterDns: [], clusterDomain: '' },
      security: { seccompDefault: false, seccompDir: '', appArmor: false },
      allowedUnsafeSysctls: [],
      hostIps: [],
    };
  }

  async up(): Promise<{ sandbox: string; container: string }> {
    const reading = readManifest(Buffer.from(manifest({ name: `bare-${this.#next++}` })), {
      nodeName: 'bare',
      file: 'bare',
      seenAt: new Date(),
    });
    if (reading.kind !== 'pods') throw new Error('the manifest of the benchmark is refused');
    const pod = reading.pods[0]!;
    const c = pod.spec.containers[0]!;
    const uid = pod.metadata.uid ?? '';
    const message = terminationLog(this.#node.paths, uid, c.name, 0);
    mkdirSync(join(podLogs(this.#node.paths, podName(pod)), c.name), { recursive: true });
    mkdirSync(join(message, '..'), { recursive: true });
    for (const file of [message, etcHosts(this.#node.paths, uid)]) writeFileSync(file, '');
    const mounts = [
      { containerPath: '/dev/termination-log', hostPath: message, readOnly: false },
      { containerPath: '/etc/hosts', hostPath: etcHosts(this.#node.paths, uid), readOnly: false },
    ];
    const config = { ...sandboxConfig(pod, 0, this.#node), labels: {} }; // the kubelet beside it must not take it for its own
    const { pod_sandbox_id: sandbox } = await this.#client.runtime.runPodSandbox({ config });
    const container = {
      ...containerConfig(pod, c, {
        node: this.#node,
        attempt: 0,
        backoffMs: 0,
        image: { id: BUSYBOX_IMAGE },
        variables: new Map(),
        mounts,
      }),
      labels: {},
    };
    const { container_id: id } = await this.#client.runtime.createContainer({
      pod_sandbox_id: sandbox,
      sandbox_config: config,
      config: container,
    });
    await this.#client.runtime.startContainer({ container_id: id });
    return { sandbox, container: id };
  }

  async stop(container: string): Promise<void> {
    await this.#client.runtime.stopContainer({ container_id: container, timeout: 0 });
  }

  async remove(sandbox: string): Promise<void> {
    await this.#client.runtime.stopPodSandbox({ pod_sandbox_id: sandbox });
    await this.#client.runtime.removePodSandbox({ pod_sandbox_id: sandbox });
  }
}

export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10; // clock ticks of 10 ms
}

export function rssMb(pid: number): string {
  const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return (kb / 1_024).toFixed(0);
}

/** Many at once, as the kubelet does it: so many in flight. Returns what was made. */
export async function bareTogether(bare: Bare, count: number, inFlight: number): Promise<{ sandbox: string; container: string }[]> {
  const made: { sandbox: string; container: string }[] = [];
  let left = count;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) made.push(await bare.up());
    }),
  );
  return made;
}

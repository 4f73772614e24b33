/**
 * Measures the node and what runs on it: asks the runtime and reads /proc, when somebody asks and at most once a second.
 * Throws: AppError CRI_*.
 */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type * as cri from '#cri/gen/cri.ts';
import type { Int64 } from '#cri/values.ts';
import { podLogs, type Paths } from '../../paths.ts';
import * as names from '../../pods/labels.ts';
import type { PodWorkers } from '../../pods/workers.ts';
import type { CriRuntime } from '../../runtime/cri.ts';
import { claimOf } from '../../volumes/refs.ts';
import { bootedAtMs, busyNanoseconds, interfaces, memInfo, threads } from './proc.ts';
import type { ContainerStats, Cpu, Details, FileSystem, Interface, Memory, NodeStats, PodStats, Stats, VolumeStats } from './types.ts';
import { readDetails, type DetailsDeps } from './details.ts';
import { fileSystem, type VolumeLooks } from './volumes.ts';

export interface StatsDeps {
  readonly runtime: CriRuntime;
  readonly workers: PodWorkers;
  readonly paths: Paths;
  readonly nodeName: string;
  readonly cores: number;
  readonly volumes: VolumeLooks;
  readonly details: DetailsDeps;
  readonly clock: Clock;
}

/** Scrapers come in pairs; the rate of a CPU needs some time between two looks. */
const FRESH_MS = 1_000;
const NANO = 1_000_000_000;

interface Look {
  readonly atNs: number;
  readonly coreNs: number;
  readonly nanoCores: number | undefined;
}

export class StatsCollector {
  readonly #deps: StatsDeps;
  /** By id: the look before, for rates. */
  #before = new Map<string, Look>();
  #next = new Map<string, Look>();
  #last: { readonly atMs: number; readonly stats: Promise<Stats> } | undefined;
  #sandboxStats = true;

  constructor(deps: StatsDeps) {
    this.#deps = deps;
  }

  collect(signal: AbortSignal): Promise<Stats> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (this.#last !== undefined && nowMs - this.#last.atMs < FRESH_MS) return this.#last.stats;
    const stats = this.#collect(signal);
    this.#last = { atMs: nowMs, stats };
    stats.catch(() => (this.#last = undefined));
    return stats;
  }

  details({ pods }: Stats): Promise<Details> {
    return readDetails(pods, this.#deps.details);
  }

  /** Of every pod its volumes: for /metrics, which asks the runtime nothing. */
  async volumes(signal: AbortSignal): Promise<{ namespace: string; volumes: readonly VolumeStats[] }[]> {
    const { workers, volumes } = this.#deps;
    const claiming = workers.pods().filter(({ pod }) => pod.spec.volumes?.some((v) => claimOf(pod, v) !== undefined) === true);
    return Promise.all(
      claiming.map(async ({ pod }) => ({ namespace: pod.metadata.namespace ?? '', volumes: await volumes.of(pod, signal) })),
    );
  }

  async #collect(signal: AbortSignal): Promise<Stats> {
    this.#deps.volumes.forgetAllBut(new Set(this.#deps.workers.pods().map(({ pod }) => pod.metadata.uid ?? '')));
    this.#next = new Map();
    const [node, pods] = await Promise.all([this.#node(signal), this.#pods(signal)]);
    this.#before = this.#next;
    return { node, pods };
  }

  /** A rate over less than half a second says nothing: then the one before holds on. */
  #cpu(id: string, atNs: number, coreNs: number): Cpu {
    const before = this.#before.get(id);
    const elapsed = before === undefined ? 0 : atNs - before.atNs;
    const fresh = before !== undefined && elapsed >= NANO / 2 && coreNs >= before.coreNs;
    const nanoCores = fresh ? Math.round(((coreNs - before.coreNs) / elapsed) * NANO) : before?.nanoCores;
    this.#next.set(id, fresh || before === undefined ? { atNs, coreNs, nanoCores } : before);
    return { atMs: atNs / 1e6, coreNanoseconds: coreNs, nanoCores };
  }

  async #node(signal: AbortSignal): Promise<NodeStats> {
    const { paths, nodeName, cores, clock, runtime } = this.#deps;
    const read = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
    const [statText, memText, devText, loadText, pidMax, fs, images] = await Promise.all([
      read('/proc/stat'),
      read('/proc/meminfo'),
      read('/proc/net/dev'),
      read('/proc/loadavg'),
      read('/proc/sys/kernel/pid_max'),
      fileSystem(paths.rootDir, clock.nowMs()),
      runtime.client.image.imageFsInfo({}, { signal }),
    ]);
    const atMs = clock.nowMs();
    const memory = memInfo(memText);
    const [imageFs] = images.image_filesystems;
    const mountpoint = imageFs?.fs_id?.mountpoint ?? '';
    const imageDisk = mountpoint === '' ? undefined : await fileSystem(mountpoint, atMs).catch(() => undefined);
    return {
      nodeName,
      bootedAtMs: bootedAtMs(statText),
      cores,
      memoryBytes: memory.totalBytes,
      cpu: this.#cpu('node', atMs * 1e6, busyNanoseconds(statText)),
      memory: {
        atMs,
        availableBytes: memory.availableBytes,
        usageBytes: memory.totalBytes - memory.freeBytes,
        workingSetBytes: memory.totalBytes - memory.availableBytes,
        rssBytes: memory.anonymousBytes,
      },
      network: { atMs, interfaces: interfaces(devText) },
      fs,
      imageFs:
        imageDisk === undefined || imageFs === undefined
          ? undefined
          : { ...imageDisk, usedBytes: count(imageFs.used_bytes) ?? imageDisk.usedBytes, inodesUsed: count(imageFs.inodes_used) },
      processes: { atMs, most: Number(pidMax) || 0, now: threads(loadText) },
    };
  }

  async #pods(signal: AbortSignal): Promise<PodStats[]> {
    const { runtime } = this.#deps;
    if (this.#sandboxStats) {
      try {
        const { stats } = await runtime.client.runtime.listPodSandboxStats({}, { signal });
        return await Promise.all(stats.flatMap((s) => (s.attributes === null ? [] : [this.#pod(s.attributes, s.linux, signal)])));
      } catch (err) {
        if (codeOf(err) !== 'CRI_UNIMPLEMENTED') throw err;
        this.#sandboxStats = false;
      }
    }
    const [{ items }, { stats }] = await Promise.all([
      runtime.client.runtime.listPodSandbox({ filter: { state: { state: 'SANDBOX_READY' } } }, { signal }),
      runtime.client.runtime.listContainerStats({}, { signal }),
    ]);
    const byUid = Map.groupBy(stats, (s) => s.attributes?.labels[names.POD_UID] ?? '');
    return Promise.all(items.map((s) => this.#pod(s, { containers: byUid.get(s.metadata?.uid ?? '') ?? [] }, signal)));
  }

  async #pod(
    { id, metadata }: Pick<cri.PodSandboxAttributes, 'id' | 'metadata'>,
    linux: Partial<cri.LinuxPodSandboxStats> | null,
    signal: AbortSignal,
  ): Promise<PodStats> {
    const { workers, volumes } = this.#deps;
    const { namespace = '', name = '', uid = '' } = metadata ?? {};
    const known = workers.pod(`${namespace}/${name}`);
    const containers = await Promise.all((linux?.containers ?? []).map((c) => this.#container(c, { namespace, name, uid })));
    const { network } = linux ?? {};
    const all = network === null || network === undefined ? [] : [network.default_interface, ...network.interfaces];
    return {
      namespace,
      name,
      uid,
      sandboxId: id,
      startedAtMs: known?.objects?.sandboxes.find((s) => s.id === id)?.createdAtMs ?? 0,
      containers,
      cpu: this.#cpuOf(id, linux?.cpu) ?? sumCpu(containers),
      memory: memoryOf(linux?.memory) ?? sumMemory(containers),
      network:
        network === null || network === undefined
          ? undefined
          : { atMs: ms(network.timestamp), interfaces: all.flatMap((i) => (i === null ? [] : [interfaceOf(i)])) },
      processes: count(linux?.process?.process_count),
      volumes: known?.pod.metadata.uid === uid ? await volumes.of(known.pod, signal) : [],
    };
  }

  async #container(stats: cri.ContainerStats, pod: { namespace: string; name: string; uid: string }): Promise<ContainerStats> {
    const { workers, paths } = this.#deps;
    const id = stats.attributes?.id ?? '';
    const name = stats.attributes?.labels[names.CONTAINER_NAME] ?? stats.attributes?.metadata?.name ?? '';
    const known = workers.pod(`${pod.namespace}/${pod.name}`)?.objects?.containers.find((c) => c.id === id);
    const { writable_layer: layer } = stats;
    return {
      id,
      name,
      image: known?.image ?? '',
      startedAtMs: known?.startedAtMs ?? 0,
      cpu: this.#cpuOf(id, stats.cpu),
      memory: memoryOf(stats.memory),
      rootfs:
        layer === null
          ? undefined
          : { atMs: ms(layer.timestamp), usedBytes: count(layer.used_bytes) ?? 0, inodesUsed: count(layer.inodes_used) },
      logs: await sizeOf(join(podLogs(paths, pod), name), this.#deps.clock.nowMs()),
    };
  }

  #cpuOf(id: string, cpu: cri.CpuUsage | null | undefined): Cpu | undefined {
    const used = count(cpu?.usage_core_nano_seconds);
    return cpu === null || cpu === undefined || used === undefined ? undefined : this.#cpu(id, Number(cpu.timestamp), used);
  }
}

/** Past 2^53 these are rounded, which no measurement notices. */
function count(value: { readonly value: Int64 } | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value.value);
}

const ms = (nanos: Int64): number => Number(BigInt(nanos) / 1_000_000n);

function memoryOf(memory: cri.MemoryUsage | null | undefined): Memory | undefined {
  if (memory === null || memory === undefined) return undefined;
  const workingSetBytes = count(memory.working_set_bytes) ?? 0;
  const available = count(memory.available_bytes);
  return {
    atMs: ms(memory.timestamp),
    // Without a limit there is nothing to be left of.
    availableBytes: available === undefined || available === 0 || available > 2 ** 60 ? undefined : available,
    usageBytes: count(memory.usage_bytes) ?? workingSetBytes,
    workingSetBytes,
    rssBytes: count(memory.rss_bytes),
    pageFaults: count(memory.page_faults),
    majorPageFaults: count(memory.major_page_faults),
  };
}

function interfaceOf(i: cri.NetworkInterfaceUsage): Interface {
  return {
    name: i.name,
    rxBytes: count(i.rx_bytes) ?? 0,
    rxErrors: count(i.rx_errors) ?? 0,
    txBytes: count(i.tx_bytes) ?? 0,
    txErrors: count(i.tx_errors) ?? 0,
  };
}

/** A runtime that does not measure pods: what their containers use. */
function sumCpu(containers: readonly ContainerStats[]): Cpu | undefined {
  const all = containers.flatMap((c) => c.cpu ?? []);
  const [first] = all;
  if (first === undefined) return undefined;
  const rates = all.flatMap((c) => c.nanoCores ?? []);
  return {
    atMs: first.atMs,
    coreNanoseconds: all.reduce((sum, c) => sum + c.coreNanoseconds, 0),
    nanoCores: rates.length === 0 ? undefined : rates.reduce((sum, r) => sum + r, 0),
  };
}

function sumMemory(containers: readonly ContainerStats[]): Memory | undefined {
  const all = containers.flatMap((c) => c.memory ?? []);
  const [first] = all;
  if (first === undefined) return undefined;
  const sum = (of: (m: Memory) => number): number => all.reduce((total, m) => total + of(m), 0);
  return { atMs: first.atMs, usageBytes: sum((m) => m.usageBytes), workingSetBytes: sum((m) => m.workingSetBytes) };
}

/** Of one directory of log files. */
async function sizeOf(directory: string, atMs: number): Promise<FileSystem | undefined> {
  const entries = await readdir(directory).catch(() => undefined);
  if (entries === undefined) return undefined;
  const sizes = await Promise.all(
    entries.map((e) =>
      stat(join(directory, e)).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      ),
    ),
  );
  return { atMs, usedBytes: sizes.reduce((sum, size) => sum + size, 0), inodesUsed: entries.length + 1 };
}

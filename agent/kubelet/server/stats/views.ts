/**
 * What is measured, as /stats/summary, /metrics/resource and /metrics/cadvisor give it. Pure.
 * Source: stats/v1alpha1 of k8s.io/kubelet 1.36; the names, labels and units of upstream's resource metrics and of cAdvisor.
 */
import type { DeviceUse, GroupUse } from './cgroup.ts';
import type { ContainerStats, Cpu, Details, FileSystem, Interface, Memory, Packets, PodStats, Stats, VolumeStats } from './types.ts';

const time = (atMs: number): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');

export function summary({ node, pods }: Stats): WholeSummary {
  return {
    node: {
      nodeName: node.nodeName,
      startTime: time(node.bootedAtMs),
      cpu: cpu(node.cpu),
      memory: memory(node.memory),
      network: network(node.network),
      fs: disk(node.fs),
      ...(node.imageFs === undefined ? {} : { runtime: { imageFs: disk(node.imageFs), containerFs: disk(node.imageFs) } }),
      rlimit: { time: time(node.processes.atMs), maxpid: node.processes.most, curproc: node.processes.now },
    },
    pods: pods.map((pod) => ({
      podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
      startTime: time(pod.startedAtMs),
      containers: pod.containers.map((c) => ({
        name: c.name,
        startTime: time(c.startedAtMs),
        ...(c.cpu === undefined ? {} : { cpu: cpu(c.cpu) }),
        ...(c.memory === undefined ? {} : { memory: memory(c.memory) }),
        ...(c.rootfs === undefined ? {} : { rootfs: disk(shared(c.rootfs, node.imageFs)) }),
        ...(c.logs === undefined ? {} : { logs: disk(shared(c.logs, node.fs)) }),
      })),
      ...(pod.cpu === undefined ? {} : { cpu: cpu(pod.cpu) }),
      ...(pod.memory === undefined ? {} : { memory: memory(pod.memory) }),
      ...(pod.network === undefined ? {} : { network: network(pod.network) }),
      ...(pod.volumes.length === 0 ? {} : { volume: pod.volumes.map((v) => volume(pod.namespace, v)) }),
      'ephemeral-storage': disk(shared(storageOf(pod), node.fs)),
      ...(pod.processes === undefined ? {} : { process_stats: { process_count: pod.processes } }),
    })),
  };
}

interface WholeSummary {
  readonly node: Readonly<Record<string, unknown>>;
  readonly pods: readonly (Readonly<Record<string, unknown>> & { readonly containers: readonly Readonly<Record<string, unknown>>[] })[];
}

/** The summary without what takes long to measure, as scrapers of CPU and memory ask for it. */
export function cpuAndMemory({ node, pods }: WholeSummary): WholeSummary {
  return {
    node: pick(node, ['nodeName', 'startTime', 'cpu', 'memory']),
    pods: pods.map((pod) => ({
      ...pick(pod, ['podRef', 'startTime', 'cpu', 'memory']),
      containers: pod.containers.map((c) => pick(c, ['name', 'startTime', 'cpu', 'memory'])),
    })),
  };
}

function pick(from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(from, name)).map((name) => [name, from[name]]));
}

function cpu({ atMs, nanoCores, coreNanoseconds }: Cpu): object {
  return { time: time(atMs), ...(nanoCores === undefined ? {} : { usageNanoCores: nanoCores }), usageCoreNanoSeconds: coreNanoseconds };
}

function memory({ atMs, ...rest }: Memory): object {
  return { time: time(atMs), ...rest };
}

function network({ atMs, interfaces }: { readonly atMs: number; readonly interfaces: readonly Interface[] }): object {
  return { time: time(atMs), ...interfaces[0], interfaces };
}

function disk({ atMs, ...rest }: FileSystem): object {
  return { time: time(atMs), ...rest };
}

function volume(namespace: string, { name, claim, fs }: VolumeStats): object {
  return { ...disk(fs), name, ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace } }) };
}

/** The size of the file system that something lies on, with how much of it is this thing's. */
function shared(own: FileSystem, on: FileSystem | undefined): FileSystem {
  return on === undefined ? own : { ...on, ...own };
}

function storageOf({ containers, volumes }: PodStats): FileSystem {
  const own = containers.flatMap((c) => [c.rootfs, c.logs]).filter((f) => f !== undefined);
  const parts = [...own, ...volumes.filter((v) => v.ephemeral).map((v) => v.fs)];
  return {
    atMs: Math.max(0, ...parts.map((f) => f.atMs)),
    usedBytes: parts.reduce((sum, f) => sum + f.usedBytes, 0),
    inodesUsed: parts.reduce((sum, f) => sum + (f.inodesUsed ?? 0), 0),
  };
}

type Labels = Readonly<Record<string, string>>;
type Row = readonly [labels: Labels, value: number | undefined, atMs?: number | undefined];

/** The text form, with the time of each measurement. */
class Text {
  readonly #parts: string[] = [];

  add(name: string, kind: 'counter' | 'gauge', help: string, rows: readonly Row[]): void {
    const lines = rows.flatMap(([labels, value, atMs]) =>
      value === undefined ? [] : [`${name}${labelText(labels)} ${value}${atMs === undefined ? '' : ` ${Math.round(atMs)}`}`],
    );
    if (lines.length > 0) this.#parts.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...lines);
  }

  toString(): string {
    return `${this.#parts.join('\n')}\n`;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

export function resourceMetrics({ node, pods }: Stats): string {
  const out = new Text();
  const containers = pods.flatMap((p) =>
    p.containers.map((c) => ({ c, labels: { container: c.name, namespace: p.namespace, pod: p.name } })),
  );
  const podRows = (row: (p: PodStats) => readonly [value: number | undefined, atMs?: number | undefined]): Row[] =>
    pods.map((p) => [{ namespace: p.namespace, pod: p.name }, ...row(p)]);
  out.add(
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed by the container in core-seconds',
    containers.map(({ c, labels }) => [labels, seconds(c.cpu), c.cpu?.atMs]),
  );
  out.add(
    'container_memory_working_set_bytes',
    'gauge',
    'Current working set of the container in bytes',
    containers.map(({ c, labels }) => [labels, c.memory?.workingSetBytes, c.memory?.atMs]),
  );
  out.add(
    'container_start_time_seconds',
    'gauge',
    'Start time of the container since unix epoch in seconds',
    containers.map(({ c, labels }) => [labels, c.startedAtMs / 1_000]),
  );
  out.add('node_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed by the node in core-seconds', [
    [{}, seconds(node.cpu), node.cpu.atMs],
  ]);
  out.add('node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes', [
    [{}, node.memory.workingSetBytes, node.memory.atMs],
  ]);
  out.add(
    'pod_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed by the pod in core-seconds',
    podRows((p) => [seconds(p.cpu), p.cpu?.atMs]),
  );
  out.add(
    'pod_memory_working_set_bytes',
    'gauge',
    'Current working set of the pod in bytes',
    podRows((p) => [p.memory?.workingSetBytes, p.memory?.atMs]),
  );
  out.add('resource_scrape_error', 'gauge', '1 if there was an error while getting container metrics, 0 otherwise', [[{}, 0]]);
  return out.toString();
}

/** Of claims alone, as upstream. */
export function volumeMetrics(pods: readonly { readonly namespace: string; readonly volumes: readonly VolumeStats[] }[]): string {
  const out = new Text();
  const claims = new Map<string, readonly [Labels, FileSystem]>();
  for (const { namespace, volumes } of pods)
    for (const { claim, fs } of volumes)
      if (claim !== undefined) claims.set(`${namespace}/${claim}`, [{ namespace, persistentvolumeclaim: claim }, fs]);
  for (const [name, help, read] of [
    ['capacity_bytes', 'Capacity in bytes of the volume', (f: FileSystem) => f.capacityBytes],
    ['available_bytes', 'Number of available bytes in the volume', (f: FileSystem) => f.availableBytes],
    ['used_bytes', 'Number of used bytes in the volume', (f: FileSystem) => f.usedBytes],
    ['inodes', 'Maximum number of inodes in the volume', (f: FileSystem) => f.inodes],
    ['inodes_free', 'Number of free inodes in the volume', (f: FileSystem) => f.inodesFree],
    ['inodes_used', 'Number of used inodes in the volume', (f: FileSystem) => f.inodesUsed],
  ] as const)
    out.add(
      `kubelet_volume_stats_${name}`,
      'gauge',
      help,
      [...claims.values()].map(([labels, fs]) => [labels, read(fs)]),
    );
  return claims.size === 0 ? '' : out.toString();
}

const seconds = (used: Cpu | undefined): number | undefined => (used === undefined ? undefined : used.coreNanoseconds / 1e9);

const OF_GROUPS: readonly (readonly [name: string, kind: 'counter' | 'gauge', help: string, read: (g: GroupUse) => number | undefined])[] =
  [
    ['container_cpu_user_seconds_total', 'counter', 'Cumulative user cpu time consumed in seconds.', (g) => g.userSeconds],
    ['container_cpu_system_seconds_total', 'counter', 'Cumulative system cpu time consumed in seconds.', (g) => g.systemSeconds],
    ['container_cpu_cfs_periods_total', 'counter', 'Number of elapsed enforcement period intervals.', (g) => g.periods],
    ['container_cpu_cfs_throttled_periods_total', 'counter', 'Number of throttled period intervals.', (g) => g.throttledPeriods],
    [
      'container_cpu_cfs_throttled_seconds_total',
      'counter',
      'Total time duration the container has been throttled.',
      (g) => g.throttledSeconds,
    ],
    ['container_memory_cache', 'gauge', 'Number of bytes of page cache memory.', (g) => g.cacheBytes],
    ['container_memory_mapped_file', 'gauge', 'Size of memory mapped files in bytes.', (g) => g.mappedBytes],
    ['container_memory_swap', 'gauge', 'Container swap usage in bytes.', (g) => g.swapBytes],
    ['container_threads', 'gauge', 'Number of threads running inside the container', (g) => g.threads],
    ['container_oom_events_total', 'counter', 'Count of out of memory events observed for the container', (g) => g.oomKills],
  ];
const OF_DEVICES: readonly (readonly [name: string, help: string, read: (d: DeviceUse) => number])[] = [
  ['container_fs_reads_bytes_total', 'Cumulative count of bytes read', (d) => d.readBytes],
  ['container_fs_reads_total', 'Cumulative count of reads completed', (d) => d.reads],
  ['container_fs_writes_bytes_total', 'Cumulative count of bytes written', (d) => d.writeBytes],
  ['container_fs_writes_total', 'Cumulative count of writes completed', (d) => d.writes],
];
const OF_PACKETS: readonly (readonly [name: string, help: string, read: (p: Packets) => number])[] = [
  ['container_network_receive_packets_total', 'Cumulative count of packets received', (p) => p.rx],
  ['container_network_receive_packets_dropped_total', 'Cumulative count of packets dropped while receiving', (p) => p.rxDropped],
  ['container_network_transmit_packets_total', 'Cumulative count of packets transmitted', (p) => p.tx],
  ['container_network_transmit_packets_dropped_total', 'Cumulative count of packets dropped while transmitting', (p) => p.txDropped],
];

/** The metrics that dashboards use. Differs: `id` is the id of the runtime, not the path of a control group. */
export function cadvisorMetrics({ node, pods }: Stats, { groups, packets, devices }: Details): string {
  const out = new Text();
  const ofPod = (p: PodStats): Labels => ({
    container: '',
    id: `/${p.sandboxId}`,
    image: '',
    name: '',
    namespace: p.namespace,
    pod: p.name,
  });
  const all = pods.flatMap((p) => [
    { labels: ofPod(p), cpu: p.cpu, memory: p.memory, c: undefined as ContainerStats | undefined },
    ...p.containers.map((c) => ({
      labels: { container: c.name, id: `/${c.id}`, image: c.image, name: c.id, namespace: p.namespace, pod: p.name },
      cpu: c.cpu,
      memory: c.memory,
      c,
    })),
  ]);
  const own = all.filter((x) => x.c !== undefined);
  out.add(
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed in seconds.',
    all.map((x) => [{ ...x.labels, cpu: 'total' }, seconds(x.cpu), x.cpu?.atMs]),
  );
  for (const [name, help, read] of [
    ['container_memory_working_set_bytes', 'Current working set in bytes.', (m: Memory) => m.workingSetBytes],
    ['container_memory_usage_bytes', 'Current memory usage in bytes, including all memory.', (m: Memory) => m.usageBytes],
    ['container_memory_rss', 'Size of RSS in bytes.', (m: Memory) => m.rssBytes],
  ] as const)
    out.add(
      name,
      'gauge',
      help,
      all.map((x) => [x.labels, x.memory === undefined ? undefined : read(x.memory), x.memory?.atMs]),
    );
  out.add(
    'container_fs_usage_bytes',
    'gauge',
    'Number of bytes that are consumed by the container on this filesystem.',
    own.map((x) => [x.labels, x.c?.rootfs?.usedBytes, x.c?.rootfs?.atMs]),
  );
  out.add(
    'container_start_time_seconds',
    'gauge',
    'Start time of the container since unix epoch in seconds.',
    own.map((x) => [x.labels, (x.c?.startedAtMs ?? 0) / 1_000]),
  );
  out.add(
    'container_last_seen',
    'gauge',
    'Last time a container was seen by the exporter',
    own.map((x) => [x.labels, Math.round((x.cpu?.atMs ?? node.cpu.atMs) / 1_000)]),
  );
  out.add(
    'container_processes',
    'gauge',
    'Number of processes running inside the container.',
    pods.map((p) => [ofPod(p), p.processes]),
  );
  for (const [name, help, read] of [
    ['container_network_receive_bytes_total', 'Cumulative count of bytes received', (i: Interface) => i.rxBytes],
    ['container_network_receive_errors_total', 'Cumulative count of errors encountered while receiving', (i: Interface) => i.rxErrors],
    ['container_network_transmit_bytes_total', 'Cumulative count of bytes transmitted', (i: Interface) => i.txBytes],
    ['container_network_transmit_errors_total', 'Cumulative count of errors encountered while transmitting', (i: Interface) => i.txErrors],
  ] as const)
    out.add(
      name,
      'counter',
      help,
      pods.flatMap((p) => (p.network?.interfaces ?? []).map((i): Row => [{ ...ofPod(p), interface: i.name }, read(i), p.network?.atMs])),
    );
  const groupRows = (read: (g: GroupUse) => number | undefined): Row[] =>
    own.map((x) => {
      const group = groups.get(x.c?.id ?? '');
      return [x.labels, group === undefined ? undefined : read(group), x.cpu?.atMs];
    });
  for (const [name, kind, help, read] of OF_GROUPS) out.add(name, kind, help, groupRows(read));
  for (const [name, help, read] of OF_DEVICES)
    out.add(
      name,
      'counter',
      help,
      own.flatMap((x) =>
        (groups.get(x.c?.id ?? '')?.devices ?? []).map((d): Row => [
          { ...x.labels, device: devices.get(d.device) ?? d.device },
          read(d),
          x.cpu?.atMs,
        ]),
      ),
    );
  for (const [name, help, read] of OF_PACKETS)
    out.add(
      name,
      'counter',
      help,
      pods.flatMap((p) => (packets.get(p.uid) ?? []).map((i): Row => [{ ...ofPod(p), interface: i.name }, read(i), p.network?.atMs])),
    );
  out.add('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.', [[{}, node.cores]]);
  out.add('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.', [[{}, node.memoryBytes]]);
  return out.toString();
}

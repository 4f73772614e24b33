/**
 * What is measured, as /stats/summary, /metrics/resource and /metrics/cadvisor give it. Pure.
 * Source: stats/v1alpha1 of k8s.io/kubelet 1.36; the names, labels and units of upstream's resource metrics and of cAdvisor.
 */
import type { ContainerStats, Cpu, FileSystem, Interface, Memory, PodStats, Stats } from './types.ts';

const time = (atMs: number): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');

export function summary({ node, pods }: Stats): object {
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
      'ephemeral-storage': disk(shared(storageOf(pod), node.fs)),
      ...(pod.processes === undefined ? {} : { process_stats: { process_count: pod.processes } }),
    })),
  };
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

/** The size of the file system that something lies on, with how much of it is this thing's. */
function shared(own: FileSystem, on: FileSystem | undefined): FileSystem {
  return on === undefined ? own : { ...on, ...own };
}

function storageOf({ containers }: PodStats): FileSystem {
  const parts = containers.flatMap((c) => [c.rootfs, c.logs]).filter((f) => f !== undefined);
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

const seconds = (used: Cpu | undefined): number | undefined => (used === undefined ? undefined : used.coreNanoseconds / 1e9);

/** The metrics that dashboards use. Differs: `id` is the id of the runtime, not the path of a control group. */
export function cadvisorMetrics({ node, pods }: Stats): string {
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
  out.add('machine_cpu_cores', 'gauge', 'Number of logical CPU cores.', [[{}, node.cores]]);
  out.add('machine_memory_bytes', 'gauge', 'Amount of memory installed on the machine.', [[{}, node.memoryBytes]]);
  return out.toString();
}

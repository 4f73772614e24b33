/** A pod in the layout people know from kubectl, with how its containers ended before. Pure. */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Probe } from '#api/kinds/core/probes.ts';
import { humanDuration } from '#api/print/age.ts';
import { formatTable } from '#api/print/table.ts';
import type { NodeEvent, Termination } from '#agent/host/kubeletClient.ts';
import { lastSeen } from './events.ts';
import { Lines } from './lines.ts';

export interface PodFacts {
  readonly events: readonly NodeEvent[];
  /** The last ends of each container, the newest last. */
  readonly terminations: Readonly<Record<string, readonly Termination[]>>;
}

export function describePod(pod: Pod, { events, terminations }: PodFacts, nowMs: number): string {
  const { metadata, spec, status } = pod;
  const out = new Lines();
  out.field('Name', metadata.name);
  out.field('Namespace', metadata.namespace);
  out.field('Node', `${spec.nodeName ?? '<none>'}${status?.hostIP === undefined ? '' : `/${status.hostIP}`}`);
  out.field('Start Time', status?.startTime);
  out.map('Labels', metadata.labels);
  out.map('Annotations', metadata.annotations);
  out.field('Status', status?.phase);
  out.field('IP', status?.podIP ?? '');
  if (status?.podIPs !== undefined)
    out.list(
      'IPs',
      status.podIPs.map((i) => `IP:  ${i.ip}`),
    );
  const all = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  for (const [title, specs] of [
    ['Init Containers', spec.initContainers],
    ['Containers', spec.containers],
    ['Ephemeral Containers', spec.ephemeralContainers],
  ] as const)
    if (specs !== undefined) containers(out, { title, specs, statuses: all, terminations, nowMs });
  out.text('Conditions:');
  out.block(
    formatTable(
      ['Type', 'Status'],
      (status?.conditions ?? []).map((c) => [c.type, `${c.status}${c.message === undefined ? '' : `  (${c.reason}: ${c.message})`}`]),
    ),
  );
  volumes(out, pod);
  out.field('QoS Class', status?.qosClass);
  if (events.length === 0) out.field('Events', '<none>');
  else {
    out.text('Events:');
    const rows = events.map((e) => [e.type, e.reason, lastSeen(e, nowMs), 'kubelet', e.message]);
    out.block(formatTable(['Type', 'Reason', 'Age', 'From', 'Message'], rows));
  }
  return out.toString();
}

interface ContainersOf {
  readonly title: string;
  readonly specs: readonly Container[];
  readonly statuses: readonly ContainerStatus[];
  readonly terminations: PodFacts['terminations'];
  readonly nowMs: number;
}

function containers(out: Lines, { title, specs, statuses, terminations, nowMs }: ContainersOf): void {
  out.text(`${title}:`);
  for (const spec of specs) {
    const status = statuses.find((s) => s.name === spec.name);
    const at = out.indented(`  ${spec.name}:`, 4);
    at.field('Container ID', status?.containerID ?? '');
    at.field('Image', spec.image);
    at.field('Image ID', status?.imageID ?? '');
    at.field(
      'Ports',
      (spec.ports ?? []).map((p) => `${p.containerPort}/${p.protocol ?? 'TCP'}${p.hostPort ? ` (host ${p.hostPort})` : ''}`).join(', ') ||
        '<none>',
    );
    if (spec.command !== undefined) at.list('Command', spec.command);
    if (spec.args !== undefined) at.list('Args', spec.args);
    state(at, 'State', status?.state);
    if (status?.lastState !== undefined && Object.keys(status.lastState).length > 0) state(at, 'Last State', status.lastState);
    at.field('Ready', status?.ready === true ? 'True' : 'False');
    at.field('Restart Count', String(status?.restartCount ?? 0));
    const ends = terminations[spec.name] ?? [];
    if (ends.length > 0)
      at.list(
        'Last Ends',
        ends.map((end) => endLine(end, nowMs)),
      );
    if (spec.resources?.limits !== undefined)
      at.list(
        'Limits',
        Object.entries(spec.resources.limits).map(([k, v]) => `${k}:  ${v}`),
      );
    if (spec.resources?.requests !== undefined)
      at.list(
        'Requests',
        Object.entries(spec.resources.requests).map(([k, v]) => `${k}:  ${v}`),
      );
    for (const [name, probe] of [
      ['Liveness', spec.livenessProbe],
      ['Readiness', spec.readinessProbe],
      ['Startup', spec.startupProbe],
    ] as const)
      if (probe !== undefined) at.field(name, probeText(probe));
    if ((spec.env ?? []).length === 0) at.field('Environment', '<none>');
    else
      at.list(
        'Environment',
        (spec.env ?? []).map((e) => `${e.name}:  ${e.value ?? ` (${e.valueFrom?.fieldRef?.fieldPath ?? 'from elsewhere'})`}`),
      );
    if ((spec.volumeMounts ?? []).length === 0) at.field('Mounts', '<none>');
    else
      at.list(
        'Mounts',
        (spec.volumeMounts ?? []).map((m) => `${m.mountPath} from ${m.name} (${m.readOnly === true ? 'ro' : 'rw'})`),
      );
  }
}

function state(out: Lines, title: string, given: ContainerStatus['state']): void {
  const { running, waiting, terminated } = given ?? {};
  if (running !== undefined) {
    out.field(title, 'Running');
    out.field('  Started', running.startedAt);
  } else if (terminated !== undefined) {
    out.field(title, 'Terminated');
    out.field('  Reason', terminated.reason);
    if (terminated.message !== undefined) out.field('  Message', terminated.message);
    out.field('  Exit Code', String(terminated.exitCode));
    out.field('  Started', terminated.startedAt);
    out.field('  Finished', terminated.finishedAt);
  } else {
    out.field(title, 'Waiting');
    out.field('  Reason', waiting?.reason);
    if (waiting?.message !== undefined) out.field('  Message', waiting.message);
  }
}

/** The last line that it wrote says mostly why. */
function endLine({ attempt, reason, exitCode, finishedAtMs, lastLines }: Termination, nowMs: number): string {
  const said = lastLines.at(-1);
  const ago = humanDuration(nowMs - finishedAtMs);
  return `run ${attempt}: ${reason} (exit code ${exitCode}) ${ago} ago${said === undefined ? '' : `: ${said}`}`;
}

/** As kubectl says it. */
function probeText(probe: Probe): string {
  const times = `delay=${probe.initialDelaySeconds ?? 0}s timeout=${probe.timeoutSeconds ?? 1}s period=${probe.periodSeconds ?? 10}s`;
  return `${askedBy(probe)} ${times} #success=${probe.successThreshold ?? 1} #failure=${probe.failureThreshold ?? 3}`;
}

function askedBy({ exec, httpGet, tcpSocket, grpc }: Probe): string {
  if (exec !== undefined) return `exec [${(exec.command ?? []).join(' ')}]`;
  if (httpGet !== undefined)
    return `http-get ${(httpGet.scheme ?? 'HTTP').toLowerCase()}://${httpGet.host ?? ''}:${httpGet.port}${httpGet.path ?? ''}`;
  if (tcpSocket !== undefined) return `tcp-socket ${tcpSocket.host ?? ''}:${tcpSocket.port}`;
  return grpc === undefined ? 'unknown' : `grpc <pod>:${grpc.port} ${grpc.service ?? ''}`;
}

/** Of each kind what kubectl says of it, and its fields. */
const KINDS: Readonly<Record<string, string>> = {
  hostPath: 'HostPath (bare host directory volume)',
  emptyDir: 'EmptyDir (a temporary directory that shares a pod’s lifetime)',
  configMap: 'ConfigMap (a volume populated by a ConfigMap)',
  secret: 'Secret (a volume populated by a Secret)',
  downwardAPI: 'DownwardAPI (a volume populated by information about the pod)',
  projected: 'Projected (a volume that contains injected data from multiple sources)',
  persistentVolumeClaim: 'PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)',
};

function volumes(out: Lines, pod: Pod): void {
  if ((pod.spec.volumes ?? []).length === 0) return out.field('Volumes', '<none>');
  out.text('Volumes:');
  for (const { name, ...sources } of pod.spec.volumes ?? []) {
    const at = out.indented(`  ${name}:`, 4);
    for (const [kind, source] of Object.entries(sources)) {
      at.field('Type', KINDS[kind] ?? kind);
      for (const [field, value] of Object.entries(source ?? {})) at.field(field, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
}

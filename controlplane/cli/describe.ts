/** `kijabi describe pod NAME`: everything the node knows about a pod, in the layout people know from kubectl. */
import { parseArgs } from 'node:util';
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { formatTable } from '#api/print/table.ts';
import { AppError } from '#base/errors.ts';
import type { NodeEvent } from '#agent/host/kubeletClient.ts';
import { describeNode } from './describeNode.ts';
import { lastSeen } from './events.ts';
import { Lines } from './lines.ts';
import { findKubelet } from './node.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi describe pod NAME [-n NAMESPACE] [--socket PATH]
       kijabi describe node [--socket PATH]
`;

const OPTIONS = { namespace: { type: 'string', short: 'n' }, socket: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

export const describeCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [kind = '', second] = positionals;
  const [type = '', name = second] = kind.split('/');
  if (['node', 'nodes', 'no'].includes(type)) return describeNodeOf(name, values.socket, io);
  if (!['pod', 'pods', 'po'].includes(type) || name === undefined) throw new AppError('USAGE', `say which pod\n${USAGE}`);
  const namespace = values.namespace ?? 'default';
  const kubelet = findKubelet(io, values.socket);
  const pod = (await kubelet.pods(io.signal)).find((p) => p.metadata.namespace === namespace && p.metadata.name === name);
  if (pod === undefined) throw new AppError('NOT_FOUND', `pods ${JSON.stringify(name)} not found`);
  io.out(describePod(pod, await kubelet.events({ namespace, pod: name }, io.signal), io.clock.nowMs()));
  return 0;
};

async function describeNodeOf(name: string | undefined, socket: string | undefined, io: Io): Promise<number> {
  const kubelet = findKubelet(io, socket);
  const [node, pods] = await Promise.all([kubelet.node(io.signal), kubelet.pods(io.signal)]);
  if (name !== undefined && name !== node.metadata.name) throw new AppError('NOT_FOUND', `nodes ${JSON.stringify(name)} not found`);
  io.out(describeNode(node, pods, io.clock.nowMs()));
  return 0;
}

export function describePod(pod: Pod, events: readonly NodeEvent[], nowMs: number): string {
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
  if (spec.initContainers !== undefined) containers(out, 'Init Containers', spec.initContainers, status?.initContainerStatuses);
  containers(out, 'Containers', spec.containers, status?.containerStatuses);
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

function containers(out: Lines, title: string, specs: readonly Container[], statuses: readonly ContainerStatus[] | undefined): void {
  out.text(`${title}:`);
  for (const spec of specs) {
    const status = statuses?.find((s) => s.name === spec.name);
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

function volumes(out: Lines, pod: Pod): void {
  if ((pod.spec.volumes ?? []).length === 0) return out.field('Volumes', '<none>');
  out.text('Volumes:');
  for (const volume of pod.spec.volumes ?? []) {
    const at = out.indented(`  ${volume.name}:`, 4);
    if (volume.hostPath !== undefined) {
      at.field('Type', 'HostPath (bare host directory volume)');
      at.field('Path', volume.hostPath.path);
      at.field('HostPathType', volume.hostPath.type);
    } else {
      at.field('Type', 'EmptyDir (a temporary directory that shares a pod’s lifetime)');
      at.field('Medium', volume.emptyDir?.medium);
    }
  }
}

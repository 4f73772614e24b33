/**
 * A pod as a row of `get pods`: the columns and the words people know. Pure.
 * Source: what kubectl prints for pods (reasons before phases, init containers first, ages of restarts).
 */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { humanDuration } from '#api/print/age.ts';

export interface PodRow {
  readonly name: string;
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
  readonly age: string;
  readonly ip: string;
  readonly node: string;
  readonly nominatedNode: string;
  readonly readinessGates: string;
}

export function podRow(pod: Pod, nowMs: number): PodRow {
  const mains = pod.status?.containerStatuses ?? [];
  const inits = pod.status?.initContainerStatuses ?? [];
  const sidecars = inits.filter((_, i) => pod.spec.initContainers?.[i]?.restartPolicy === 'Always');
  const counted = [...sidecars, ...mains];
  const startedAt = pod.metadata.creationTimestamp ?? pod.status?.startTime;
  return {
    name: pod.metadata.name ?? '',
    ready: `${counted.filter((c) => c.ready).length}/${pod.spec.containers.length + sidecars.length}`,
    status: podStatusWord(pod),
    restarts: restartsOf(initWord(pod) === undefined ? counted : inits, nowMs),
    age: startedAt === undefined ? '<unknown>' : humanDuration(nowMs - Date.parse(startedAt)),
    ip: pod.status?.podIP ?? '<none>',
    node: pod.spec.nodeName ?? '<none>',
    nominatedNode: pod.status?.nominatedNodeName ?? '<none>',
    readinessGates: readinessGates(pod),
  };
}

/** The word in the STATUS column. */
export function podStatusWord(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return pod.status?.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
  const init = initWord(pod);
  if (init !== undefined) return init;
  let word = pod.status?.reason ?? pod.status?.phase ?? 'Unknown';
  let running = false;
  for (const c of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated } = c.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== '') word = waiting.reason;
    else if (terminated !== undefined) word = terminatedWord(terminated);
    else if (c.ready && c.state?.running !== undefined) running = true;
  }
  if (word === 'Completed' && running) {
    return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true ? 'Running' : 'NotReady';
  }
  return word;
}

function initWord(pod: Pod): string | undefined {
  const specs = pod.spec.initContainers ?? [];
  for (const [i, c] of (pod.status?.initContainerStatuses ?? []).entries()) {
    if (c.state?.terminated?.exitCode === 0) continue;
    if (specs[i]?.restartPolicy === 'Always' && c.started === true) continue;
    if (c.state?.terminated !== undefined) return `Init:${terminatedWord(c.state.terminated)}`;
    const reason = c.state?.waiting?.reason;
    return reason !== undefined && reason !== '' && reason !== 'PodInitializing' ? `Init:${reason}` : `Init:${i}/${specs.length}`;
  }
  return undefined;
}

function terminatedWord(t: NonNullable<NonNullable<ContainerStatus['state']>['terminated']>): string {
  if (t.reason !== undefined && t.reason !== '') return t.reason;
  return t.signal !== undefined && t.signal !== 0 ? `Signal:${t.signal}` : `ExitCode:${t.exitCode}`;
}

function restartsOf(containers: readonly ContainerStatus[], nowMs: number): string {
  const restarts = containers.reduce((sum, c) => sum + c.restartCount, 0);
  const ends = containers.map((c) => Date.parse(c.lastState?.terminated?.finishedAt ?? '')).filter((at) => !Number.isNaN(at));
  return restarts === 0 || ends.length === 0 ? String(restarts) : `${restarts} (${humanDuration(nowMs - Math.max(...ends))} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((g) => pod.status?.conditions?.some((c) => c.type === g.conditionType && c.status === 'True') === true);
  return `${met.length}/${gates.length}`;
}

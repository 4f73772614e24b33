/**
 * A pod as a row of `get pods`: the columns and the words people know. Pure.
 * Source: what kubectl prints for pods (reasons before phases, init containers first, ages of restarts), Kubernetes 1.36.
 * Differs: a pod without a creation time (a static pod without an API server) has the age of its start.
 */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { humanDuration } from '#api/print/age.ts';
import { NONE, orNone } from '#api/print/cells.ts';
import { name, since, text, wide, type Column } from '#api/print/column.ts';

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
  const { spec, status } = pod;
  const { word, ready, counted } = look(pod);
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').length;
  return {
    name: pod.metadata.name ?? '',
    ready: `${ready}/${spec.containers.length + sidecars}`,
    status: word,
    restarts: restartsOf(counted, nowMs),
    age: since(pod.metadata.creationTimestamp ?? status?.startTime, nowMs),
    ip: orNone(status?.podIP ?? status?.podIPs?.[0]?.ip),
    node: orNone(spec.nodeName),
    nominatedNode: orNone(status?.nominatedNodeName),
    readinessGates: readinessGates(pod),
  };
}

/** The word in the STATUS column. */
export function podStatusWord(pod: Pod): string {
  return look(pod).word;
}

/** A row is worked out once for all its columns. */
const rows = new WeakMap<Pod, { readonly nowMs: number; readonly row: PodRow }>();

function of(pick: (row: PodRow) => string): (pod: Pod, nowMs: number) => string {
  return (pod, nowMs) => {
    let known = rows.get(pod);
    if (known?.nowMs !== nowMs) {
      known = { nowMs, row: podRow(pod, nowMs) };
      rows.set(pod, known);
    }
    return pick(known.row);
  };
}

export const podColumns: readonly Column<Pod>[] = [
  name,
  text(
    'Ready',
    'Containers that are ready, of all there are',
    of((row) => row.ready),
  ),
  text(
    'Status',
    'What the containers are doing, in one word',
    of((row) => row.status),
  ),
  text(
    'Restarts',
    'How often containers were started again, and when last',
    of((row) => row.restarts),
  ),
  text(
    'Age',
    'Time since the pod was created',
    of((row) => row.age),
  ),
  wide(
    text(
      'IP',
      'Address of the pod',
      of((row) => row.ip),
    ),
  ),
  wide(
    text(
      'Node',
      'Node it runs on',
      of((row) => row.node),
    ),
  ),
  wide(
    text(
      'Nominated Node',
      'Node that is being cleared for it',
      of((row) => row.nominatedNode),
    ),
  ),
  wide(
    text(
      'Readiness Gates',
      'Conditions that hold, of those it waits for',
      of((row) => row.readinessGates),
    ),
  ),
];

interface Look {
  readonly word: string;
  readonly ready: number;
  /** The containers whose restarts count: those of the stage the pod is in. */
  readonly counted: readonly ContainerStatus[];
}

function look(pod: Pod): Look {
  const init = initStage(pod);
  const isInitialized = conditionOf(pod, 'Initialized') === 'True';
  const found =
    init.word === undefined || isInitialized ? mainStage(pod, init) : { word: init.word, ready: init.ready, counted: init.seen };
  return { ...found, word: deletionWord(pod) ?? found.word };
}

function deletionWord({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? undefined : 'Terminating';
}

interface InitStage {
  /** undefined: all have done their work. */
  readonly word: string | undefined;
  readonly ready: number;
  readonly seen: readonly ContainerStatus[];
  readonly sidecars: readonly ContainerStatus[];
}

/** Looks at one init container after the other, up to the first that has not done its work. */
function initStage({ spec, status }: Pod): InitStage {
  const specs = spec.initContainers ?? [];
  const statuses = status?.initContainerStatuses ?? [];
  const isSidecar = (c: ContainerStatus): boolean => specs.find((s) => s.name === c.name)?.restartPolicy === 'Always';
  const isDone = (c: ContainerStatus): boolean => c.state?.terminated?.exitCode === 0 || (isSidecar(c) && c.started === true);
  const open = statuses.findIndex((c) => !isDone(c));
  const seen = open < 0 ? statuses : statuses.slice(0, open + 1);
  const sidecars = seen.filter(isSidecar);
  const ready = sidecars.filter((c) => c.started === true && c.ready && c.state?.terminated === undefined).length;
  const current = statuses[open];
  return { word: current === undefined ? undefined : initWord(current, `${open}/${specs.length}`), ready, seen, sidecars };
}

function initWord({ state }: ContainerStatus, progress: string): string {
  if (state?.terminated !== undefined) return `Init:${terminatedWord(state.terminated)}`;
  const reason = state?.waiting?.reason ?? '';
  return reason !== '' && reason !== 'PodInitializing' ? `Init:${reason}` : `Init:${progress}`;
}

function mainStage(pod: Pod, init: InitStage): Look {
  const { status } = pod;
  const mains = status?.containerStatuses ?? [];
  const isGated = status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated') === true;
  let word = isGated ? 'SchedulingGated' : orElse(status?.reason, orElse(status?.phase, 'Unknown'));
  let running = 0;
  for (const { state, ready } of mains.toReversed()) {
    const reason = state?.waiting?.reason ?? '';
    if (reason !== '') word = reason;
    else if (state?.terminated !== undefined) word = terminatedWord(state.terminated);
    else if (ready && state?.running !== undefined) running += 1;
  }
  if (word === 'Completed' && running > 0) word = conditionOf(pod, 'Ready') === 'True' ? 'Running' : 'NotReady';
  return { word, ready: init.ready + running, counted: [...init.sidecars, ...mains] };
}

const orElse = (value: string | undefined, otherwise: string): string => (value === undefined || value === '' ? otherwise : value);

function conditionOf({ status }: Pod, type: string): string | undefined {
  return status?.conditions?.find((c) => c.type === type)?.status;
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
  if (gates.length === 0) return NONE;
  return `${gates.filter((g) => conditionOf(pod, g.conditionType) === 'True').length}/${gates.length}`;
}

/**
 * The line that `systemctl status kubelet` shows: how many pods there are of each sort, and which one waits for what. Pure.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { count } from '#base/statusTeller.ts';

export interface PodFact {
  readonly key: string;
  readonly phase: string;
  /** Why a container of it does not run. */
  readonly waiting: string | undefined;
}

export interface StatusFacts {
  readonly pods: readonly PodFact[];
  readonly refusedManifests: number;
  /** Of the node itself. */
  readonly problems: readonly string[];
}

export function podFact(key: string, { status: stored }: Pod, status: Pod['status'] = stored): PodFact {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = containers.flatMap(({ state }) => state?.waiting?.reason ?? []).find((reason) => reason !== 'PodInitializing');
  return { key, phase: status?.phase ?? 'Pending', waiting: waiting ?? status?.reason };
}

export function statusLine({ pods, refusedManifests, problems }: StatusFacts): string {
  const running = pods.filter(({ phase, waiting }) => phase === 'Running' && waiting === undefined);
  const waiting = pods.filter(({ phase, waiting: reason }) => phase === 'Pending' || (phase === 'Running' && reason !== undefined));
  const ended = (phase: string): readonly PodFact[] => pods.filter((pod) => pod.phase === phase);
  const parts = [
    ...problems,
    pods.length === 0 ? 'no pods' : `${count(running.length, 'pod')} running`,
    ...named(waiting, 'waiting'),
    ...named(ended('Failed'), 'failed'),
    ...(ended('Succeeded').length === 0 ? [] : [`${ended('Succeeded').length} completed`]),
    ...(refusedManifests === 0 ? [] : [`${count(refusedManifests, 'manifest')} refused`]),
  ];
  return parts.join(', ');
}

/** The first by name stands for all. */
function named(pods: readonly PodFact[], word: string): string[] {
  const [first] = pods.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return first === undefined ? [] : [`${pods.length} ${word} (${first.key}: ${first.waiting ?? 'ContainerCreating'})`];
}

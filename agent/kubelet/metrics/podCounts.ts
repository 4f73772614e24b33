/**
 * Pods and their volumes by what becomes of them, as upstream's metrics count them. Pure.
 *
 * desired: somebody wants the pod; orphan: nobody does any more, and something of it is still here.
 */
import { isFromApi } from '../sources/origin.ts';
import type { KnownPod } from '../pods/workers.ts';
import { isEnding } from '../pods/wishes.ts';
import { isOver } from '../pods/status.ts';
import { pluginOf } from '../volumes/refs.ts';

type Series = readonly [labels: readonly string[], count: number];

/** lifecycle, config, static. What only the runtime knows gets an end here at once, so none is ever counted. */
export function workingPods(pods: readonly KnownPod[], isWanted: (known: KnownPod) => boolean): Series[] {
  const counts = new Map<string, number>();
  for (const known of pods) {
    const key = [lifecycle(known, isWanted(known)), isWanted(known) ? 'desired' : 'orphan', isFromApi(known.pod) ? '' : 'true'].join('|');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const configs = [
    ['desired', ''],
    ['desired', 'true'],
    ['orphan', ''],
    ['orphan', 'true'],
    ['runtime_only', 'unknown'],
  ] as const;
  return ['sync', 'terminating', 'terminated'].flatMap((state) =>
    configs.map(([config, isStatic]): Series => [[state, config, isStatic], counts.get([state, config, isStatic].join('|')) ?? 0]),
  );
}

function lifecycle({ pod, status, objects }: KnownPod, isWanted: boolean): string {
  if (isWanted && !isEnding(pod) && !isOver(status)) return 'sync';
  const runs = objects?.containers.some((c) => c.uid === pod.metadata.uid && c.state !== 'exited') === true;
  return runs ? 'terminating' : 'terminated';
}

/** plugin_name, state: of all pods here, and of those that have been made. */
export function volumeCounts(pods: readonly KnownPod[]): Series[] {
  const counts = new Map<string, number>();
  for (const { pod, objects } of pods)
    for (const volume of pod.spec.volumes ?? []) {
      const isMade = objects?.sandboxes.some((s) => s.uid === pod.metadata.uid) === true;
      for (const state of ['desired_state_of_world', ...(isMade ? ['actual_state_of_world'] : [])]) {
        const key = `kubernetes.io/${pluginOf(volume)}|${state}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
  return [...counts].map(([key, count]): Series => [key.split('|'), count]);
}

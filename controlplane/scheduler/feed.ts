/** Leads what the informers tell into the cluster and the queue. */
import type { Namespace } from '#api/kinds/core/namespace.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Change, Informer } from '#client/informer.ts';
import type { Cluster } from './core/cluster.ts';
import { nodeChange, type ClusterEvent, type StorageKind } from './core/events.ts';
import { podInfoOf } from './core/podInfo.ts';
import type { SchedulingQueue } from './queue/queue.ts';

export interface FeedOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  /** Whether the pod is one of ours to place. */
  readonly isOurs: (pod: Pod) => boolean;
  readonly nowMs: () => number;
  /** Something may be due. */
  readonly onChange: () => void;
}

export class Feed {
  readonly #options: FeedOptions;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Something could help pods that wait. */
  tell(event: ClusterEvent): void {
    const { queue, nowMs, onChange } = this.#options;
    queue.moved(event, nowMs());
    onChange();
  }

  readonly node = ({ key, before, after }: Change<Node>): void => {
    this.#options.cluster.setNode(key, after);
    if (after === undefined) return;
    if (before === undefined) return this.tell({ kind: 'nodeAdded', label: 'NodeAdd', node: after });
    const what = nodeChange(before, after);
    if (what !== undefined) this.tell({ kind: 'nodeChanged', label: 'NodeUpdate', node: after, what });
  };

  readonly pod = (change: Change<Pod>): void => {
    const { key, before, after } = change;
    if (after === undefined) return this.#gone(key, before);
    if ((after.spec.nodeName ?? '') !== '') return this.#placed(key, after);
    this.#waiting(key, before, after);
  };

  readonly namespace = ({ key, after }: Change<Namespace>): void => {
    this.#options.cluster.setNamespace(key, after);
    this.tell({ kind: 'namespace', label: 'NamespaceUpdate' });
  };

  storage<T extends KubeObject>(what: StorageKind, informer: Informer<T>): void {
    informer.onChange(({ key, before, after }) => {
      const did = before === undefined ? 'Add' : after === undefined ? 'Delete' : 'Update';
      this.tell({ kind: 'storage', label: `${what}${did}`, what, key });
    });
  }

  #gone(key: string, before: Pod | undefined): void {
    const { cluster, queue } = this.#options;
    const placed = cluster.placed(key);
    cluster.removePod(key);
    queue.delete(key);
    if (before !== undefined) cluster.nominate(podInfoOf(before), undefined);
    if (placed !== undefined) this.tell({ kind: 'podGone', label: 'AssignedPodDelete', pod: placed.pod });
  }

  #placed(key: string, after: Pod): void {
    const { cluster, queue } = this.#options;
    queue.delete(key);
    const known = cluster.isAssumed(key) ? undefined : cluster.placed(key)?.pod;
    cluster.setPod(after);
    const pod = podInfoOf(after);
    cluster.nominate(pod, undefined);
    if (known === undefined || known.uid !== pod.uid) return this.tell({ kind: 'podPlaced', label: 'AssignedPodAdd', pod });
    if (!sameLabels(known.labels, pod.labels) || known.isTerminating !== pod.isTerminating)
      this.tell({ kind: 'podRelabelled', label: 'AssignedPodUpdate', pod, before: known });
    if (known.requests.cpuMilli > pod.requests.cpuMilli || known.requests.memoryBytes > pod.requests.memoryBytes)
      this.tell({ kind: 'podShrank', label: 'AssignedPodUpdate', pod });
  }

  #waiting(key: string, before: Pod | undefined, after: Pod): void {
    const { cluster, queue, isOurs, nowMs, onChange } = this.#options;
    const nominated = after.status?.nominatedNodeName;
    if (after.metadata.deletionTimestamp !== undefined || !isOurs(after)) {
      queue.delete(key);
      cluster.nominate(podInfoOf(after), isOurs(after) ? undefined : nominated);
      return;
    }
    const isOther = before === undefined || before.metadata.uid !== after.metadata.uid;
    if (isOther || before.status?.nominatedNodeName !== nominated) cluster.nominate(podInfoOf(after), nominated);
    // What was decided about it waits for its confirmation; the news is told to the queue when it comes back.
    queue.set(after, nowMs());
    onChange();
  }
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

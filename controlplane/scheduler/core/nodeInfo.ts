/** A node and what is on it: what is asked for in all, ports, images. Kept up pod by pod, never summed anew. */
import { portsClash, type HostPort } from '#api/hostPorts.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Labels } from '#api/labels.ts';
import { Amounts, podLimitOf } from './amounts.ts';
import type { PodInfo } from './podInfo.ts';

export class NodeInfo {
  readonly name: string;
  /** undefined: pods say that they are there, but the node itself is not known (any more). */
  node: Node | undefined;
  labels: Labels = {};
  allocatable = new Amounts();
  podLimit = 0;
  /** Name of an image -> bytes. */
  images: ReadonlyMap<string, number> = new Map();
  /** What pods asked for in all. */
  readonly requested = new Amounts();
  /** The same with amounts for containers that said nothing. */
  readonly unsaid = new Amounts();
  readonly pods = new Map<string, PodInfo>();
  /** Only of pods that have some. */
  readonly #ports = new Map<string, readonly HostPort[]>();

  constructor(name: string) {
    this.name = name;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.labels = node?.metadata.labels ?? {};
    this.allocatable = Amounts.of(node?.status?.allocatable);
    this.podLimit = podLimitOf(node?.status?.allocatable);
    this.images = new Map((node?.status?.images ?? []).flatMap((i) => (i.names ?? []).map((name) => [name, i.sizeBytes ?? 0] as const)));
  }

  add(pod: PodInfo): void {
    this.pods.set(pod.key, pod);
    this.requested.add(pod.requests);
    this.unsaid.add(pod.unsaid);
    if (pod.ports.length > 0) this.#ports.set(pod.key, pod.ports);
  }

  /** The very pod that was added; false: another one is there, or none. */
  remove(pod: PodInfo): boolean {
    if (this.pods.get(pod.key) !== pod) return false;
    this.pods.delete(pod.key);
    this.requested.add(pod.requests, -1);
    this.unsaid.add(pod.unsaid, -1);
    this.#ports.delete(pod.key);
    return true;
  }

  hasPortFor(wanted: readonly HostPort[]): boolean {
    if (wanted.length === 0 || this.#ports.size === 0) return true;
    for (const taken of this.#ports.values()) if (taken.some((t) => wanted.some((w) => portsClash(t, w)))) return false;
    return true;
  }
}

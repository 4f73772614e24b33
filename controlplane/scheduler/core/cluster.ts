/**
 * The cluster as the scheduler sees it: nodes with their pods, those that it has just decided about included. It is changed in place, one
 * object at a time, and never while a decision is made: a decision is one turn of the event loop, so it needs no copy.
 *
 * A pod that was given a node is assumed to be there at once; the informer confirms it later, or forget() takes it away.
 */
import type { Namespace } from '#api/kinds/core/namespace.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Labels } from '#api/labels.ts';
import { NodeInfo } from './nodeInfo.ts';
import { PodIndex } from './podIndex.ts';
import { podInfoOf, type PodInfo } from './podInfo.ts';
import { TermIndex } from './termIndex.ts';

const ZONES = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'];
const REGIONS = ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'];

/** Questions that are kept up; a cluster with more of them begins anew now and then. */
const MOST_KEPT = 500;

export interface Placed {
  readonly pod: PodInfo;
  readonly node: NodeInfo;
}

export class Cluster {
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #placed = new Map<string, Placed>();
  readonly #assumed = new Set<string>();
  readonly #namespaces = new Map<string, Labels>();
  /** Pods that wait for others to leave a node: they count there for those that are less important. By node. */
  readonly #nominated = new Map<string, Map<string, PodInfo>>();
  readonly #nominatedNode = new Map<string, string>();
  readonly #imageNodes = new Map<string, number>();
  /** What the pods that are there want near them, and do not. */
  readonly terms = {
    affinity: new TermIndex((pod) => pod.affinity),
    antiAffinity: new TermIndex((pod) => pod.antiAffinity),
    preferred: new TermIndex((pod) => pod.preferred),
    preferredAnti: new TermIndex((pod) => pod.preferredAnti),
  };
  readonly #indexes = new Map<string, PodIndex>();
  readonly #ofNodes = new Map<string, unknown>();
  #order: readonly NodeInfo[] | undefined;

  /** All nodes, zone by zone in turn, so that those that are looked at first are spread. */
  get nodes(): readonly NodeInfo[] {
    this.#order ??= inTurn([...this.#nodes.values()].filter((n) => n.node !== undefined));
    return this.#order;
  }

  node(name: string): NodeInfo | undefined {
    const found = this.#nodes.get(name);
    return found?.node === undefined ? undefined : found;
  }

  get podCount(): number {
    return this.#placed.size;
  }

  get assumedCount(): number {
    return this.#assumed.size;
  }

  placed(key: string): Placed | undefined {
    return this.#placed.get(key);
  }

  pods(): Iterable<Placed> {
    return this.#placed.values();
  }

  isAssumed(key: string): boolean {
    return this.#assumed.has(key);
  }

  readonly namespaceLabels = (name: string): Labels | undefined => this.#namespaces.get(name);

  setNamespace(name: string, namespace: Namespace | undefined): void {
    const before = JSON.stringify(this.#namespaces.get(name));
    if (namespace === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, namespace.metadata.labels ?? {});
    // Questions may be about namespaces with certain labels.
    if (JSON.stringify(this.#namespaces.get(name)) !== before) this.#indexes.clear();
  }

  setNode(name: string, node: Node | undefined): void {
    const info = this.#info(name);
    const moved = info.node === undefined || node === undefined || zoneOf(info.labels) !== zoneOf(node.metadata.labels ?? {});
    this.#countImages(info, -1);
    const before = facts(info);
    info.setNode(node);
    this.#countImages(info, 1);
    if (moved) this.#order = undefined;
    if (facts(info) !== before) this.#forgetNodes();
    this.#drop(info);
  }

  /** On how many nodes an image is. */
  nodesWith(image: string): number {
    return this.#imageNodes.get(image) ?? 0;
  }

  /** A pod that has a node, as the API server knows it; it ends what was assumed. */
  setPod(pod: Pod): void {
    const info = podInfoOf(pod);
    this.removePod(info.key);
    this.#place(info, pod.spec.nodeName ?? '');
  }

  removePod(key: string): void {
    const found = this.#placed.get(key);
    this.#assumed.delete(key);
    if (found === undefined) return;
    this.#placed.delete(key);
    this.takeOff(found.pod, found.node);
    this.#drop(found.node);
  }

  assume(pod: PodInfo, nodeName: string): void {
    this.removePod(pod.key);
    this.#place(pod, nodeName);
    this.#assumed.add(pod.key);
  }

  /** It could not be bound. Nothing happens when the API server has confirmed it meanwhile. */
  forget(key: string): void {
    if (this.#assumed.has(key)) this.removePod(key);
  }

  nominate(pod: PodInfo, nodeName: string | undefined): void {
    const before = this.#nominatedNode.get(pod.key);
    if (before !== undefined) this.#nominated.get(before)?.delete(pod.key);
    this.#nominatedNode.delete(pod.key);
    if (nodeName === undefined || nodeName === '') return;
    this.#nominatedNode.set(pod.key, nodeName);
    const there = this.#nominated.get(nodeName) ?? new Map<string, PodInfo>();
    this.#nominated.set(nodeName, there.set(pod.key, pod));
  }

  nominatedNodeOf(key: string): string | undefined {
    return this.#nominatedNode.get(key);
  }

  nominatedOn(nodeName: string): Iterable<PodInfo> {
    return this.#nominated.get(nodeName)?.values() ?? [];
  }

  get hasNominated(): boolean {
    return this.#nominatedNode.size > 0;
  }

  /** Tries something out: whoever takes pods off puts the same ones back in the same turn. */
  takeOff(pod: PodInfo, node: NodeInfo): void {
    if (node.remove(pod)) this.#count(pod, node, -1);
  }

  putOn(pod: PodInfo, node: NodeInfo): void {
    node.add(pod);
    this.#count(pod, node, 1);
  }

  /** How many pods hold; the same key is the same question. */
  counting(key: string, holds: (pod: PodInfo) => boolean): PodIndex {
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    if (this.#indexes.size >= MOST_KEPT) this.#indexes.clear();
    const index = new PodIndex(holds);
    for (const node of this.#nodes.values()) for (const pod of node.pods.values()) index.add(pod, node, 1);
    this.#indexes.set(key, index);
    return index;
  }

  /** Something worked out from labels and taints of nodes alone: once for as long as they stay the same. */
  ofNodes<T>(key: string, make: () => T): T {
    if (this.#ofNodes.has(key)) return this.#ofNodes.get(key) as T;
    if (this.#ofNodes.size >= MOST_KEPT) this.#ofNodes.clear();
    const made = make();
    this.#ofNodes.set(key, made);
    return made;
  }

  #place(pod: PodInfo, nodeName: string): void {
    const node = this.#info(nodeName);
    this.putOn(pod, node);
    this.#placed.set(pod.key, { pod, node });
  }

  #info(name: string): NodeInfo {
    const found = this.#nodes.get(name) ?? new NodeInfo(name);
    this.#nodes.set(name, found);
    return found;
  }

  #count(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const index of this.#indexes.values()) index.add(pod, node, by);
    this.terms.affinity.add(pod, node, by);
    this.terms.antiAffinity.add(pod, node, by);
    this.terms.preferred.add(pod, node, by);
    this.terms.preferredAnti.add(pod, node, by);
  }

  #forgetNodes(): void {
    this.#ofNodes.clear();
    for (const index of this.#indexes.values()) index.forgetLabels();
    for (const index of Object.values(this.terms)) index.forgetLabels();
  }

  #drop(node: NodeInfo): void {
    if (node.node === undefined && node.pods.size === 0) this.#nodes.delete(node.name);
  }

  #countImages({ images }: NodeInfo, by: 1 | -1): void {
    for (const name of images.keys()) {
      const count = (this.#imageNodes.get(name) ?? 0) + by;
      if (count === 0) this.#imageNodes.delete(name);
      else this.#imageNodes.set(name, count);
    }
  }
}

/** What questions about nodes depend on. */
const facts = ({ node, labels }: NodeInfo): string => (node === undefined ? '' : JSON.stringify([labels, node.spec.taints ?? []]));

function zoneOf(labels: Labels): string {
  const first = (keys: readonly string[]): string => keys.map((key) => labels[key] ?? '').find((value) => value !== '') ?? '';
  return `${first(REGIONS)}\n${first(ZONES)}`;
}

function inTurn(nodes: readonly NodeInfo[]): readonly NodeInfo[] {
  const zones = Map.groupBy(nodes, (n) => zoneOf(n.labels));
  if (zones.size <= 1) return nodes;
  const out: NodeInfo[] = [];
  const lists = [...zones.values()];
  for (let i = 0; out.length < nodes.length; i++) for (const list of lists) if (list[i] !== undefined) out.push(list[i] as NodeInfo);
  return out;
}

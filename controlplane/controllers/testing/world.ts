/**
 * A cluster in a few maps, for properties of plans: objects with names, uids, versions and generations, and a kubelet that lets pods become
 * ready, fail and go, one step at a time. A clock that only moves when told to.
 */
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '#api/formats.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodPhase } from '#api/kinds/core/podStatus.ts';
import type { ConditionStatus } from '#api/kinds/core/references.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceType } from '#client/query.ts';
import { keyOf } from '#client/watch.ts';
import { PODS } from '../../component/kinds.ts';
import { controllerOf, isControlledBy } from '../workloads/owners.ts';

export const START_MS = Date.parse('2026-01-01T00:00:00Z');

type Loose = Readonly<Record<string, unknown>>;

export class World {
  nowMs = START_MS;
  #serial = 0;
  readonly #kinds = new Map<string, Map<string, KubeObject>>();

  all<T extends KubeObject>(type: ResourceType<T>): readonly T[] {
    return [...this.#of(type).values()];
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: string): T | undefined {
    return this.#of(type).get(key);
  }

  add<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const serial = ++this.#serial;
    const { metadata } = object;
    const made = {
      ...object,
      metadata: {
        ...metadata,
        namespace: metadata.namespace ?? 'default',
        name: metadata.name ?? `${metadata.generateName ?? ''}${serial}`,
        uid: `uid-${serial}`,
        resourceVersion: String(serial),
        generation: 1,
        creationTimestamp: rfc3339(this.nowMs),
      },
    };
    const key = keyOf(made);
    if (this.#of(type).has(key)) throw new Error(`${type.kind} ${key} is there already`);
    this.#of(type).set(key, made);
    return made;
  }

  /** The generation counts changes of the spec. */
  set<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    const key = keyOf(object);
    const old = this.#of(type).get(key);
    if (old === undefined) throw new Error(`${type.kind} ${key} is not there`);
    const isOther = !isDeepStrictEqual((old as unknown as Loose)['spec'], (object as unknown as Loose)['spec']);
    const generation = (old.metadata.generation ?? 0) + (isOther ? 1 : 0);
    const next = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#serial), generation } };
    this.#of(type).set(key, next);
    return next;
  }

  remove<T extends KubeObject>(type: ResourceType<T>, key: string): void {
    this.#of(type).delete(key);
  }

  owned<T extends KubeObject>(type: ResourceType<T>, owner: KubeObject): readonly T[] {
    return this.all(type).filter((object) => isControlledBy(object, owner));
  }

  orphans<T extends KubeObject>(type: ResourceType<T>): readonly T[] {
    return this.all(type).filter((object) => controllerOf(object) === undefined);
  }

  /** As a deletion with a grace period does it: marked, and gone when the kubelet is done. A pod without a node goes at once. */
  deletePod(name: string): void {
    const pod = this.get(PODS, `default/${name}`);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    const marked = this.set(PODS, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: rfc3339(this.nowMs + 30_000) } });
    if (pod.spec.nodeName === undefined) this.#goes(marked);
  }

  #goes(pod: Pod): void {
    if ((pod.metadata.finalizers ?? []).length === 0) this.remove(PODS, keyOf(pod));
  }

  /** One step in the life of a pod, towards being ready or gone; another one where it is told to fail or succeed. */
  kubelet(pod: Pod, how: 'on' | 'fail' | 'succeed' | 'unready' = 'on'): void {
    const { status, spec, metadata } = pod;
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') {
      if (metadata.deletionTimestamp !== undefined) this.#goes(pod);
      return;
    }
    if (metadata.deletionTimestamp !== undefined) return this.#goes(this.#say(pod, 'Failed', 'False'));
    if (spec.nodeName === undefined) return void this.set(PODS, { ...pod, spec: { ...spec, nodeName: `node-${this.#serial % 3}` } });
    if (how === 'fail') return void this.#say(pod, 'Failed', 'False');
    if (how === 'succeed') return void this.#say(pod, 'Succeeded', 'False');
    if (how === 'unready') return void this.#say(pod, 'Running', 'False');
    if (status?.phase !== 'Running' || status.conditions?.[0]?.status !== 'True') this.#say(pod, 'Running', 'True');
  }

  #say(pod: Pod, phase: PodPhase, ready: ConditionStatus): Pod {
    const condition = { type: 'Ready' as const, status: ready, lastTransitionTime: rfc3339(this.nowMs) };
    return this.set(PODS, { ...pod, status: { ...pod.status, phase, conditions: [condition] } });
  }

  #of<T extends KubeObject>(type: ResourceType<T>): Map<string, T> {
    const known = this.#kinds.get(type.kind) ?? new Map<string, KubeObject>();
    this.#kinds.set(type.kind, known);
    return known as unknown as Map<string, T>;
  }
}

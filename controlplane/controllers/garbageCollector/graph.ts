/**
 * Who owns whom: the metadata of all objects by uid, and the dependents of each owner, whether the owner is there or not. No effects.
 */
import type { KubeObject, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceType } from '#client/query.ts';

export const ORPHAN = 'orphan';
export const FOREGROUND = 'foregroundDeletion';

/** Of an object only this is kept. */
export interface Vertex extends KubeObject {
  readonly type: ResourceType;
}

export class Graph {
  readonly #objects = new Map<string, Vertex>();
  readonly #dependents = new Map<string, Set<string>>();

  get size(): number {
    return this.#objects.size;
  }

  get(uid: string): Vertex | undefined {
    return this.#objects.get(uid);
  }

  dependents(uid: string): readonly Vertex[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#objects.get(dependent) ?? []);
  }

  /** Answers with the uids that have to be looked at because of it. */
  set(vertex: Vertex): readonly string[] {
    const { uid = '' } = vertex.metadata;
    const before = this.#objects.get(uid);
    this.#objects.set(uid, vertex);
    const [old, now] = [ownersOf(before), ownersOf(vertex)];
    for (const { uid: owner } of old) this.#unlink(owner, uid);
    for (const { uid: owner } of now) this.#link(owner, uid);
    const rung = new Set<string>();
    // An owner that waits for its dependents may have one less, or one less that it has to wait for.
    for (const { uid: owner } of old) if (this.#waits(owner) && !isSame(old, now)) rung.add(owner);
    if (now.some(({ uid: owner }) => !this.#objects.has(owner))) rung.add(uid);
    // It has one owner less: the others may be gone already.
    if (before !== undefined && !isSame(old, now) && now.length > 0) rung.add(uid);
    if (isMarked(vertex)) {
      if (hasFinalizer(vertex, ORPHAN)) rung.add(uid);
      if (hasFinalizer(vertex, FOREGROUND)) {
        rung.add(uid);
        if (before === undefined || !isDeletingDependents(before)) for (const d of this.#dependents.get(uid) ?? []) rung.add(d);
      }
    }
    // A dependent may come after its owner has begun to end.
    if (before === undefined) for (const { uid: owner } of now) if (this.#waits(owner)) rung.add(uid);
    return [...rung];
  }

  remove(uid: string): readonly string[] {
    const before = this.#objects.get(uid);
    if (before === undefined) return [];
    this.#objects.delete(uid);
    const rung = new Set<string>(this.#dependents.get(uid) ?? []);
    for (const { uid: owner } of ownersOf(before)) {
      this.#unlink(owner, uid);
      if (this.#waits(owner)) rung.add(owner);
    }
    return [...rung];
  }

  /** What has to be looked at when everything has been read for the first time. */
  pending(): readonly string[] {
    const found = new Set<string>();
    for (const [uid, vertex] of this.#objects) {
      if (ownersOf(vertex).some((owner) => !this.#objects.has(owner.uid) || this.#waits(owner.uid))) found.add(uid);
      if (isMarked(vertex) && (hasFinalizer(vertex, ORPHAN) || hasFinalizer(vertex, FOREGROUND))) found.add(uid);
    }
    return [...found];
  }

  #waits(uid: string): boolean {
    const owner = this.#objects.get(uid);
    return owner !== undefined && isDeletingDependents(owner);
  }

  #link(owner: string, uid: string): void {
    const found = this.#dependents.get(owner);
    if (found === undefined) this.#dependents.set(owner, new Set([uid]));
    else found.add(uid);
  }

  #unlink(owner: string, uid: string): void {
    const found = this.#dependents.get(owner);
    found?.delete(uid);
    if (found?.size === 0) this.#dependents.delete(owner);
  }
}

export const ownersOf = (object: KubeObject | undefined): readonly OwnerReference[] => object?.metadata.ownerReferences ?? [];
export const isMarked = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;
export const hasFinalizer = ({ metadata }: KubeObject, finalizer: string): boolean => metadata.finalizers?.includes(finalizer) ?? false;
/** Is about to end, after its dependents. */
export const isDeletingDependents = (object: KubeObject): boolean => isMarked(object) && hasFinalizer(object, FOREGROUND);

const isSame = (a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean =>
  a.length === b.length && a.every((ref, i) => ref.uid === b[i]?.uid && ref.blockOwnerDeletion === b[i]?.blockOwnerDeletion);

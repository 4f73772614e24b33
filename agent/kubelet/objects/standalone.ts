/**
 * Objects from the manifest directory as an ObjectSource. Rings only for what really changed.
 *
 * Claims are bound here, as a volume controller would: by the claim's volumeName, or by the claimRef of a volume.
 * Differs: nothing is bound by size or class. Which directory a pod writes to must not depend on the order of files.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { refKey, type ObjectKind, type ObjectKinds, type ObjectRef, type ObjectSource } from './source.ts';

type AnyObject = ObjectKinds[ObjectKind];

export class StandaloneObjects implements ObjectSource {
  #objects: ReadonlyMap<string, AnyObject> = new Map();
  readonly #subscribers = new Map<string, Set<() => void>>();

  /** The complete set, by refKey. */
  set(given: ReadonlyMap<string, AnyObject>): void {
    const before = this.#objects;
    const now = bind(given);
    this.#objects = now;
    for (const key of new Set([...before.keys(), ...now.keys()])) {
      if (isDeepStrictEqual(before.get(key), now.get(key))) continue;
      for (const onChange of this.#subscribers.get(key) ?? []) onChange();
    }
  }

  get<K extends ObjectKind>(ref: ObjectRef<K>): Promise<ObjectKinds[K] | undefined> {
    return Promise.resolve(this.peek(ref));
  }

  /** The same at once. */
  peek<K extends ObjectKind>(ref: ObjectRef<K>): ObjectKinds[K] | undefined {
    return this.#objects.get(refKey(ref)) as ObjectKinds[K] | undefined;
  }

  subscribe(ref: ObjectRef, onChange: () => void): () => void {
    const key = refKey(ref);
    const mine = this.#subscribers.get(key) ?? new Set();
    this.#subscribers.set(key, mine);
    mine.add(onChange);
    return () => {
      mine.delete(onChange);
      if (mine.size === 0 && this.#subscribers.get(key) === mine) this.#subscribers.delete(key);
    };
  }
}

/** Pure. Claims with the volume they are bound to. */
function bind(objects: ReadonlyMap<string, AnyObject>): Map<string, AnyObject> {
  const volumes = [...objects].filter(([key]) => key.startsWith('PersistentVolume/')).map(([, object]) => object as PersistentVolume);
  const bound = new Map(objects);
  for (const [key, object] of objects) {
    if (!key.startsWith('PersistentVolumeClaim/')) continue;
    const claim = object as PersistentVolumeClaim;
    const { volumeName } = claim.spec;
    const mine = volumes.find((v) =>
      volumeName === undefined || volumeName === ''
        ? isFor(v, claim)
        : v.metadata.name === volumeName && (v.spec.claimRef === undefined || isFor(v, claim)),
    );
    bound.set(
      key,
      mine === undefined
        ? { ...claim, status: { ...claim.status, phase: 'Pending' } }
        : { ...claim, spec: { ...claim.spec, volumeName: mine.metadata.name ?? '' }, status: { ...claim.status, phase: 'Bound' } },
    );
  }
  return bound;
}

function isFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  return spec.claimRef?.name === metadata.name && (spec.claimRef?.namespace ?? 'default') === metadata.namespace;
}

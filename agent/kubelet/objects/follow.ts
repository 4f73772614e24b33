/**
 * Follows the objects that the wanted pods refer to and rings for a pod when one of them changed.
 * Which objects a pod refers to is read from the pod; the volume behind a claim is part of the claim (objects/standalone.ts).
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { pullSecretRefs } from '../images/observe.ts';
import { envRefs } from '../pods/environment.ts';
import { podName } from '../paths.ts';
import { classRef } from '../pods/runtimeClass.ts';
import { volumeRefs } from '../volumes/refs.ts';
import { refKey, type ObjectRef, type ObjectsOf } from './source.ts';

export class ObjectFollower {
  readonly #source: ObjectsOf;
  readonly #onChange: (key: string, pod: Pod) => void;
  #pods: ReadonlyMap<string, Pod> = new Map();
  /** Pod key -> what it follows. */
  readonly #followed = new Map<string, { readonly uid: string | undefined; readonly end: () => void }>();

  constructor(source: ObjectsOf, onChange: (key: string, pod: Pod) => void) {
    this.#source = source;
    this.#onChange = onChange;
  }

  /** The complete set of wanted pods, by key. */
  setPods(pods: ReadonlyMap<string, Pod>): void {
    this.#pods = pods;
    for (const [key, { uid, end }] of this.#followed) {
      if (pods.get(key)?.metadata.uid === uid && pods.has(key)) continue;
      end();
      this.#followed.delete(key);
    }
    for (const [key, pod] of pods) {
      if (this.#followed.has(key)) continue;
      const ends = podRefs(pod).map((ref) => this.#source(pod).subscribe(ref, () => this.#onChange(key, this.#pods.get(key) ?? pod)));
      if (ends.length > 0) this.#onChange(key, pod); // what changed while nobody followed
      this.#followed.set(key, { uid: pod.metadata.uid, end: () => ends.forEach((end) => end()) });
    }
  }
}

/** Each once. */
export function podRefs(pod: Pod): ObjectRef[] {
  const { initContainers = [], containers } = pod.spec;
  const runtimeClass = classRef(pod);
  const refs: ObjectRef[] = [
    ...[...initContainers, ...containers].flatMap((c) => envRefs(pod, c)),
    ...pullSecretRefs(pod),
    ...volumeRefs(pod.spec.volumes ?? [], podName(pod).namespace),
    ...(runtimeClass === undefined ? [] : [runtimeClass]),
  ];
  return [...new Map(refs.map((ref) => [refKey(ref), ref])).values()];
}

/**
 * Follows the objects that the wanted pods refer to and rings for a pod when one of them changed.
 * Which objects a pod refers to is read from the pod; the volume behind a claim is part of the claim (objects/standalone.ts).
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { pullSecretRefs } from '../images/observe.ts';
import { allContainers } from '../pods/containers.ts';
import { envRefs } from '../pods/environment.ts';
import { classRef } from '../pods/runtimeClass.ts';
import { volumeRefs } from '../volumes/refs.ts';
import { refKey, type ObjectRef, type ObjectsOf } from './source.ts';

export class ObjectFollower {
  readonly #source: ObjectsOf;
  readonly #onChange: (key: string, pod: Pod) => void;
  #pods: ReadonlyMap<string, Pod> = new Map();
  /** Pod key -> what it follows. */
  readonly #followed = new Map<string, { readonly what: string; readonly end: () => void }>();

  constructor(source: ObjectsOf, onChange: (key: string, pod: Pod) => void) {
    this.#source = source;
    this.#onChange = onChange;
  }

  /** The complete set of wanted pods, by key. */
  setPods(pods: ReadonlyMap<string, Pod>): void {
    this.#pods = pods;
    for (const [key, { what, end }] of this.#followed) {
      const pod = pods.get(key);
      if (pod !== undefined && this.#what(pod) === what) continue;
      end();
      this.#followed.delete(key);
    }
    for (const [key, pod] of pods) {
      if (this.#followed.has(key)) continue;
      const ends = podRefs(pod).map((ref) => this.#source(pod).subscribe(ref, () => this.#onChange(key, this.#pods.get(key) ?? pod)));
      if (ends.length > 0) this.#onChange(key, pod); // what changed while nobody followed
      this.#followed.set(key, { what: this.#what(pod), end: () => ends.forEach((end) => end()) });
    }
  }

  /** What it follows for a pod: ephemeral containers come later. */
  #what(pod: Pod): string {
    return [pod.metadata.uid, ...podRefs(pod).map(refKey)].join();
  }
}

/** Each once. */
export function podRefs(pod: Pod): ObjectRef[] {
  const runtimeClass = classRef(pod);
  const refs: ObjectRef[] = [
    ...allContainers(pod.spec).flatMap((c) => envRefs(pod, c)),
    ...pullSecretRefs(pod),
    ...volumeRefs(pod, pod.spec.volumes ?? []),
    ...(runtimeClass === undefined ? [] : [runtimeClass]),
  ];
  return [...new Map(refs.map((ref) => [refKey(ref), ref])).values()];
}

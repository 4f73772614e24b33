/** Puts the parts together that say which pods shall run here, and that notice when what they refer to changes. Nothing decided. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Settings } from '../config/settings.ts';
import { ObjectFollower } from '../objects/follow.ts';
import type { ObjectsOf } from '../objects/source.ts';
import type { StandaloneObjects } from '../objects/standalone.ts';
import { withRuntimeClass } from '../pods/runtimeClass.ts';
import { ManifestSource } from './manifests.ts';
import { PodSet } from './podSet.ts';

export interface SourcesDeps {
  readonly settings: Settings;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Those of manifests go there. */
  readonly objects: StandaloneObjects;
  readonly objectsOf: ObjectsOf;
  readonly classOf: (pod: Pod) => RuntimeClass | undefined;
  /** Those that shall run; isComplete: every source has been heard. */
  readonly onPods: (pods: ReadonlyMap<string, Pod>, isComplete: boolean) => void;
  /** An object that a wanted pod refers to is there, or is another one. */
  readonly onObject: (key: string, pod: Pod) => void;
  readonly onManifests: () => void;
}

export function makeSources(deps: SourcesDeps): { readonly podSet: PodSet; readonly manifests: ManifestSource } {
  const { settings, nodeName, clock, log, objects, classOf } = deps;
  const follower = new ObjectFollower(deps.objectsOf, deps.onObject);
  const podSet = new PodSet({
    hasApi: settings.kubeconfig !== undefined,
    onPods: (pods, isComplete) => {
      follower.setPods(pods);
      deps.onPods(pods, isComplete);
    },
    onShadowed: (keys) => log.warn('A static pod has the name of a pod of the API server, which does not run', { pods: keys.join(',') }),
  });
  const manifests = new ManifestSource({
    nodeName,
    sources: [
      ...(settings.staticPodPath === undefined ? [] : ['file' as const]),
      ...(settings.staticPodUrl === undefined ? [] : ['http' as const]),
    ],
    clock,
    log,
    onObjects: (given) => objects.set(given),
    onPods: (pods) => {
      podSet.setStatic(new Map([...pods].map(([key, pod]) => [key, withRuntimeClass(pod, classOf(pod))])));
      deps.onManifests();
    },
  });
  return { podSet, manifests };
}

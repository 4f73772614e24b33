/**
 * Keeps the volumes of pods: makes them before containers start and brings new content into those that are made from objects.
 * One at a time for each pod, so that a refresh never meets a start half-way.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { writeAtomically } from '../../linux/atomicFiles.ts';
import { giveToGroup } from '../../linux/groupOwnership.ts';
import { fetchObjects } from '../objects/fetch.ts';
import { podDir, podName, subPathsDir } from '../paths.ts';
import type { MountSpec } from '../pods/config.ts';
import type { ObjectRef, ObjectsOf, TokenSource } from '../objects/source.ts';
import { makeVolumes } from './act.ts';
import { containerMounts, planVolumes, volumePlace, type MountFacts, type VolumeFacts, type VolumePlace, type VolumePlan } from './plan.ts';
import { claimOf, pluginOf, volumeRefs } from './refs.ts';
import { mountSubPath } from './subPath/act.ts';
import { fetchTokens } from './tokens.ts';

export interface PodVolumesOptions {
  readonly objects: ObjectsOf;
  /** Of the API server, where there is one. */
  readonly tokens?: TokenSource | undefined;
  readonly log: Logger;
  readonly facts: Omit<VolumeFacts, 'objects'>;
  readonly clock: Clock;
  /** For metrics. plugin: kubernetes.io/empty-dir and the like. */
  readonly onMade?: (plugin: string, tookMs: number, outcome: 'success' | 'fail-unknown') => void;
}

export class PodVolumes {
  readonly #options: PodVolumesOptions;
  /** Pod UID -> what is under way. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** UIDs of pods whose volumes were given to their group. */
  readonly #given = new Set<string>();

  constructor(options: PodVolumesOptions) {
    this.#options = options;
  }

  /** Makes what is not there yet and returns all of them. Throws what the pod has to wait for. */
  prepare(pod: Pod, signal: AbortSignal): Promise<readonly VolumePlan[]> {
    return this.#alone(pod, async () => {
      const plans = await this.#plan(pod, signal);
      const { clock, onMade } = this.#options;
      const plugins = new Map((pod.spec.volumes ?? []).map((v) => [v.name, `kubernetes.io/${pluginOf(v)}`]));
      let sinceMs = clock.monotonicMs();
      await makeVolumes(plans, (volume, outcome) => {
        const nowMs = clock.monotonicMs();
        onMade?.(plugins.get(volume.name) ?? '', nowMs - sinceMs, outcome);
        sinceMs = nowMs;
      });
      await this.#giveToGroups(podName(pod).uid, plans);
      return plans;
    });
  }

  /** What a container gets mounted of the volumes that prepare() made. */
  mounts(pod: Pod, c: Container, given: MountFacts & { readonly plans: readonly VolumePlan[] }): Promise<MountSpec[]> {
    const directory = subPathsDir(this.#options.facts.paths, podName(pod).uid);
    return this.#alone(pod, async () => {
      const mounts: MountSpec[] = [];
      for (const { part, ...mount } of containerMounts(c, given.plans, given)) {
        if (part === undefined) mounts.push(mount);
        else {
          const target = join(directory, part.volume, c.name, String(part.index));
          const wanted = { volume: part.volume, container: c.name, root: mount.hostPath, path: part.path, target };
          mounts.push({ ...mount, hostPath: await mountSubPath(wanted) });
        }
      }
      return mounts;
    });
  }

  /** An object changed, or may have while nobody watched. Volumes keep what they have when the new content is not complete. */
  async refresh(pod: Pod, signal: AbortSignal): Promise<void> {
    if (!(pod.spec.volumes ?? []).some((v) => v.configMap ?? v.secret ?? v.projected ?? v.downwardAPI)) return;
    try {
      await this.#alone(pod, async () => {
        for (const plan of await this.#plan(pod, signal))
          if (plan.kind === 'files' && (await isMade(plan.path))) await writeAtomically(plan.path, plan.files, { group: plan.group });
      });
    } catch (err) {
      const { namespace, name, uid } = podName(pod);
      // Of a pod that is not made yet, its start tells what is missing.
      if (signal.aborted || !(await exists(join(podDir(this.#options.facts.paths, uid), 'volumes')))) return;
      this.#options.log.warn('Cannot update volumes', { pod: `${namespace}/${name}`, err });
    }
  }

  /** Directories of the host are measured where they are, if at all. A claim that leads nowhere now is left out. */
  async places(pod: Pod, signal: AbortSignal): Promise<VolumePlace[]> {
    const kinds = (pod.spec.volumes ?? []).filter((v) => v.hostPath === undefined);
    const claims = kinds.filter((v) => claimOf(pod, v) !== undefined);
    const objects = await this.#objectsOf(pod, volumeRefs(pod, claims), signal);
    return kinds.flatMap((v): VolumePlace[] => {
      const place = volumePlace(pod, v, { ...this.#options.facts, objects });
      return place === undefined ? [] : [place];
    });
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#given.delete(uid);
  }

  /** Volumes that outlive the pod: once, before its first container. All else is made for the group. */
  async #giveToGroups(uid: string, plans: readonly VolumePlan[]): Promise<void> {
    if (this.#given.has(uid)) return;
    for (const plan of plans) {
      if (plan.kind === 'hostPath' && plan.ownership !== undefined) await giveToGroup(plan.path, plan.ownership);
    }
    if (plans.some((plan) => plan.kind === 'hostPath' && plan.ownership !== undefined)) this.#given.add(uid);
  }

  async #plan(pod: Pod, signal: AbortSignal): Promise<VolumePlan[]> {
    const { facts, tokens } = this.#options;
    return planVolumes(pod, {
      ...facts,
      objects: await this.#objectsOf(pod, volumeRefs(pod, pod.spec.volumes ?? []), signal),
      tokens: await fetchTokens(pod, tokens, signal),
    });
  }

  /** With the volumes behind claims. */
  async #objectsOf(pod: Pod, refs: readonly ObjectRef[], signal: AbortSignal): Promise<VolumeFacts['objects']> {
    const objects = this.#options.objects(pod);
    const found = await fetchObjects(objects, refs, signal);
    const behind = [...found].flatMap(([key, object]): ObjectRef[] => {
      const name = key.startsWith('PersistentVolumeClaim/') ? (object as PersistentVolumeClaim).spec.volumeName : undefined;
      return name === undefined ? [] : [{ kind: 'PersistentVolume', namespace: '', name }];
    });
    return new Map([...found, ...(await fetchObjects(objects, behind, signal))]);
  }

  #alone<T>(pod: Pod, work: () => Promise<T>): Promise<T> {
    const { uid } = podName(pod);
    const before = this.#busy.get(uid) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine
      .catch(() => undefined)
      .then(() => {
        if (this.#busy.get(uid) === settled) this.#busy.delete(uid);
      });
    this.#busy.set(uid, settled);
    return mine;
  }
}

function isMade(directory: string): Promise<boolean> {
  return exists(join(directory, '..data'));
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

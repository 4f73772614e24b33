/**
 * Where the control groups of pods lie, as the two drivers name them. Pure.
 *
 * cgroupfs: /<root>/kubepods[/burstable|/besteffort]/pod<uid>, and in it a group per container.
 * systemd: the same tree as slices, whose names tell their parents:
 * /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid>.slice. A dash parts the names, so those within one are written _.
 * Source: systemd.slice(5); the names are upstream's, which tools look for.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { qosClassOf, type QosClass } from './qos.ts';

export const CGROUP_DRIVERS = ['cgroupfs', 'systemd'] as const;
export type CgroupDriver = (typeof CGROUP_DRIVERS)[number];

const CLASSES = ['Guaranteed', 'Burstable', 'BestEffort'] as const;

export class CgroupNames {
  /** As people name it, whatever the driver. */
  readonly root: string;
  readonly driver: CgroupDriver;

  constructor(root: string, driver: CgroupDriver = 'cgroupfs') {
    this.root = root;
    this.driver = driver;
  }

  /** Guaranteed: the group of all pods, in which those of this class lie side by side with the other classes. */
  ofClass(qos: QosClass): string {
    return this.#path(classParts(qos));
  }

  ofPod(pod: Pod): string {
    return this.#path([...classParts(qosClassOf(pod.spec)), podPart(pod.metadata.uid ?? '')]);
  }

  /** Every place where the group of a pod may lie whose class is not known any more. */
  ofUid(uid: string): string[] {
    return CLASSES.map((qos) => this.#path([...classParts(qos), podPart(uid)]));
  }

  /** The group that containerd gives a container. */
  ofContainer(pod: Pod, id: string): string {
    return `${this.ofPod(pod)}/${this.driver === 'systemd' ? `cri-containerd-${id}.scope` : id}`;
  }

  #path(parts: readonly string[]): string {
    const all = [...this.root.split('/').filter((part) => part !== ''), ...parts];
    if (this.driver === 'cgroupfs') return `/${all.join('/')}`;
    const names = all.map((part) => part.replaceAll('-', '_'));
    return names.map((_, i) => `/${names.slice(0, i + 1).join('-')}.slice`).join('');
  }
}

function classParts(qos: QosClass): string[] {
  return qos === 'Guaranteed' ? ['kubepods'] : ['kubepods', qos.toLowerCase()];
}

function podPart(uid: string): string {
  return `pod${uid}`;
}

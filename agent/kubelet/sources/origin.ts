/** Where a pod comes from, as its annotations say. Pure. */
import type { Pod } from '#api/kinds/core/pod.ts';
import { CONFIG_HASH, CONFIG_MIRROR, CONFIG_SOURCE } from '../pods/labels.ts';

export function isFromApi({ metadata }: Pod): boolean {
  return metadata.annotations?.[CONFIG_SOURCE] === 'api';
}

export function isMirror({ metadata }: Pod): boolean {
  return metadata.annotations?.[CONFIG_MIRROR] !== undefined;
}

/** Whether the mirror pod shows this static pod, and not one before it. */
export function isMirrorOf(mirror: Pod, pod: Pod): boolean {
  return isMirror(mirror) && mirror.metadata.annotations?.[CONFIG_MIRROR] === pod.metadata.annotations?.[CONFIG_HASH];
}

/**
 * What the rules of a pod's parts need to know of the pod around them.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { Container, EphemeralContainer } from '#api/kinds/core/container.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';
import type { Volume } from '#api/kinds/core/volumes.ts';
import type { Problems } from '#api/problem.ts';

export interface PodContext {
  readonly problems: Problems;
  readonly spec: PodSpec;
  /** Undefined in a template: the name is not known yet. */
  readonly podName: string | undefined;
  readonly isPod: boolean;
  /** Volumes by name; those with problems of their own too, so that a mount is not called lost because its volume is wrong. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
}

export type AnyContainer = Container | EphemeralContainer;

/** Every container of a pod, with its place. */
export function* allContainers(spec: PodSpec, at: FieldPath): Generator<readonly [AnyContainer, FieldPath]> {
  for (const field of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [i, container] of (spec[field] ?? []).entries()) yield [container, at.field(field).index(i)];
  }
}

export const usesHostUsers = (spec: PodSpec): boolean => spec.hostUsers !== false;

/**
 * Ephemeral containers, put into a running pod to look at it (`kubectl debug`): what has to hold when one begins. Pure.
 *
 * Throws: AppError EPHEMERAL_REFUSED; the container waits then (CreateContainerConfigError), the others of the pod go on.
 * Source: "Ephemeral Containers" in the Kubernetes docs.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';
import { unsupportedEphemeral } from '../sources/supportApi.ts';
import type { ObservedContainer } from './plan.ts';
import { appArmorRefusal, type SecurityPolicy } from './security.ts';

/** The pod was admitted before it had this one. */
export function checkEphemeral(pod: Pod, { name }: Container, security: SecurityPolicy): void {
  const found = pod.spec.ephemeralContainers?.find((c) => c.name === name);
  if (found === undefined) return;
  const why = unsupportedEphemeral(found) ?? appArmorRefusal(pod, security, [found])?.message;
  if (why !== undefined) throw new AppError('EPHEMERAL_REFUSED', why, { container: name });
}

/** The id of the container whose processes it sees; undefined: it names none. */
export function targetOf(pod: Pod, { name }: Container, observed: readonly ObservedContainer[]): string | undefined {
  const target = pod.spec.ephemeralContainers?.find((c) => c.name === name)?.targetContainerName;
  if (target === undefined || target === '') return undefined;
  const runs = observed.filter((c) => c.uid === pod.metadata.uid && c.name === target).toSorted((a, b) => b.attempt - a.attempt);
  if (runs[0] === undefined) throw new AppError('EPHEMERAL_REFUSED', `unable to find target container ${target}`, { container: name });
  return runs[0].id;
}

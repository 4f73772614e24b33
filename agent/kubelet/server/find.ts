/** Finds what a path of the HTTP API names among the pods of this node. Throws: AppError NOT_FOUND, BAD_REQUEST. */
import type { Container } from '#api/kinds/core/container.ts';
import { AppError } from '#base/errors.ts';
import { allContainers } from '../pods/containers.ts';
import type { KnownPod, PodWorkers } from '../pods/workers.ts';
import type { RuntimeContainer, RuntimeSandbox } from '../runtime/types.ts';

export function findPod(workers: PodWorkers, namespace: string, name: string, uid?: string): KnownPod {
  const known = workers.pod(`${namespace}/${name}`);
  if (known === undefined || (uid !== undefined && known.pod.metadata.uid !== uid))
    throw new AppError('NOT_FOUND', `pods "${name}" not found`);
  return known;
}

export function findSpec({ pod }: KnownPod, container: string): Container {
  const all = allContainers(pod.spec);
  const found = all.find((c) => c.name === container);
  if (found === undefined)
    throw new AppError(
      'BAD_REQUEST',
      `container ${container} is not valid for pod ${pod.metadata.name}: it has ${all.map((c) => c.name).join(', ')}`,
    );
  return found;
}

/** All runs of a container that the runtime still knows, the newest first. */
export function attemptsOf({ pod, objects }: KnownPod, container: string): RuntimeContainer[] {
  return (objects?.containers ?? [])
    .filter((c) => c.name === container && c.uid === pod.metadata.uid)
    .toSorted((a, b) => b.attempt - a.attempt);
}

/** parts: namespace, pod, container, or namespace, pod, uid, container. */
export function runningContainer(workers: PodWorkers, parts: readonly string[]): { spec: Container; running: RuntimeContainer } {
  if (parts.length !== 3 && parts.length !== 4) throw new AppError('NOT_FOUND', 'want namespace, pod and container in the path');
  const [namespace = '', name = ''] = parts;
  const container = parts.at(-1) ?? '';
  const known = findPod(workers, namespace, name, parts.length === 4 ? parts[2] : undefined);
  const spec = findSpec(known, container);
  const [running] = attemptsOf(known, container);
  if (running?.state !== 'running') throw new AppError('NOT_FOUND', `container ${container} of pod ${namespace}/${name} does not run`);
  return { spec, running };
}

/** parts: namespace, pod, and perhaps uid. */
export function readySandbox(workers: PodWorkers, parts: readonly string[]): RuntimeSandbox {
  if (parts.length !== 2 && parts.length !== 3) throw new AppError('NOT_FOUND', 'want namespace and pod in the path');
  const [namespace = '', name = '', uid] = parts;
  const { pod, objects } = findPod(workers, namespace, name, uid);
  const sandbox = objects?.sandboxes.find((s) => s.uid === pod.metadata.uid && s.ready);
  if (sandbox === undefined) throw new AppError('NOT_FOUND', `pod ${namespace}/${name} has no sandbox yet`);
  return sandbox;
}

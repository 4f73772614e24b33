/** Which kubelet a command talks to: the one named by --socket or $KIJABI_KUBELET, the isolated node if it runs, else the one of this host. */
import { existsSync } from 'node:fs';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { KubeletClient } from '#agent/host/kubeletClient.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';
import type { Io } from './io.ts';

const HOST_SOCKET = '/var/lib/kubelet/kubelet.sock';

export function findKubelet(io: Io, socket: string | undefined): KubeletClient {
  return new KubeletClient(kubeletSocket(io, socket));
}

export function kubeletSocket(io: Io, socket: string | undefined): string {
  const given = socket ?? io.env['KIJABI_KUBELET'];
  if (given !== undefined && given !== '') return given;
  const isolated = nodePaths(io.env['KIJABI_NODE'] ?? DEFAULT_NODE).kubeletSocket;
  const found = [isolated, HOST_SOCKET].find((path) => existsSync(path));
  if (found === undefined)
    throw new AppError(
      'NO_KUBELET',
      `No kubelet runs here: start the isolated node (npm start), or name its socket with --socket (looked for ${isolated} and ${HOST_SOCKET})`,
    );
  return found;
}

/** name: also as pod/NAME. Throws NOT_FOUND. */
export async function findPod(io: Io, socket: string, given: string, namespace = 'default'): Promise<Pod> {
  const name = given.replace(/^(pods?|po)\//, '');
  const pods = await new KubeletClient(socket).pods(io.signal);
  const pod = pods.find((p) => p.metadata.namespace === namespace && p.metadata.name === name);
  if (pod === undefined) throw new AppError('NOT_FOUND', notFoundText(pods, name, namespace));
  return pod;
}

/** With the pod that was probably meant: static pods end in the node's name, and not every pod is in the default namespace. Pure. */
export function notFoundText(pods: readonly Pod[], name: string, namespace: string): string {
  const like = (p: Pod): boolean => p.metadata.name === name || p.metadata.name === `${name}-${p.spec.nodeName}`;
  const near = pods.find((p) => like(p) && p.metadata.namespace === namespace) ?? pods.find(like);
  const said = `pods ${JSON.stringify(name)} not found`;
  if (near === undefined) return `${said}; kijabi get pods -A lists those there are`;
  return `${said}, did you mean ${near.metadata.name}${near.metadata.namespace === namespace ? '' : ` -n ${near.metadata.namespace}`}?`;
}

/** The one that was named, or the first, which is said when there are several. */
export function mainContainer(pod: Pod, given: string | undefined, io: Io): string {
  const names = pod.spec.containers.map((c) => c.name);
  const wanted = given ?? pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? names[0] ?? '';
  if (given === undefined && names.length > 1) io.err(`Defaulted container ${JSON.stringify(wanted)} out of: ${names.join(', ')}\n`);
  return wanted;
}

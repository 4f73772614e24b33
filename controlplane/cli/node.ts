/** Which kubelet a command talks to: the one named by --socket or $KIJABI_KUBELET, the isolated node if it runs, else the one of this host. */
import { existsSync } from 'node:fs';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { KubeletClient } from '#agent/host/kubeletClient.ts';
import { AppError } from '#base/errors.ts';
import type { Io } from './io.ts';

const HOST_SOCKET = '/var/lib/kubelet/kubelet.sock';

export function findKubelet(io: Io, socket: string | undefined): KubeletClient {
  const given = socket ?? io.env['KIJABI_KUBELET'];
  if (given !== undefined && given !== '') return new KubeletClient(given);
  const isolated = nodePaths(io.env['KIJABI_NODE'] ?? DEFAULT_NODE).kubeletSocket;
  const found = [isolated, HOST_SOCKET].find((path) => existsSync(path));
  if (found === undefined)
    throw new AppError(
      'NO_KUBELET',
      `No kubelet runs here: start the isolated node (npm start), or name its socket with --socket (looked for ${isolated} and ${HOST_SOCKET})`,
    );
  return new KubeletClient(found);
}

/** Where the runtime listens. Pure. Throws: AppError CRI_ENDPOINT_INVALID. */
import { AppError } from '#base/errors.ts';

/** sun_path of a unix socket holds 108 bytes with the closing zero (unix(7)). */
const LONGEST_SOCKET_PATH = 107;

/** The socket path in `unix:///run/containerd/containerd.sock` or in the bare path. */
export function parseEndpoint(endpoint: string): string {
  const path = endpoint.startsWith('unix://') ? endpoint.slice('unix://'.length) : endpoint;
  if (!path.startsWith('/')) {
    throw new AppError(
      'CRI_ENDPOINT_INVALID',
      `Cannot use the container runtime endpoint ${JSON.stringify(endpoint)}: want unix:///path/to.sock or /path/to.sock, such as unix:///run/containerd/containerd.sock`,
      { endpoint },
    );
  }
  const bytes = Buffer.byteLength(path);
  if (bytes > LONGEST_SOCKET_PATH || path.includes('\0')) {
    throw new AppError(
      'CRI_ENDPOINT_INVALID',
      `Cannot use the container runtime endpoint ${JSON.stringify(endpoint)}: a socket path holds at most ${LONGEST_SOCKET_PATH} bytes and no zero byte; this one has ${bytes}`,
      { endpoint },
    );
  }
  return path;
}

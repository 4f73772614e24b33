/**
 * Asks the kubelet for the pods of the node, on its root-only unix socket: GET /pods, a PodList in JSON.
 * Throws: KUBELET_UNREACHABLE.
 */
import { request } from 'node:http';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';

const TIMEOUT_MS = 5_000;
/** A node has some hundred pods of some kilobytes. */
const MOST_BYTES = 64 << 20;

/** The text of the list: equal texts are equal lists. */
export function fetchPods(socketPath: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (err: unknown): void => {
      const missing = codeOf(err) === 'ENOENT' || codeOf(err) === 'ECONNREFUSED';
      const why = missing ? 'no kubelet listens there: start it, or pass its --kubelet-socket' : explain(err);
      reject(new AppError('KUBELET_UNREACHABLE', `Cannot ask the kubelet on ${socketPath} for its pods: ${why}`, { socket: socketPath }));
    };
    const req = request({ socketPath, path: '/pods', signal, timeout: TIMEOUT_MS }, (res) => {
      const chunks: Buffer[] = [];
      let size = 0;
      res.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MOST_BYTES) req.destroy(new Error('its answer is too large'));
      });
      res.on('error', fail);
      res.on('end', () =>
        res.statusCode === 200 ? resolve(Buffer.concat(chunks).toString()) : fail(new Error(`it answered ${res.statusCode}`)),
      );
    });
    req.on('timeout', () => req.destroy(new Error('no answer in time')));
    req.on('error', fail);
    req.end();
  });
}

export function parsePodList(text: string): Pod[] {
  const { kind, items } = JSON.parse(text) as { kind?: unknown; items?: unknown };
  if (kind !== 'PodList' || !Array.isArray(items))
    throw new AppError('KUBELET_UNREACHABLE', `The kubelet answered with ${String(kind)}, want a PodList`);
  return items as Pod[];
}

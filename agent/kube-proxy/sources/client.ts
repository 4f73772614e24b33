/**
 * Watches the pods of the node on the kubelet's root-only unix socket: GET /pods?watch=true, one event in JSON a line.
 * Throws: KUBELET_UNREACHABLE.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';

/** From the request to the end of the pods that are there. */
const TIMEOUT_MS = 10_000;
/** A pod has some kilobytes. */
const LONGEST_EVENT = 8 << 20;

export interface PodEvent {
  /** BOOKMARK: all that were there have been told. */
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: Pod;
}

/** What came at one time is told at one time. Returns when the signal aborts; otherwise it ends with an error only. */
export function watchPods(socketPath: string, onEvents: (events: readonly PodEvent[]) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (err: unknown): void => {
      if (signal.aborted) return resolve();
      const missing = codeOf(err) === 'ENOENT' || codeOf(err) === 'ECONNREFUSED';
      const why = missing ? 'no kubelet listens there: start it, or pass its --kubelet-socket' : explain(err);
      reject(new AppError('KUBELET_UNREACHABLE', `Cannot ask the kubelet on ${socketPath} for its pods: ${why}`, { socket: socketPath }));
    };
    const req = http.request({ socketPath, path: '/pods?watch=true', agent: false, signal, timeout: TIMEOUT_MS }, (res) => {
      if (res.statusCode !== 200) return void req.destroy(new Error(`it answered ${res.statusCode}`));
      let rest = '';
      res.setEncoding('utf8');
      res.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > LONGEST_EVENT) return void req.destroy(new Error('an event of its is too large'));
        try {
          const events = lines.map(parseEvent);
          // From here on silence only means that nothing happens.
          if (events.some((e) => e.type === 'BOOKMARK')) req.setTimeout(0);
          if (events.length > 0) onEvents(events);
        } catch (err) {
          req.destroy(err instanceof Error ? err : new Error(String(err)));
        }
      });
      res.on('error', fail);
      res.on('end', () => fail(new Error('it ended the connection')));
    });
    req.on('timeout', () => req.destroy(new Error('no answer in time')));
    req.on('error', fail);
    req.end();
  });
}

const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

function parseEvent(line: string): PodEvent {
  const event = JSON.parse(line) as { type?: unknown; object?: Partial<Pod> };
  if (!TYPES.has(event.type)) throw new Error(`it told of ${JSON.stringify(event.type)}, want events of pods`);
  if (event.type !== 'BOOKMARK' && (event.object?.metadata?.name === undefined || event.object.spec === undefined))
    throw new Error('it told of a pod without a name');
  return event as PodEvent;
}

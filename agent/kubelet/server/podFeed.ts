/**
 * A watch of the pods of this node, so that others need not ask again and again: first every pod as ADDED, then a BOOKMARK with the
 * annotation k8s.io/initial-events-end, then what changes; one JSON object a line, as the API's own watches.
 * A reader that does not read is dropped: what waits for it is bounded.
 */
import type { ServerResponse } from 'node:http';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodWorkers } from '../pods/workers.ts';

/** So much may wait for a slow reader. */
const MOST_WAITING_BYTES = 8 << 20;

export class PodFeed {
  readonly #readers = new Set<(key: string) => void>();

  /** A pod was looked at: it may have changed, or be gone. */
  changed(key: string): void {
    for (const tell of this.#readers) tell(key);
  }

  serve(workers: PodWorkers, res: ServerResponse): void {
    const told = new Map<string, string>();
    const send = (type: string, object: unknown): void => {
      if (res.writableLength > MOST_WAITING_BYTES) return void res.destroy();
      res.write(`${JSON.stringify({ type, object })}\n`);
    };
    const tell = (key: string): void => {
      const known = workers.pod(key);
      const before = told.get(key);
      if (known === undefined) {
        if (before === undefined) return;
        told.delete(key);
        send('DELETED', JSON.parse(before));
        return;
      }
      const now = JSON.stringify({ ...known.pod, apiVersion: 'v1', kind: 'Pod', status: known.status ?? known.pod.status });
      if (now === before) return;
      // Another pod of the same name: the one before is gone.
      if (before !== undefined && (JSON.parse(before) as Pod).metadata.uid !== known.pod.metadata.uid) send('DELETED', JSON.parse(before));
      told.set(key, now);
      send(before === undefined ? 'ADDED' : 'MODIFIED', JSON.parse(now));
    };
    res.writeHead(200, { 'content-type': 'application/json' });
    for (const { pod } of workers.pods()) tell(`${pod.metadata.namespace ?? 'default'}/${pod.metadata.name ?? ''}`);
    send('BOOKMARK', { apiVersion: 'v1', kind: 'Pod', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } });
    this.#readers.add(tell);
    res.once('close', () => this.#readers.delete(tell));
  }
}

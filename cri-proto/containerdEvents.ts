/** Turns containerd's event envelopes into events we know. Pure. Throws: RangeError for a payload that is no message. */
import type { Schema } from './codec.ts';
import type { Envelope, TaskDelete, TaskExit, TaskOOM, TaskPaused, TaskResumed, TaskStart, Timestamp } from './gen/containerd.ts';

/** The namespace of containerd that holds CRI's containers. */
const CRI_NAMESPACE = 'k8s.io';

interface At {
  /** When containerd published it. Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

/** A container_id is that of a container or of a sandbox. */
export type ContainerdEvent = At &
  (
    | ({ readonly kind: 'start' } & TaskStart)
    | ({ readonly kind: 'exit' } & TaskExit)
    | ({ readonly kind: 'oom' } & TaskOOM)
    | ({ readonly kind: 'delete' } & TaskDelete)
    | ({ readonly kind: 'paused' } & TaskPaused)
    | ({ readonly kind: 'resumed' } & TaskResumed)
  );

const MESSAGES: Readonly<Record<string, ContainerdEvent['kind']>> = {
  'containerd.events.TaskStart': 'start',
  'containerd.events.TaskExit': 'exit',
  'containerd.events.TaskOOM': 'oom',
  'containerd.events.TaskDelete': 'delete',
  'containerd.events.TaskPaused': 'paused',
  'containerd.events.TaskResumed': 'resumed',
};

/** undefined: not an event of CRI's containers, or not one of these kinds. */
export function payloadDecoder(schema: Schema): (envelope: Envelope) => ContainerdEvent | undefined {
  const codecs = new Map(Object.entries(MESSAGES).map(([name, kind]) => [name, { kind, codec: schema.message(name) }]));
  return ({ namespace, timestamp, event }) => {
    const found = event === null ? undefined : codecs.get(event.type_url.replace(/^.*\//, ''));
    if (event === null || found === undefined || namespace !== CRI_NAMESPACE) return undefined;
    return { kind: found.kind, atMs: timestampMs(timestamp), ...found.codec.decode(event.value) } as ContainerdEvent;
  };
}

function timestampMs(t: Timestamp | null): number {
  return t === null ? 0 : Number(t.seconds) * 1000 + Math.floor(t.nanos / 1e6);
}

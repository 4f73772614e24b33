/** Makes and deletes the pods of an owner, tells it in the owner's events, and remembers what has still to be seen. */
import type { Pod } from '#api/kinds/core/pod.ts';
import { explain } from '#base/errors.ts';
import { isConflict, isNamespaceTerminating, isNotFound } from '#client/errors.ts';
import { regarding, type EventRecorder } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import type { ResourceClient } from '#client/rest.ts';
import type { Expectations } from './expectations.ts';
import type { Owned } from './template.ts';

export type Events = Pick<EventRecorder, 'record'>;

export interface PodControlOptions {
  readonly client: ResourceClient<Pod>;
  readonly pods: Informer<Pod>;
  readonly events: Events;
  readonly expectations: Expectations;
}

export interface PodName {
  readonly name: string;
  readonly uid: string;
}

export const podName = ({ metadata }: Pod): PodName => ({ name: metadata.name ?? '', uid: metadata.uid ?? '' });

export class PodControl {
  readonly #options: PodControlOptions;

  constructor(options: PodControlOptions) {
    this.#options = options;
  }

  /** Makes nothing, without a word, where the namespace is being deleted. */
  async create(key: string, { type, object }: Owned, pod: Pod, signal: AbortSignal): Promise<void> {
    const { client, pods, events, expectations } = this.#options;
    try {
      const made = await client.create(pod, { signal });
      expectations.written(key, pods, made);
      events.record(regarding(type, object), {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created pod: ${made.metadata.name ?? ''}`,
      });
    } catch (err) {
      if (signal.aborted) throw err;
      if (isNamespaceTerminating(err)) return;
      events.record(regarding(type, object), { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${explain(err)}` });
      throw err;
    }
  }

  /** One that is gone, or another one under its name, is none of ours to delete. */
  async delete(key: string, { type, object }: Owned, { name, uid }: PodName, signal: AbortSignal): Promise<void> {
    const { client, pods, events, expectations } = this.#options;
    const { namespace = '' } = object.metadata;
    try {
      await client.delete({ namespace, name }, { preconditions: { uid }, signal });
      expectations.deleted(key, pods, { metadata: { namespace, name, uid } });
      events.record(regarding(type, object), { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted pod: ${name}` });
    } catch (err) {
      if (isNotFound(err) || isConflict(err)) return;
      if (signal.aborted) throw err;
      events.record(regarding(type, object), { type: 'Warning', reason: 'FailedDelete', message: `Error deleting: ${explain(err)}` });
      throw err;
    }
  }
}

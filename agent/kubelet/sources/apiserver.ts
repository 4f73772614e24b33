/**
 * The pods that an API server has bound to this node, by one watch. Mirror pods are kept apart: they are copies of static pods, for others
 * to look at.
 *
 * Nothing is told before all of them were read once. An API server that goes away later is not one without pods: what it said last stays.
 */
import { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { Informer } from '#client/informer.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { CONFIG_SEEN, CONFIG_SOURCE } from '../pods/labels.ts';
import { isMirror } from './origin.ts';

// Without the rules of validation that the definition brings: the server has applied them.
export const PODS: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true, schema: Pod };

export interface ApiPodsOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  /** All pods to run, by key. */
  readonly onPods: (pods: ReadonlyMap<string, Pod>) => void;
  /** One of them, or a mirror pod, is not as it was. */
  readonly onChange: (key: string) => void;
}

export class ApiPods {
  readonly #options: ApiPodsOptions;
  readonly #informer: Informer<Pod>;
  readonly #pods = new Map<string, Pod>();
  #isTelling = false;

  constructor(options: ApiPodsOptions) {
    const { client, clock, log, nodeName } = options;
    this.#options = options;
    this.#informer = new Informer({
      source: client.resource(PODS),
      name: 'pods',
      clock,
      log,
      selection: { fieldSelector: `spec.nodeName=${nodeName}` },
      transform: withoutManagers,
    });
    this.#informer.onChange(({ key, after }) => {
      const before = this.#pods.get(key);
      if (after === undefined || isMirror(after)) this.#pods.delete(key);
      else this.#pods.set(key, toApiPod(after, seenAt(before, after) ?? new Date(clock.nowMs()).toISOString()));
      this.#tell();
      if (this.#informer.isSynced) options.onChange(key);
    });
  }

  /** Whether all of them were read once. */
  get isComplete(): boolean {
    return this.#informer.isSynced;
  }

  /** Resolves when all of them were read once; rejects with the signal's reason. */
  complete(signal: AbortSignal): Promise<void> {
    return this.#informer.synced(signal);
  }

  /** As the server has it: a pod to run or a mirror pod. */
  live(key: string): Pod | undefined {
    return this.#informer.get(key);
  }

  /** As it is to run here; undefined: none of that name, or a mirror pod. */
  pod(key: string): Pod | undefined {
    return this.#pods.get(key);
  }

  mirrors(): Pod[] {
    return [...this.#informer.values()].filter(isMirror);
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const complete = this.#informer.synced(signal).then(
      () => {
        this.#options.onPods(new Map(this.#pods));
        for (const key of this.#informer.keys()) this.#options.onChange(key);
      },
      () => undefined, // stopping
    );
    await Promise.all([this.#informer.run(signal), complete]);
  }

  /** What comes in one batch is told once. */
  #tell(): void {
    if (this.#isTelling || !this.#informer.isSynced) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#options.onPods(new Map(this.#pods));
    });
  }
}

function toApiPod(pod: Pod, seen: string): Pod {
  const annotations = { ...pod.metadata.annotations, [CONFIG_SEEN]: seen, [CONFIG_SOURCE]: 'api' };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

function seenAt(before: Pod | undefined, after: Pod): string | undefined {
  return before?.metadata.uid === after.metadata.uid ? before?.metadata.annotations?.[CONFIG_SEEN] : undefined;
}

/** Nobody here asks who wrote a field. */
function withoutManagers(pod: Pod): Pod {
  delete (pod.metadata as { managedFields?: unknown }).managedFields;
  return pod;
}

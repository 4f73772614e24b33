/** What the scheduler writes: bindings, conditions of pods, and the removal of those that have to go. */
import { canonicalTime } from '#api/formats.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import type { Client, ResourceClient } from '#client/rest.ts';
import type { PodInfo } from './core/podInfo.ts';
import { PODS } from '../component/kinds.ts';

export interface NotPlaced {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** undefined: it stays as it is. "": none any more. */
  readonly nominatedNode?: string | undefined;
}

export class Writer {
  readonly #pods: ResourceClient<Pod>;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#pods = client.resource(PODS);
    this.#clock = clock;
  }

  async bind({ namespace, name, uid }: PodInfo, node: string, signal: AbortSignal): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    await this.#pods.post({ namespace, name }, 'binding', { body, signal });
  }

  /** Says in the pod's status why it has no node; nothing is sent when it is said there already. */
  async say({ pod, namespace, name }: PodInfo, { reason, message, nominatedNode }: NotPlaced, signal: AbortSignal): Promise<void> {
    const told = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
    const isTold = told?.status === 'False' && told.reason === reason && told.message === message;
    const nominated = nominatedNode === undefined || nominatedNode === (pod.status?.nominatedNodeName ?? '') ? undefined : nominatedNode;
    if (isTold && nominated === undefined) return;
    const since = told?.status === 'False' ? told.lastTransitionTime : undefined;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
      lastTransitionTime: since ?? canonicalTime(new Date(this.#clock.nowMs()).toISOString()),
    };
    const status = {
      ...(isTold ? {} : { conditions: [condition] }),
      ...(nominated === undefined ? {} : { nominatedNodeName: nominated === '' ? null : nominated }),
    };
    await this.#patchStatus({ namespace, name }, status, signal);
  }

  async dropNomination({ namespace, name }: PodInfo, signal: AbortSignal): Promise<void> {
    await this.#patchStatus({ namespace, name }, { nominatedNodeName: null }, signal);
  }

  /** Whoever is gone already, or another one under the same name, is left alone. */
  async remove(victim: PodInfo, preemptor: PodInfo, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid } = victim;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${preemptor.pod.spec.schedulerName ?? ''}: preempting to accommodate a higher priority pod`,
      ...(victim.pod.metadata.generation === undefined ? {} : { observedGeneration: victim.pod.metadata.generation }),
      lastProbeTime: null,
      lastTransitionTime: canonicalTime(new Date(this.#clock.nowMs()).toISOString()),
    };
    await this.#patchStatus({ namespace, name }, { conditions: [condition] }, signal);
    try {
      await this.#pods.delete({ namespace, name }, { preconditions: { uid }, signal });
    } catch (err) {
      if (!isNotFound(err) && !isConflict(err)) throw err;
    }
  }

  async #patchStatus(at: { readonly namespace: string; readonly name: string }, status: object, signal: AbortSignal): Promise<void> {
    try {
      await this.#pods.patch(at, { type: 'strategic', body: { status }, subresource: 'status' }, { signal });
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
  }
}

/**
 * Scheduler and kubelet in one, for tests of controllers: binds every pod to a node, says that it runs and is ready, and lets it go when it is
 * told to. The annotation "ends" makes its containers end: with 0 it succeeds, with anything else it fails with that code.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { rfc3339 } from '#api/formats.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { Informer } from '#client/informer.ts';
import type { Client } from '#client/rest.ts';
import { PODS } from '../../component/kinds.ts';

export interface FakeNodesOptions {
  readonly config: ClientConfig;
  readonly nodes: readonly string[];
  /** Pods with these images never become ready. */
  readonly broken?: string;
}

export class FakeNodes {
  readonly #options: FakeNodesOptions;
  readonly #clock = new SystemClock();
  readonly #client: Client;
  readonly #working = new Set<Promise<void>>();
  #next = 0;

  constructor(options: FakeNodesOptions) {
    this.#options = options;
    this.#client = connect({
      config: options.config,
      clock: this.#clock,
      log: makeLogger({ write: () => undefined, clock: this.#clock }),
      userAgent: 'fake-nodes',
      qps: -1,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const log = makeLogger({ write: () => undefined, clock: this.#clock });
    const pods = new Informer<Pod>({ source: this.#client.resource(PODS), name: 'pods', clock: this.#clock, log });
    pods.onChange(({ after }) => {
      if (after === undefined) return;
      const work = this.#step(after, signal).finally(() => this.#working.delete(work));
      this.#working.add(work);
    });
    await pods.run(signal);
    await Promise.all(this.#working);
    this.#client.close();
  }

  async #step(pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace, name = '', deletionTimestamp, annotations } = pod.metadata;
    const pods = this.#client.resource(PODS);
    try {
      if (
        deletionTimestamp !== undefined &&
        pod.status?.phase !== 'Failed' &&
        pod.status?.phase !== 'Succeeded' &&
        pod.spec.nodeName !== undefined
      ) {
        await this.#say(pod, { phase: 'Failed', ready: 'False', code: 137 }, signal);
        await pods.delete({ namespace, name }, { gracePeriodSeconds: 0, signal });
      } else if (deletionTimestamp !== undefined) {
        await pods.delete({ namespace, name }, { gracePeriodSeconds: 0, signal });
      } else if (pod.spec.nodeName === undefined) {
        await pods.post({ namespace, name }, 'binding', { body: this.#binding(pod), signal });
      } else if (pod.status?.phase === 'Pending' && pod.spec.containers[0]?.image !== this.#options.broken) {
        const ends = annotations?.['ends'];
        if (ends === undefined) await this.#say(pod, { phase: 'Running', ready: 'True' }, signal);
        else await this.#say(pod, { phase: ends === '0' ? 'Succeeded' : 'Failed', ready: 'False', code: Number(ends) }, signal);
      }
    } catch (err) {
      // Somebody was quicker; what became of it comes by the watch.
      if (!signal.aborted && !isNotFound(err) && !isConflict(err)) throw err;
    }
  }

  #binding({ metadata: { name, namespace }, spec }: Pod): unknown {
    const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const { nodes } = this.#options;
    const node = terms?.[0]?.matchFields?.[0]?.values?.[0] ?? nodes[this.#next++ % nodes.length];
    return { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
  }

  async #say(
    { metadata, spec }: Pod,
    { phase, ready, code }: { readonly phase: string; readonly ready: string; readonly code?: number },
    signal: AbortSignal,
  ): Promise<void> {
    const now = rfc3339(this.#clock.nowMs());
    const state =
      code === undefined ? { running: { startedAt: now } } : { terminated: { exitCode: code, finishedAt: now, startedAt: now } };
    const status = {
      phase,
      startTime: now,
      conditions: ['Ready', 'ContainersReady'].map((type) => ({ type, status: ready, lastTransitionTime: now })),
      containerStatuses: spec.containers.map(({ name, image }) => ({
        name,
        image: image ?? '',
        imageID: '',
        ready: ready === 'True',
        restartCount: 0,
        state,
      })),
    };
    const { namespace, name = '' } = metadata;
    await this.#client
      .resource(PODS)
      .patch({ namespace, name }, { type: 'strategic', body: { status }, subresource: 'status' }, { signal });
  }
}

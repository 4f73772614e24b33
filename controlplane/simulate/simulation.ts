/**
 * Nodes that are nothing but objects: their leases are renewed, pods that are bound to them run after a while, end when they are told to, and
 * are gone after their grace. What it made can be removed again, also by another process.
 * Units: milliseconds.
 */
import { durationMs, rfc3339Micro } from '#api/formats.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { Semaphore } from '#base/semaphore.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#client/errors.ts';
import { Informer, type Change } from '#client/informer.ts';
import { leases as LEASES } from '#client/leaderElection.ts';
import type { Client } from '#client/rest.ts';
import { NODES, PODS } from '../component/kinds.ts';
import {
  EXIT_CODE,
  heartbeatsOf,
  LEASE_NAMESPACE,
  leaseOf,
  nodeName,
  nodeOf,
  podAddress,
  podStatus,
  RUN_FOR,
  SIMULATED,
  type Shape,
  type Step,
} from './objects.ts';

export interface SimulationOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 <= x < 1 */
  readonly random: () => number;
  readonly shape: Shape;
  /** From the binding to Running: between these two. */
  readonly startDelayMs: readonly [number, number];
  /** How long containers take to end when they are told to; never longer than the pod's grace. */
  readonly stopDelayMs: number;
}

/** Source: the kubelet renews its lease four times before it runs out, and says its whole status every five minutes. */
const LEASE_EVERY_MS = 10_000;
const STATUS_EVERY_MS = 300_000;
/** Of each: pods, leases, what is made or removed. */
const IN_FLIGHT = 32;
const RETRY_MS = 5_000;
const PAGE = 500;
/** Killed, as the kubelet says it of containers that did not end by themselves. */
const KILLED = 137;

export class Simulation {
  readonly #options: SimulationOptions;
  /** For pods only: they must not hold up the leases. */
  readonly #slots = new Semaphore(IN_FLIGHT);
  /** By name. */
  readonly #hosts = new Map<string, string>();
  /** What is due about pods, by UID. */
  readonly #due = new Map<string, { readonly step: string; readonly cancel: () => void }>();
  readonly #working = new Set<Promise<void>>();
  #addresses = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    for (let i = 0; i < options.shape.count; i++)
      this.#hosts.set(nodeName(options.shape, i), nodeOf(options.shape, i, 0).status?.addresses?.[0]?.address ?? '');
  }

  /** All nodes are there and ready; nodes that an earlier run left are taken over. Throws NODE_TAKEN for one that is none of ours. */
  async make(signal: AbortSignal): Promise<void> {
    const { shape, clock } = this.#options;
    const all = Array.from({ length: shape.count }, (_, i) => i);
    await each(all, async (i) => this.#makeOne(i, clock.nowMs(), signal), signal);
  }

  /** Until the signal aborts; then nothing is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#options;
    const selection = { fieldSelector: 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed' };
    const pods = new Informer<Pod>({ source: client.resource(PODS), name: 'pods', clock, log, selection });
    pods.onChange((change) => this.#changed(change, signal));
    await Promise.all([
      pods.run(signal),
      this.#beat(signal).catch((err: unknown) => {
        if (!signal.aborted) throw err;
      }),
    ]);
    for (const { cancel } of this.#due.values()) cancel();
    await Promise.all(this.#working);
  }

  /** Takes away all nodes with the prefix that were made here, by whomever, with their pods and leases. Returns how many. */
  async remove(signal: AbortSignal): Promise<{ readonly nodes: number; readonly pods: number }> {
    const { client, shape } = this.#options;
    const nodes = client.resource(NODES);
    const ours = new Set<string>();
    for await (const page of nodes.pages({ labelSelector: `${SIMULATED}=true`, limit: PAGE }, { signal }))
      for (const { metadata } of page.items) if (metadata.name?.startsWith(shape.prefix) === true) ours.add(metadata.name);
    await each([...ours], async (name) => gone(nodes.delete({ name }, { signal })), signal);
    let pods = 0;
    for await (const page of client.resource(PODS).pages({ fieldSelector: 'spec.nodeName!=', limit: PAGE }, { signal })) {
      const there = page.items.filter(({ spec }) => ours.has(spec.nodeName ?? ''));
      pods += there.length;
      await each(there, async (pod) => this.#delete(pod, signal), signal);
    }
    const leases = client.resource(LEASES);
    await each([...ours], async (name) => gone(leases.delete({ namespace: LEASE_NAMESPACE, name }, { signal })), signal);
    return { nodes: ours.size, pods };
  }

  async #makeOne(i: number, nowMs: number, signal: AbortSignal): Promise<void> {
    const { client, shape } = this.#options;
    const nodes = client.resource(NODES);
    const node = nodeOf(shape, i, nowMs);
    const { name = '' } = node.metadata;
    let uid: string | undefined;
    try {
      uid = (await nodes.create(node, { signal })).metadata.uid;
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
      const { metadata } = await nodes.get({ name }, { signal });
      if (metadata.labels?.[SIMULATED] !== 'true')
        throw new AppError('NODE_TAKEN', `There is a node ${name} already, and it is no simulated one: choose another --prefix`, {
          node: name,
        });
      uid = metadata.uid;
    }
    await nodes.patch({ name }, { type: 'merge', body: { status: node.status }, subresource: 'status' }, { signal });
    // What the node lifecycle controller does when a node has become ready; the simulation is to work without one, too.
    await nodes.patch({ name }, { type: 'merge', body: { spec: { taints: node.spec.taints ?? null } } }, { signal });
    await client
      .resource(LEASES)
      .create(leaseOf(name, uid ?? '', nowMs), { signal })
      .catch((err: unknown) => {
        if (!isAlreadyExists(err)) throw err;
      });
  }

  /** Every lease in each round, evenly over its time; every status in every thirtieth. */
  async #beat(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const names = [...this.#hosts.keys()];
    if (names.length === 0) return;
    const saidAtMs = new Map(names.map((name) => [name, clock.monotonicMs() - this.#options.random() * STATUS_EVERY_MS]));
    const step = Math.ceil(names.length / 100);
    let dueMs = clock.monotonicMs();
    while (!signal.aborted) {
      for (let i = 0; i < names.length; i += step) {
        const batch = names.slice(i, i + step);
        await each(
          batch,
          async (name) => {
            const saysStatus = clock.monotonicMs() - (saidAtMs.get(name) ?? 0) >= STATUS_EVERY_MS;
            if (saysStatus) saidAtMs.set(name, clock.monotonicMs());
            await this.#beatOf(name, saysStatus, signal).catch((err: unknown) => {
              if (!signal.aborted) log.warn('Cannot say that a simulated node is well', { err });
            });
          },
          signal,
        );
        // What the requests took is part of the time; of what was missed in a long pause one round is made up for.
        dueMs = Math.max(dueMs + (LEASE_EVERY_MS * batch.length) / names.length, clock.monotonicMs() - LEASE_EVERY_MS);
        await clock.sleep(Math.max(0, dueMs - clock.monotonicMs()), signal);
      }
    }
  }

  /** A node that somebody deleted stays away, as a kubelet's would that is not allowed to register again. */
  async #beatOf(name: string, saysStatus: boolean, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    const body = { spec: { renewTime: rfc3339Micro(clock.nowMs()) } };
    await gone(client.resource(LEASES).patch({ namespace: LEASE_NAMESPACE, name }, { type: 'merge', body }, { signal }));
    if (!saysStatus) return;
    const conditions = heartbeatsOf(clock.nowMs());
    const status = { status: { conditions } };
    await gone(client.resource(NODES).patch({ name }, { type: 'strategic', body: status, subresource: 'status' }, { signal }));
  }

  #changed({ before, after }: Change<Pod>, signal: AbortSignal): void {
    const uid = (after ?? before)?.metadata.uid ?? '';
    if (before !== undefined && before.metadata.uid !== uid) this.#forget(before.metadata.uid ?? '');
    if (after === undefined) return this.#forget(uid);
    if (!this.#hosts.has(after.spec.nodeName ?? '') || signal.aborted) return;
    const { step, inMs, act } = this.#next(after);
    if (act === undefined || this.#due.get(uid)?.step === step) return;
    this.#forget(uid);
    const cancel = this.#options.clock.after(inMs, () => {
      const work = this.#slots
        .run(() => act(signal), signal)
        .catch((err: unknown) => {
          if (signal.aborted || isConflict(err)) return;
          this.#options.log.warn('Cannot say how a simulated pod is', { pod: after.metadata.name, err });
          const again = (): void => {
            this.#due.delete(uid);
            this.#changed({ key: uid, before: undefined, after }, signal);
          };
          this.#due.set(uid, { step: 'again', cancel: this.#options.clock.after(RETRY_MS, again) });
        })
        .finally(() => this.#working.delete(work));
      this.#working.add(work);
    });
    this.#due.set(uid, { step, cancel });
  }

  /** What becomes of a pod next, and when. */
  #next(pod: Pod): { readonly step: string; readonly inMs: number; readonly act?: (signal: AbortSignal) => Promise<void> } {
    const { startDelayMs, stopDelayMs, random } = this.#options;
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, annotations = {} } = pod.metadata;
    const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
    if (deletionTimestamp !== undefined)
      return {
        step: 'stop',
        inMs: Math.min(stopDelayMs, deletionGracePeriodSeconds * 1_000),
        act: (signal) => this.#stop(pod, restarts, signal),
      };
    if (pod.status?.phase !== 'Running') {
      const [least, most] = startDelayMs;
      const run = (signal: AbortSignal): Promise<void> =>
        this.#say(pod, { kind: 'run', restarts, ip: podAddress(this.#addresses++) }, signal);
      return { step: 'start', inMs: least + random() * (most - least), act: run };
    }
    const runForMs = durationMs(annotations[RUN_FOR] ?? '');
    if (runForMs === undefined) return { step: 'stay', inMs: 0 };
    const code = Number(annotations[EXIT_CODE] ?? 0) || 0;
    const { restartPolicy = 'Always' } = pod.spec;
    const again = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && code !== 0);
    const step: Step = again
      ? { kind: 'run', restarts: restarts + 1, ip: pod.status.podIP ?? podAddress(this.#addresses++) }
      : { kind: 'end', code, restarts };
    return { step: `end ${restarts}`, inMs: Math.max(0, runForMs), act: (signal) => this.#say(pod, step, signal) };
  }

  async #stop(pod: Pod, restarts: number, signal: AbortSignal): Promise<void> {
    await this.#say(pod, { kind: 'end', code: KILLED, restarts }, signal);
    await this.#delete(pod, signal);
  }

  async #say(pod: Pod, step: Step, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    const { namespace, name = '', uid } = pod.metadata;
    const status = podStatus(pod, this.#hosts.get(pod.spec.nodeName ?? '') ?? '', step, clock.nowMs());
    // Under the UID, so that another pod of this name is left alone.
    const body = { metadata: { uid }, status };
    await gone(client.resource(PODS).patch({ namespace, name }, { type: 'strategic', body, subresource: 'status' }, { signal }));
  }

  async #delete({ metadata: { namespace, name = '', uid = '' } }: Pod, signal: AbortSignal): Promise<void> {
    const deleted = this.#options.client
      .resource(PODS)
      .delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
    await gone(deleted).catch((err: unknown) => {
      if (!isConflict(err)) throw err;
    });
  }

  #forget(uid: string): void {
    this.#due.get(uid)?.cancel();
    this.#due.delete(uid);
  }
}

/** At most so many at once. When one fails no other begins, and the failure is thrown when nothing is under way any more. */
async function each<T>(all: readonly T[], work: (one: T) => Promise<unknown>, signal: AbortSignal): Promise<void> {
  // A generator: whoever leaves its loop ends it for all who read it.
  const rest = (function* () {
    yield* all;
  })();
  const one = async (): Promise<void> => {
    for (const next of rest) {
      signal.throwIfAborted();
      await work(next);
    }
  };
  const workers = Array.from({ length: IN_FLIGHT }, one);
  await Promise.allSettled(workers);
  await Promise.all(workers);
}

/** What is not there any more needs nothing. */
async function gone(work: Promise<unknown>): Promise<void> {
  await work.catch((err: unknown) => {
    if (!isNotFound(err)) throw err;
  });
}

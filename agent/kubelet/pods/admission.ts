/**
 * Keeps the books of the pods that the node has taken. A pod that runs already was taken by a kubelet before this one; every other one
 * is asked about once, and again whenever something may have become free. Decisions are made in one turn of the loop, so two pods
 * never get the same room.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';
import { isFromApi } from '../sources/origin.ts';
import { unsupportedText } from '../sources/supportApi.ts';
import { admit, preempt, type NodeRoom } from './admit.ts';
import type { Fates } from './fates.ts';

export interface AdmissionDeps {
  readonly fates: Fates;
  readonly events: EventLog;
  readonly log: Logger;
  readonly room: () => NodeRoom;
  /** Whether something is still missing without which nothing can be said about the pod. */
  readonly isIncomplete?: (pod: Pod) => boolean;
  /** UIDs that had a sandbox when the kubelet started. */
  readonly ranBefore: ReadonlySet<string>;
  /** Look at this pod: it may begin now, or has to end. */
  readonly onChange: (key: string) => void;
  /** A pod is pushed out for a critical one. */
  readonly onPushed?: () => void;
  /** For metrics. */
  readonly onRefused?: (reason: string) => void;
}

export class Admission {
  readonly #deps: AdmissionDeps;
  /** In the order they were taken, by UID. */
  readonly #taken = new Map<string, Pod>();
  /** UID -> key of those refused. */
  readonly #refused = new Map<string, string>();
  /** UID of who was pushed out -> UID of the one it makes room for: it is not asked about before that one has its room. */
  readonly #pushedBy = new Map<string, string>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** All pods that shall run: those that ran before are taken first. What is gone gives its room back. */
  wanted(pods: ReadonlyMap<string, Pod>): void {
    const uids = new Set([...pods.values()].map((p) => p.metadata.uid ?? ''));
    for (const uid of this.#refused.keys()) if (!uids.has(uid)) this.#forget(uid);
    for (const pod of pods.values()) if (this.#deps.ranBefore.has(pod.metadata.uid ?? '')) this.#taken.set(pod.metadata.uid ?? '', pod);
  }

  /** Whether the pod may run; if not, its fate says why. */
  consider(key: string, pod: Pod): void {
    const { fates, log, room } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const fate = fates.of(uid);
    // What the API was told once holds.
    if (fate !== undefined && isFromApi(pod)) return;
    if (this.#taken.has(uid) || (fate !== undefined && fate.why !== 'rejected' && fate.why !== 'preempted')) return;
    if (this.#refused.has(this.#pushedBy.get(uid) ?? '') || this.#deps.isIncomplete?.(pod) === true) return;
    if (isFromApi(pod) && !this.#deps.ranBefore.has(uid)) {
      const problem = unsupportedText(pod);
      if (problem !== undefined) return this.#reject(key, pod, { reason: 'UnsupportedPodSpec', message: problem });
    }
    const others = [...this.#taken.values()];
    const rejection = admit(pod, others, room());
    if (rejection === undefined) {
      this.#taken.set(uid, pod);
      this.#refused.delete(uid);
      this.#pushedBy.delete(uid);
      if (fate !== undefined) {
        fates.clear(uid);
        log.info('Pod that was refused finds room now', { pod: key });
      }
      return;
    }
    this.#refused.set(uid, key);
    for (const victim of rejection.short === undefined ? [] : (preempt(pod, others, room()) ?? [])) this.#push(victim, pod);
    if (fate?.why === 'preempted') return;
    this.#reject(key, pod, rejection);
  }

  #reject(key: string, pod: Pod, { reason, message: why }: { readonly reason: string; readonly message: string }): void {
    const { fates, events, log } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    const message = `Pod was rejected: ${why}`;
    if (fates.of(uid)?.message === message) return;
    fates.set(uid, { why: 'rejected', reason, message });
    events.record(pod, 'Warning', reason, why);
    this.#deps.onRefused?.(reason);
    log.warn('Pod is refused by the node', { pod: key, for: reason, err: why });
  }

  /** After each look at the pods of a key: which UIDs have something in the runtime, and whether the wanted one is over for good. */
  seen(key: string, look: { readonly wanted: string | undefined; readonly present: ReadonlySet<string>; readonly over: boolean }): void {
    for (const [uid, pod] of this.#taken) {
      if (`${pod.metadata.namespace}/${pod.metadata.name}` !== key) continue;
      if (uid === look.wanted ? look.over : !look.present.has(uid)) {
        this.#taken.delete(uid);
        this.lookAgain();
      }
    }
  }

  /** The room changed: whoever was refused may find some now. */
  lookAgain(): void {
    for (const key of this.#refused.values()) this.#deps.onChange(key);
  }

  #forget(uid: string): void {
    this.#refused.delete(uid);
    this.#deps.fates.clear(uid);
  }

  #push(victim: Pod, critical: Pod): void {
    const { fates, events, onChange } = this.#deps;
    const uid = victim.metadata.uid ?? '';
    if (fates.of(uid) !== undefined) return;
    const message = `Preempted in order to admit critical pod`;
    this.#refused.set(uid, `${victim.metadata.namespace}/${victim.metadata.name}`);
    this.#pushedBy.set(uid, critical.metadata.uid ?? '');
    fates.set(uid, { why: 'preempted', reason: 'Preempting', message, disruption: 'TerminationByKubelet' });
    events.record(victim, 'Warning', 'Preempting', message);
    this.#deps.log.warn('Pod is pushed out for a critical one', {
      pod: `${victim.metadata.namespace}/${victim.metadata.name}`,
      by: `${critical.metadata.namespace}/${critical.metadata.name}`,
    });
    onChange(`${victim.metadata.namespace}/${victim.metadata.name}`);
    this.#deps.onPushed?.();
  }
}

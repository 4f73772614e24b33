/**
 * Keeps the pods of a stateful set, each with its name and its volumes, in their order. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's stateful set controller, Kubernetes 1.36.
 */
import type { ControllerRevision } from '#api/kinds/apps/v1.ts';
import type { StatefulSet, StatefulSetStatus } from '#api/kinds/apps/statefulSet.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { scaledValue } from '#api/intOrString.ts';
import { fromLabelSelector } from '#api/labels.ts';
import type { Plan } from '#base/reconcile.ts';
import type { EventText } from '#client/events.ts';
import { STATEFUL_SETS } from '../../component/kinds.ts';
import { planClaims, type ClaimAction } from '../workloads/owners.ts';
import { podName, type PodName } from '../workloads/podControl.ts';
import { isAvailable, isGoing, isReady, nextAvailableInMs } from '../workloads/pods.ts';
import { byRevision, newestRevision, outdatedRevisions, REVISION_LABEL, type RevisionAction } from '../workloads/revisions.ts';
import { canonical } from '../workloads/template.ts';
import { claimsFor, ordinalOf, ownersOfClaim, startOf, statefulPod, withIdentity } from './identity.ts';

export const HASH_LABEL = 'controller.kubernetes.io/hash';

export type StatefulSetAction =
  | ClaimAction
  | RevisionAction
  | { readonly kind: 'createClaim'; readonly claim: PersistentVolumeClaim; readonly pod: string }
  /** Belongs to somebody else from now on. */
  | { readonly kind: 'updateClaim'; readonly claim: PersistentVolumeClaim }
  | { readonly kind: 'createPod'; readonly pod: Pod }
  | { readonly kind: 'updatePod'; readonly pod: Pod }
  | { readonly kind: 'deletePod'; readonly pod: PodName; readonly tell?: EventText }
  | { readonly kind: 'updateStatus'; readonly object: StatefulSet };

export interface Stateful {
  readonly set: StatefulSet;
  readonly owned: readonly Pod[];
  readonly orphans: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  /** Of its namespace. */
  readonly claim: (name: string) => PersistentVolumeClaim | undefined;
}

export function planStatefulSet(given: Stateful, nowMs: number): Plan<StatefulSetAction> {
  const { set, owned, revisions } = given;
  const isMember = ({ metadata }: Pod): boolean => ordinalOf(set, metadata.name) !== undefined;
  const orphans = given.orphans.filter(isMember);
  const claims = planClaims({ owner: set, selector: fromLabelSelector(set.spec.selector), owned, orphans });
  if (claims.length > 0) return { actions: claims };
  const { newest, action } = newestRevision({
    type: STATEFUL_SETS,
    owner: set,
    template: set.spec.template,
    revisions,
    collisionCount: set.status?.collisionCount,
    label: HASH_LABEL,
  });
  if (action !== undefined && set.metadata.deletionTimestamp === undefined) return { actions: [action] };
  const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? newest;
  return new Turn(given, owned.filter(isMember), { newest, current }, nowMs).plan();
}

interface Revisions {
  readonly newest: ControllerRevision;
  readonly current: ControllerRevision;
}

const revisionOf = ({ metadata }: Pod): string | undefined => metadata.labels?.[REVISION_LABEL];

class Turn {
  readonly #given: Stateful;
  readonly #set: StatefulSet;
  readonly #pods: readonly Pod[];
  readonly #revisions: Revisions;
  readonly #nowMs: number;
  readonly #isOrdered: boolean;
  readonly #actions: StatefulSetAction[] = [];

  constructor(given: Stateful, pods: readonly Pod[], revisions: Revisions, nowMs: number) {
    this.#given = given;
    this.#set = given.set;
    this.#pods = pods;
    this.#revisions = revisions;
    this.#nowMs = nowMs;
    this.#isOrdered = given.set.spec.podManagementPolicy !== 'Parallel';
  }

  plan(): Plan<StatefulSetAction> {
    if (this.#set.metadata.deletionTimestamp === undefined && this.#keepReplicas() && this.#shrink()) this.#replaceOld();
    const status = this.#status();
    if (canonical(status) !== canonical(this.#set.status ?? {})) {
      this.#actions.push({ kind: 'updateStatus', object: { ...this.#set, status } });
    }
    this.#actions.push(...this.#outdated());
    const lookAgainAfterMs = nextAvailableInMs(this.#pods, this.#minReadySeconds, this.#nowMs);
    return { actions: this.#actions, ...(lookAgainAfterMs === undefined ? {} : { lookAgainAfterMs }) };
  }

  get #minReadySeconds(): number {
    return this.#set.spec.minReadySeconds ?? 0;
  }

  get #replicas(): number {
    return this.#set.spec.replicas ?? 1;
  }

  #isHealthy(pod: Pod): boolean {
    return this.#isRunning(pod) && isAvailable(pod, this.#minReadySeconds, this.#nowMs) && !isGoing(pod);
  }

  #isRunning(pod: Pod): boolean {
    return pod.status?.phase === 'Running' && isReady(pod);
  }

  #at(position: number): Pod | undefined {
    const ordinal = startOf(this.#set) + position;
    return this.#pods.find(({ metadata }) => ordinalOf(this.#set, metadata.name) === ordinal);
  }

  /** Whether what comes after may go on. */
  #keepReplicas(): boolean {
    for (let position = 0; position < this.#replicas; position++) {
      if (!this.#keepOne(position) && this.#isOrdered) return false;
    }
    return true;
  }

  /** Whether it is there, and as it should be. */
  #keepOne(position: number): boolean {
    const pod = this.#at(position);
    if (pod === undefined) {
      this.#create(position);
      return false;
    }
    const { phase } = pod.status ?? {};
    if (phase === 'Failed' || phase === 'Succeeded') {
      if (!isGoing(pod)) this.#actions.push({ kind: 'deletePod', pod: podName(pod), tell: this.#recreating(pod) });
      return false;
    }
    if (isGoing(pod)) return false;
    const named = withIdentity(pod, startOf(this.#set) + position);
    if (named !== pod) this.#actions.push({ kind: 'updatePod', pod: named });
    this.#keepClaims(pod.metadata.name ?? '', undefined);
    return this.#isHealthy(pod);
  }

  #create(position: number): void {
    const { rollingUpdate, type = 'RollingUpdate' } = this.#set.spec.updateStrategy ?? {};
    const keepsOld = type === 'RollingUpdate' && position < (rollingUpdate?.partition ?? 0);
    const revision = keepsOld ? this.#revisions.current : this.#revisions.newest;
    const pod = statefulPod(this.#set, startOf(this.#set) + position, revision);
    // A claim that is going would take the pod with it: the next one is made when it is gone.
    if (this.#keepClaims(pod.metadata.name ?? '', undefined)) this.#actions.push({ kind: 'createPod', pod });
  }

  /** Makes what is missing and gives it to whom it belongs; false: one of them is going. */
  #keepClaims(name: string, condemned: Pod | undefined): boolean {
    let isSound = true;
    for (const wanted of claimsFor(this.#set, name)) {
      const there = this.#given.claim(wanted.metadata.name ?? '');
      const owners = ownersOfClaim(this.#set, there?.metadata.ownerReferences ?? [], condemned);
      if (there === undefined) {
        const ownerReferences = owners.length === 0 ? {} : { ownerReferences: owners };
        if (condemned === undefined) {
          this.#actions.push({
            kind: 'createClaim',
            claim: { ...wanted, metadata: { ...wanted.metadata, ...ownerReferences } },
            pod: name,
          });
        }
      } else if (there.metadata.deletionTimestamp !== undefined) isSound = false;
      else if (canonical(owners) !== canonical(there.metadata.ownerReferences ?? [])) {
        this.#actions.push({ kind: 'updateClaim', claim: { ...there, metadata: { ...there.metadata, ownerReferences: owners } } });
      }
    }
    return isSound;
  }

  #recreating({ metadata: { namespace = '', name = '' }, status }: Pod): EventText {
    const what = `StatefulSet ${namespace}/${this.#set.metadata.name ?? ''} is recreating`;
    return status?.phase === 'Failed'
      ? { type: 'Warning', reason: 'RecreatingFailedPod', message: `${what} failed Pod ${name}` }
      : { type: 'Normal', reason: 'RecreatingTerminatedPod', message: `${what} terminated Pod ${name}` };
  }

  /** Those beyond the size go, the highest first, and one only when those before it are well. */
  #shrink(): boolean {
    const first = startOf(this.#set);
    const ordinal = ({ metadata }: Pod): number => ordinalOf(this.#set, metadata.name) ?? 0;
    const surplus = this.#pods
      .filter((pod) => ordinal(pod) < first || ordinal(pod) >= first + this.#replicas)
      .toSorted((a, b) => ordinal(b) - ordinal(a));
    const unwell = surplus.findLast((pod) => !this.#isHealthy(pod));
    for (const pod of surplus) this.#keepClaims(pod.metadata.name ?? '', pod);
    for (const pod of surplus) {
      if (isGoing(pod) && this.#isOrdered) return false;
      if (isGoing(pod)) continue;
      if (this.#isOrdered && !this.#isHealthy(pod) && pod !== unwell) return false;
      this.#actions.push({ kind: 'deletePod', pod: podName(pod) });
      if (this.#isOrdered) return false;
    }
    return true;
  }

  #replaceOld(): void {
    const { rollingUpdate, type = 'RollingUpdate' } = this.#set.spec.updateStrategy ?? {};
    if (type !== 'RollingUpdate') return;
    const { partition = 0, maxUnavailable } = rollingUpdate ?? {};
    const most = maxUnavailable === undefined ? 1 : Math.max(1, scaledValue(maxUnavailable, this.#replicas, 'up') ?? 1);
    const all = Array.from({ length: this.#replicas }, (_, position) => this.#at(position));
    let free = most - all.filter((pod) => pod === undefined || !this.#isHealthy(pod)).length;
    for (const pod of all.slice(partition).toReversed()) {
      if (pod === undefined) continue;
      const isOld = revisionOf(pod) !== this.#revisions.newest.metadata.name;
      const isWell = this.#isHealthy(pod);
      if (isOld && !isGoing(pod)) {
        // What does not serve anyway costs nothing to replace.
        if (isWell && free <= 0) return;
        this.#actions.push({ kind: 'deletePod', pod: podName(pod) });
        if (isWell) free--;
        if (maxUnavailable === undefined) return;
      } else if (!isWell && maxUnavailable === undefined) return;
    }
  }

  #status(): StatefulSetStatus {
    const { metadata, spec, status: old } = this.#set;
    const { newest, current } = this.#revisions;
    const count = (is: (pod: Pod) => boolean): number => this.#pods.filter(is).length;
    const of = (revision: ControllerRevision): number => count((pod) => revisionOf(pod) === revision.metadata.name && !isGoing(pod));
    const ready = count((pod) => this.#isRunning(pod));
    const updated = of(newest);
    const replicas = this.#pods.length;
    const isRolling = (spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
    const isDone = isRolling && updated === replicas && ready === replicas;
    const counts = {
      readyReplicas: ready,
      currentReplicas: isDone ? updated : of(current),
      updatedReplicas: updated,
    };
    return {
      ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
      replicas,
      ...Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0)),
      availableReplicas: count((pod) => this.#isRunning(pod) && isAvailable(pod, this.#minReadySeconds, this.#nowMs)),
      currentRevision: (isDone ? newest : current).metadata.name ?? '',
      updateRevision: newest.metadata.name ?? '',
      collisionCount: old?.collisionCount ?? 0,
      ...(old?.conditions === undefined ? {} : { conditions: old.conditions }),
    };
  }

  #outdated(): readonly RevisionAction[] {
    const { newest, current } = this.#revisions;
    const live = new Set([newest.metadata.name, current.metadata.name, ...this.#pods.map(revisionOf)]);
    const revisions = this.#given.revisions.toSorted(byRevision);
    return outdatedRevisions(revisions, ({ metadata }) => live.has(metadata.name), this.#set.spec.revisionHistoryLimit ?? 10);
  }
}

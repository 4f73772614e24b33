/**
 * Rolls the versions of a deployment out: each version is a ReplicaSet, and the newest one grows while the others shrink. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's deployment controller, Kubernetes 1.36.
 */
import type { Deployment, DeploymentStatus, ReplicaSet } from '#api/kinds/apps/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { fromLabelSelector } from '#api/labels.ts';
import type { Plan } from '#base/reconcile.ts';
import { DEPLOYMENTS } from '../../component/kinds.ts';
import { controllerReference, planClaims, type ClaimAction } from '../workloads/owners.ts';
import { canonical, hashOf, saysTheSame } from '../workloads/template.ts';
import { nextRevision, passedOn, renumbered, REVISION, revisionOf } from './revision.ts';
import { DESIRED, follow, isScaling, limitsOf, MAXIMUM, newestSize, olderFirst, resize, shrinkOld, type Version } from './sizes.ts';
import { conditionOf, countsOf, deadlineMs, hasDeadline, isComplete, progressing, rolloutStatus, withCondition } from './status.ts';

export const HASH_LABEL = 'pod-template-hash';
/** Means all. */
const NO_LIMIT = 2_147_483_647;

export type DeploymentAction =
  | ClaimAction
  /** made: the deployment as it is to say that the version is there. */
  | { readonly kind: 'createSet'; readonly set: ReplicaSet; readonly made: Deployment }
  | { readonly kind: 'updateSet'; readonly set: ReplicaSet; readonly from: number }
  | { readonly kind: 'deleteSet'; readonly name: string; readonly uid: string }
  | { readonly kind: 'updateStatus'; readonly object: Deployment };

export interface Versions {
  readonly deployment: Deployment;
  readonly owned: readonly ReplicaSet[];
  readonly orphans: readonly ReplicaSet[];
  /** Of one version, dead ones as well. */
  readonly podsOf: (set: ReplicaSet) => readonly Pod[];
}

export function planDeployment({ deployment, owned, orphans, podsOf }: Versions, nowMs: number): Plan<DeploymentAction> {
  const claims = planClaims({ owner: deployment, selector: fromLabelSelector(deployment.spec.selector), owned, orphans });
  if (claims.length > 0) return { actions: claims };
  return new Rollout(deployment, owned, podsOf, nowMs).plan();
}

/** One plan in the making: the versions and conditions change as it is thought through, and the differences are what has to be done. */
class Rollout {
  readonly #deployment: Deployment;
  readonly #podsOf: Versions['podsOf'];
  readonly #nowMs: number;
  readonly #old: readonly Version[];
  readonly #newest: Version | undefined;
  #conditions: NonNullable<DeploymentStatus['conditions']>;
  #annotations: Readonly<Record<string, string>>;

  constructor(deployment: Deployment, owned: readonly ReplicaSet[], podsOf: Versions['podsOf'], nowMs: number) {
    this.#deployment = deployment;
    this.#podsOf = podsOf;
    this.#nowMs = nowMs;
    const versions = owned.map(versionOf).toSorted(olderFirst);
    this.#newest = versions.find(({ set }) => saysTheSame(set.spec.template, deployment.spec.template, HASH_LABEL));
    this.#old = versions.filter((version) => version !== this.#newest);
    this.#conditions = deployment.status?.conditions ?? [];
    this.#annotations = deployment.metadata.annotations ?? {};
  }

  plan(): Plan<DeploymentAction> {
    const { spec, metadata } = this.#deployment;
    this.#followNewest();
    if (metadata.deletionTimestamp !== undefined) return this.#settled(this.#counts());
    this.#sayPaused();
    const isRolling = (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
    if (spec.paused === true || isScaling(this.#all, this.#limits.wanted)) {
      follow(this.#newest, this.#old, this.#limits, isRolling);
      return this.#settled(this.#counts(), spec.paused === true ? this.#outdated() : []);
    }
    return isRolling ? this.#roll() : this.#recreate();
  }

  get #limits(): ReturnType<typeof limitsOf> {
    return limitsOf(this.#deployment);
  }

  get #all(): readonly Version[] {
    return this.#newest === undefined ? this.#old : [...this.#old, this.#newest];
  }

  #roll(): Plan<DeploymentAction> {
    if (this.#newest === undefined) return this.#create();
    const size = newestSize(this.#newest.replicas, this.#old, this.#limits);
    if (size !== this.#newest.replicas) {
      resize(this.#newest, size, this.#limits);
      return this.#settled(this.#status());
    }
    const hasShrunk = shrinkOld(this.#newest, this.#old, this.#limits);
    return this.#settled(this.#status(), hasShrunk ? [] : this.#outdatedWhenDone());
  }

  /** Nothing new before the last of the old is gone. */
  #recreate(): Plan<DeploymentAction> {
    const active = this.#old.filter(({ replicas }) => replicas > 0);
    for (const version of active) resize(version, 0, this.#limits);
    const isRunning = this.#old.some(
      ({ set }) => (set.status?.replicas ?? 0) > 0 || this.#podsOf(set).some(({ status }) => !isOver(status)),
    );
    if (active.length > 0 || isRunning) return this.#settled(this.#status());
    if (this.#newest === undefined) return this.#create();
    if (this.#newest.replicas !== this.#limits.wanted) resize(this.#newest, this.#limits.wanted, this.#limits);
    return this.#settled(this.#status(), this.#outdatedWhenDone());
  }

  /** The newest version is numbered as such and says what the deployment says; the deployment says its number. */
  #followNewest(): void {
    const newest = this.#newest;
    if (newest === undefined) return;
    newest.annotations = renumbered(newest.annotations, this.#deployment.metadata.annotations, nextRevision(this.#old));
    newest.minReadySeconds = this.#deployment.spec.minReadySeconds ?? 0;
    const revision = newest.annotations[REVISION];
    if (revision !== undefined) this.#annotations = { ...this.#annotations, [REVISION]: revision };
    if (hasDeadline(this.#deployment) && conditionOf(this.#conditions, 'Progressing') === undefined) {
      const text = `Found new replica set ${JSON.stringify(newest.set.metadata.name ?? '')}`;
      this.#say(progressing('True', 'FoundNewReplicaSet', text));
    }
  }

  #sayPaused(): void {
    const { spec } = this.#deployment;
    const reason = conditionOf(this.#conditions, 'Progressing')?.reason;
    if (!hasDeadline(this.#deployment) || reason === 'ProgressDeadlineExceeded') return;
    if (spec.paused === true && reason !== 'DeploymentPaused')
      this.#say(progressing('Unknown', 'DeploymentPaused', 'Deployment is paused'));
    if (spec.paused !== true && reason === 'DeploymentPaused') {
      this.#say(progressing('Unknown', 'DeploymentResumed', 'Deployment is resumed'));
    }
  }

  #say(said: Parameters<typeof withCondition>[1]): void {
    this.#conditions = withCondition(this.#conditions, said, this.#nowMs);
  }

  #create(): Plan<DeploymentAction> {
    const set = this.#newSet();
    const revision = set.metadata.annotations?.[REVISION] ?? '';
    this.#annotations = { ...this.#annotations, [REVISION]: revision };
    if (hasDeadline(this.#deployment)) {
      const text = `Created new replica set ${JSON.stringify(set.metadata.name ?? '')}`;
      this.#say(progressing('True', 'NewReplicaSetCreated', text));
    }
    return { actions: [{ kind: 'createSet', set, made: this.#said(this.#status()) }] };
  }

  #newSet(): ReplicaSet {
    const { metadata, spec, status } = this.#deployment;
    const { wanted, maxSurge } = this.#limits;
    const hash = hashOf(spec.template, status?.collisionCount);
    const labels = { ...spec.template.metadata.labels, [HASH_LABEL]: hash };
    const isRolling = (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
    return {
      metadata: {
        name: `${metadata.name ?? ''}-${hash}`,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        labels,
        annotations: {
          ...passedOn(metadata.annotations),
          [REVISION]: String(nextRevision(this.#old)),
          [DESIRED]: String(wanted),
          [MAXIMUM]: String(wanted + maxSurge),
        },
        ownerReferences: [controllerReference(DEPLOYMENTS, this.#deployment)],
      },
      spec: {
        replicas: isRolling ? newestSize(0, this.#old, this.#limits) : wanted,
        ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
        selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash } },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    };
  }

  #outdatedWhenDone(): readonly DeploymentAction[] {
    return isComplete(this.#deployment, this.#deployment.status ?? {}) ? this.#outdated() : [];
  }

  /** Old versions beyond the limit, the oldest first; what still has pods stays. */
  #outdated(): readonly DeploymentAction[] {
    const limit = this.#deployment.spec.revisionHistoryLimit ?? NO_LIMIT;
    const there = this.#old.filter(({ set }) => set.metadata.deletionTimestamp === undefined);
    return there
      .toSorted((a, b) => revisionOf(a.annotations) - revisionOf(b.annotations) || olderFirst(a, b))
      .slice(0, limit === NO_LIMIT ? 0 : Math.max(0, there.length - limit))
      .filter(({ set, replicas }) => {
        const isSeen = (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);
        return replicas === 0 && (set.spec.replicas ?? 1) === 0 && (set.status?.replicas ?? 0) === 0 && isSeen;
      })
      .map(({ set }) => ({ kind: 'deleteSet', name: set.metadata.name ?? '', uid: set.metadata.uid ?? '' }));
  }

  #counts(): DeploymentStatus {
    return countsOf(this.#seen, this.#conditions, this.#nowMs);
  }

  #status(): DeploymentStatus {
    return rolloutStatus(this.#seen, this.#conditions, this.#nowMs);
  }

  get #seen(): { deployment: Deployment; newest: ReplicaSet | undefined; all: readonly ReplicaSet[] } {
    return { deployment: this.#deployment, newest: this.#newest?.set, all: this.#all.map(({ set }) => set) };
  }

  #said(status: DeploymentStatus): Deployment {
    const annotations = Object.keys(this.#annotations).length === 0 ? {} : { annotations: this.#annotations };
    return { ...this.#deployment, metadata: { ...this.#deployment.metadata, ...annotations }, status };
  }

  /** Grown versions are written before shrunk ones. */
  #settled(status: DeploymentStatus, rest: readonly DeploymentAction[] = []): Plan<DeploymentAction> {
    const changed = this.#all.filter(isChanged).toSorted((a, b) => growth(b) - growth(a));
    const object = this.#said(status);
    const { metadata, spec, status: before } = this.#deployment;
    const isNews = canonical([status, this.#annotations]) !== canonical([before ?? {}, metadata.annotations ?? {}]);
    const dueMs = spec.paused === true ? undefined : deadlineMs(this.#deployment, status.conditions);
    return {
      actions: [
        ...changed.map((version): DeploymentAction => ({
          kind: 'updateSet',
          set: changedSet(version),
          from: version.set.spec.replicas ?? 1,
        })),
        ...(isNews ? [{ kind: 'updateStatus' as const, object }] : []),
        ...rest,
      ],
      // A second more, so that the deadline has really passed then.
      ...(dueMs === undefined ? {} : { lookAgainAfterMs: Math.max(1_000, dueMs - this.#nowMs + 1_000) }),
    };
  }
}

const isOver = (status: Pod['status']): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
const growth = ({ set, replicas }: Version): number => replicas - (set.spec.replicas ?? 1);

const versionOf = (set: ReplicaSet): Version => ({
  set,
  replicas: set.spec.replicas ?? 1,
  annotations: set.metadata.annotations ?? {},
  minReadySeconds: set.spec.minReadySeconds ?? 0,
});

const isChanged = (version: Version): boolean =>
  growth(version) !== 0 ||
  version.minReadySeconds !== (version.set.spec.minReadySeconds ?? 0) ||
  canonical(version.annotations) !== canonical(version.set.metadata.annotations ?? {});

const changedSet = ({ set, replicas, annotations, minReadySeconds }: Version): ReplicaSet => ({
  ...set,
  metadata: { ...set.metadata, annotations },
  spec: { ...set.spec, replicas, minReadySeconds },
});

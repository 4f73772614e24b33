/** Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and the rest of what keeps pods. Pure. Source: their strategies in Kubernetes 1.36. */
import { at } from '#api/fieldPath.ts';
import type { ReplicaSet } from '#api/kinds/apps/v1.ts';
import type { Job } from '#api/kinds/batch/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { fromLabelSelector, matches } from '#api/labels.ts';
import { Problems, type Problem } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import type { KubeDraft, Strategy } from '../types.ts';
import { onlyChanges, SPEC, unchanged, withStatus } from './common.ts';

const SELECTOR = SPEC.field('selector');
const COUNTED = { 'status.replicas': (set: never) => String((set as ReplicaSet).status?.replicas ?? 0) };

const withFixedSelector: Strategy = {
  ...withStatus,
  validateUpdate: (object, old) => unchanged(object, old, [SELECTOR]),
};

export const deploymentStrategy: Strategy = withFixedSelector;
export const replicaSetStrategy: Strategy = { ...withFixedSelector, fields: COUNTED };
export const daemonSetStrategy: Strategy = withFixedSelector;
/** Deleting one by an old client leaves its pods, as it always has. */
export const replicationControllerStrategy: Strategy = {
  ...withStatus,
  defaultPropagation: 'Orphan',
  fields: COUNTED,
};

const STATEFUL_MAY_CHANGE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export const statefulSetStrategy: Strategy = {
  ...withStatus,
  validateUpdate(object, old) {
    const problems = new Problems();
    if (!onlyChanges(object, old, STATEFUL_MAY_CHANGE)) {
      problems.forbidden(
        SPEC,
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
      );
    }
    return problems.found;
  },
};

const JOB_LABELS = { controller: 'batch.kubernetes.io/controller-uid', job: 'batch.kubernetes.io/job-name' };
const OLD_LABELS = { controller: 'controller-uid', job: 'job-name' };

/** A job finds its pods by its own uid, unless the user insists on a selector of his own. */
export const jobStrategy: Strategy = {
  ...withStatus,
  defaultPropagation: 'Orphan',
  fields: { 'status.successful': (job: never) => String((job as Job).status?.succeeded ?? 0) },
  prepareForCreate(draft, context) {
    withStatus.prepareForCreate?.(draft, context);
    const { metadata, spec } = draft as unknown as Draft<Job>;
    if (spec.manualSelector === true) return;
    const labels = generatedLabels(metadata);
    // What the user says counts here; where it conflicts with what is generated, the job is refused.
    spec.template.metadata.labels = { ...labels, ...spec.template.metadata.labels };
    const { matchLabels = {}, ...rest } = spec.selector ?? {};
    const uid = labels[JOB_LABELS.controller] ?? '';
    spec.selector = { ...rest, matchLabels: { [JOB_LABELS.controller]: uid, ...matchLabels } };
  },
  validateCreate: (job) => generatedProblems(job as unknown as Job),
  validateUpdate: (object, old) => jobProblems(object, old),
};

function generatedLabels({ uid = '', name = '' }: Pick<KubeObject['metadata'], 'uid' | 'name'>): Record<string, string> {
  return { [JOB_LABELS.controller]: uid, [JOB_LABELS.job]: name, [OLD_LABELS.controller]: uid, [OLD_LABELS.job]: name };
}

/** A copy of another job still has that one's labels and selector. */
function generatedProblems({ metadata, spec: { manualSelector, selector = {}, template } }: Job): readonly Problem[] {
  const problems = new Problems();
  if (manualSelector === true) return problems.found;
  const expected = generatedLabels(metadata);
  const { labels = {} } = template.metadata;
  for (const [key, value] of Object.entries(expected)) {
    const place = SPEC.field('template').field('metadata').field('labels').key(key);
    if (labels[key] !== value) problems.invalid(place, labels, `must be '${value}'`);
  }
  if (!matches(fromLabelSelector(selector), expected)) problems.invalid(SELECTOR, selector, '`selector` not auto-generated');
  return problems.found;
}

function jobProblems(object: KubeObject, old: KubeObject): readonly Problem[] {
  const fixed = [
    'completionMode',
    'selector',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
    'podReplacementPolicy',
  ];
  const wasSuspended = (old as unknown as Job).spec.suspend === true;
  const places = [...fixed, ...(wasSuspended ? [] : ['template']), 'completions'].map((name) => SPEC.field(name));
  const elastic = (object as unknown as Job).spec;
  // Indexed jobs may be scaled: completions and parallelism together.
  const isElastic = elastic.completionMode === 'Indexed' && elastic.completions === elastic.parallelism;
  return unchanged(object, old, isElastic ? places.slice(0, -1) : places);
}

export const cronJobStrategy: Strategy = withStatus;

/** A revision is a record of the past. */
export const controllerRevisionStrategy: Strategy = {
  validateUpdate(object: KubeObject, old: KubeObject) {
    const problems = new Problems();
    const next = object as unknown as KubeDraft;
    const was = old as unknown as KubeDraft;
    if (JSON.stringify(next['data']) !== JSON.stringify(was['data'])) problems.invalid(at('data'), next['data'], 'field is immutable');
    return problems.found;
  },
};

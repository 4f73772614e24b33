/** Pods: what the system sets, what may change later, and how long they get to end. Pure. Source: the pod strategy and validation of Kubernetes 1.36. */
import type { Pod, PodSpec } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Problems, type Problem } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import { validatePod } from '#api/validation/pod.ts';
import { deepEqual } from '../deepEqual.ts';
import { rfc3339 } from '#api/formats.ts';
import type { KubeDraft, Part, Strategy } from '../types.ts';
import { fieldReaders, keepStatus, SPEC } from './common.ts';
import { qosClassOf } from '#api/qos.ts';

const FIELDS = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
];
/** Source: the grace period of a pod that does not say. */
const DEFAULT_GRACE_SECONDS = 30;

export const podStrategy: Strategy = {
  counted: true,
  returnsDeleted: true,
  fields: { ...fieldReaders(FIELDS), 'spec.hostNetwork': (pod: never) => String((pod as Pod).spec.hostNetwork ?? false) },
  prepareForCreate(draft, { nowMs }) {
    const pod = draft as unknown as Draft<Pod>;
    const gated = (pod.spec.schedulingGates ?? []).length > 0;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      lastProbeTime: null,
      lastTransitionTime: rfc3339(nowMs),
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    };
    draft['status'] = { phase: 'Pending', qosClass: qosClassOf(pod.spec), ...(gated ? { conditions: [condition] } : {}) };
  },
  prepareForUpdate: keepStatus,
  rulesForUpdate: (object) => {
    const { spec } = object as unknown as Pod;
    const { ephemeralContainers: _, ...rest } = spec;
    return validatePod({ ...(object as Pod), spec: rest });
  },
  validateUpdate: (object, old) => specProblems(object as unknown as Pod, old as unknown as Pod),
  gracePeriodSeconds(object, asked) {
    const { spec, status } = object as unknown as Pod;
    const seconds = asked ?? spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    // Nothing runs that could be given time.
    if ((spec.nodeName ?? '') === '' || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
    return seconds < 0 ? 1 : seconds;
  },
  // A binding is made of what is already right: nothing is taken back.
  parts: { status: statusPart(), binding: { prepare: () => undefined }, ephemeralcontainers: ephemeralPart(), resize: resizePart() },
};

const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

function specProblems(pod: Pod, old: Pod): readonly Problem[] {
  const problems = new Problems();
  checkDeadline(problems, pod.spec, old.spec);
  checkTolerations(problems, pod.spec, old.spec);
  checkGates(problems, pod.spec, old.spec);
  if (!deepEqual(frozen(pod.spec, old.spec), frozen(old.spec, old.spec))) problems.forbidden(SPEC, MAY_CHANGE);
  return problems.found;
}

/** The spec with everything that may change set to what it was. */
function frozen(spec: PodSpec, old: PodSpec): unknown {
  const withImages = (mine: PodSpec['containers'], theirs: PodSpec['containers']): unknown =>
    mine?.map((container, i) => ({ ...container, image: theirs?.[i]?.image }));
  const isGated = (old.schedulingGates ?? []).length > 0;
  const loosened = isGated ? { nodeSelector: 0, affinity: 0 } : {};
  return {
    ...spec,
    containers: withImages(spec.containers, old.containers),
    initContainers: withImages(spec.initContainers as never, old.initContainers as never),
    activeDeadlineSeconds: 0,
    tolerations: 0,
    schedulingGates: 0,
    terminationGracePeriodSeconds:
      (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
        ? old.terminationGracePeriodSeconds
        : spec.terminationGracePeriodSeconds,
    ephemeralContainers: spec.ephemeralContainers,
    ...loosened,
  };
}

function checkDeadline(problems: Problems, { activeDeadlineSeconds: next }: PodSpec, { activeDeadlineSeconds: old }: PodSpec): void {
  if (next === old) return;
  const place = SPEC.field('activeDeadlineSeconds');
  if (next === undefined) problems.invalid(place, next ?? null, 'must not update from a positive integer to nil value');
  else if (old !== undefined && next > old) problems.invalid(place, next, 'must be less than or equal to previous value');
}

function checkTolerations(problems: Problems, { tolerations: next = [] }: PodSpec, { tolerations: old = [] }: PodSpec): void {
  const place = SPEC.field('tolerations');
  const key = (t: (typeof next)[number]): unknown => ({ ...t, tolerationSeconds: 0 });
  const lost = old.some((t) => !next.some((n) => deepEqual(key(n), key(t)) || deepEqual(n, t)));
  if (lost) problems.forbidden(place, 'existing toleration can not be modified except its tolerationSeconds');
}

function checkGates(problems: Problems, { schedulingGates: next = [] }: PodSpec, { schedulingGates: old = [] }: PodSpec): void {
  const known = new Set(old.map(({ name }) => name));
  const added = next.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  if (added.length > 0)
    problems.forbidden(SPEC.field('schedulingGates'), `only deletion is allowed, but found new scheduling gates '${added.join("','")}'`);
}

/** Everything of spec but what the part is about stays as it was. */
function keepSpec(draft: KubeDraft, old: KubeObject): void {
  draft['spec'] = structuredClone((old as unknown as Pod).spec);
}

function statusPart(): Part {
  return {
    field: 'status',
    prepare(draft, old) {
      draft['spec'] = (old as unknown as Pod).spec;
      const { ownerReferences } = old.metadata;
      if (ownerReferences === undefined) delete draft.metadata.ownerReferences;
      else draft.metadata.ownerReferences = structuredClone(ownerReferences) as never;
      const status = (draft['status'] ??= {}) as Draft<NonNullable<Pod['status']>>;
      const qosClass = (old as unknown as Pod).status?.qosClass;
      // The class follows from the spec; a kubelet that leaves it out must not take it away.
      if (qosClass !== undefined) status.qosClass ??= qosClass;
    },
    validate(object, old) {
      const problems = new Problems();
      const next = object as Pod;
      const was = old as Pod;
      if (was.status?.qosClass !== undefined && next.status?.qosClass !== was.status.qosClass) {
        problems.invalid(SPEC.field('status').field('qosClass'), next.status?.qosClass ?? '', 'field is immutable');
      }
      return problems.found;
    },
  };
}

function ephemeralPart(): Part {
  return {
    prepare(draft, old) {
      const asked = (draft as unknown as Pod).spec.ephemeralContainers;
      keepSpec(draft, old);
      const spec = draft['spec'] as Draft<PodSpec>;
      if (asked === undefined) delete spec.ephemeralContainers;
      else spec.ephemeralContainers = asked as never;
      keepStatus(draft, old);
    },
    validate(object, old) {
      const problems = new Problems();
      const next = (object as unknown as Pod).spec.ephemeralContainers ?? [];
      for (const was of (old as unknown as Pod).spec.ephemeralContainers ?? []) {
        const same = next.find(({ name }) => name === was.name);
        const place = SPEC.field('ephemeralContainers');
        if (same === undefined) problems.forbidden(place, `existing ephemeral containers ${JSON.stringify(was.name)} may not be removed\n`);
        else if (!deepEqual(same, was))
          problems.forbidden(place, `existing ephemeral containers ${JSON.stringify(was.name)} may not be changed\n`);
      }
      const plain = validatePod({ ...(object as Pod) });
      return [...problems.found, ...plain.filter((p) => p.message !== 'Forbidden: cannot be set on create')];
    },
  };
}

/** Only cpu and memory of containers, and their resize policies, change. */
function resizePart(): Part {
  return {
    prepare(draft, old) {
      const asked = (draft as unknown as Pod).spec;
      keepSpec(draft, old);
      const spec = draft['spec'] as Draft<PodSpec>;
      for (const list of ['containers', 'initContainers'] as const) {
        for (const container of spec[list] ?? []) {
          const wanted = asked[list]?.find(({ name }) => name === container.name);
          if (wanted?.resources !== undefined) container.resources = structuredClone(wanted.resources) as never;
          if (wanted?.resizePolicy !== undefined) container.resizePolicy = structuredClone(wanted.resizePolicy) as never;
        }
      }
      keepStatus(draft, old);
    },
    validate(object, old) {
      const problems = new Problems();
      const [next, was] = [(object as unknown as Pod).spec, (old as unknown as Pod).spec];
      if (qosClassOf(next) !== qosClassOf(was))
        problems.invalid(SPEC, qosClassOf(next), 'Pod QOS Class may not change as a result of resizing');
      const other = (spec: PodSpec): unknown =>
        spec.containers?.map((c) =>
          Object.keys({ ...c.resources?.requests, ...c.resources?.limits }).filter((n) => n !== 'cpu' && n !== 'memory'),
        );
      if (!deepEqual(other(next), other(was))) problems.forbidden(SPEC, 'only cpu and memory resources are mutable');
      return [...problems.found, ...validatePod(object as Pod).filter((p) => p.message !== 'Forbidden: cannot be set on create')];
    },
  };
}

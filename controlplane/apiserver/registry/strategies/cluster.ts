/** Namespaces, nodes, configuration, storage, access: the kinds that are not about running pods. Pure. Source: their strategies in Kubernetes 1.36. */
import { NOT_VOLUME_SOURCES } from '#api/kinds/core/persistentVolume.ts';
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import type { Secret } from '#api/kinds/core/config.ts';
import type { Event } from '#api/kinds/core/event.ts';
import type { Event as NewEvent } from '#api/kinds/events/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Ingress } from '#api/kinds/networking/ingress.ts';
import { Problems, type Problem } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import { validateToldEvent } from '#api/validation/events.ts';
import { validateNode } from '#api/validation/node.ts';
import { validateNewIngress } from '#api/validation/ingress.ts';
import { deepEqual } from '../deepEqual.ts';
import type { KubeDraft, Strategy, WriteContext } from '../types.ts';
import { dropStatus, fieldReaders, IMMUTABLE, keepStatus, SPEC, specOf, unchanged, withStatus } from './common.ts';

type Loose = Readonly<Record<string, unknown>>;

const KUBERNETES = 'kubernetes';

export const namespaceStrategy: Strategy = {
  returnsDeleted: true,
  fields: fieldReaders(['status.phase']),
  prepareForCreate(draft) {
    const namespace = draft as unknown as Draft<Namespace>;
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name ?? '' };
    namespace.spec = { ...namespace.spec, finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), KUBERNETES])] };
    draft['status'] = { phase: 'Active' };
  },
  prepareForUpdate(draft, old) {
    draft.metadata.labels = { ...draft.metadata.labels, 'kubernetes.io/metadata.name': old.metadata.name ?? '' };
    draft['spec'] = structuredClone((old as unknown as Loose)['spec']);
    keepStatus(draft, old);
  },
  isFinal: (object) => ((object as unknown as Namespace).spec?.finalizers ?? []).length === 0,
  marked(draft) {
    (draft as unknown as Draft<Namespace>).status = { ...(draft as unknown as Draft<Namespace>).status, phase: 'Terminating' };
  },
  parts: {
    status: { prepare: (draft, old) => void (draft['spec'] = structuredClone((old as unknown as Loose)['spec'])) },
    finalize: { prepare: keepStatus },
  },
};

export const nodeStrategy: Strategy = {
  fields: { 'spec.unschedulable': (node: never) => String((node as Node).spec?.unschedulable ?? false) },
  prepareForUpdate: keepStatus,
  validateUpdate(object, old) {
    const problems = new Problems();
    const [next, was] = [specOf(object), specOf(old)];
    // They may be set once.
    for (const [name, called] of [
      ['podCIDRs', 'podCIDR'],
      ['providerID', 'providerID'],
    ] as const) {
      if (!isEmpty(was[name]) && !deepEqual(next[name], was[name])) {
        problems.forbidden(SPEC.field(name), `node updates may not change ${called} except from "" to valid`);
      }
    }
    return problems.found;
  },
  parts: {
    status: {
      field: 'status',
      prepare: (draft, old) => void (draft['spec'] = (old as unknown as Loose)['spec'] ?? {}),
      validate: (object) => validateNode(object as Node),
    },
  },
};

const isEmpty = (value: unknown): boolean => value === undefined || value === '' || (Array.isArray(value) && value.length === 0);

const SEALED = 'field is immutable when `immutable` is set';

function sealed(object: KubeObject, old: KubeObject, fields: readonly string[]): readonly Problem[] {
  const problems = new Problems();
  const next = object as unknown as Loose;
  const was = old as unknown as Loose;
  if (was['immutable'] !== true) return [];
  if (next['immutable'] !== true) problems.forbidden(at('immutable'), SEALED);
  for (const field of fields) if (!deepEqual(next[field] ?? {}, was[field] ?? {})) problems.forbidden(at(field), SEALED);
  return problems.found;
}

export const configMapStrategy: Strategy = {
  createOnUpdate: false,
  validateUpdate: (object: KubeObject, old: KubeObject) => sealed(object, old, ['data', 'binaryData']),
};

function mergeStringData(draft: KubeDraft): void {
  const secret = draft as unknown as Draft<Secret> & { stringData?: Record<string, string> };
  if (secret.stringData === undefined) return;
  const added = Object.entries(secret.stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const);
  secret.data = { ...secret.data, ...Object.fromEntries(added) };
  delete secret.stringData;
}

export const secretStrategy: Strategy = {
  fields: fieldReaders(['type']),
  prepareForCreate: mergeStringData,
  prepareForUpdate: mergeStringData,
  validateUpdate: (object, old) => [...unchanged(object, old, [at('type')]), ...sealed(object, old, ['data'])],
};

/** Source: the event fields of upstream's selectors, in core and events.k8s.io. */
const EVENT_FIELDS = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'type',
];

const HOUR_MS = 3_600_000;
const EVENTS_KEPT_MS = 72 * HOUR_MS;
/** Each takes one to two kilobytes, in the store and in the memory of every API server. */
const MANY_EVENTS = 20_000;

/** How long an event lives where nobody has said it: days, and an hour, as upstream has it, while there are many. */
export function usualEventTtlMs(eventsNow: number): number {
  return eventsNow < MANY_EVENTS ? EVENTS_KEPT_MS : HOUR_MS;
}

export function eventStrategy(ttlMs: () => number): Strategy {
  return {
    fields: {
      ...fieldReaders(EVENT_FIELDS),
      source: (event: never) => (event as Event).source?.component ?? (event as Event).reportingComponent ?? '',
    },
    createOnUpdate: true,
    ttlMs,
  };
}

/** By the names of events.k8s.io, with those that core has for them; only the series goes on. */
const EVENT_FACTS: Readonly<Record<string, string>> = {
  regarding: 'involvedObject',
  reason: 'reason',
  note: 'message',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
  type: 'type',
  eventTime: 'eventTime',
  action: 'action',
  related: 'related',
  reportingController: 'reportingController',
  reportingInstance: 'reportingInstance',
};

/** events.k8s.io: what has happened stays as it was told. */
export function newEventStrategy(ttlMs: () => number): Strategy {
  return {
    ...eventStrategy(ttlMs),
    rulesForUpdate: (object) => validateToldEvent(object as unknown as NewEvent),
    validateUpdate(object, old) {
      const problems = new Problems();
      const [next, was] = [object, old] as unknown as readonly [Loose, Loose];
      for (const [name, path] of Object.entries(EVENT_FACTS)) {
        if (!deepEqual(next[name], was[name])) problems.invalid(at(path), next[name] ?? null, IMMUTABLE);
      }
      return problems.found;
    },
  };
}

export const leaseStrategy: Strategy = { createOnUpdate: true, needsVersionForUpdate: false };

/** Who asks is written down by the server, because approval relies on it. */
export const csrStrategy: Strategy = {
  fields: fieldReaders(['spec.signerName']),
  prepareForCreate(draft, { user }: WriteContext) {
    const { spec } = draft as unknown as Draft<CertificateSigningRequest>;
    spec.username = user.name;
    if (user.uid === undefined) delete spec.uid;
    else spec.uid = user.uid;
    spec.groups = [...user.groups];
    if (user.extra === undefined) delete spec.extra;
    else spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
    draft['status'] = {};
  },
  prepareForUpdate(draft, old) {
    draft['spec'] = structuredClone((old as unknown as Loose)['spec']);
    keepStatus(draft, old);
  },
  parts: {
    status: { prepare: prepareCsrStatus, validate: csrStatusProblems },
    approval: { prepare: prepareApproval, validate: approvalProblems },
  },
};

type CsrStatus = Draft<NonNullable<CertificateSigningRequest['status']>>;
type CsrConditions = CsrStatus['conditions'];

/** What was asked for; the draft is as it was before. */
function keepCsr(draft: KubeDraft, old: KubeObject): { readonly asked: CsrStatus; readonly status: CsrStatus } {
  const asked = (draft['status'] ?? {}) as CsrStatus;
  draft['spec'] = structuredClone((old as unknown as Loose)['spec']);
  keepStatus(draft, old);
  return { asked, status: (draft['status'] ??= {}) };
}

function setConditions(status: CsrStatus, conditions: CsrConditions): void {
  if (conditions === undefined || conditions.length === 0) delete status.conditions;
  else status.conditions = conditions;
}

function prepareApproval(draft: KubeDraft, old: KubeObject): void {
  const { asked, status } = keepCsr(draft, old);
  setConditions(status, asked.conditions);
}

function prepareCsrStatus(draft: KubeDraft, old: KubeObject): void {
  const { asked, status } = keepCsr(draft, old);
  if (asked.certificate !== undefined) status.certificate = asked.certificate;
  const next = asked.conditions ?? [];
  const verdicts = (status.conditions ?? []).filter(({ type }) => VERDICTS.includes(type) && !next.some((c) => c.type === type));
  setConditions(status, [...next, ...verdicts]);
}

const VERDICTS: readonly string[] = ['Approved', 'Denied'];
const CONDITIONS = at('status', 'conditions');

/** Whether a request is approved or denied is not for this endpoint to say. */
function csrStatusProblems(object: KubeObject, old: KubeObject): readonly Problem[] {
  const problems = new Problems();
  for (const type of VERDICTS) {
    const [has, had] = [conditionsOf(object, type), conditionsOf(old, type)];
    if (has.length > had.length) problems.forbidden(CONDITIONS, `updates may not add a condition of type ${JSON.stringify(type)}`);
    else if (!deepEqual(has, had)) problems.forbidden(CONDITIONS, `updates may not modify a condition of type ${JSON.stringify(type)}`);
  }
  return [...removedConditions(object, old), ...problems.found];
}

function removedConditions(object: KubeObject, old: KubeObject): readonly Problem[] {
  const problems = new Problems();
  for (const type of [...VERDICTS, 'Failed']) {
    if (conditionsOf(object, type).length >= conditionsOf(old, type).length) continue;
    problems.forbidden(CONDITIONS, `updates may not remove a condition of type ${JSON.stringify(type)}`);
  }
  return problems.found;
}

const conditionsOf = (object: KubeObject, type: string): readonly { readonly type: string }[] =>
  ((object as unknown as CertificateSigningRequest).status?.conditions ?? []).filter((c) => c.type === type);

/** Approved or denied is for good, and never both. */
function approvalProblems(object: KubeObject, old: KubeObject): readonly Problem[] {
  const problems = new Problems();
  if (VERDICTS.every((type) => conditionsOf(object, type).length > 0))
    problems.invalid(CONDITIONS, 'Approved', 'Approved and Denied conditions are mutually exclusive');
  return [...removedConditions(object, old), ...problems.found];
}

/** A role binding never changes to whom it gives which role silently: the role is part of its identity. */
export const bindingOfRoleStrategy: Strategy = {
  createOnUpdate: true,
  validateUpdate(object, old) {
    const problems = new Problems();
    const next = object as unknown as Loose;
    const was = old as unknown as Loose;
    if (!deepEqual(next['roleRef'], was['roleRef'])) problems.invalid(at('roleRef'), next['roleRef'], 'cannot change roleRef');
    return problems.found;
  },
};
export const roleStrategy: Strategy = { createOnUpdate: true };

export const priorityClassStrategy: Strategy = {
  validateUpdate: (object, old) => [
    ...forbidden(object, old, ['value'], () => 'may not be changed in an update.'),
    ...unchanged(object, old, [at('preemptionPolicy')]),
  ],
};

const noUpdates = (field: string): string => `updates to ${field} are forbidden.`;

export const storageClassStrategy: Strategy = {
  validateUpdate: (object, old) => [
    ...forbidden(object, old, ['parameters', 'provisioner', 'reclaimPolicy'], noUpdates),
    ...unchanged(object, old, [at('volumeBindingMode')]),
  ],
};
export const volumeAttributesClassStrategy: Strategy = {
  validateUpdate: (object, old) => forbidden(object, old, ['driverName', 'parameters'], noUpdates),
};

/** One problem for each field that changed and must not. */
function forbidden(object: KubeObject, old: KubeObject, fields: readonly string[], text: (field: string) => string): readonly Problem[] {
  const problems = new Problems();
  const next = object as unknown as Loose;
  const was = old as unknown as Loose;
  for (const field of fields) if (!deepEqual(next[field], was[field])) problems.forbidden(at(field), text(field));
  return problems.found;
}

const fixed = (...places: readonly FieldPath[]): Strategy => ({ validateUpdate: (object, old) => unchanged(object, old, places) });

/** Drivers come and go; what one says of itself stays. */
export const csiNodeStrategy: Strategy = {
  validateUpdate(object, old) {
    const problems = new Problems();
    const [next, was] = [object, old].map((node) => (specOf(node)['drivers'] ?? []) as readonly { readonly name: string }[]);
    for (const driver of was ?? []) {
      const same = next?.find(({ name }) => name === driver.name);
      if (same !== undefined && !deepEqual(same, driver)) problems.invalid(at('CSINodeDriver'), same, IMMUTABLE);
    }
    return problems.found;
  },
};
export const storageCapacityStrategy = fixed(at('nodeTopology'), at('storageClassName'));
export const endpointSliceStrategy: Strategy = { ...fixed(at('addressType')), counted: true };
export const runtimeClassStrategy = fixed(at('handler'));
export const ingressClassStrategy = fixed(SPEC.field('controller'));
export const ipAddressStrategy = fixed(SPEC.field('parentRef'));
export const serviceCidrStrategy: Strategy = { ...withStatus, ...fixed(SPEC.field('cidrs')) };
export const csiDriverStrategy = fixed(SPEC.field('attachRequired'), SPEC.field('volumeLifecycleModes'));
export const volumeAttachmentStrategy: Strategy = { prepareForCreate: dropStatus, prepareForUpdate: keepStatus, ...fixed(SPEC) };
export const resourceQuotaStrategy: Strategy = {
  returnsDeleted: true,
  prepareForCreate: dropStatus,
  prepareForUpdate: keepStatus,
  ...fixed(SPEC.field('scopes')),
};
export const ingressStrategy: Strategy = { ...withStatus, validateCreate: (object) => validateNewIngress(object as Ingress) };

export const persistentVolumeStrategy: Strategy = {
  returnsDeleted: true,
  prepareForCreate: (draft) => void (draft['status'] = { phase: 'Pending' }),
  prepareForUpdate: keepStatus,
  validateUpdate(object, old) {
    const problems = new Problems();
    const [next, was] = [specOf(object), specOf(old)];
    const source = (spec: Loose): unknown => Object.fromEntries(Object.entries(spec).filter(([name]) => !NOT_VOLUME_SOURCES.has(name)));
    if (!deepEqual(source(next), source(was))) {
      problems.forbidden(SPEC.field('persistentvolumesource'), 'spec.persistentvolumesource is immutable after creation');
    }
    if (!deepEqual(next['volumeMode'], was['volumeMode'])) problems.invalid(at('volumeMode'), next['volumeMode'] ?? null, IMMUTABLE);
    // It may be set once.
    if (was['nodeAffinity'] !== undefined && !deepEqual(next['nodeAffinity'], was['nodeAffinity'])) {
      problems.invalid(at('nodeAffinity'), next['nodeAffinity'] ?? null, IMMUTABLE);
    }
    return problems.found;
  },
};

export const persistentVolumeClaimStrategy: Strategy = {
  returnsDeleted: true,
  prepareForCreate: (draft) => void (draft['status'] = { phase: 'Pending' }),
  prepareForUpdate: keepStatus,
  validateUpdate(object, old) {
    const [next, was] = [object, old].map((o) => (o as unknown as Loose)['spec'] as Loose);
    const problems = new Problems();
    const fixed = (spec: Loose | undefined, volume: unknown): unknown => ({
      ...spec,
      resources: 0,
      volumeAttributesClassName: 0,
      volumeName: volume,
    });
    // The volume is set once, by the binder.
    const volume = was?.['volumeName'] ?? next?.['volumeName'];
    if (!deepEqual(fixed(next, next?.['volumeName']), fixed(was, volume))) {
      problems.forbidden(SPEC, 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims');
    }
    return problems.found;
  },
};

export const statusOnly: Strategy = { prepareForCreate: dropStatus, prepareForUpdate: keepStatus };
export const plain: Strategy = {};
export { withStatus };

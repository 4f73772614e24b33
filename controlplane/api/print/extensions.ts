/** The tables of admission, flow control and devices. Pure. Source: the columns of Kubernetes 1.36. */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '#api/kinds/admissionregistration/policies.ts';
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '#api/kinds/admissionregistration/webhooks.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '#api/kinds/flowcontrol/v1.ts';
import type { ResourceClaim } from '#api/kinds/resource/claims.ts';
import type { ResourceSlice } from '#api/kinds/resource/devices.ts';
import { NONE, selectorText, UNSET } from '#api/print/cells.ts';
import { age, integer, name, text, type Column } from '#api/print/column.ts';

type Webhooks = Pick<MutatingWebhookConfiguration, 'metadata'> &
  Pick<ValidatingWebhookConfiguration, 'metadata'> & { readonly webhooks?: readonly unknown[] };

export const webhooks: readonly Column<Webhooks>[] = [
  name,
  integer('Webhooks', 'How many webhooks it has', (w) => w.webhooks?.length ?? 0),
  age,
];

const kindText = (kind: ParamKind | undefined): string => (kind === undefined ? UNSET : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`);

function refText(ref: ParamRef | undefined): string {
  if (ref === undefined) return UNSET;
  if ((ref.name ?? '') !== '') return `${(ref.namespace ?? '') === '' ? '*' : ref.namespace}/${ref.name}`;
  return ref.selector === undefined ? UNSET : selectorText(ref.selector);
}

export const validatingPolicy: readonly Column<ValidatingAdmissionPolicy>[] = [
  name,
  integer('Validations', 'How many rules it has', ({ spec }) => spec?.validations?.length ?? 0),
  text('ParamKind', 'Kind of its parameters', ({ spec }) => kindText(spec?.paramKind)),
  age,
];

export const mutatingPolicy: readonly Column<MutatingAdmissionPolicy>[] = [
  name,
  integer('Mutations', 'How many changes it makes', ({ spec }) => spec?.mutations?.length ?? 0),
  text('ParamKind', 'Kind of its parameters', ({ spec }) => kindText(spec?.paramKind)),
  age,
];

type Binding = Pick<ValidatingAdmissionPolicyBinding & MutatingAdmissionPolicyBinding, 'metadata'> & {
  readonly spec?: { readonly policyName?: string; readonly paramRef?: ParamRef };
};

export const policyBinding: readonly Column<Binding>[] = [
  name,
  text('PolicyName', 'Policy it puts into force', ({ spec }) => spec?.policyName ?? ''),
  text('ParamRef', 'Parameters of the policy', ({ spec }) => refText(spec?.paramRef)),
  age,
];

export const flowSchema: readonly Column<FlowSchema>[] = [
  name,
  text('PriorityLevel', 'Where its requests go', ({ spec }) => spec.priorityLevelConfiguration?.name ?? ''),
  text('MatchingPrecedence', 'Lower numbers are looked at first', ({ spec }) => spec.matchingPrecedence ?? 0),
  text('DistinguisherMethod', 'How flows are told apart', ({ spec }) => spec.distinguisherMethod?.type ?? NONE),
  age,
  text(
    'MissingPL',
    'Whether its priority level is not there',
    ({ status }) => status?.conditions?.find((c) => c.type === 'Dangling')?.status ?? '?',
  ),
];

export const priorityLevel: readonly Column<PriorityLevelConfiguration>[] = [
  name,
  text('Type', 'Limited or exempt', ({ spec }) => spec.type),
  text('NominalConcurrencyShares', 'Its part of the requests at once', ({ spec }) => spec.limited?.nominalConcurrencyShares ?? NONE),
  text('Queues', 'How many queues it has', ({ spec }) => queuingOf(spec)?.queues ?? NONE),
  text('HandSize', 'How many queues a flow may use', ({ spec }) => queuingOf(spec)?.handSize ?? NONE),
  text('QueueLengthLimit', 'How many requests wait in a queue', ({ spec }) => queuingOf(spec)?.queueLengthLimit ?? NONE),
  age,
];

type LevelSpec = PriorityLevelConfiguration['spec'];
const queuingOf = (spec: LevelSpec): NonNullable<NonNullable<LevelSpec['limited']>['limitResponse']>['queuing'] =>
  spec.limited?.limitResponse?.queuing;

export const ageOnly: readonly Column[] = [name, age];

export const resourceClaim: readonly Column<ResourceClaim>[] = [
  name,
  text('State', 'Whether devices were found, and are in use', ({ metadata, status }) => {
    const isGoing = metadata.deletionTimestamp !== undefined;
    const states = isGoing ? ['deleted'] : [];
    if (status?.allocation === undefined) return [...states, ...(isGoing ? [] : ['pending'])].join(',');
    return [...states, 'allocated', ...((status.reservedFor ?? []).length > 0 ? ['reserved'] : [])].join(',');
  }),
  age,
];

export const resourceSlice: readonly Column<ResourceSlice>[] = [
  name,
  text('Node', 'Node that has the devices', ({ spec }) => spec.nodeName ?? ''),
  text('Driver', 'Driver of the devices', ({ spec }) => spec.driver),
  text('Pool', 'Pool the devices belong to', ({ spec }) => spec.pool.name),
  age,
];

import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  knownTexts,
  list,
  mapList,
  object,
  oneOf,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const FlowDistinguisherMethodType = oneOf(['ByUser', 'ByNamespace']);
export type FlowDistinguisherMethodType = Static<typeof FlowDistinguisherMethodType>;

export const FlowDistinguisherMethod = object('io.k8s.api.flowcontrol.v1.FlowDistinguisherMethod', {
  type: required(FlowDistinguisherMethodType),
});
export interface FlowDistinguisherMethod extends Static<typeof FlowDistinguisherMethod> {}

export const PriorityLevelConfigurationReference = object('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationReference', {
  name: required(string()),
});
export interface PriorityLevelConfigurationReference extends Static<typeof PriorityLevelConfigurationReference> {}

export const SubjectKind = oneOf(['User', 'Group', 'ServiceAccount']);
export type SubjectKind = Static<typeof SubjectKind>;

export const UserSubject = object('io.k8s.api.flowcontrol.v1.UserSubject', {
  name: required(string()),
});
export interface UserSubject extends Static<typeof UserSubject> {}

export const GroupSubject = object('io.k8s.api.flowcontrol.v1.GroupSubject', {
  name: required(string()),
});
export interface GroupSubject extends Static<typeof GroupSubject> {}

export const ServiceAccountSubject = object('io.k8s.api.flowcontrol.v1.ServiceAccountSubject', {
  namespace: required(string()),
  name: required(string()),
});
export interface ServiceAccountSubject extends Static<typeof ServiceAccountSubject> {}

export const Subject = object('io.k8s.api.flowcontrol.v1.Subject', {
  kind: required(field(SubjectKind, 'Name of the kind')),
  user: UserSubject,
  group: GroupSubject,
  serviceAccount: ServiceAccountSubject,
});
export interface Subject extends Static<typeof Subject> {}

export const ResourcePolicyRule = object('io.k8s.api.flowcontrol.v1.ResourcePolicyRule', {
  verbs: required(list(string(), undefined, { listType: 'set' })),
  apiGroups: required(list(string(), undefined, { listType: 'set' })),
  resources: required(list(string(), undefined, { listType: 'set' })),
  clusterScope: boolean(),
  namespaces: list(string(), undefined, { listType: 'set' }),
});
export interface ResourcePolicyRule extends Static<typeof ResourcePolicyRule> {}

export const NonResourcePolicyRule = object('io.k8s.api.flowcontrol.v1.NonResourcePolicyRule', {
  verbs: required(list(string(), undefined, { listType: 'set' })),
  nonResourceURLs: required(list(string(), undefined, { listType: 'set' })),
});
export interface NonResourcePolicyRule extends Static<typeof NonResourcePolicyRule> {}

export const PolicyRulesWithSubjects = object('io.k8s.api.flowcontrol.v1.PolicyRulesWithSubjects', {
  subjects: required(atomicList(Subject)),
  resourceRules: atomicList(ResourcePolicyRule),
  nonResourceRules: atomicList(NonResourcePolicyRule),
});
export interface PolicyRulesWithSubjects extends Static<typeof PolicyRulesWithSubjects> {}

export const FlowSchemaSpec = object('io.k8s.api.flowcontrol.v1.FlowSchemaSpec', {
  priorityLevelConfiguration: required(PriorityLevelConfigurationReference),
  matchingPrecedence: int32(undefined, { default: 1000, zeroIsUnset: true }),
  distinguisherMethod: FlowDistinguisherMethod,
  rules: atomicList(PolicyRulesWithSubjects),
});
export interface FlowSchemaSpec extends Static<typeof FlowSchemaSpec> {}

export const ConditionStatus = knownTexts(['True', 'False', 'Unknown']);
export type ConditionStatus = Static<typeof ConditionStatus>;

export const FlowSchemaCondition = object('io.k8s.api.flowcontrol.v1.FlowSchemaCondition', {
  type: string(),
  status: field(ConditionStatus, 'What was last seen of it; written by the system'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface FlowSchemaCondition extends Static<typeof FlowSchemaCondition> {}

export const FlowSchemaStatus = object('io.k8s.api.flowcontrol.v1.FlowSchemaStatus', {
  conditions: mapList(FlowSchemaCondition, ['type'], 'Newest state of each aspect'),
});
export interface FlowSchemaStatus extends Static<typeof FlowSchemaStatus> {}

export const FlowSchema = kind('io.k8s.api.flowcontrol.v1.FlowSchema', {
  spec: always(field(FlowSchemaSpec, 'What is wanted')),
  status: field(FlowSchemaStatus, 'What was last seen of it; written by the system'),
});
export interface FlowSchema extends Static<typeof FlowSchema> {}

export const QueuingConfiguration = object('io.k8s.api.flowcontrol.v1.QueuingConfiguration', {
  queues: int32(undefined, { default: 64, zeroIsUnset: true }),
  handSize: int32(undefined, { default: 8, zeroIsUnset: true }),
  queueLengthLimit: int32(undefined, { default: 50, zeroIsUnset: true }),
});
export interface QueuingConfiguration extends Static<typeof QueuingConfiguration> {}

export const LimitResponseType = oneOf(['Queue', 'Reject']);
export type LimitResponseType = Static<typeof LimitResponseType>;

export const LimitResponse = object('io.k8s.api.flowcontrol.v1.LimitResponse', {
  type: required(LimitResponseType),
  queuing: QueuingConfiguration,
});
export interface LimitResponse extends Static<typeof LimitResponse> {}

export const LimitedPriorityLevelConfiguration = object('io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration', {
  nominalConcurrencyShares: int32(undefined, { default: 30 }),
  limitResponse: field(LimitResponse, undefined, { default: { type: 'Reject' } }),
  lendablePercent: int32(undefined, { default: 0 }),
  borrowingLimitPercent: int32(),
});
export interface LimitedPriorityLevelConfiguration extends Static<typeof LimitedPriorityLevelConfiguration> {}

export const ExemptPriorityLevelConfiguration = object('io.k8s.api.flowcontrol.v1.ExemptPriorityLevelConfiguration', {
  nominalConcurrencyShares: int32(undefined, { default: 0 }),
  lendablePercent: int32(undefined, { default: 0 }),
});
export interface ExemptPriorityLevelConfiguration extends Static<typeof ExemptPriorityLevelConfiguration> {}

export const PriorityLevelEnablement = oneOf(['Exempt', 'Limited']);
export type PriorityLevelEnablement = Static<typeof PriorityLevelEnablement>;

export const PriorityLevelConfigurationSpec = object('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec', {
  type: required(PriorityLevelEnablement),
  limited: LimitedPriorityLevelConfiguration,
  exempt: ExemptPriorityLevelConfiguration,
});
export interface PriorityLevelConfigurationSpec extends Static<typeof PriorityLevelConfigurationSpec> {}

export const PriorityLevelConfigurationCondition = object('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationCondition', {
  type: string(),
  status: field(ConditionStatus, 'What was last seen of it; written by the system'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface PriorityLevelConfigurationCondition extends Static<typeof PriorityLevelConfigurationCondition> {}

export const PriorityLevelConfigurationStatus = object('io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationStatus', {
  conditions: mapList(PriorityLevelConfigurationCondition, ['type'], 'Newest state of each aspect'),
});
export interface PriorityLevelConfigurationStatus extends Static<typeof PriorityLevelConfigurationStatus> {}

export const PriorityLevelConfiguration = kind('io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration', {
  spec: always(field(PriorityLevelConfigurationSpec, 'What is wanted')),
  status: field(PriorityLevelConfigurationStatus, 'What was last seen of it; written by the system'),
});
export interface PriorityLevelConfiguration extends Static<typeof PriorityLevelConfiguration> {}

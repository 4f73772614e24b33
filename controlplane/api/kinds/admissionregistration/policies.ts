import { always, atomicList, field, int64, list, mapList, object, oneOf, required, string, type Static } from '#api/schema.ts';
import {
  FailurePolicyType,
  MatchCondition,
  MatchPolicyType,
  ReinvocationPolicyType,
  ruleWithOperationsFields,
} from '#api/kinds/admissionregistration/webhooks.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const ParamKind = object(
  'io.k8s.api.admissionregistration.v1.ParamKind',
  {
    apiVersion: string('Group and version of the schema, such as v1 or apps/v1'),
    kind: string('Name of the kind'),
  },
  { mapType: 'atomic' },
);
export interface ParamKind extends Static<typeof ParamKind> {}

export const ParameterNotFoundActionType = oneOf(['Allow', 'Deny']);
export type ParameterNotFoundActionType = Static<typeof ParameterNotFoundActionType>;

export const ParamRef = object(
  'io.k8s.api.admissionregistration.v1.ParamRef',
  {
    name: string(),
    namespace: string(),
    selector: field(LabelSelector, 'Labels that the objects must have'),
    parameterNotFoundAction: ParameterNotFoundActionType,
  },
  { mapType: 'atomic' },
);
export interface ParamRef extends Static<typeof ParamRef> {}

export const NamedRuleWithOperations = object(
  'io.k8s.api.admissionregistration.v1.NamedRuleWithOperations',
  {
    resourceNames: atomicList(string()),
    ...ruleWithOperationsFields,
  },
  { mapType: 'atomic' },
);
export interface NamedRuleWithOperations extends Static<typeof NamedRuleWithOperations> {}

export const MatchResources = object(
  'io.k8s.api.admissionregistration.v1.MatchResources',
  {
    namespaceSelector: field(LabelSelector, 'Labels of the namespaces that are meant', { default: {} }),
    objectSelector: field(LabelSelector, undefined, { default: {} }),
    resourceRules: atomicList(NamedRuleWithOperations),
    excludeResourceRules: atomicList(NamedRuleWithOperations),
    matchPolicy: field(MatchPolicyType, undefined, { default: 'Equivalent' }),
  },
  { mapType: 'atomic' },
);
export interface MatchResources extends Static<typeof MatchResources> {}

export const Validation = object('io.k8s.api.admissionregistration.v1.Validation', {
  expression: required(string()),
  message: string('Cause in a sentence, for people'),
  reason: string('Cause in one word, for programs'),
  messageExpression: string(),
});
export interface Validation extends Static<typeof Validation> {}

export const Variable = object(
  'io.k8s.api.admissionregistration.v1.Variable',
  {
    name: required(string()),
    expression: required(string()),
  },
  { mapType: 'atomic' },
);
export interface Variable extends Static<typeof Variable> {}

export const AuditAnnotation = object('io.k8s.api.admissionregistration.v1.AuditAnnotation', {
  key: required(string()),
  valueExpression: required(string()),
});
export interface AuditAnnotation extends Static<typeof AuditAnnotation> {}

export const ValidatingAdmissionPolicySpec = object('io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec', {
  paramKind: ParamKind,
  matchConstraints: MatchResources,
  validations: atomicList(Validation),
  failurePolicy: field(FailurePolicyType, undefined, { default: 'Fail' }),
  auditAnnotations: atomicList(AuditAnnotation),
  matchConditions: mapList(MatchCondition, ['name']),
  variables: mapList(Variable, ['name']),
});
export interface ValidatingAdmissionPolicySpec extends Static<typeof ValidatingAdmissionPolicySpec> {}

export const ExpressionWarning = object('io.k8s.api.admissionregistration.v1.ExpressionWarning', {
  fieldRef: required(string()),
  warning: required(string()),
});
export interface ExpressionWarning extends Static<typeof ExpressionWarning> {}

export const TypeChecking = object('io.k8s.api.admissionregistration.v1.TypeChecking', {
  expressionWarnings: atomicList(ExpressionWarning),
});
export interface TypeChecking extends Static<typeof TypeChecking> {}

export const ValidatingAdmissionPolicyStatus = object('io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  typeChecking: TypeChecking,
  conditions: list(Condition, 'Newest state of each aspect', { listType: 'map', mapKeys: ['type'] }),
});
export interface ValidatingAdmissionPolicyStatus extends Static<typeof ValidatingAdmissionPolicyStatus> {}

export const ValidatingAdmissionPolicy = kind('io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy', {
  spec: always(field(ValidatingAdmissionPolicySpec, 'What is wanted')),
  status: field(ValidatingAdmissionPolicyStatus, 'What was last seen of it; written by the system'),
});
export interface ValidatingAdmissionPolicy extends Static<typeof ValidatingAdmissionPolicy> {}

export const ValidationAction = oneOf(['Deny', 'Warn', 'Audit']);
export type ValidationAction = Static<typeof ValidationAction>;

export const ValidatingAdmissionPolicyBindingSpec = object('io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec', {
  policyName: required(string()),
  paramRef: ParamRef,
  matchResources: MatchResources,
  validationActions: required(list(ValidationAction, undefined, { listType: 'set' })),
});
export interface ValidatingAdmissionPolicyBindingSpec extends Static<typeof ValidatingAdmissionPolicyBindingSpec> {}

export const ValidatingAdmissionPolicyBinding = kind('io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding', {
  spec: always(field(ValidatingAdmissionPolicyBindingSpec, 'What is wanted')),
});
export interface ValidatingAdmissionPolicyBinding extends Static<typeof ValidatingAdmissionPolicyBinding> {}

export const PatchType = oneOf(['ApplyConfiguration', 'JSONPatch']);
export type PatchType = Static<typeof PatchType>;

export const ApplyConfiguration = object('io.k8s.api.admissionregistration.v1.ApplyConfiguration', {
  expression: string(),
});
export interface ApplyConfiguration extends Static<typeof ApplyConfiguration> {}

export const JSONPatch = object('io.k8s.api.admissionregistration.v1.JSONPatch', {
  expression: string(),
});
export interface JSONPatch extends Static<typeof JSONPatch> {}

export const Mutation = object('io.k8s.api.admissionregistration.v1.Mutation', {
  patchType: required(PatchType),
  applyConfiguration: ApplyConfiguration,
  jsonPatch: JSONPatch,
});
export interface Mutation extends Static<typeof Mutation> {}

export const MutatingAdmissionPolicySpec = object('io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicySpec', {
  paramKind: ParamKind,
  matchConstraints: MatchResources,
  variables: atomicList(Variable),
  mutations: atomicList(Mutation),
  failurePolicy: field(FailurePolicyType, undefined, { default: 'Fail' }),
  matchConditions: mapList(MatchCondition, ['name']),
  reinvocationPolicy: ReinvocationPolicyType,
});
export interface MutatingAdmissionPolicySpec extends Static<typeof MutatingAdmissionPolicySpec> {}

export const MutatingAdmissionPolicy = kind('io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy', {
  spec: always(field(MutatingAdmissionPolicySpec, 'What is wanted')),
});
export interface MutatingAdmissionPolicy extends Static<typeof MutatingAdmissionPolicy> {}

export const MutatingAdmissionPolicyBindingSpec = object('io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBindingSpec', {
  policyName: string(),
  paramRef: ParamRef,
  matchResources: MatchResources,
});
export interface MutatingAdmissionPolicyBindingSpec extends Static<typeof MutatingAdmissionPolicyBindingSpec> {}

export const MutatingAdmissionPolicyBinding = kind('io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding', {
  spec: always(field(MutatingAdmissionPolicyBindingSpec, 'What is wanted')),
});
export interface MutatingAdmissionPolicyBinding extends Static<typeof MutatingAdmissionPolicyBinding> {}

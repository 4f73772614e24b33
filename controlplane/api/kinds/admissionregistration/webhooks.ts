import { always, atomicList, bytes, field, int32, mapList, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const ScopeType = oneOf(['Cluster', 'Namespaced', '*']);
export type ScopeType = Static<typeof ScopeType>;

export const OperationType = oneOf(['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT']);
export type OperationType = Static<typeof OperationType>;

export const ruleFields = {
  apiGroups: atomicList(string()),
  apiVersions: atomicList(string()),
  resources: atomicList(string()),
  scope: field(ScopeType, undefined, { default: '*' }),
};
export const Rule = object('io.k8s.api.admissionregistration.v1.Rule', ruleFields);
export interface Rule extends Static<typeof Rule> {}

export const ruleWithOperationsFields = {
  operations: atomicList(OperationType),
  ...ruleFields,
};
export const RuleWithOperations = object('io.k8s.api.admissionregistration.v1.RuleWithOperations', ruleWithOperationsFields);
export interface RuleWithOperations extends Static<typeof RuleWithOperations> {}

export const FailurePolicyType = oneOf(['Ignore', 'Fail']);
export type FailurePolicyType = Static<typeof FailurePolicyType>;

export const MatchPolicyType = oneOf(['Exact', 'Equivalent']);
export type MatchPolicyType = Static<typeof MatchPolicyType>;

export const SideEffectClass = oneOf(['Unknown', 'None', 'Some', 'NoneOnDryRun']);
export type SideEffectClass = Static<typeof SideEffectClass>;

export const ReinvocationPolicyType = oneOf(['Never', 'IfNeeded']);
export type ReinvocationPolicyType = Static<typeof ReinvocationPolicyType>;

export const ServiceReference = object('io.k8s.api.admissionregistration.v1.ServiceReference', {
  namespace: required(string()),
  name: required(string()),
  path: string(),
  port: int32(undefined, { default: 443 }),
});
export interface ServiceReference extends Static<typeof ServiceReference> {}

export const WebhookClientConfig = object('io.k8s.api.admissionregistration.v1.WebhookClientConfig', {
  url: string(),
  service: ServiceReference,
  caBundle: bytes(),
});
export interface WebhookClientConfig extends Static<typeof WebhookClientConfig> {}

export const MatchCondition = object('io.k8s.api.admissionregistration.v1.MatchCondition', {
  name: always(string()),
  expression: always(string()),
});
export interface MatchCondition extends Static<typeof MatchCondition> {}

export const ValidatingWebhook = object('io.k8s.api.admissionregistration.v1.ValidatingWebhook', {
  name: required(string()),
  clientConfig: required(WebhookClientConfig),
  rules: atomicList(RuleWithOperations),
  failurePolicy: field(FailurePolicyType, undefined, { default: 'Fail' }),
  matchPolicy: field(MatchPolicyType, undefined, { default: 'Equivalent' }),
  namespaceSelector: field(LabelSelector, 'Labels of the namespaces that are meant', { default: {} }),
  objectSelector: field(LabelSelector, undefined, { default: {} }),
  sideEffects: required(SideEffectClass),
  timeoutSeconds: int32(undefined, { default: 10 }),
  admissionReviewVersions: required(atomicList(string())),
  matchConditions: mapList(MatchCondition, ['name']),
});
export interface ValidatingWebhook extends Static<typeof ValidatingWebhook> {}

export const ValidatingWebhookConfiguration = kind('io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration', {
  webhooks: mapList(ValidatingWebhook, ['name']),
});
export interface ValidatingWebhookConfiguration extends Static<typeof ValidatingWebhookConfiguration> {}

export const MutatingWebhook = object('io.k8s.api.admissionregistration.v1.MutatingWebhook', {
  name: required(string()),
  clientConfig: required(WebhookClientConfig),
  rules: atomicList(RuleWithOperations),
  failurePolicy: field(FailurePolicyType, undefined, { default: 'Fail' }),
  matchPolicy: field(MatchPolicyType, undefined, { default: 'Equivalent' }),
  namespaceSelector: field(LabelSelector, 'Labels of the namespaces that are meant', { default: {} }),
  objectSelector: field(LabelSelector, undefined, { default: {} }),
  sideEffects: required(SideEffectClass),
  timeoutSeconds: int32(undefined, { default: 10 }),
  admissionReviewVersions: required(atomicList(string())),
  reinvocationPolicy: field(ReinvocationPolicyType, undefined, { default: 'Never' }),
  matchConditions: mapList(MatchCondition, ['name']),
});
export interface MutatingWebhook extends Static<typeof MutatingWebhook> {}

export const MutatingWebhookConfiguration = kind('io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration', {
  webhooks: mapList(MutatingWebhook, ['name']),
});
export interface MutatingWebhookConfiguration extends Static<typeof MutatingWebhookConfiguration> {}

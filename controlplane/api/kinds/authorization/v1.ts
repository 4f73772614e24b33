import { always, atomicList, boolean, list, map, object, required, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { FieldSelectorRequirement, LabelSelectorRequirement } from '#api/kinds/meta/selectors.ts';

export const FieldSelectorAttributes = object('io.k8s.api.authorization.v1.FieldSelectorAttributes', {
  rawSelector: string(),
  requirements: atomicList(FieldSelectorRequirement),
});
export interface FieldSelectorAttributes extends Static<typeof FieldSelectorAttributes> {}

export const LabelSelectorAttributes = object('io.k8s.api.authorization.v1.LabelSelectorAttributes', {
  rawSelector: string(),
  requirements: atomicList(LabelSelectorRequirement),
});
export interface LabelSelectorAttributes extends Static<typeof LabelSelectorAttributes> {}

export const ResourceAttributes = object('io.k8s.api.authorization.v1.ResourceAttributes', {
  namespace: string(),
  verb: string(),
  group: string(),
  version: string(),
  resource: string(),
  subresource: string(),
  name: string(),
  fieldSelector: FieldSelectorAttributes,
  labelSelector: LabelSelectorAttributes,
});
export interface ResourceAttributes extends Static<typeof ResourceAttributes> {}

export const NonResourceAttributes = object('io.k8s.api.authorization.v1.NonResourceAttributes', {
  path: string(),
  verb: string(),
});
export interface NonResourceAttributes extends Static<typeof NonResourceAttributes> {}

export const SubjectAccessReviewSpec = object('io.k8s.api.authorization.v1.SubjectAccessReviewSpec', {
  resourceAttributes: ResourceAttributes,
  nonResourceAttributes: NonResourceAttributes,
  user: string(),
  groups: atomicList(string()),
  extra: map(list(string())),
  uid: string(),
});
export interface SubjectAccessReviewSpec extends Static<typeof SubjectAccessReviewSpec> {}

export const SelfSubjectAccessReviewSpec = object('io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec', {
  resourceAttributes: ResourceAttributes,
  nonResourceAttributes: NonResourceAttributes,
});
export interface SelfSubjectAccessReviewSpec extends Static<typeof SelfSubjectAccessReviewSpec> {}

export const SubjectAccessReviewStatus = object('io.k8s.api.authorization.v1.SubjectAccessReviewStatus', {
  allowed: always(boolean()),
  denied: boolean(),
  reason: string(),
  evaluationError: string(),
});
export interface SubjectAccessReviewStatus extends Static<typeof SubjectAccessReviewStatus> {}

export const SubjectAccessReview = kind('io.k8s.api.authorization.v1.SubjectAccessReview', {
  spec: always(SubjectAccessReviewSpec),
  status: SubjectAccessReviewStatus,
});
export interface SubjectAccessReview extends Static<typeof SubjectAccessReview> {}

export const SelfSubjectAccessReview = kind('io.k8s.api.authorization.v1.SelfSubjectAccessReview', {
  spec: always(SelfSubjectAccessReviewSpec),
  status: SubjectAccessReviewStatus,
});
export interface SelfSubjectAccessReview extends Static<typeof SelfSubjectAccessReview> {}

export const LocalSubjectAccessReview = kind('io.k8s.api.authorization.v1.LocalSubjectAccessReview', {
  spec: always(SubjectAccessReviewSpec),
  status: SubjectAccessReviewStatus,
});
export interface LocalSubjectAccessReview extends Static<typeof LocalSubjectAccessReview> {}

export const SelfSubjectRulesReviewSpec = object('io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec', {
  namespace: string(),
});
export interface SelfSubjectRulesReviewSpec extends Static<typeof SelfSubjectRulesReviewSpec> {}

export const ResourceRule = object('io.k8s.api.authorization.v1.ResourceRule', {
  verbs: required(atomicList(string())),
  apiGroups: atomicList(string()),
  resources: atomicList(string()),
  resourceNames: atomicList(string()),
});
export interface ResourceRule extends Static<typeof ResourceRule> {}

export const NonResourceRule = object('io.k8s.api.authorization.v1.NonResourceRule', {
  verbs: required(atomicList(string())),
  nonResourceURLs: atomicList(string()),
});
export interface NonResourceRule extends Static<typeof NonResourceRule> {}

export const SubjectRulesReviewStatus = object('io.k8s.api.authorization.v1.SubjectRulesReviewStatus', {
  resourceRules: always(atomicList(ResourceRule)),
  nonResourceRules: always(atomicList(NonResourceRule)),
  incomplete: always(boolean()),
  evaluationError: string(),
});
export interface SubjectRulesReviewStatus extends Static<typeof SubjectRulesReviewStatus> {}

export const SelfSubjectRulesReview = kind('io.k8s.api.authorization.v1.SelfSubjectRulesReview', {
  spec: always(SelfSubjectRulesReviewSpec),
  status: SubjectRulesReviewStatus,
});
export interface SelfSubjectRulesReview extends Static<typeof SelfSubjectRulesReview> {}

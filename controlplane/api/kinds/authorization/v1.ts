import { always, atomicList, boolean, field, list, map, object, required, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { FieldSelectorRequirement, LabelSelectorRequirement } from '#api/kinds/meta/selectors.ts';

export const FieldSelectorAttributes = object('io.k8s.api.authorization.v1.FieldSelectorAttributes', {
  rawSelector: string('As it was written'),
  requirements: atomicList(FieldSelectorRequirement, 'As it was understood'),
});
export interface FieldSelectorAttributes extends Static<typeof FieldSelectorAttributes> {}

export const LabelSelectorAttributes = object('io.k8s.api.authorization.v1.LabelSelectorAttributes', {
  rawSelector: string('As it was written'),
  requirements: atomicList(LabelSelectorRequirement, 'As it was understood'),
});
export interface LabelSelectorAttributes extends Static<typeof LabelSelectorAttributes> {}

export const ResourceAttributes = object('io.k8s.api.authorization.v1.ResourceAttributes', {
  namespace: string('Namespace; empty for all'),
  verb: string('What is to be done'),
  group: string('Group of the resource'),
  version: string('Version of the resource'),
  resource: string('Resource'),
  subresource: string('Subresource'),
  name: string('Name; empty for all'),
  fieldSelector: field(FieldSelectorAttributes, 'Fields it is limited to'),
  labelSelector: field(LabelSelectorAttributes, 'Labels it is limited to'),
});
export interface ResourceAttributes extends Static<typeof ResourceAttributes> {}

export const NonResourceAttributes = object('io.k8s.api.authorization.v1.NonResourceAttributes', {
  path: string('Path'),
  verb: string('What is to be done'),
});
export interface NonResourceAttributes extends Static<typeof NonResourceAttributes> {}

export const SubjectAccessReviewSpec = object('io.k8s.api.authorization.v1.SubjectAccessReviewSpec', {
  resourceAttributes: field(ResourceAttributes, 'To a resource'),
  nonResourceAttributes: field(NonResourceAttributes, 'To a path'),
  user: string('Who'),
  groups: atomicList(string(), 'Groups of who'),
  extra: map(list(string()), 'More about who'),
  uid: string('Identity of who'),
});
export interface SubjectAccessReviewSpec extends Static<typeof SubjectAccessReviewSpec> {}

export const SelfSubjectAccessReviewSpec = object('io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec', {
  resourceAttributes: field(ResourceAttributes, 'To a resource'),
  nonResourceAttributes: field(NonResourceAttributes, 'To a path'),
});
export interface SelfSubjectAccessReviewSpec extends Static<typeof SelfSubjectAccessReviewSpec> {}

export const SubjectAccessReviewStatus = object('io.k8s.api.authorization.v1.SubjectAccessReviewStatus', {
  allowed: always(boolean('Whether it may be done')),
  denied: boolean('Whether it is refused whatever others say'),
  reason: string('Cause in one word, for programs'),
  evaluationError: string('What went wrong while deciding'),
});
export interface SubjectAccessReviewStatus extends Static<typeof SubjectAccessReviewStatus> {}

export const SubjectAccessReview = kind(
  'io.k8s.api.authorization.v1.SubjectAccessReview',
  {
    spec: always(field(SubjectAccessReviewSpec, 'What is wanted')),
    status: field(SubjectAccessReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks: may someone do something?',
);
export interface SubjectAccessReview extends Static<typeof SubjectAccessReview> {}

export const SelfSubjectAccessReview = kind(
  'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  {
    spec: always(field(SelfSubjectAccessReviewSpec, 'What is wanted')),
    status: field(SubjectAccessReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks: may I do something?',
);
export interface SelfSubjectAccessReview extends Static<typeof SelfSubjectAccessReview> {}

export const LocalSubjectAccessReview = kind(
  'io.k8s.api.authorization.v1.LocalSubjectAccessReview',
  {
    spec: always(field(SubjectAccessReviewSpec, 'What is wanted')),
    status: field(SubjectAccessReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks: may someone do something in this namespace?',
);
export interface LocalSubjectAccessReview extends Static<typeof LocalSubjectAccessReview> {}

export const SelfSubjectRulesReviewSpec = object('io.k8s.api.authorization.v1.SelfSubjectRulesReviewSpec', {
  namespace: string('Namespace that is asked about'),
});
export interface SelfSubjectRulesReviewSpec extends Static<typeof SelfSubjectRulesReviewSpec> {}

export const ResourceRule = object('io.k8s.api.authorization.v1.ResourceRule', {
  verbs: required(atomicList(string(), 'What may be done')),
  apiGroups: atomicList(string(), 'Groups'),
  resources: atomicList(string(), 'Resources'),
  resourceNames: atomicList(string(), 'Names; all when empty'),
});
export interface ResourceRule extends Static<typeof ResourceRule> {}

export const NonResourceRule = object('io.k8s.api.authorization.v1.NonResourceRule', {
  verbs: required(atomicList(string(), 'What may be done')),
  nonResourceURLs: atomicList(string(), 'Paths'),
});
export interface NonResourceRule extends Static<typeof NonResourceRule> {}

export const SubjectRulesReviewStatus = object('io.k8s.api.authorization.v1.SubjectRulesReviewStatus', {
  resourceRules: always(atomicList(ResourceRule, 'On resources')),
  nonResourceRules: always(atomicList(NonResourceRule, 'On paths')),
  incomplete: always(boolean('Whether there may be more')),
  evaluationError: string('What went wrong while deciding'),
});
export interface SubjectRulesReviewStatus extends Static<typeof SubjectRulesReviewStatus> {}

export const SelfSubjectRulesReview = kind(
  'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
  {
    spec: always(field(SelfSubjectRulesReviewSpec, 'What is wanted')),
    status: field(SubjectRulesReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks: what may I do here?',
);
export interface SelfSubjectRulesReview extends Static<typeof SelfSubjectRulesReview> {}

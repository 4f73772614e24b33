import { always, atomicList, field, object, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const PolicyRule = object('io.k8s.api.rbac.v1.PolicyRule', {
  verbs: required(atomicList(string(), 'What may be done; * for all')),
  apiGroups: atomicList(string(), 'Groups; "" for core'),
  resources: atomicList(string(), 'Resources, with /subresource'),
  resourceNames: atomicList(string(), 'Names; all when empty'),
  nonResourceURLs: atomicList(string(), 'Paths that are no resources'),
});
export interface PolicyRule extends Static<typeof PolicyRule> {}

export const Subject = object(
  'io.k8s.api.rbac.v1.Subject',
  {
    kind: required(string('User, Group or ServiceAccount')),
    apiGroup: string('Group of the kind'),
    name: required(string('Name')),
    namespace: string('Namespace of a service account'),
  },
  { mapType: 'atomic' },
);
export interface Subject extends Static<typeof Subject> {}

export const RoleRef = object(
  'io.k8s.api.rbac.v1.RoleRef',
  {
    apiGroup: string('Group of the kind', { default: 'rbac.authorization.k8s.io' }),
    kind: required(string('Role or ClusterRole')),
    name: required(string('Name of the role')),
  },
  { mapType: 'atomic' },
);
export interface RoleRef extends Static<typeof RoleRef> {}

export const Role = kind(
  'io.k8s.api.rbac.v1.Role',
  {
    rules: always(atomicList(PolicyRule, 'What may be done')),
  },
  'What may be done in a namespace.',
);
export interface Role extends Static<typeof Role> {}

export const RoleBinding = kind(
  'io.k8s.api.rbac.v1.RoleBinding',
  {
    subjects: atomicList(Subject, 'Who'),
    roleRef: required(field(RoleRef, 'What')),
  },
  'Who may do what in a namespace.',
);
export interface RoleBinding extends Static<typeof RoleBinding> {}

export const AggregationRule = object('io.k8s.api.rbac.v1.AggregationRule', {
  clusterRoleSelectors: atomicList(LabelSelector, 'Labels of the roles that are put together'),
});
export interface AggregationRule extends Static<typeof AggregationRule> {}

export const ClusterRole = kind(
  'io.k8s.api.rbac.v1.ClusterRole',
  {
    rules: always(atomicList(PolicyRule, 'What may be done')),
    aggregationRule: field(AggregationRule, 'Rules of other roles that are put together'),
  },
  'What may be done.',
);
export interface ClusterRole extends Static<typeof ClusterRole> {}

export const ClusterRoleBinding = kind(
  'io.k8s.api.rbac.v1.ClusterRoleBinding',
  {
    subjects: atomicList(Subject, 'Who'),
    roleRef: required(field(RoleRef, 'What')),
  },
  'Who may do what.',
);
export interface ClusterRoleBinding extends Static<typeof ClusterRoleBinding> {}

computeDefaults(Subject, (subject) => {
  if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group'))
    subject.apiGroup = 'rbac.authorization.k8s.io';
});

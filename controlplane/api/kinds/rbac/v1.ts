import { always, atomicList, object, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const PolicyRule = object('io.k8s.api.rbac.v1.PolicyRule', {
  verbs: required(atomicList(string())),
  apiGroups: atomicList(string()),
  resources: atomicList(string()),
  resourceNames: atomicList(string()),
  nonResourceURLs: atomicList(string()),
});
export interface PolicyRule extends Static<typeof PolicyRule> {}

export const Subject = object(
  'io.k8s.api.rbac.v1.Subject',
  {
    kind: required(string()),
    apiGroup: string(),
    name: required(string()),
    namespace: string(),
  },
  { mapType: 'atomic' },
);
export interface Subject extends Static<typeof Subject> {}

export const RoleRef = object(
  'io.k8s.api.rbac.v1.RoleRef',
  {
    apiGroup: string(undefined, { default: 'rbac.authorization.k8s.io' }),
    kind: required(string()),
    name: required(string()),
  },
  { mapType: 'atomic' },
);
export interface RoleRef extends Static<typeof RoleRef> {}

export const Role = kind('io.k8s.api.rbac.v1.Role', {
  rules: always(atomicList(PolicyRule)),
});
export interface Role extends Static<typeof Role> {}

export const RoleBinding = kind('io.k8s.api.rbac.v1.RoleBinding', {
  subjects: atomicList(Subject),
  roleRef: required(RoleRef),
});
export interface RoleBinding extends Static<typeof RoleBinding> {}

export const AggregationRule = object('io.k8s.api.rbac.v1.AggregationRule', {
  clusterRoleSelectors: atomicList(LabelSelector),
});
export interface AggregationRule extends Static<typeof AggregationRule> {}

export const ClusterRole = kind('io.k8s.api.rbac.v1.ClusterRole', {
  rules: always(atomicList(PolicyRule)),
  aggregationRule: AggregationRule,
});
export interface ClusterRole extends Static<typeof ClusterRole> {}

export const ClusterRoleBinding = kind('io.k8s.api.rbac.v1.ClusterRoleBinding', {
  subjects: atomicList(Subject),
  roleRef: required(RoleRef),
});
export interface ClusterRoleBinding extends Static<typeof ClusterRoleBinding> {}

computeDefaults(Subject, (subject) => {
  if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group'))
    subject.apiGroup = 'rbac.authorization.k8s.io';
});

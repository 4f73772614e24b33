import { SelfSubjectReview, TokenRequest, TokenReview } from '#api/kinds/authentication/v1.ts';
import {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '#api/kinds/authorization/v1.ts';
import { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '#api/kinds/rbac/v1.ts';
import { defineKind } from '#api/scheme.ts';
import { validateCertificateSigningRequest } from '#api/validation/certificates.ts';
import { validateClusterRole, validateClusterRoleBinding, validateRole, validateRoleBinding } from '#api/validation/rbac.ts';

export const roleKind = defineKind({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  schema: Role,
  plural: 'roles',
  namespaced: true,
  validate: validateRole,
});
export const roleBindingKind = defineKind({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  schema: RoleBinding,
  plural: 'rolebindings',
  namespaced: true,
  validate: validateRoleBinding,
});
export const clusterRoleKind = defineKind({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  schema: ClusterRole,
  plural: 'clusterroles',
  namespaced: false,
  validate: validateClusterRole,
});
export const clusterRoleBindingKind = defineKind({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  schema: ClusterRoleBinding,
  plural: 'clusterrolebindings',
  namespaced: false,
  validate: validateClusterRoleBinding,
});
export const certificateSigningRequestKind = defineKind({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  schema: CertificateSigningRequest,
  plural: 'certificatesigningrequests',
  namespaced: false,
  shortNames: ['csr'],
  subresources: ['approval', 'status'],
  validate: validateCertificateSigningRequest,
});
export const tokenReviewKind = defineKind({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  schema: TokenReview,
  plural: 'tokenreviews',
  namespaced: false,
});
export const selfSubjectReviewKind = defineKind({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  schema: SelfSubjectReview,
  plural: 'selfsubjectreviews',
  namespaced: false,
});
export const tokenRequestKind = defineKind({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  schema: TokenRequest,
  plural: 'tokenrequests',
  namespaced: true,
  onlySubresource: true,
});
export const subjectAccessReviewKind = defineKind({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  schema: SubjectAccessReview,
  plural: 'subjectaccessreviews',
  namespaced: false,
});
export const selfSubjectAccessReviewKind = defineKind({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  schema: SelfSubjectAccessReview,
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
});
export const selfSubjectRulesReviewKind = defineKind({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectRulesReview',
  schema: SelfSubjectRulesReview,
  plural: 'selfsubjectrulesreviews',
  namespaced: false,
});
export const localSubjectAccessReviewKind = defineKind({
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'LocalSubjectAccessReview',
  schema: LocalSubjectAccessReview,
  plural: 'localsubjectaccessreviews',
  namespaced: true,
});

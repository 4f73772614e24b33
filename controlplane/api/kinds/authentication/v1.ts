import { always, atomicList, boolean, int64, list, map, object, required, string, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const UserInfo = object('io.k8s.api.authentication.v1.UserInfo', {
  username: string(),
  uid: string(),
  groups: atomicList(string()),
  extra: map(list(string())),
});
export interface UserInfo extends Static<typeof UserInfo> {}

export const TokenReviewSpec = object('io.k8s.api.authentication.v1.TokenReviewSpec', {
  token: required(string()),
  audiences: atomicList(string()),
});
export interface TokenReviewSpec extends Static<typeof TokenReviewSpec> {}

export const TokenReviewStatus = object('io.k8s.api.authentication.v1.TokenReviewStatus', {
  authenticated: boolean(),
  user: UserInfo,
  audiences: atomicList(string()),
  error: string(),
});
export interface TokenReviewStatus extends Static<typeof TokenReviewStatus> {}

export const TokenReview = kind('io.k8s.api.authentication.v1.TokenReview', {
  spec: always(TokenReviewSpec),
  status: TokenReviewStatus,
});
export interface TokenReview extends Static<typeof TokenReview> {}

export const BoundObjectReference = object('io.k8s.api.authentication.v1.BoundObjectReference', {
  kind: string(),
  apiVersion: string(),
  name: string(),
  uid: string(),
});
export interface BoundObjectReference extends Static<typeof BoundObjectReference> {}

export const TokenRequestSpec = object('io.k8s.api.authentication.v1.TokenRequestSpec', {
  audiences: atomicList(string()),
  expirationSeconds: int64(undefined, { default: 3600 }),
  boundObjectRef: BoundObjectReference,
});
export interface TokenRequestSpec extends Static<typeof TokenRequestSpec> {}

export const TokenRequestStatus = object('io.k8s.api.authentication.v1.TokenRequestStatus', {
  token: string(),
  expirationTimestamp: time(),
});
export interface TokenRequestStatus extends Static<typeof TokenRequestStatus> {}

export const TokenRequest = kind('io.k8s.api.authentication.v1.TokenRequest', {
  spec: always(TokenRequestSpec),
  status: TokenRequestStatus,
});
export interface TokenRequest extends Static<typeof TokenRequest> {}

export const SelfSubjectReviewStatus = object('io.k8s.api.authentication.v1.SelfSubjectReviewStatus', {
  userInfo: UserInfo,
});
export interface SelfSubjectReviewStatus extends Static<typeof SelfSubjectReviewStatus> {}

export const SelfSubjectReview = kind('io.k8s.api.authentication.v1.SelfSubjectReview', {
  status: SelfSubjectReviewStatus,
});
export interface SelfSubjectReview extends Static<typeof SelfSubjectReview> {}

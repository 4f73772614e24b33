import { always, atomicList, boolean, field, int64, list, map, object, required, string, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const UserInfo = object('io.k8s.api.authentication.v1.UserInfo', {
  username: string('Name'),
  uid: string('Identity'),
  groups: atomicList(string(), 'Groups'),
  extra: map(list(string()), 'More'),
});
export interface UserInfo extends Static<typeof UserInfo> {}

export const TokenReviewSpec = object('io.k8s.api.authentication.v1.TokenReviewSpec', {
  token: required(string('The token')),
  audiences: atomicList(string(), 'Who it should be for'),
});
export interface TokenReviewSpec extends Static<typeof TokenReviewSpec> {}

export const TokenReviewStatus = object('io.k8s.api.authentication.v1.TokenReviewStatus', {
  authenticated: boolean('Whether it is good'),
  user: field(UserInfo, 'Who it belongs to'),
  audiences: atomicList(string(), 'Who it is for'),
  error: string('Why it is not good'),
});
export interface TokenReviewStatus extends Static<typeof TokenReviewStatus> {}

export const TokenReview = kind(
  'io.k8s.api.authentication.v1.TokenReview',
  {
    spec: always(field(TokenReviewSpec, 'What is wanted')),
    status: field(TokenReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks who a token belongs to.',
);
export interface TokenReview extends Static<typeof TokenReview> {}

export const BoundObjectReference = object('io.k8s.api.authentication.v1.BoundObjectReference', {
  kind: string('Pod, Secret or Node'),
  apiVersion: string('Group and version of the schema, such as v1 or apps/v1'),
  name: string('Name of the object'),
  uid: string('Identity of the object'),
});
export interface BoundObjectReference extends Static<typeof BoundObjectReference> {}

export const TokenRequestSpec = object('io.k8s.api.authentication.v1.TokenRequestSpec', {
  audiences: atomicList(string(), 'Who the token is for'),
  expirationSeconds: int64('How long it should be good', { default: 3600 }),
  boundObjectRef: field(BoundObjectReference, 'The token ends with this object'),
});
export interface TokenRequestSpec extends Static<typeof TokenRequestSpec> {}

export const TokenRequestStatus = object('io.k8s.api.authentication.v1.TokenRequestStatus', {
  token: string('The token'),
  expirationTimestamp: time('When it ends'),
});
export interface TokenRequestStatus extends Static<typeof TokenRequestStatus> {}

export const TokenRequest = kind(
  'io.k8s.api.authentication.v1.TokenRequest',
  {
    spec: always(field(TokenRequestSpec, 'What is wanted')),
    status: field(TokenRequestStatus, 'What was last seen of it; written by the system'),
  },
  'Asks for a token of a service account.',
);
export interface TokenRequest extends Static<typeof TokenRequest> {}

export const SelfSubjectReviewStatus = object('io.k8s.api.authentication.v1.SelfSubjectReviewStatus', {
  userInfo: field(UserInfo, 'Who is asking'),
});
export interface SelfSubjectReviewStatus extends Static<typeof SelfSubjectReviewStatus> {}

export const SelfSubjectReview = kind(
  'io.k8s.api.authentication.v1.SelfSubjectReview',
  {
    status: field(SelfSubjectReviewStatus, 'What was last seen of it; written by the system'),
  },
  'Asks: who am I?',
);
export interface SelfSubjectReview extends Static<typeof SelfSubjectReview> {}

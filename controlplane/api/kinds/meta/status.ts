import { atomicList, field, int32, int64, knownTexts, object, oneOf, required, string, time, type Static } from '#api/schema.ts';
import { ListMeta, typeMeta } from '#api/kinds/meta/objectMeta.ts';

export const StatusCause = object('io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause', {
  reason: string(),
  message: string(),
  field: string(),
});
export interface StatusCause extends Static<typeof StatusCause> {}

export const StatusDetails = object('io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails', {
  name: string(),
  group: string(),
  kind: string(),
  uid: string(),
  causes: atomicList(StatusCause),
  retryAfterSeconds: int32(),
});
export interface StatusDetails extends Static<typeof StatusDetails> {}

export const ConditionStatus = knownTexts(['True', 'False', 'Unknown']);
export type ConditionStatus = Static<typeof ConditionStatus>;

export const Condition = object('io.k8s.apimachinery.pkg.apis.meta.v1.Condition', {
  type: required(string()),
  status: required(ConditionStatus),
  observedGeneration: int64(),
  lastTransitionTime: required(time()),
  reason: required(string()),
  message: required(string()),
});
export interface Condition extends Static<typeof Condition> {}

/** What the API answers when it has no object to answer with: the outcome of a request. */
export const Status = object('io.k8s.apimachinery.pkg.apis.meta.v1.Status', {
  ...typeMeta,
  metadata: field(ListMeta, 'Housekeeping of the answer'),
  status: oneOf(['Success', 'Failure'], 'Whether the request was carried out'),
  message: string('What happened, for people'),
  reason: string('What happened, in one word for programs, such as NotFound'),
  details: field(StatusDetails, 'What the answer is about', { mapType: 'atomic' }),
  code: int32('HTTP status code'),
});
export interface Status extends Static<typeof Status> {}

import { atomicList, field, int32, int64, knownTexts, object, oneOf, required, string, time, type Static } from '#api/schema.ts';
import { ListMeta, typeMeta } from '#api/kinds/meta/objectMeta.ts';

export const StatusCause = object('io.k8s.apimachinery.pkg.apis.meta.v1.StatusCause', {
  reason: string('Kind of problem, for programs'),
  message: string('Problem, for people'),
  field: string('Path of the field'),
});
export interface StatusCause extends Static<typeof StatusCause> {}

export const StatusDetails = object('io.k8s.apimachinery.pkg.apis.meta.v1.StatusDetails', {
  name: string('Name of the object'),
  group: string('Group of its kind'),
  kind: string('Its kind'),
  uid: string('Its identity'),
  causes: atomicList(StatusCause, 'Every single problem'),
  retryAfterSeconds: int32('When to try again'),
});
export interface StatusDetails extends Static<typeof StatusDetails> {}

export const ConditionStatus = knownTexts(['True', 'False', 'Unknown']);
export type ConditionStatus = Static<typeof ConditionStatus>;

export const Condition = object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Condition',
  {
    type: required(string('Name of the aspect')),
    status: required(field(ConditionStatus, 'True, False or Unknown')),
    observedGeneration: int64('The generation of the spec that this state belongs to'),
    lastTransitionTime: required(time('When the status last changed')),
    reason: required(string('Cause in one word, for programs')),
    message: required(string('Cause in a sentence, for people')),
  },
  { doc: 'Newest state of one aspect of an object.' },
);
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

import {
  always,
  anyObject,
  atomicList,
  boolean,
  field,
  int64,
  list,
  map,
  mapList,
  object,
  oneOf,
  required,
  string,
  time,
  type Fields,
  type FieldsType,
  type ObjectSchema,
  type Static,
} from '#api/schema.ts';

export const OwnerReference = object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference',
  {
    apiVersion: required(string('Group and version of the owner')),
    kind: required(string('Kind of the owner')),
    name: required(string('Name of the owner')),
    uid: required(string('Identity of the owner')),
    controller: boolean('Whether the owner manages this object'),
    blockOwnerDeletion: boolean('Whether the owner waits for this object when deleted in the foreground'),
  },
  { mapType: 'atomic' },
);
export interface OwnerReference extends Static<typeof OwnerReference> {}

export const ManagedFieldsOperationType = oneOf(['Apply', 'Update']);
export type ManagedFieldsOperationType = Static<typeof ManagedFieldsOperationType>;

export const ManagedFieldsEntry = object('io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry', {
  manager: string('Who set the fields'),
  operation: field(ManagedFieldsOperationType, 'Whether they were applied or updated'),
  apiVersion: string('Version that the field names belong to'),
  time: time('When they were last set'),
  fieldsType: string('Form of fieldsV1'),
  fieldsV1: anyObject('The fields, as a tree'),
  subresource: string('Subresource they were set through'),
});
export interface ManagedFieldsEntry extends Static<typeof ManagedFieldsEntry> {}

export const ObjectMeta = object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
  {
    name: string('Name, unique in the namespace'),
    generateName: string('Beginning of a name that the server completes'),
    namespace: string('Namespace it lives in; empty for kinds of the whole cluster'),
    selfLink: string('No longer filled in'),
    uid: string('Identity in time and space; never used twice'),
    resourceVersion: string('Version for optimistic locking and watches'),
    generation: int64('Counts changes of what is wanted'),
    creationTimestamp: time('When the server made it'),
    deletionTimestamp: time('When it is to be gone; set by a delete request'),
    deletionGracePeriodSeconds: int64('How long it may take to end'),
    labels: map(string(), 'Keys and values to select by'),
    annotations: map(string(), 'Keys and values for tools and people'),
    ownerReferences: mapList(OwnerReference, ['uid'], 'Objects it belongs to; without them it is deleted'),
    finalizers: list(string(), 'What must happen before it is really removed', { listType: 'set', patchStrategy: 'merge' }),
    managedFields: atomicList(ManagedFieldsEntry, 'Who set which fields'),
  },
  { doc: 'What every object has: identity, labels and housekeeping.' },
);
export interface ObjectMeta extends Static<typeof ObjectMeta> {}

export const ShardInfo = object('io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo', {
  selector: required(string('The part that was asked for')),
});
export interface ShardInfo extends Static<typeof ShardInfo> {}

export const ListMeta = object('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', {
  selfLink: string('No longer filled in'),
  resourceVersion: string('Version of the whole list, to watch from'),
  continue: string('Where the next page begins'),
  remainingItemCount: int64('How many objects are left behind this page'),
  shardInfo: field(ShardInfo, 'Which part of a sharded list this is', { gate: 'ShardedListAndWatch' }),
});
export interface ListMeta extends Static<typeof ListMeta> {}

/** Names the schema of an object. */
export const typeMeta = {
  apiVersion: string('Group and version of the schema, such as v1 or apps/v1'),
  kind: string('Name of the kind'),
};

const kindFields = { ...typeMeta, metadata: always(field(ObjectMeta, 'Identity, labels, annotations and housekeeping of the object')) };

/** A kind of the API: an object with apiVersion, kind and metadata in front of its own fields. */
export function kind<const F extends Fields>(
  id: string,
  fields: F,
  doc?: string,
): ObjectSchema<FieldsType<typeof kindFields & F>, typeof kindFields & F> {
  return object(id, { ...kindFields, ...fields }, doc === undefined ? {} : { doc }) as ObjectSchema<
    FieldsType<typeof kindFields & F>,
    typeof kindFields & F
  >;
}

/** What a LIST answers. */
export interface ListOf<T> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

/** The least any object of the API has. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

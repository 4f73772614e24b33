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
    apiVersion: required(string()),
    kind: required(string()),
    name: required(string()),
    uid: required(string()),
    controller: boolean(),
    blockOwnerDeletion: boolean(),
  },
  { mapType: 'atomic' },
);
export interface OwnerReference extends Static<typeof OwnerReference> {}

export const ManagedFieldsOperationType = oneOf(['Apply', 'Update']);
export type ManagedFieldsOperationType = Static<typeof ManagedFieldsOperationType>;

export const ManagedFieldsEntry = object('io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry', {
  manager: string(),
  operation: ManagedFieldsOperationType,
  apiVersion: string(),
  time: time(),
  fieldsType: string(),
  fieldsV1: anyObject(),
  subresource: string(),
});
export interface ManagedFieldsEntry extends Static<typeof ManagedFieldsEntry> {}

export const ObjectMeta = object('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', {
  name: string(),
  generateName: string(),
  namespace: string(),
  selfLink: string(),
  uid: string(),
  resourceVersion: string(),
  generation: int64(),
  creationTimestamp: time(),
  deletionTimestamp: time(),
  deletionGracePeriodSeconds: int64(),
  labels: map(string()),
  annotations: map(string()),
  ownerReferences: mapList(OwnerReference, ['uid']),
  finalizers: list(string(), undefined, { listType: 'set', patchStrategy: 'merge' }),
  managedFields: atomicList(ManagedFieldsEntry),
});
export interface ObjectMeta extends Static<typeof ObjectMeta> {}

export const ShardInfo = object('io.k8s.apimachinery.pkg.apis.meta.v1.ShardInfo', {
  selector: required(string()),
});
export interface ShardInfo extends Static<typeof ShardInfo> {}

export const ListMeta = object('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', {
  selfLink: string(),
  resourceVersion: string(),
  continue: string(),
  remainingItemCount: int64(),
  shardInfo: field(ShardInfo, undefined, { gate: 'ShardedListAndWatch' }),
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
): ObjectSchema<FieldsType<typeof kindFields & F>, typeof kindFields & F> {
  return object(id, { ...kindFields, ...fields }) as ObjectSchema<FieldsType<typeof kindFields & F>, typeof kindFields & F>;
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

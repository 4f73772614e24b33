import { atomicList, boolean, field, int64, object, oneOf, string, type Static } from '#api/schema.ts';
import { typeMeta } from '#api/kinds/meta/objectMeta.ts';

export const Preconditions = object('io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions', {
  uid: string('Identity the object must have'),
  resourceVersion: string('Version the object must have'),
});
export interface Preconditions extends Static<typeof Preconditions> {}

export const DeletionPropagation = oneOf(['Orphan', 'Background', 'Foreground']);
export type DeletionPropagation = Static<typeof DeletionPropagation>;

export const DeleteOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', {
  ...typeMeta,
  gracePeriodSeconds: int64('How long it may take to end; 0 means at once'),
  preconditions: field(Preconditions, 'What must be true for the deletion to happen'),
  orphanDependents: boolean('Old form of propagationPolicy'),
  propagationPolicy: field(DeletionPropagation, 'What becomes of the objects that belong to it'),
  dryRun: atomicList(string(), 'All: nothing is written'),
  ignoreStoreReadErrorWithClusterBreakingPotential: boolean('Delete what cannot be read any more'),
});
export interface DeleteOptions extends Static<typeof DeleteOptions> {}

export const CreateOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions', {
  ...typeMeta,
  dryRun: atomicList(string(), 'All: nothing is written'),
  fieldManager: string('Name under which the fields are kept'),
  fieldValidation: string('What to do about unknown fields: Ignore, Warn or Strict'),
});
export interface CreateOptions extends Static<typeof CreateOptions> {}

export const UpdateOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions', {
  ...typeMeta,
  dryRun: atomicList(string(), 'All: nothing is written'),
  fieldManager: string('Name under which the fields are kept'),
  fieldValidation: string('What to do about unknown fields: Ignore, Warn or Strict'),
});
export interface UpdateOptions extends Static<typeof UpdateOptions> {}

export const PatchOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions', {
  ...typeMeta,
  dryRun: atomicList(string(), 'All: nothing is written'),
  force: boolean('Take fields over from other managers'),
  fieldManager: string('Name under which the fields are kept'),
  fieldValidation: string('What to do about unknown fields: Ignore, Warn or Strict'),
});
export interface PatchOptions extends Static<typeof PatchOptions> {}

export const GetOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.GetOptions', {
  ...typeMeta,
  resourceVersion: string('How old the answer may be'),
});
export interface GetOptions extends Static<typeof GetOptions> {}

export const ResourceVersionMatch = oneOf(['NotOlderThan', 'Exact']);
export type ResourceVersionMatch = Static<typeof ResourceVersionMatch>;

export const ListOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.ListOptions', {
  ...typeMeta,
  labelSelector: string('Labels to select by'),
  fieldSelector: string('Fields to select by'),
  watch: boolean('Stream changes instead of listing'),
  allowWatchBookmarks: boolean('Also tell how far the stream is when nothing changed'),
  resourceVersion: string('How old the answer may be, or where the stream begins'),
  resourceVersionMatch: field(ResourceVersionMatch, 'How resourceVersion is meant'),
  timeoutSeconds: int64('How long the call may last'),
  limit: int64('Most objects in one answer'),
  continue: string('Where the page begins'),
  sendInitialEvents: boolean('Begin the stream with all objects there are'),
  shardSelector: string('Part of the objects to send', { gate: 'ShardedListAndWatch' }),
});
export interface ListOptions extends Static<typeof ListOptions> {}

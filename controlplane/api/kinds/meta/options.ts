import { atomicList, boolean, int64, object, oneOf, string, type Static } from '#api/schema.ts';
import { typeMeta } from '#api/kinds/meta/objectMeta.ts';

export const Preconditions = object('io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions', {
  uid: string(),
  resourceVersion: string(),
});
export interface Preconditions extends Static<typeof Preconditions> {}

export const DeletionPropagation = oneOf(['Orphan', 'Background', 'Foreground']);
export type DeletionPropagation = Static<typeof DeletionPropagation>;

export const DeleteOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', {
  ...typeMeta,
  gracePeriodSeconds: int64(),
  preconditions: Preconditions,
  orphanDependents: boolean(),
  propagationPolicy: DeletionPropagation,
  dryRun: atomicList(string()),
  ignoreStoreReadErrorWithClusterBreakingPotential: boolean(),
});
export interface DeleteOptions extends Static<typeof DeleteOptions> {}

export const CreateOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.CreateOptions', {
  ...typeMeta,
  dryRun: atomicList(string()),
  fieldManager: string(),
  fieldValidation: string(),
});
export interface CreateOptions extends Static<typeof CreateOptions> {}

export const UpdateOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.UpdateOptions', {
  ...typeMeta,
  dryRun: atomicList(string()),
  fieldManager: string(),
  fieldValidation: string(),
});
export interface UpdateOptions extends Static<typeof UpdateOptions> {}

export const PatchOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.PatchOptions', {
  ...typeMeta,
  dryRun: atomicList(string()),
  force: boolean(),
  fieldManager: string(),
  fieldValidation: string(),
});
export interface PatchOptions extends Static<typeof PatchOptions> {}

export const GetOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.GetOptions', {
  ...typeMeta,
  resourceVersion: string(),
});
export interface GetOptions extends Static<typeof GetOptions> {}

export const ResourceVersionMatch = oneOf(['NotOlderThan', 'Exact']);
export type ResourceVersionMatch = Static<typeof ResourceVersionMatch>;

export const ListOptions = object('io.k8s.apimachinery.pkg.apis.meta.v1.ListOptions', {
  ...typeMeta,
  labelSelector: string(),
  fieldSelector: string(),
  watch: boolean(),
  allowWatchBookmarks: boolean(),
  resourceVersion: string(),
  resourceVersionMatch: ResourceVersionMatch,
  timeoutSeconds: int64(),
  limit: int64(),
  continue: string(),
  sendInitialEvents: boolean(),
  shardSelector: string(undefined, { gate: 'ShardedListAndWatch' }),
});
export interface ListOptions extends Static<typeof ListOptions> {}

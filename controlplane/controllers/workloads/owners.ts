/**
 * Which objects belong to which controller: by the owner reference that says controller, taken up and let go by labels. Pure.
 * Source: controllerRef in the Kubernetes design documents; client-go's ControllerRefManager for who is adopted and released when.
 */
import { matches, type Selector } from '#api/labels.ts';
import type { KubeObject, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import type { Index } from '#client/informer.ts';
import type { ResourceType } from '#client/query.ts';

export const controllerOf = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true);

export const isControlledBy = (object: KubeObject, owner: KubeObject): boolean =>
  owner.metadata.uid !== undefined && controllerOf(object)?.uid === owner.metadata.uid;

export function controllerReference(type: ResourceType, { metadata }: KubeObject): OwnerReference {
  const { apiVersion, kind } = type;
  return { apiVersion, kind, name: metadata.name ?? '', uid: metadata.uid ?? '', controller: true, blockOwnerDeletion: true };
}

/** Indexes of what controllers own: by the uid of the owner, by namespace what nobody controls, and all by namespace. */
export const OWNER = 'owner';
export const ORPHANS = 'orphans';
export const NAMESPACE = 'namespace';
const byOwner: Index<KubeObject> = (object) => [controllerOf(object)?.uid ?? []].flat();
const byOrphanage: Index<KubeObject> = (object) => (controllerOf(object) === undefined ? [object.metadata.namespace ?? ''] : []);
const byNamespace: Index<KubeObject> = ({ metadata }) => [metadata.namespace ?? ''];
export const OWNER_INDEXES = { [OWNER]: byOwner, [ORPHANS]: byOrphanage };
export const KEEPER_INDEXES = { ...OWNER_INDEXES, [NAMESPACE]: byNamespace };

/** The key of the controller of this kind that an object names, for its queue. */
export function keysOfOwner(type: ResourceType, object: KubeObject | undefined): readonly string[] {
  const owner = object === undefined ? undefined : controllerOf(object);
  if (object === undefined || owner?.kind !== type.kind || owner.apiVersion.split('/')[0] !== type.apiVersion.split('/')[0]) return [];
  return [`${object.metadata.namespace ?? ''}/${owner.name}`];
}

export interface ClaimAction {
  readonly kind: 'adopt' | 'release';
  readonly name: string;
  readonly uid: string;
}

export interface Claims<T> {
  readonly owner: KubeObject;
  readonly selector: Selector;
  readonly owned: readonly T[];
  /** In its namespace, controlled by nobody. */
  readonly orphans: readonly T[];
}

/** What has to change hands before anything else is decided. */
export function planClaims<T extends KubeObject>({ owner, selector, owned, orphans }: Claims<T>): readonly ClaimAction[] {
  if (owner.metadata.deletionTimestamp !== undefined) return [];
  const action = (kind: ClaimAction['kind'], { metadata }: T): ClaimAction => ({
    kind,
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
  });
  return [
    ...owned.filter(({ metadata }) => !matches(selector, metadata.labels)).map((object) => action('release', object)),
    ...orphans
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined && matches(selector, metadata.labels))
      .map((object) => action('adopt', object)),
  ];
}

/**
 * Takes orphans up and lets go of what the selector no longer finds. Before anything is taken up the owner is read from the server: one that
 * was deleted, or deleted and made again under its name, takes nothing.
 */
import { ApiError, isNotFound } from '#client/errors.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceClient } from '#client/rest.ts';
import type { Cache, Expectations } from './expectations.ts';
import { controllerReference, type ClaimAction } from './owners.ts';
import type { Owned } from './template.ts';

export interface Claimant<T extends KubeObject> {
  readonly key: string;
  readonly owner: Owned;
  /** Of the owner's kind. */
  readonly owners: ResourceClient<KubeObject>;
  /** Of what is claimed. */
  readonly client: ResourceClient<T>;
  readonly cache: Cache;
  readonly expectations: Expectations;
  /** A finalizer that goes with the ownership. */
  readonly finalizer?: string;
}

export async function claim<T extends KubeObject>(by: Claimant<T>, action: ClaimAction, signal: AbortSignal): Promise<void> {
  const { namespace } = by.owner.object.metadata;
  if (action.kind === 'adopt' && !(await isStillThere(by, signal))) return;
  const { uid, name } = action;
  const metadata = action.kind === 'adopt' ? adopted(by) : released(by);
  try {
    const body = { metadata: { uid, ...metadata } };
    by.expectations.written(by.key, by.cache, await by.client.patch({ namespace, name }, { type: 'strategic', body }, { signal }));
  } catch (err) {
    // It is gone, or is another one by now.
    if (!isNotFound(err) && !(err instanceof ApiError && err.httpStatus === 422 && action.kind === 'release')) throw err;
  }
}

function adopted<T extends KubeObject>({ owner: { type, object }, finalizer }: Claimant<T>): object {
  return { ownerReferences: [controllerReference(type, object)], ...(finalizer === undefined ? {} : { finalizers: [finalizer] }) };
}

function released<T extends KubeObject>({ owner: { object }, finalizer }: Claimant<T>): object {
  const gone = [{ $patch: 'delete', uid: object.metadata.uid ?? '' }];
  return { ownerReferences: gone, ...(finalizer === undefined ? {} : { '$deleteFromPrimitiveList/finalizers': [finalizer] }) };
}

async function isStillThere<T extends KubeObject>({ owner: { object }, owners }: Claimant<T>, signal: AbortSignal): Promise<boolean> {
  const { namespace, name = '', uid } = object.metadata;
  try {
    const { metadata } = await owners.get({ namespace, name }, { signal });
    return metadata.uid === uid && metadata.deletionTimestamp === undefined;
  } catch (err) {
    if (isNotFound(err)) return false;
    throw err;
  }
}

/**
 * The part of metadata that belongs to the server. Pure.
 * Source: what k8s.io/apiserver's BeforeCreate, BeforeUpdate and ValidateObjectMetaUpdate of Kubernetes 1.36 do; their texts.
 */
import { at } from '#api/fieldPath.ts';
import { rfc3339 } from '#api/formats.ts';
import type { KubeObject, ObjectMeta } from '#api/kinds/meta/objectMeta.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { badRequest } from '../status.ts';
import { deepEqual } from './deepEqual.ts';
import type { KubeDraft, Resource } from './types.ts';

export interface Identity {
  readonly uid: string;
  readonly nowMs: number;
}

export function fillForCreate(draft: KubeDraft, resource: Resource, { uid, nowMs }: Identity): void {
  const { metadata } = draft;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.resourceVersion;
  delete metadata.generation;
  metadata.uid = uid;
  metadata.creationTimestamp = rfc3339(nowMs);
  if (resource.strategy.counted === true) metadata.generation = 1;
}

/** The name and namespace of the URL count; a body that says otherwise is a mistake. */
export function settleNamespace(draft: KubeDraft, resource: Resource, namespace: string): void {
  const { metadata } = draft;
  if (!resource.definition.namespaced) {
    if ((metadata.namespace ?? '') === '') delete metadata.namespace;
    return;
  }
  if ((metadata.namespace ?? '') === '') metadata.namespace = namespace;
  else if (metadata.namespace !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  }
}

export function settleName(draft: KubeDraft, name: string): void {
  const { metadata } = draft;
  if ((metadata.name ?? '') === '') metadata.name = name;
  else if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
}

const CARRIED = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'generateName'] as const;

/** What an update cannot change is as it was, whatever the client sent. */
export function carryOver(draft: KubeDraft, old: KubeObject): void {
  const { metadata } = draft;
  for (const name of CARRIED) {
    if (name === 'uid' && metadata.uid !== undefined && metadata.uid !== '') continue;
    const value = old.metadata[name];
    if (value === undefined) delete metadata[name];
    else (metadata as Record<string, unknown>)[name] = value;
  }
  delete metadata.selfLink;
}

/** Called last, when the draft is otherwise finished. */
export function countGeneration(draft: KubeDraft, old: KubeObject): void {
  if (old.metadata.generation === undefined && !hasOtherChanges(draft, old)) return;
  const generation = old.metadata.generation ?? 1;
  draft.metadata.generation = hasOtherChanges(draft, old) ? generation + 1 : generation;
}

const LEFT_OUT = new Set(['metadata', 'status', 'apiVersion', 'kind']);

function hasOtherChanges(draft: KubeDraft, old: KubeObject): boolean {
  const was = old as unknown as Readonly<Record<string, unknown>>;
  for (const name of new Set([...Object.keys(draft), ...Object.keys(was)])) {
    if (!LEFT_OUT.has(name) && !deepEqual(draft[name], was[name])) return true;
  }
  return false;
}

const METADATA = at('metadata');
const IMMUTABLE = 'field is immutable';

/** What stays as it is through the whole life of an object. */
export function validateMetadataUpdate(next: ObjectMeta, old: ObjectMeta): readonly Problem[] {
  const problems = new Problems();
  const same = (name: 'name' | 'namespace' | 'uid'): void => {
    if ((next[name] ?? '') !== (old[name] ?? '')) problems.invalid(METADATA.field(name), next[name] ?? '', IMMUTABLE);
  };
  same('name');
  same('namespace');
  same('uid');
  const generation = next.generation ?? 0;
  if (generation < (old.generation ?? 0)) problems.invalid(METADATA.field('generation'), generation, 'must not be decremented');
  if (old.deletionTimestamp !== undefined) {
    const known = new Set(old.finalizers);
    const added = (next.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
    if (added.length > 0) {
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((f) => JSON.stringify(f)).join(', ')}}`;
      problems.forbidden(METADATA.field('finalizers'), detail);
    }
  }
  return problems.found;
}

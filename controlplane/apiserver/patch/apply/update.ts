/**
 * Ownership after an ordinary create or update: whoever writes owns what the write changed, and what it removed belongs to nobody. Pure.
 * Units: nowMs is milliseconds since 1970; entries hold whole seconds.
 * Differs: entries of another API version of the kind are read as if they were of this one; field names that differ then own nothing.
 */
import { fillRequired } from '#api/defaults.ts';
import { rfc3339 } from '#api/formats.ts';
import type { KubeObject, ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import type { Schema } from '#api/schema.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { equal, isObject } from '../json.ts';
import { difference, differenceBelow, isEmptySet, NO_FIELDS, setOf, union, type FieldSet } from './fieldSet.ts';
import { capped, encodeOwners, identityOf, mapOthers, NO_OWNERS, ownersOfUpdate, withOwner, type Manager, type Owners } from './managed.ts';
import { shapeOf } from './shape.ts';
import { compare, type Changes } from './typed.ts';

const m = (name: string): readonly string[] => ['f:metadata', `f:${name}`];
/** What the server keeps itself, and what names the object: never owned. */
export const UNOWNED = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(m),
);

export interface TrackOptions {
  readonly definition: KindDefinition;
  /** undefined: the object is being created. */
  readonly live: KubeObject | undefined;
  /** With its defaults, as it is about to be stored. Its own managedFields are what the client sent. */
  readonly object: KubeObject;
  /** See managerName. */
  readonly manager: string;
  readonly subresource?: string;
  /** What a write to this endpoint cannot change (resetFieldsOf). */
  readonly resetFields?: FieldSet;
  readonly nowMs: number;
}

/** The managedFields the object is to be stored with. undefined: none. */
export function trackUpdate(options: TrackOptions): readonly ManagedFieldsEntry[] | undefined {
  const { definition, live, object, subresource = '', nowMs } = options;
  const kept = live?.metadata.managedFields;
  const owners = ownersOfUpdate(kept, subresource === '' ? object.metadata.managedFields : undefined);
  // An object without owners was made before ownership was tracked, or its owners were taken away on purpose: it stays so until an apply.
  if (owners.size === 0 && live !== undefined) return undefined;
  const me = updater(options.manager, definition, subresource);
  const before = live === undefined ? zeroObject(definition.schema) : bare(live);
  const changes = filtered(compare(shapeOf(definition.schema), before, bare(object)), options.resetFields);
  const after = recordUpdate({ owners, changes, me, nowMs });
  return after === owners && kept !== undefined ? kept : encodeOwners(after);
}

export function updater(name: string, { apiVersion }: KindDefinition, subresource: string): Manager {
  return { manager: name === '' ? 'unknown' : name, operation: 'Update', apiVersion, subresource };
}

interface Update {
  readonly owners: Owners;
  readonly changes: Changes;
  readonly me: Manager;
  readonly nowMs: number;
}

function recordUpdate({ owners, changes: { changed, removed }, me, nowMs }: Update): Owners {
  if (isEmptySet(changed) && isEmptySet(removed)) return owners;
  const id = identityOf(me);
  const others = mapOthers(owners, '', (fields) => difference(difference(fields, changed), removed));
  const mine = difference(changed, UNOWNED);
  if (isEmptySet(mine)) return others;
  const fields = union(mine, others.get(id)?.fields ?? NO_FIELDS);
  return capped(withOwner(others, { ...me, time: rfc3339(nowMs), fields }));
}

/** Someone has to own what is there when the first apply comes. */
export function beforeFirstApply(definition: KindDefinition, live: KubeObject, nowMs: number): Owners {
  const changes = compare(shapeOf(definition.schema), zeroObject(definition.schema), bare(live));
  return recordUpdate({ owners: NO_OWNERS, changes, me: updater('before-first-apply', definition, ''), nowMs });
}

export function filtered(changes: Changes, reset: FieldSet = NO_FIELDS): Changes {
  return { changed: differenceBelow(changes.changed, reset), removed: differenceBelow(changes.removed, reset) };
}

/** Without the record of ownership itself, which nobody owns and which is long. */
export function bare(object: KubeObject): KubeObject {
  if (!isObject(object.metadata) || object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const zeros = new WeakMap<Schema, KubeObject>();

/** What is there before anybody has written: the structs that are always there, with nothing in them. */
function zeroObject(schema: Schema): KubeObject {
  const known = zeros.get(schema);
  if (known !== undefined) return known;
  const made = {};
  fillRequired(schema, made);
  zeros.set(schema, made as KubeObject);
  return made as KubeObject;
}

/**
 * A write that changes nothing but the times of its entries is no write: gives the object with the times it had. Call it last, before
 * comparing with what is stored.
 */
export function keepTimes<T extends KubeObject>(live: KubeObject, object: T): T {
  const old = live.metadata.managedFields;
  const now = object.metadata.managedFields;
  if (old === undefined || now === undefined || old === now || old.length !== now.length) return object;
  if (now.every((entry, i) => entry.time === old[i]?.time)) return object;
  const untimed = (entries: readonly ManagedFieldsEntry[]): unknown => entries.map((entry) => ({ ...entry, time: undefined }));
  if (!equal(untimed(old), untimed(now)) || !equal(unversioned(live), unversioned(object))) return object;
  return { ...object, metadata: { ...object.metadata, managedFields: old } };
}

const unversioned = (object: KubeObject): unknown => ({
  ...object,
  metadata: { ...object.metadata, managedFields: undefined, resourceVersion: undefined },
});

const LONGEST_NAME = 128;

/** The name of the manager of a write: the parameter, or the first word of the client's User-Agent. */
export function managerName(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager !== undefined && fieldManager !== '') return fieldManager;
  const program = (userAgent ?? '').split('/')[0] ?? '';
  return Array.from(program).filter(isPrintable).join('').slice(0, LONGEST_NAME);
}

/** Letters, marks, numbers, punctuation, symbols and the space. */
export const isPrintable = (char: string): boolean => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char);

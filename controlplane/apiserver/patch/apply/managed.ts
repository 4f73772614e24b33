/**
 * metadata.managedFields: who owns which fields. Read from an object into one entry per manager, written back in upstream's order. Pure.
 * An Apply manager is known by name and subresource, an Update manager by its API version, too.
 * Limit: ten Update managers; beyond that the oldest of one version are put together as "ancient-changes".
 */
import type { ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import { equal, isObject } from '../json.ts';
import { decodeFieldSet, isEmptySet, union, type FieldSet } from './fieldSet.ts';

export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** "" for the object itself. */
  readonly subresource: string;
}

export interface Owner extends Manager {
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** By identity. Never changed: every step makes a new one. */
export type Owners = ReadonlyMap<string, Owner>;

export const NO_OWNERS: Owners = new Map();
const MOST_UPDATERS = 10;
const ANCIENT = 'ancient-changes';
const SUBRESOURCE_LIMIT = 256;

export function identityOf({ manager, operation, apiVersion, subresource }: Manager): string {
  return JSON.stringify(operation === 'Apply' ? [operation, manager, subresource] : [operation, manager, apiVersion, subresource]);
}

/** undefined: not a list of entries as we write them. */
export function decodeOwners(value: unknown): Owners | undefined {
  if (!Array.isArray(value)) return undefined;
  const out = new Map<string, Owner>();
  for (const entry of value) {
    const owner = decodeOwner(entry);
    if (owner === undefined) return undefined;
    out.set(identityOf(owner), owner);
  }
  return out;
}

function decodeOwner(entry: unknown): Owner | undefined {
  if (!isObject(entry)) return undefined;
  const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsType, fieldsV1 = {} } = entry;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (typeof manager !== 'string' || typeof apiVersion !== 'string' || typeof subresource !== 'string') return undefined;
  if (subresource.length > SUBRESOURCE_LIMIT || (fieldsType !== undefined && fieldsType !== '' && fieldsType !== 'FieldsV1'))
    return undefined;
  const fields = decodeFieldSet(fieldsV1);
  return fields === undefined
    ? undefined
    : { manager, operation, apiVersion, subresource, time: typeof time === 'string' ? time : undefined, fields };
}

/** Entries we wrote ourselves: taken as they are. */
export function storedOwners(entries: readonly ManagedFieldsEntry[] | undefined): Owners {
  if (entries === undefined || entries.length === 0) return NO_OWNERS;
  const out = new Map<string, Owner>();
  for (const { manager = '', operation = 'Update', apiVersion = '', subresource = '', time, fieldsV1 = {} } of entries) {
    const owner = { manager, operation, apiVersion, subresource, time, fields: fieldsV1 as FieldSet };
    out.set(identityOf(owner), owner);
  }
  return out;
}

/**
 * The entries a write starts from. A client may send its own; one empty entry or none at all in a list takes all ownership away, a list
 * that cannot be read counts as not sent, because clients that do not know the field lose or break it.
 */
export function ownersOfUpdate(live: readonly ManagedFieldsEntry[] | undefined, sent: unknown): Owners {
  if (sent === undefined || sent === null || equal(sent, live)) return storedOwners(live);
  if (Array.isArray(sent) && (sent.length === 0 || (sent.length === 1 && isObject(sent[0]) && Object.keys(sent[0]).length === 0)))
    return NO_OWNERS;
  return decodeOwners(sent) ?? storedOwners(live);
}

/** Undefined when nobody owns anything. */
export function encodeOwners(owners: Owners): readonly ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined;
  return [...owners.values()].toSorted(byOperationAndTime).map(({ manager, operation, apiVersion, subresource, time, fields }) => ({
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(subresource === '' ? {} : { subresource }),
  }));
}

function byOperationAndTime(a: Owner, b: Owner): number {
  return (
    order(a.operation, b.operation) ||
    order(a.time ?? '', b.time ?? '') ||
    order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) ||
    order(a.subresource, b.subresource)
  );
}

const order = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** With these fields for this manager; without any it goes. */
export function withOwner(owners: Owners, owner: Owner): Owners {
  const out = new Map(owners);
  if (isEmptySet(owner.fields)) out.delete(identityOf(owner));
  else out.set(identityOf(owner), owner);
  return out;
}

/** Changes the fields of all managers but one; those left without any go. */
export function mapOthers(owners: Owners, except: string, change: (fields: FieldSet) => FieldSet): Owners {
  const out = new Map<string, Owner>();
  for (const [id, owner] of owners) {
    const fields = id === except ? owner.fields : change(owner.fields);
    if (!isEmptySet(fields)) out.set(id, fields === owner.fields ? owner : { ...owner, fields });
  }
  return out;
}

/** Puts the oldest Update managers together until there are few enough. */
export function capped(owners: Owners): Owners {
  let updaters = [...owners.values()].filter((o) => o.operation === 'Update');
  if (updaters.length <= MOST_UPDATERS) return owners;
  updaters = updaters.toSorted(byOperationAndTime);
  const out = new Map(owners);
  const firsts = new Map<string, Owner>();
  let count = updaters.length;
  for (const owner of updaters) {
    if (count <= MOST_UPDATERS) break;
    const first = firsts.get(owner.apiVersion);
    if (first === undefined) {
      firsts.set(owner.apiVersion, owner);
      continue;
    }
    const bucket: Manager = { manager: ANCIENT, operation: 'Update', apiVersion: owner.apiVersion, subresource: '' };
    const known = out.get(identityOf(bucket)) ?? first;
    if (known === first) out.delete(identityOf(first));
    out.delete(identityOf(owner));
    out.set(identityOf(bucket), { ...bucket, time: owner.time, fields: union(owner.fields, known.fields) });
    count -= 1;
  }
  return out;
}

/** How a message names a manager. */
export function managerText({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = `${JSON.stringify(manager)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/**
 * Server-side apply: a manager declares the fields it wants; what it declared before and leaves out now goes, unless somebody else owns
 * it; what others own and it wants to be different is a conflict, unless it forces. Pure.
 * Throws: ApiError BadRequest for a config that does not fit, Conflict with a cause for each field.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { equal, isObject, setOwn, type JsonObject } from '../json.ts';
import { canonical, checkedConfig } from './config.ts';
import { conflictError, conflictsOf, type Conflict } from './conflict.ts';
import { difference, differenceBelow, hasPath, intersection, isEmptySet, NO_FIELDS, union, type FieldSet } from './fieldSet.ts';
import { KUBECTL, ownedByAnnotation, withLastApplied } from './lastApplied.ts';
import { encodeOwners, identityOf, mapOthers, storedOwners, withOwner, type Owner, type Owners } from './managed.ts';
import { shapeOf, type Shape } from './shape.ts';
import { compare, fieldsOf, merge, without, withStructs } from './typed.ts';
import { rfc3339 } from '#api/formats.ts';
import { bare, beforeFirstApply, filtered, UNOWNED } from './update.ts';

export interface ApplyOptions {
  readonly definition: KindDefinition;
  /** undefined: the apply creates the object. */
  readonly live: KubeObject | undefined;
  /** The document as the client sent it. */
  readonly config: unknown;
  readonly manager: string;
  readonly onConflict: 'refuse' | 'force';
  readonly subresource?: string;
  readonly resetFields?: FieldSet;
  readonly nowMs: number;
}

/** The object to store, with its managedFields but without new defaults: parse it like any document. */
export function applyConfig(options: ApplyOptions): JsonObject {
  const { definition, live, nowMs } = options;
  const config = checkedConfig(definition, options.config);
  const stored = storedOwners(live?.metadata.managedFields);
  const owners = stored.size === 0 && live !== undefined ? beforeFirstApply(definition, live, nowMs) : stored;
  const job: Job = { ...options, shape: shapeOf(definition.schema), base: live === undefined ? {} : bare(live), config, owners };
  const result = resolved(job);
  const object = options.manager === KUBECTL ? withLastApplied(result.object, config) : result.object;
  const managedFields = encodeOwners(result.owners);
  const metadata = { ...(object['metadata'] as JsonObject | undefined), ...(managedFields === undefined ? {} : { managedFields }) };
  return { ...object, metadata };
}

interface Job extends Omit<ApplyOptions, 'config'> {
  readonly shape: Shape;
  readonly base: unknown;
  readonly config: JsonObject;
  readonly owners: Owners;
}

interface Result {
  readonly kind: 'applied';
  readonly object: JsonObject;
  readonly owners: Owners;
}

function resolved(job: Job): Result {
  const first = attempt(job);
  if (first.kind === 'applied') return first;
  const { definition, live, manager, shape } = job;
  if (manager !== KUBECTL || live === undefined) throw conflictError(first.conflicts);
  const allowed = ownedByAnnotation({
    shape,
    live,
    apiVersion: definition.apiVersion,
    canonical: (value) => canonical(definition, value),
  });
  const left = first.conflicts.filter(({ path }) => !hasPath(allowed, path));
  if (left.length > 0) throw conflictError(left);
  const forced = attempt({ ...job, onConflict: 'force' });
  if (forced.kind === 'conflicts') throw conflictError(forced.conflicts);
  return forced;
}

type Attempt = Result | { readonly kind: 'conflicts'; readonly conflicts: readonly Conflict[] };

function attempt({ definition, shape, base, config, owners, manager, subresource = '', resetFields = NO_FIELDS, ...job }: Job): Attempt {
  const me = { manager, operation: 'Apply', apiVersion: definition.apiVersion, subresource } as const;
  const id = identityOf(me);
  const last = owners.get(id);
  const wanted = differenceBelow(fieldsOf(shape, config), resetFields);
  const claimed = withOwner(owners, { ...me, time: last?.time, fields: wanted });
  const merged = merge(shape, base, config);
  const object = last === undefined ? merged : prune(shape, merged, { last: last.fields, owners: claimed });
  const { changed, removed } = filtered(compare(shape, base, object), resetFields);
  if (job.onConflict === 'refuse') {
    const conflicts = [...claimed].flatMap(([other, owner]) =>
      other === id ? [] : conflictsOf(owner, intersection(owner.fields, changed)),
    );
    if (conflicts.length > 0) return { kind: 'conflicts', conflicts };
  }
  const others = mapOthers(claimed, id, (fields) => difference(difference(fields, changed), removed));
  const mine: Owner = { ...me, time: last?.time, fields: difference(wanted, UNOWNED) };
  const result = withoutNulls(object) as JsonObject;
  const isSame = last !== undefined && equal(last.fields, mine.fields) && equal(base, result);
  const after = withOwner(others, isSame ? last : { ...mine, time: rfc3339(job.nowMs) });
  return { kind: 'applied', object: result, owners: after };
}

/** Takes out what this manager declared last time, and nobody declares or owns now. */
function prune(shape: Shape, merged: unknown, { last, owners }: { readonly last: FieldSet; readonly owners: Owners }): unknown {
  if (isEmptySet(last)) return merged;
  const whole = withStructs(shape, last);
  const all = withStructs(shape, fieldsOf(shape, merged));
  const bared = withStructs(shape, fieldsOf(shape, without(shape, merged, whole) ?? {}));
  const owned = withStructs(
    shape,
    [...owners.values()].reduce((sum, { fields }) => union(sum, fields), NO_FIELDS),
  );
  // Back come the fields others own below something that went, then those nobody owns that were never this manager's.
  const kept = withStructs(shape, fieldsOf(shape, without(shape, merged, difference(all, union(bared, owned))) ?? {}));
  return without(shape, merged, intersection(difference(all, kept), whole)) ?? {};
}

/** null has done its work: it has emptied a field. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) if (value[key] !== null) setOwn(out, key, withoutNulls(value[key]));
  return out;
}

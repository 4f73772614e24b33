/**
 * Lists in a strategic merge patch: objects are matched by a key, scalars by value, and the result is put in order. Pure.
 * Order: what the patch names comes as the order directive (or else the patch) has it; what only the server has keeps its place before
 * the first named element that it stood in front of.
 * Throws: ApiError BadRequest.
 */
import { badRequest } from '../status.ts';
import { isObject, own, type JsonObject } from './json.ts';
import { asNew, directiveOf } from './strategicDirectives.ts';

interface ListJob {
  readonly field: string;
  readonly original: readonly unknown[];
  readonly patch: readonly unknown[];
  readonly order: readonly unknown[] | undefined;
}

export function mergeScalars({ field, original, patch, order }: ListJob): readonly unknown[] {
  const merged = [...new Set([...original, ...patch.map(asNew)])];
  checkOrder({ field, named: patch, order });
  return inOrder({ merged, wanted: order ?? patch, original });
}

interface ElementJob extends ListJob {
  readonly mergeKey: string;
  readonly merge: (original: JsonObject, patch: JsonObject) => JsonObject;
}

export function mergeElements({ field, original, patch, order, mergeKey, merge }: ElementJob): readonly unknown[] {
  const keyOf = (item: unknown): unknown => (isObject(item) ? own(item, mergeKey) : undefined);
  const { plain, deleted, isReplaced } = sorted(patch, { field, mergeKey });
  checkOrder({ field, named: plain.map(keyOf), order: order?.map(keyOf) });
  if (isReplaced) return plain.map(asNew);
  const merged = original.filter((item) => !deleted.has(keyOf(item)) || keyOf(item) === undefined);
  const places = new Map<unknown, number>();
  for (const [i, item] of merged.entries()) if (!places.has(keyOf(item))) places.set(keyOf(item), i);
  for (const item of plain) {
    const place = places.get(keyOf(item));
    const old = place === undefined ? undefined : merged[place];
    if (place === undefined || !isObject(old)) {
      places.set(keyOf(item), merged.length);
      merged.push(asNew(item));
    } else merged[place] = merge(old, item);
  }
  const wanted = (order ?? plain).map(keyOf);
  return inOrder({ merged, wanted, original, keyOf });
}

interface Sorted {
  readonly plain: readonly JsonObject[];
  readonly deleted: ReadonlySet<unknown>;
  readonly isReplaced: boolean;
}

function sorted(patch: readonly unknown[], { field, mergeKey }: { readonly field: string; readonly mergeKey: string }): Sorted {
  const plain: JsonObject[] = [];
  const deleted = new Set<unknown>();
  let isReplaced = false;
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`${field}: want objects with ${mergeKey}, got ${JSON.stringify(item)}`);
    const directive = directiveOf(item);
    if (directive === 'replace') {
      isReplaced = true;
      continue;
    }
    if (!Object.hasOwn(item, mergeKey)) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
    }
    if (directive === 'delete') deleted.add(item[mergeKey]);
    else plain.push(item);
  }
  return { plain, deleted, isReplaced };
}

interface Order {
  readonly field: string;
  readonly named: readonly unknown[];
  readonly order: readonly unknown[] | undefined;
}

/** What a patch sets must stand in its order directive, in the same order. */
function checkOrder({ field, named, order }: Order): void {
  if (order === undefined || order.length === 0) return;
  let at = 0;
  for (const name of order) if (at < named.length && name === named[at]) at += 1;
  if (at < named.length) {
    throw badRequest(
      `The order in patch list of ${field}: ${JSON.stringify(named)} doesn't match $setElementOrder list: ${JSON.stringify(order)}`,
    );
  }
}

interface Ordering {
  readonly merged: readonly unknown[];
  /** The names in the order they shall come in. */
  readonly wanted: readonly unknown[];
  readonly original: readonly unknown[];
  readonly keyOf?: (item: unknown) => unknown;
}

function inOrder({ merged, wanted, original, keyOf = (item) => item }: Ordering): readonly unknown[] {
  const places = placesOf(wanted);
  const before = placesOf(original.map(keyOf));
  const named = merged.filter((item) => places.has(keyOf(item)));
  const others = merged.filter((item) => !places.has(keyOf(item)));
  const sortedNamed = named.toSorted((a, b) => (places.get(keyOf(a)) ?? 0) - (places.get(keyOf(b)) ?? 0));
  const out: unknown[] = [];
  let next = 0;
  for (const other of others) {
    const place = before.get(keyOf(other)) ?? Number.POSITIVE_INFINITY;
    for (; next < sortedNamed.length; next++) {
      const candidate = before.get(keyOf(sortedNamed[next]));
      if (candidate === undefined || candidate > place) break;
      out.push(sortedNamed[next]);
    }
    out.push(other);
  }
  return [...out, ...sortedNamed.slice(next)];
}

function placesOf(names: readonly unknown[]): ReadonlyMap<unknown, number> {
  const out = new Map<unknown, number>();
  for (const [i, name] of names.entries()) if (!out.has(name)) out.set(name, i);
  return out;
}

/** GET, LIST and WATCH of a resource: bytes out of the cache. */
import type { Answer, ApiCall } from '../call.ts';
import { EVERYTHING, passes, selectsAll } from '../cache/filter.ts';
import { cachedObject, type CachedObject } from '../cache/object.ts';
import { runWatch } from '../cache/watch.ts';
import { isTrue, type ResourceRequest } from '../requestInfo.ts';
import { expired, notFound, unsupportedMediaType } from '../status.ts';
import { codeOf } from '#base/errors.ts';
import type { RegistryDeps } from './deps.ts';
import { makeContinue, readFilter, readListRequest, readRevision, type At, type ListRequest } from './listOptions.ts';
import type { Resource } from './types.ts';
import { includeObjectOf, viewOf, type ListView } from './views.ts';

/** Entries read from the store at a time when a list is about the past. */
const PAST_PAGE = 500;

export function keyOf(resource: Resource, { namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return resource.definition.namespaced ? `${namespace}/${name}` : name;
}

export async function getObject(deps: RegistryDeps, resource: Resource, call: ApiCall): Promise<Answer> {
  const info = call.info as ResourceRequest;
  const version = call.query.get('resourceVersion') ?? '';
  await settle(
    deps,
    version === '' ? { kind: 'newest' } : version === '0' ? { kind: 'any' } : { kind: 'notOlderThan', revision: readRevision(version) },
  );
  const object = resource.cache.get(keyOf(resource, info));
  if (object === undefined) throw notFound(resource.about, info.name);
  return { kind: 'json', code: 200, body: oneView(deps, resource, call).get(object) };
}

function oneView(deps: RegistryDeps, resource: Resource, call: ApiCall): ListView {
  const { form } = call.wanted('forms');
  return viewOf(deps, resource, { form, includeObject: includeObjectOf(call.query.get('includeObject')) });
}

/** Waits until the cache is as new as it has to be. */
export async function settle({ cache }: RegistryDeps, at: At): Promise<void> {
  if (at.kind === 'newest') await cache.fresh();
  else if (at.kind === 'notOlderThan' || at.kind === 'exactly') await cache.waitFor(at.revision);
}

export async function listObjects(deps: RegistryDeps, resource: Resource, call: ApiCall): Promise<Answer> {
  const info = call.info as ResourceRequest;
  const request = readListRequest(call.query, resource, info.namespace);
  const view = oneView(deps, resource, call);
  const { objects, revision, next, remaining } = await findObjects(deps, resource, request);
  const metadata = {
    resourceVersion: String(revision),
    ...(next === undefined ? {} : { continue: next }),
    ...(remaining === undefined || remaining <= 0 || !selectsAll(request.filter) ? {} : { remainingItemCount: remaining }),
  };
  return { kind: 'json', code: 200, body: view.list(objects, metadata) };
}

export interface Found {
  readonly objects: readonly CachedObject[];
  readonly revision: number;
  readonly next?: string | undefined;
  readonly remaining?: number | undefined;
}

export async function findObjects(deps: RegistryDeps, resource: Resource, request: ListRequest): Promise<Found> {
  await settle(deps, request.at);
  const { cache } = deps;
  // Nothing of this resource has changed since, so the present is that past.
  if (request.at.kind === 'exactly' && resource.cache.lastChange > request.at.revision)
    return findPast(deps, resource, request, request.at.revision);
  const revision = request.at.kind === 'exactly' ? request.at.revision : cache.revision;
  return page(resource.cache.list(request.filter), request, revision);
}

function page(all: readonly CachedObject[], { limit, after }: ListRequest, revision: number): Found {
  const from = after === undefined ? 0 : firstAfter(all, after);
  if (limit === undefined || all.length - from <= limit) return { objects: from === 0 ? all : all.slice(from), revision };
  const objects = all.slice(from, from + limit);
  return { objects, revision, next: makeContinue(revision, objects.at(-1)?.key ?? ''), remaining: all.length - from - limit };
}

function firstAfter(all: readonly CachedObject[], after: string): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.key ?? '') <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Reads the store's own past. */
async function findPast(deps: RegistryDeps, resource: Resource, request: ListRequest, revision: number): Promise<Found> {
  const { prefix, readers } = resource.cache;
  const { filter, limit = Number.POSITIVE_INFINITY } = request;
  const objects: CachedObject[] = [];
  let after = request.after === undefined ? undefined : prefix + request.after;
  const within = filter.namespace === '' ? prefix : `${prefix}${filter.namespace}/`;
  for (;;) {
    const found = await deps.store
      .list({ prefix: within, revision, limit: PAST_PAGE, ...(after === undefined ? {} : { after }) })
      .catch((err: unknown) => {
        throw codeOf(err) === 'STORE_COMPACTED' ? tooOld(request) : err;
      });
    for (const entry of found.entries) {
      const object = cachedObject(entry.key.slice(prefix.length), entry, readers);
      if (!passes(filter, object)) continue;
      objects.push(object);
      if (objects.length < limit) continue;
      const isLast = found.next === undefined && entry === found.entries.at(-1);
      return { objects, revision, ...(isLast ? {} : { next: makeContinue(revision, object.key) }) };
    }
    if (found.next === undefined) return { objects, revision };
    after = found.next;
  }
}

/** The list cannot be continued as it was; the token in the answer goes on with what there is now. */
function tooOld(request: ListRequest): Error {
  if (request.after === undefined) return expired('The resourceVersion for the provided list is too old.');
  const err = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  (err.status.metadata as { continue?: string }).continue = makeContinue(-1, request.after);
  return err;
}

export async function watchObjects(deps: RegistryDeps, resource: Resource, call: ApiCall): Promise<Answer> {
  const info = call.info as ResourceRequest;
  const { query } = call;
  const version = query.get('resourceVersion') ?? '';
  // Checks the options too.
  readListRequest(query, resource, info.namespace);
  const named = info.name === '' ? undefined : info.name;
  const filter = readFilter(query, resource, info.namespace);
  const { encoding } = call.wanted('forms');
  if (encoding !== 'json') throw unsupportedMediaType(['application/json']);
  const initial = query.get('sendInitialEvents');
  const sendsInitial = initial === undefined ? version === '' || version === '0' : isTrue(initial);
  await settle(deps, watchAt(version));
  const after = version === '' || version === '0' ? deps.cache.revision : readRevision(version);
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const timeoutMs = seconds > 0 ? seconds * 1_000 : deps.minWatchMs * (1 + deps.random());
  const labels = [info.group, info.version, info.resource];
  return {
    kind: 'stream',
    contentType: 'application/json',
    run: (sink) =>
      runWatch(
        {
          cache: deps.cache,
          resource: resource.cache,
          filter:
            named === undefined
              ? filter
              : { ...(filter ?? EVERYTHING), fields: [...filter.fields, { field: 'metadata.name', value: named, equal: true }] },
          view: oneView(deps, resource, call),
          start: sendsInitial
            ? { kind: 'now', endMark: initial !== undefined && isTrue(query.get('allowWatchBookmarks')) }
            : { kind: 'after', revision: after },
          bookmarks: isTrue(query.get('allowWatchBookmarks')),
          timeoutMs,
          clock: deps.clock,
          onEvents: (count) => deps.metrics.watchEvents.inc(labels, count),
        },
        sink,
      ),
  };
}

function watchAt(version: string): At {
  if (version === '') return { kind: 'newest' };
  return version === '0' ? { kind: 'any' } : { kind: 'notOlderThan', revision: readRevision(version) };
}

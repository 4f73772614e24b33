/**
 * CREATE, UPDATE, PATCH and DELETE of a resource: from a draft to a write of the store, and again from the start when somebody else was first.
 */
import { codeOf } from '#base/errors.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { DeleteOptions } from '#api/kinds/meta/options.ts';
import type { Problem } from '#api/problem.ts';
import type { AdmissionRequest, Operation } from '../admission/chain.ts';
import type { UserInfo } from '../call.ts';
import { decodeSeen, seenAsIs, seenAt, storedForm, type Seen } from '../cache/bytes.ts';
import { alreadyExists, conflict, generateNameConflict, invalid, notFound, tooLarge } from '../status.ts';
import { StoreError } from '../storage/errors.ts';
import { MAX_TRANSACTION_BYTES, type Entry, type Write } from '../storage/store.ts';
import { deepEqual } from './deepEqual.ts';
import { isReadyToGo, planDeletion } from './deletion.ts';
import type { RegistryDeps } from './deps.ts';
import { carryOver, countGeneration, fillForCreate, settleName, settleNamespace } from './metadata.ts';
import { prepareUpdate, updateProblems } from './parts.ts';
import { keyOf } from './reads.ts';
import type { KubeDraft, Resource, WriteContext } from './types.ts';

/** What a request says beside its object. */
export interface WriteOptions {
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly manager: string;
  readonly subresource: string;
  /** Absent: an update. */
  readonly operation?: 'Apply' | 'Update';
  readonly warn: (text: string) => void;
  /** Leaves the managed fields as they are. */
  readonly untracked?: boolean;
}

export interface Written {
  readonly seen: Seen;
  readonly object: KubeObject;
  readonly created: boolean;
}

/** Somebody else may be first this often. Source: upstream tries generated names 8 times, and patches 5 times. */
const NAME_TRIES = 8;
const UPDATE_TRIES = 10;
const ALLOCATION_TRIES = 50;
/** Source: the generated part of a name, and the longest name it makes. */
const RANDOM_CHARACTERS = 5;
const LONGEST_GENERATED = 63;

export interface Place {
  readonly namespace: string;
  readonly name: string;
}

export class Writer {
  readonly #deps: RegistryDeps;

  constructor(deps: RegistryDeps) {
    this.#deps = deps;
  }

  /** makeDraft is called again for each try, because a draft is used up by one. */
  async create(
    resource: Resource,
    makeDraft: () => KubeDraft,
    options: WriteOptions & { readonly namespace: string; readonly name?: string },
  ): Promise<Written> {
    for (let tries = 1; ; tries++) {
      const draft = makeDraft();
      const generated = this.#settle(draft, resource, options);
      const name = draft.metadata.name ?? '';
      try {
        return await this.#createOnce(resource, draft, options);
      } catch (err) {
        const taken = err instanceof StoreError && err.code === 'STORE_EXISTS';
        if (!taken) {
          if (!isRace(err)) throw err;
          if (tries >= ALLOCATION_TRIES) throw conflict(resource.about, name);
          continue;
        }
        const isOwn = err.current?.key === resource.cache.prefix + keyOf(resource, { namespace: draft.metadata.namespace ?? '', name });
        if (!isOwn && tries < ALLOCATION_TRIES) continue;
        if (!generated) throw alreadyExists(resource.about, name);
        if (tries >= NAME_TRIES) throw generateNameConflict(resource.about, name);
      }
    }
  }

  /** Returns whether the name was made up here. */
  #settle(draft: KubeDraft, resource: Resource, { namespace, name }: { readonly namespace: string; readonly name?: string }): boolean {
    settleNamespace(draft, resource, namespace);
    if (name !== undefined) settleName(draft, name);
    const { metadata } = draft;
    if ((metadata.name ?? '') !== '' || (metadata.generateName ?? '') === '') return false;
    const base = metadata.generateName?.slice(0, LONGEST_GENERATED - RANDOM_CHARACTERS) ?? '';
    metadata.name = base + this.#deps.randomText(RANDOM_CHARACTERS);
    return true;
  }

  async #createOnce(resource: Resource, draft: KubeDraft, options: WriteOptions): Promise<Written> {
    const { clock, admission, ownership, newUid } = this.#deps;
    const { strategy } = resource;
    const nowMs = clock.nowMs();
    const { context, request, also } = this.#surroundings(resource, { draft, old: undefined, options, operation: 'CREATE', nowMs });
    fillForCreate(draft, resource, { uid: newUid(), nowMs });
    strategy.prepareForCreate?.(draft, context);
    await admission.mutate(request);
    const object = draft as unknown as KubeObject;
    const problems = [...(resource.definition.validate?.(object) ?? []), ...(strategy.validateCreate?.(object, context) ?? [])];
    refuse(resource, draft.metadata.name, problems);
    await admission.validate(request);
    strategy.allocate?.(draft, undefined, context);
    ownership.record(draft, {
      resource,
      old: undefined,
      manager: options.manager,
      subresource: options.subresource,
      operation: options.operation ?? 'Update',
      nowMs,
    });
    const stored = resource.conversion === undefined ? object : resource.conversion.toStored(object);
    const key = resource.cache.prefix + keyOf(resource, { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name ?? '' });
    const value = storedForm(stored);
    const ttlMs = strategy.ttlMs?.(object);
    const write: Write = { kind: 'create', key, value, by: options.user.name, ...(ttlMs === undefined ? {} : { ttlMs }) };
    if (options.dryRun) {
      await this.#deps.cache.fresh();
      if (resource.cache.get(key.slice(resource.cache.prefix.length)) !== undefined)
        throw alreadyExists(resource.about, draft.metadata.name ?? '');
      return this.#answer(resource, { value, object: stored, revision: undefined, created: true });
    }
    const revision = await this.#commit({ write, also, value, object: stored });
    return this.#answer(resource, { value, object: stored, revision, created: true });
  }

  /**
   * change makes the new object out of the old one, which it must not touch; a new try gives it a newer one.
   * ifVersion: the resourceVersion the client saw; '' if it does not care. Throws Conflict.
   */
  async update(
    resource: Resource,
    place: Place,
    options: WriteOptions & {
      readonly change: (old: KubeObject) => KubeDraft | Promise<KubeDraft>;
      readonly ifUid?: string | undefined;
    },
  ): Promise<Written> {
    let entry = await this.#current(resource, place);
    for (let tries = 1; ; tries++) {
      if (entry === undefined) throw notFound(resource.about, place.name);
      try {
        return await this.#updateOnce(resource, entry, options);
      } catch (err) {
        if (!(err instanceof StoreError) || (err.code !== 'STORE_CONFLICT' && err.code !== 'STORE_EXISTS')) throw err;
        if (tries >= UPDATE_TRIES) throw conflict(resource.about, place.name);
        const key: string = resource.cache.prefix + keyOf(resource, place);
        entry = err.facts['key'] === key ? entryOf(err.current) : await this.#stored(key);
      }
    }
  }

  async #updateOnce(
    resource: Resource,
    current: Current,
    options: WriteOptions & { readonly change: (old: KubeObject) => KubeDraft | Promise<KubeDraft>; readonly ifUid?: string | undefined },
  ): Promise<Written> {
    const { clock, admission, ownership } = this.#deps;
    const { strategy } = resource;
    const nowMs = clock.nowMs();
    const old = decode(resource, current.seen);
    const name = old.metadata.name ?? '';
    const draft = await options.change(old);
    const asked = draft.metadata.resourceVersion ?? '';
    if (asked !== '' && asked !== '0' && asked !== old.metadata.resourceVersion) throw conflict(resource.about, name);
    const uid = draft.metadata.uid ?? '';
    if (uid !== '' && uid !== old.metadata.uid) {
      throw conflict(
        resource.about,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid ?? ''}`,
      );
    }
    const { context, request, also } = this.#surroundings(resource, { draft, old, options, operation: 'UPDATE', nowMs });
    carryOver(draft, old);
    prepareUpdate(resource, draft, { old, context });
    await admission.mutate(request);
    const object = draft as unknown as KubeObject;
    refuse(resource, name, updateProblems(resource, object, { old, context }));
    await admission.validate(request);
    strategy.allocate?.(draft, old, context);
    if (strategy.counted === true) countGeneration(draft, old);
    const { manager, subresource, operation = 'Update' } = options;
    if (options.untracked !== true) ownership.record(draft, { resource, old, manager, subresource, operation, nowMs });
    draft.metadata.resourceVersion = old.metadata.resourceVersion as string;
    if (deepEqual(object, old) && also.length === 0) return { seen: shown(resource, current.seen, old), object: old, created: false };
    const stored = resource.conversion === undefined ? object : resource.conversion.toStored(object);
    const value = storedForm(stored);
    if (options.dryRun) return this.#answer(resource, { value, object: stored, revision: current.revision, created: false });
    if (isReadyToGo(object, resource)) {
      strategy.release?.(object, context);
      await this.#commit({ write: { kind: 'delete', key: current.key, ifRevision: current.revision, by: options.user.name }, also });
      return this.#answer(resource, { value, object: stored, revision: current.revision, created: false });
    }
    const ttlMs = strategy.ttlMs?.(object);
    const write: Write = {
      kind: 'update',
      key: current.key,
      value,
      ifRevision: current.revision,
      by: options.user.name,
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    const revision = await this.#commit({ write, also, value, object: stored });
    return this.#answer(resource, { value, object: stored, revision, created: false });
  }

  /** Resolves with the object as it was last, and whether it is gone already. */
  async delete(resource: Resource, place: Place, options: WriteOptions & { readonly deletion: DeleteOptions }): Promise<Deleted> {
    let entry = await this.#current(resource, place);
    for (let tries = 1; ; tries++) {
      if (entry === undefined) throw notFound(resource.about, place.name);
      try {
        return await this.#deleteOnce(resource, entry, options);
      } catch (err) {
        if (!(err instanceof StoreError) || err.code !== 'STORE_CONFLICT') throw err;
        if (tries >= UPDATE_TRIES) throw conflict(resource.about, place.name);
        const key: string = resource.cache.prefix + keyOf(resource, place);
        entry = err.facts['key'] === key ? entryOf(err.current) : await this.#stored(key);
      }
    }
  }

  async #deleteOnce(resource: Resource, current: Current, options: WriteOptions & { readonly deletion: DeleteOptions }): Promise<Deleted> {
    const nowMs = this.#deps.clock.nowMs();
    const old = decode(resource, current.seen);
    const { context, request, also } = this.#surroundings(resource, { draft: undefined, old, options, operation: 'DELETE', nowMs });
    await this.#deps.admission.validate(request);
    const plan = planDeletion(old, options.deletion, { resource, nowMs });
    if (plan.kind === 'nothing') return { gone: false, object: old, seen: shown(resource, current.seen, old) };
    if (plan.kind === 'remove') {
      resource.strategy.release?.(old, context);
      if (options.dryRun) return { gone: true, object: old, seen: shown(resource, current.seen, old) };
      const revision = await this.#commit({
        write: { kind: 'delete', key: current.key, ifRevision: current.revision, by: options.user.name },
        also,
      });
      return { gone: true, object: old, seen: shown(resource, { ...current.seen, revision }, withVersion(old, revision)) };
    }
    const object = plan.object as unknown as KubeObject;
    const stored = resource.conversion === undefined ? object : resource.conversion.toStored(object);
    const value = storedForm(stored);
    const revision = options.dryRun
      ? current.revision
      : await this.#commit({
          write: { kind: 'update', key: current.key, value, ifRevision: current.revision, by: options.user.name },
          also,
          value,
          object: stored,
        });
    const written = this.#answer(resource, { value, object: stored, revision, created: false });
    return { gone: false, object: written.object, seen: written.seen };
  }

  /** The newest the cache can show; a write against something older fails and brings the newer one along. */
  async #current(resource: Resource, place: Place): Promise<Current | undefined> {
    await this.#deps.cache.fresh();
    const cached = resource.cache.get(keyOf(resource, place));
    return cached === undefined ? undefined : { key: resource.cache.prefix + cached.key, revision: cached.revision, seen: cached.seen };
  }

  async #stored(key: string): Promise<Current | undefined> {
    return entryOf(await this.#deps.store.get(key));
  }

  async #commit({
    write,
    also,
    value,
    object,
  }: {
    readonly write: Write;
    readonly also: readonly Write[];
    readonly value?: Buffer;
    readonly object?: KubeObject;
  }): Promise<number> {
    const { cache, store } = this.#deps;
    if (value !== undefined && value.length > MAX_TRANSACTION_BYTES - 4_096) throw tooLarge(MAX_TRANSACTION_BYTES - 4_096);
    if (value !== undefined && object !== undefined) cache.willWrite(write.key, value, object);
    try {
      const revision = await store.transact([write, ...also]);
      if (value !== undefined) cache.didWrite(write.key, value, revision);
      return revision;
    } catch (err) {
      if (value !== undefined) cache.notWritten(write.key, value);
      throw err;
    }
  }

  #answer(resource: Resource, { value, object, revision, created }: Answered): Written {
    if (resource.conversion !== undefined) {
      const seen = resource.conversion.fromStored(revision === undefined ? object : withVersion(object, revision));
      return { seen: seenAsIs(seen), object: seen, created };
    }
    return { seen: revision === undefined ? { value, at: 0, revision } : seenAt(value, revision), object, created };
  }

  #surroundings(
    resource: Resource,
    {
      draft,
      old,
      options,
      operation,
      nowMs,
    }: {
      readonly draft: KubeDraft | undefined;
      readonly old: KubeObject | undefined;
      readonly options: WriteOptions;
      readonly operation: Operation;
      readonly nowMs: number;
    },
  ): { readonly context: WriteContext; readonly request: AdmissionRequest; readonly also: Write[] } {
    const also: Write[] = [];
    const { user, dryRun, subresource } = options;
    const metadata = draft?.metadata ?? old?.metadata ?? {};
    const common = { user, dryRun, subresource, nowMs, warn: options.warn, also: (write: Write) => void also.push(write) };
    return {
      also,
      context: common,
      request: { ...common, operation, resource, namespace: metadata.namespace ?? '', name: metadata.name ?? '', object: draft, old },
    };
  }
}

export interface Deleted {
  readonly gone: boolean;
  /** As it was last. */
  readonly object: KubeObject;
  readonly seen: Seen;
}

interface Answered {
  readonly value: Buffer;
  readonly object: KubeObject;
  readonly revision: number | undefined;
  readonly created: boolean;
}

/** One version of an object, from the cache or the store. */
interface Current {
  readonly key: string;
  readonly revision: number;
  readonly seen: Seen;
}

function entryOf(entry: Entry | undefined): Current | undefined {
  return entry === undefined ? undefined : { key: entry.key, revision: entry.modRevision, seen: seenAt(entry.value, entry.modRevision) };
}

function decode(resource: Resource, seen: Seen): KubeObject {
  const stored = decodeSeen(seen);
  return resource.conversion === undefined ? stored : resource.conversion.fromStored(stored);
}

/** object: the same, decoded and converted. */
function shown({ conversion }: Resource, seen: Seen, object: KubeObject): Seen {
  return conversion === undefined ? seen : seenAsIs(object);
}

function withVersion(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

/** A write that goes along lost against somebody else's: try the whole again. */
function isRace(err: unknown): boolean {
  return codeOf(err) === 'STORE_CONFLICT';
}

function refuse(resource: Resource, name: string | undefined, problems: readonly Problem[]): void {
  if (problems.length > 0) throw invalid(resource.aboutKind, name ?? '', problems);
}

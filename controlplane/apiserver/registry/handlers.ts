/** The handlers of a stored resource and of its status: HTTP in, answers out. What is written is decided in writes.ts. */
import type { DeleteOptions } from '#api/kinds/meta/options.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { codeOf } from '#base/errors.ts';
import type { Answer, ApiCall, Handler } from '../call.ts';
import { clauseOf } from '../negotiate.ts';
import type { ResourceRequest, Verb } from '../requestInfo.ts';
import { badRequest, invalid, success, unsupportedMediaType } from '../status.ts';
import { bytesOf } from '../cache/bytes.ts';
import { CachedObject } from '../cache/object.ts';
import { Problems } from '#api/problem.ts';
import { at } from '#api/fieldPath.ts';
import { fieldValidationOf, readBodyValue, toDraft } from './decode.ts';
import { checkDeleteOptions } from './deletion.ts';
import type { RegistryDeps } from './deps.ts';
import { readFilter } from './listOptions.ts';
import { settleName, settleNamespace } from './metadata.ts';
import { managerOf } from './ownership.ts';
import { checkFieldManager, checkPatchOptions } from '../patch/options.ts';
import { PATCH_TYPES, type PatchType } from './patching.ts';
import { onlyFieldOf } from './parts.ts';
import { getObject, listObjects, settle, watchObjects } from './reads.ts';
import type { KubeDraft, Resource } from './types.ts';
import { includeObjectOf, viewOf } from './views.ts';
import type { WriteOptions, Writer, Written } from './writes.ts';

/** Deletions of a collection that run at once. */
const DELETE_AT_ONCE = 16;

export interface Handlers {
  readonly resource: Readonly<Record<Verb, Handler>>;
  /** For subresources that are the object itself seen from another side: status and the like. */
  part(subresource: string): Readonly<Partial<Record<Verb, Handler>>>;
}

export function handlersOf(deps: RegistryDeps, writer: Writer, resource: Resource): Handlers {
  const make = new ResourceHandlers(deps, writer, resource);
  return {
    resource: {
      get: (call) => getObject(deps, resource, call),
      list: (call) => listObjects(deps, resource, call),
      watch: (call) => watchObjects(deps, resource, call),
      create: (call) => make.create(call),
      update: (call) => make.update(call, ''),
      patch: (call) => make.patch(call, ''),
      delete: (call) => make.delete(call),
      deletecollection: (call) => make.deleteCollection(call),
    },
    part: (subresource) => ({
      get: (call) => getObject(deps, resource, call),
      update: (call) => make.update(call, subresource),
      patch: (call) => make.patch(call, subresource),
    }),
  };
}

export function writeOptionsOf(call: ApiCall, subresource = ''): WriteOptions {
  checkWriteOptions(call);
  const manager = managerOf(call.query.get('fieldManager'), call.headers['user-agent'] as string | undefined);
  return { user: call.user, dryRun: call.query.get('dryRun') !== undefined, manager, subresource, warn: (text) => call.warn(text) };
}

const OPTIONS_KINDS: Readonly<Record<string, string>> = { update: 'UpdateOptions', patch: 'PatchOptions', delete: 'DeleteOptions' };
const FIELD_VALIDATION = ['', 'Ignore', 'Strict', 'Warn'];

/** Everything that is wrong with what the query says of a write. Throws: Invalid. */
function checkWriteOptions({ query, info }: ApiCall): void {
  const problems = new Problems();
  for (const text of query.all('dryRun')) if (text !== 'All') problems.notSupported(at('dryRun'), text, ['All']);
  const validation = query.get('fieldValidation') ?? '';
  if (!FIELD_VALIDATION.includes(validation)) problems.notSupported(at('fieldValidation'), validation, FIELD_VALIDATION);
  checkFieldManager(query.get('fieldManager') ?? '', problems);
  const kind = OPTIONS_KINDS[(info as ResourceRequest).verb] ?? 'CreateOptions';
  if (problems.count > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', problems.found);
}

export function isDryRun(asked: readonly string[]): boolean {
  const problems = new Problems();
  for (const text of asked) if (text !== 'All') problems.notSupported(at('dryRun'), text, ['All']);
  if (problems.count > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', problems.found);
  return asked.length > 0;
}

class ResourceHandlers {
  readonly #deps: RegistryDeps;
  readonly #writer: Writer;
  readonly #resource: Resource;

  constructor(deps: RegistryDeps, writer: Writer, resource: Resource) {
    this.#deps = deps;
    this.#writer = writer;
    this.#resource = resource;
  }

  async create(call: ApiCall): Promise<Answer> {
    const { namespace } = call.info as ResourceRequest;
    const resource = this.#resource;
    if (resource.definition.namespaced && namespace === '') throw badRequest('an empty namespace may not be set during creation');
    const options = writeOptionsOf(call);
    const mode = fieldValidationOf(call);
    const { value } = await readBodyValue(call, resource.definition.kind);
    const written = await this.#writer.create(resource, () => toDraft(value, resource, { mode, call }), { ...options, namespace });
    return this.#answer(call, written);
  }

  async update(call: ApiCall, subresource: string): Promise<Answer> {
    const { namespace, name } = call.info as ResourceRequest;
    const resource = this.#resource;
    const options = writeOptionsOf(call, subresource);
    const mode = fieldValidationOf(call);
    const { value } = await readBodyValue(call, resource.definition.kind);
    const make = (): KubeDraft => {
      const draft = toDraft(value, resource, { mode, call, name });
      settleNamespace(draft, resource, namespace);
      settleName(draft, name);
      return draft;
    };
    this.#checkVersion(make());
    const written = await this.#writer.update(resource, { namespace, name }, { ...options, change: make }).catch((err: unknown) => {
      if (codeOf(err) !== 'NotFound' || resource.strategy.createOnUpdate !== true || subresource !== '') throw err;
      return this.#writer.create(resource, make, { ...options, namespace, name });
    });
    return this.#answer(call, written);
  }

  #checkVersion({ metadata }: KubeDraft): void {
    const { strategy, aboutKind } = this.#resource;
    if (strategy.needsVersionForUpdate !== true || (metadata.resourceVersion ?? '') !== '') return;
    const problems = new Problems();
    problems.invalid(at('metadata', 'resourceVersion'), 0, 'must be specified for an update');
    throw invalid(aboutKind, metadata.name ?? '', problems.found);
  }

  async patch(call: ApiCall, subresource: string): Promise<Answer> {
    const { namespace, name } = call.info as ResourceRequest;
    const resource = this.#resource;
    const mode = fieldValidationOf(call);
    const type = patchTypeOf(call);
    const isApply = type === 'application/apply-patch+yaml';
    const fieldManager = call.query.get('fieldManager');
    checkPatchOptions({ kind: isApply ? 'apply' : 'patch', fieldManager, force: call.query.get('force') });
    const options = { ...writeOptionsOf(call, subresource), operation: isApply ? 'Apply' : 'Update' } as const;
    const { value: patch } = await readBodyValue(call, resource.definition.kind, isApply ? 'yaml' : 'json');
    const force = call.query.get('force') === 'true';
    const change = (current: KubeObject | undefined): KubeDraft => {
      const nowMs = this.#deps.clock.nowMs();
      const next = this.#deps.patcher.apply({ resource, type, patch, current, manager: options.manager, force, subresource, nowMs });
      const patched = current === undefined || isApply ? {} : { patched: { current, field: onlyFieldOf(resource, subresource) } };
      const draft = toDraft(next, resource, { mode: isApply ? 'Strict' : mode, call, name, ...patched });
      settleNamespace(draft, resource, namespace);
      settleName(draft, name);
      return draft;
    };
    const written = await this.#writer.update(resource, { namespace, name }, { ...options, change }).catch((err: unknown) => {
      if (!isApply || codeOf(err) !== 'NotFound' || subresource !== '') throw err;
      return this.#writer.create(resource, () => change(undefined), { ...options, namespace, name });
    });
    return this.#answer(call, written);
  }

  async delete(call: ApiCall): Promise<Answer> {
    const { namespace, name } = call.info as ResourceRequest;
    const resource = this.#resource;
    const deletion = await readDeleteOptions(call);
    const options = { ...writeOptionsOf(call), dryRun: isDryRun(deletion.dryRun ?? []), deletion };
    const { gone, object, seen } = await this.#writer.delete(resource, { namespace, name }, options);
    if (!gone || resource.strategy.returnsDeleted === true) return this.#answer(call, { seen, object, created: false });
    const { group, about } = resource;
    const details = { name, ...(group === '' ? {} : { group }), kind: about.resource, uid: object.metadata.uid ?? '' };
    return { kind: 'value', code: 200, value: success(details) };
  }

  async deleteCollection(call: ApiCall): Promise<Answer> {
    const info = call.info as ResourceRequest;
    const resource = this.#resource;
    const filter = readFilter(call.query, resource, info.namespace);
    const deletion = await readDeleteOptions(call);
    const options = { ...writeOptionsOf(call), dryRun: isDryRun(deletion.dryRun ?? []), deletion };
    await settle(this.#deps, { kind: 'newest' });
    const revision = this.#deps.cache.revision;
    const objects = resource.cache.list(filter);
    const left = objects.values();
    const work = async (): Promise<void> => {
      for (const { namespace, name } of left) {
        await this.#writer.delete(resource, { namespace, name }, options).catch((err: unknown) => {
          if (codeOf(err) !== 'NotFound') throw err;
        });
      }
    };
    await Promise.all(Array.from({ length: DELETE_AT_ONCE }, work));
    const view = viewOf(this.#deps, resource, { form: call.wanted('forms').form, includeObject: includeObjectOf(undefined) });
    return { kind: 'json', code: 200, body: view.list(objects, { resourceVersion: String(revision) }) };
  }

  #answer(call: ApiCall, { seen, created, object }: Written): Answer {
    const code = created ? 201 : 200;
    const { form } = call.wanted('forms');
    if (form.kind === 'object') return { kind: 'json', code, body: [bytesOf(seen)] };
    const view = viewOf(this.#deps, this.#resource, { form, includeObject: includeObjectOf(call.query.get('includeObject')) });
    const { namespace, name } = object.metadata;
    const key = this.#resource.definition.namespaced ? `${namespace}/${name}` : (name ?? '');
    // Only what is seen counts for a view.
    const cached = new CachedObject({ key, revision: 0, createRevision: 0, seen, readers: {} });
    const raw =
      this.#resource.conversion === undefined
        ? view
        : viewOf(this.#deps, withoutConversion(this.#resource), { form, includeObject: 'Metadata' });
    return { kind: 'json', code, body: raw.pieces(cached) };
  }
}

function withoutConversion(resource: Resource): Resource {
  const { conversion: _, ...rest } = resource;
  return rest;
}

function patchTypeOf(call: ApiCall): PatchType {
  const { type } = clauseOf((call.headers['content-type'] as string | undefined) ?? '');
  const found = PATCH_TYPES.find((known) => known === type);
  if (found === undefined) throw unsupportedMediaType(PATCH_TYPES);
  return found;
}

/** From the body, or where there is none from the query. */
export async function readDeleteOptions(call: ApiCall): Promise<DeleteOptions> {
  const hasBody = Number(call.headers['content-length'] ?? 0) > 0 || call.headers['transfer-encoding'] !== undefined;
  const said = hasBody ? ((await readBodyValue(call, 'DeleteOptions')).value as DeleteOptions | null) : undefined;
  const options = said ?? optionsOfQuery(call);
  if (typeof options !== 'object' || (said !== undefined && said !== null && (said.kind ?? 'DeleteOptions') !== 'DeleteOptions')) {
    throw badRequest('the body of a deletion must be DeleteOptions');
  }
  return checkedDeleteOptions(options);
}

/** Throws: BadRequest, Invalid. */
export function checkedDeleteOptions(options: DeleteOptions): DeleteOptions {
  if (typeof options !== 'object' || options === null) throw badRequest('deleteOptions: want an object');
  checkTypes(options);
  checkDeleteOptions(options);
  return options;
}

function optionsOfQuery({ query }: ApiCall): DeleteOptions {
  const seconds = query.get('gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  return {
    ...(seconds === undefined || seconds === '' ? {} : { gracePeriodSeconds: Number(seconds) }),
    ...(policy === undefined || policy === '' ? {} : { propagationPolicy: policy as 'Orphan' }),
    ...(orphan === undefined || orphan === '' ? {} : { orphanDependents: orphan === 'true' }),
    dryRun: query.all('dryRun'),
  };
}

const POLICIES = ['Background', 'Foreground', 'Orphan'];

function checkTypes(options: DeleteOptions): void {
  const { gracePeriodSeconds: grace, propagationPolicy: policy, dryRun, preconditions } = options;
  if (grace !== undefined && grace !== null && !Number.isSafeInteger(grace)) {
    throw badRequest(`gracePeriodSeconds: want a whole number of seconds, got ${JSON.stringify(grace)}`);
  }
  if (policy !== undefined && policy !== null && !POLICIES.includes(policy)) {
    const problems = new Problems();
    problems.notSupported(at('propagationPolicy'), policy, POLICIES);
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', problems.found);
  }
  if (dryRun !== undefined && dryRun !== null && !Array.isArray(dryRun)) throw badRequest('dryRun: want a list of strings');
  if (preconditions !== undefined && (typeof preconditions !== 'object' || preconditions === null)) {
    throw badRequest('preconditions: want an object');
  }
}

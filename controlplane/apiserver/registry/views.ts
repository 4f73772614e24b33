/** The forms an answer can have: the object, its metadata alone, or a Table. Each turns cached bytes into the bytes that are sent. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { JsonBytes } from '../call.ts';
import { bytesOf, piecesOf } from '../cache/bytes.ts';
import type { CachedObject } from '../cache/object.ts';
import type { View } from '../cache/watchers.ts';
import type { Form } from '../negotiate.ts';
import type { RegistryDeps } from './deps.ts';
import type { Resource } from './types.ts';

export interface ListMetadata {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** How rows carry their object: includeObject of the request. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface ListView extends View {
  /** The whole answer to a get. */
  get(object: CachedObject): JsonBytes;
  /** The whole answer to a list. */
  list(objects: readonly CachedObject[], metadata: ListMetadata): JsonBytes;
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

export function viewOf(
  deps: RegistryDeps,
  resource: Resource,
  { form, includeObject }: { readonly form: Form; readonly includeObject: IncludeObject },
): ListView {
  switch (form.kind) {
    case 'object':
      return objectView(resource);
    case 'metadata':
      return metadataView(resource, form.version);
    default:
      return tableView(deps, resource, { version: form.version, includeObject });
  }
}

function listBytes(opening: object, metadata: ListMetadata, items: Iterable<JsonBytes>): JsonBytes {
  const head = JSON.stringify({ ...opening, metadata });
  const out: Uint8Array[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  for (const item of items) {
    if (out.length > 1) out.push(COMMA);
    out.push(...item);
  }
  out.push(END);
  return out;
}

function bookmarkObject({ definition }: Resource, revision: number, annotations: Readonly<Record<string, string>> | undefined): KubeObject {
  const { apiVersion, kind } = definition;
  const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
  return { kind, apiVersion, metadata };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

export function seenObject(resource: Resource, object: CachedObject): KubeObject {
  return resource.conversion === undefined ? object.decode() : resource.conversion.fromStored(object.decode());
}

function objectView(resource: Resource): ListView {
  const { apiVersion, kind } = resource.definition;
  const pieces = (object: CachedObject): JsonBytes =>
    resource.conversion === undefined ? piecesOf(object.seen) : [json(seenObject(resource, object))];
  return {
    name: `${apiVersion}/${kind}`,
    pieces,
    get: (object) => (resource.conversion === undefined ? [bytesOf(object.seen)] : pieces(object)),
    bookmark: (revision, annotations) => json(bookmarkObject(resource, revision, annotations)),
    list: (objects, metadata) => listBytes({ kind: `${kind}List`, apiVersion }, metadata, objects.values().map(pieces)),
  };
}

function metadataView(resource: Resource, version: string): ListView {
  const apiVersion = `meta.k8s.io/${version}`;
  const partial = (metadata: unknown): unknown => ({ kind: 'PartialObjectMetadata', apiVersion, metadata });
  const pieces = (object: CachedObject): JsonBytes => [json(partial(object.decode().metadata))];
  return {
    name: `metadata/${version}`,
    pieces,
    get: pieces,
    bookmark: (revision, annotations) => json(partial(bookmarkObject(resource, revision, annotations).metadata)),
    list: (objects, metadata) => listBytes({ kind: 'PartialObjectMetadataList', apiVersion }, metadata, objects.values().map(pieces)),
  };
}

function tableView(
  deps: RegistryDeps,
  resource: Resource,
  options: { readonly version: string; readonly includeObject: IncludeObject },
): ListView {
  const apiVersion = `meta.k8s.io/${options.version}`;
  const { definition } = resource;
  const columnDefinitions = deps.tables.columns(definition);
  const rowObject = (object: KubeObject): unknown => {
    if (options.includeObject === 'None') return undefined;
    return options.includeObject === 'Object' ? object : { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
  };
  const row = (object: KubeObject): unknown => ({
    cells: deps.tables.cells(definition, object, deps.clock.nowMs()),
    object: rowObject(object),
  });
  const table = (metadata: object, rows: readonly unknown[]): unknown => ({ kind: 'Table', apiVersion, metadata, columnDefinitions, rows });
  const pieces = (cached: CachedObject): JsonBytes => {
    const object = seenObject(resource, cached);
    return [json(table({ resourceVersion: object.metadata.resourceVersion }, [row(object)]))];
  };
  return {
    name: `table/${options.version}/${options.includeObject}`,
    pieces,
    get: pieces,
    bookmark: (revision, annotations) => {
      const object = bookmarkObject(resource, revision, annotations);
      return json(table({ resourceVersion: String(revision) }, [{ cells: columnDefinitions.map(() => ''), object: rowObject(object) }]));
    },
    list: (objects, metadata) => [
      json(
        table(
          metadata,
          objects.map((object) => row(seenObject(resource, object))),
        ),
      ),
    ],
  };
}

export function includeObjectOf(text: string | undefined): IncludeObject {
  return text === 'None' || text === 'Object' ? text : 'Metadata';
}

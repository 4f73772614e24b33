/** What the documents are made from: the kinds, and the endpoints that serve them. Pure. */
import { DeleteOptions } from '#api/kinds/meta/options.ts';
import { ListMeta } from '#api/kinds/meta/objectMeta.ts';
import { Status } from '#api/kinds/meta/status.ts';
import { anyObject, field, string } from '#api/schema.ts';
import { splitApiVersion, type KindDefinition } from '#api/scheme.ts';
import { Definitions, type Definition, type Dialect } from './schemas.ts';

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** One row of the API: a resource or a subresource and what can be done to it. */
export interface ApiEndpoint {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** "" for the resource itself. */
  readonly subresource: string;
  readonly namespaced: boolean;
  /** What is sent and answered. */
  readonly kind: GroupVersionKind;
  readonly verbs: readonly string[];
}

export interface Catalog {
  readonly kinds: readonly KindDefinition[];
  readonly endpoints: readonly ApiEndpoint[];
  /** Of the API: "v1.36.0". */
  readonly version: string;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
export const STATUS = `${META}Status`;
export const DELETE_OPTIONS = `${META}DeleteOptions`;
export const PATCH = `${META}Patch`;
export const WATCH_EVENT = `${META}WatchEvent`;

const VENDOR = 'x-kubernetes-group-version-kind';

/** Every type of every kind, its list, and what answers besides. */
export function definitionsOf({ kinds, endpoints }: Catalog, dialect: Dialect): ReadonlyMap<string, Definition> {
  const versions = [...new Map(endpoints.map((e) => [`${e.group}/${e.version}`, { group: e.group, version: e.version }])).values()];
  const everywhere = (kind: string): readonly GroupVersionKind[] => versions.map(({ group, version }) => ({ group, kind, version }));
  const out = new Definitions(dialect, [
    ...kinds.map((definition) => ({ schema: definition.schema, more: { [VENDOR]: [gvkOf(definition)] } })),
    { schema: { ...DeleteOptions, description: 'How an object shall be deleted.' }, more: { [VENDOR]: everywhere('DeleteOptions') } },
    {
      schema: { ...Status, description: 'The outcome of a request that has no object to answer with.' },
      more: { [VENDOR]: [{ group: '', kind: 'Status', version: 'v1' }] },
    },
  ]);
  for (const definition of kinds) {
    const gvk = gvkOf(definition);
    if (endpoints.some((e) => e.verbs.includes('list') && isKind(e.kind, gvk))) addList(out, definition, gvk);
  }
  out.add(PATCH, () => ({ description: 'A patch of any kind; its Content-Type says which.', type: 'object' }));
  out.add(WATCH_EVENT, (publish) => ({
    description: 'A change that a watch saw.',
    type: 'object',
    required: ['type', 'object'],
    properties: {
      type: publish(string('ADDED, MODIFIED, DELETED, BOOKMARK or ERROR')),
      object: publish(anyObject('The object after the change')),
    },
    [VENDOR]: everywhere('WatchEvent'),
  }));
  return out.all;
}

function addList(out: Definitions, { schema, kind, apiVersion }: KindDefinition, gvk: GroupVersionKind): void {
  if (schema.$id === undefined) return;
  const item = schema.$id;
  out.add(listId(item), (publish) => ({
    description: `A list of objects of the kind ${kind} (${apiVersion}).`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: publish(string('Group and version of the schema, such as v1 or apps/v1')),
      items: { description: 'The objects', type: 'array', items: out.reference(item) },
      kind: publish(string('Name of the kind')),
      metadata: publish(field(ListMeta, 'Housekeeping of the list')),
    },
    [VENDOR]: [{ ...gvk, kind: `${kind}List` }],
  }));
}

export const listId = (id: string): string => `${id}List`;

export function gvkOf({ apiVersion, kind }: KindDefinition): GroupVersionKind {
  const { group, version } = splitApiVersion(apiVersion);
  return { group, kind, version };
}

const isKind = (a: GroupVersionKind, b: GroupVersionKind): boolean => a.group === b.group && a.version === b.version && a.kind === b.kind;

/** The name of the type of an endpoint; undefined for what is no kind (the answer of exec, a log). */
export function typeNames(kinds: readonly KindDefinition[]): (of: GroupVersionKind) => string | undefined {
  const ids = new Map(kinds.map((definition) => [keyOf(gvkOf(definition)), definition.schema.$id]));
  return (of) => ids.get(keyOf(of));
}

const keyOf = ({ group, version, kind }: GroupVersionKind): string => `${group}/${version}/${kind}`;

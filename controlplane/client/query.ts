/** Paths and queries of the API. Pure. */
import { splitApiVersion } from '#api/scheme.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Schema } from '#api/schema.ts';
import { AppError } from '#base/errors.ts';

/** What the client has to know of a kind. Every KindDefinition is one; a daemon that needs no rules writes these few lines instead. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  /** The name in URLs: "pods". */
  readonly plural: string;
  readonly namespaced: boolean;
  /** With it, answers are brought to what the type promises; without it they stay as they came. */
  readonly schema?: Schema<T>;
  /** Ask for the metadata of objects alone: get, list, watch and patch answer with nothing else. */
  readonly form?: 'metadata';
}

export interface ObjectName {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Which objects. */
export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListQuery extends Selection {
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
}

export interface WatchQuery extends Selection {
  /** Tell what happens after this version. Absent: from now on, unless sendInitialEvents. */
  readonly resourceVersion?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  /** Begin with all there is and mark the end of that. */
  readonly sendInitialEvents?: boolean | undefined;
}

export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const { group, version } = splitApiVersion(type.apiVersion);
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = type.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${segment(type, namespace)}` : '';
  return `${root}${within}/${type.plural}`;
}

export function objectPath(type: ResourceType, { namespace, name }: ObjectName, subresource?: string): string {
  if (type.namespaced && (namespace === undefined || namespace === '')) {
    throw new AppError('API_NO_NAMESPACE', `Cannot name ${type.kind} ${JSON.stringify(name)}: it lives in a namespace, and none is given`);
  }
  const below = subresource === undefined ? '' : `/${subresource}`;
  return `${collectionPath(type, namespace)}/${segment(type, name)}${below}`;
}

/** A name becomes one segment of a path and nothing else. */
function segment(type: ResourceType, name: string): string {
  if (name === '' || name === '.' || name === '..') throw new AppError('API_NO_NAME', `Cannot name ${type.kind} ${JSON.stringify(name)}`);
  return encodeURIComponent(name);
}

export function withQuery(path: string, params: Params): string {
  const pairs = Object.entries(params).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

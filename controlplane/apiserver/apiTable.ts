/** Every resource and subresource this server has, with what can be done to it. Discovery and routing read the same table. */
import type { Handler } from './call.ts';
import type { ResourceRequest, Verb } from './requestInfo.ts';

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Endpoint {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** "" for the resource itself. */
  readonly subresource: string;
  readonly namespaced: boolean;
  /** What is sent and answered. */
  readonly kind: GroupVersionKind;
  readonly handlers: Readonly<Partial<Record<Verb, Handler>>>;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** In this order clients prefer the versions of a group. */
const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

export class ApiTable {
  readonly #endpoints = new Map<string, Endpoint>();
  #edition = 0;

  register(endpoint: Endpoint): void {
    this.#endpoints.set(keyOf(endpoint), endpoint);
    this.#edition += 1;
  }

  unregister(endpoint: Endpoint): void {
    this.#endpoints.delete(keyOf(endpoint));
    this.#edition += 1;
  }

  /** Changes whenever the table does; for what is worked out from it. */
  get edition(): number {
    return this.#edition;
  }

  find(info: ResourceRequest): Endpoint | undefined {
    const endpoint = this.#endpoints.get(keyOf(info));
    if (endpoint === undefined || endpoint.namespaced || info.namespace === '' || info.resource === 'namespaces') return endpoint;
    return undefined;
  }

  has(group: string, version: string, resource: string): boolean {
    return this.#endpoints.has(keyOf({ group, version, resource, subresource: '' }));
  }

  all(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  /** Groups and their versions, the preferred version first; the core group is "". */
  groups(): ReadonlyMap<string, readonly string[]> {
    const out = new Map<string, Set<string>>();
    for (const { group, version } of this.#endpoints.values()) out.set(group, (out.get(group) ?? new Set()).add(version));
    return new Map([...out].map(([group, versions]) => [group, [...versions].toSorted(compareVersions)]));
  }
}

const keyOf = (e: { readonly group: string; readonly version: string; readonly resource: string; readonly subresource: string }): string =>
  `${e.group}/${e.version}/${e.resource}/${e.subresource}`;

/** v2 before v1 before v1beta1 before v1alpha1. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rank(a), rank(b)];
  for (const [i, l] of left.entries()) {
    const r = right[i] ?? 0;
    if (l !== r) return r - l;
  }
  return a < b ? -1 : 1;
}

function rank(version: string): readonly number[] {
  const found = VERSION.exec(version);
  if (found === null) return [-1, 0, 0];
  const stage = found[2] === undefined ? 2 : found[2] === 'beta' ? 1 : 0;
  return [stage, Number(found[1]), Number(found[3] ?? 0)];
}

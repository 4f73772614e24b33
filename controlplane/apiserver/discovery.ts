/**
 * What clients read to learn which kinds there are: /api, /apis, /apis/<group>[/<version>], and all of it in one answer (aggregated discovery).
 * Pure, but for remembering its last answers.
 * Source: APIGroupList, APIResourceList and apidiscovery.k8s.io/v2 of Kubernetes 1.36.
 */
import { createHash } from 'node:crypto';
import type { Answer, ApiCall } from './call.ts';
import { type ApiTable, type Endpoint } from './apiTable.ts';
import { clauseOf } from './negotiate.ts';
import { apiVersionOf } from './requestInfo.ts';

/** Groups are told in the order in which upstream tells them, because clients prefer earlier ones; unknown ones come last, by name. */
const GROUP_ORDER = [
  '',
  'apiregistration.k8s.io',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];
/** apps comes before everything but the core. */
const place = (group: string): number => {
  if (group === 'apps') return 0.5;
  const found = GROUP_ORDER.indexOf(group);
  return found < 0 ? GROUP_ORDER.length : found;
};

export class Discovery {
  readonly #table: ApiTable;
  readonly #address: () => string;
  readonly #known = new Map<string, { readonly edition: number; readonly answer: Extract<Answer, { kind: 'text' }> }>();

  /** address: host and port under which clients reach this server. */
  constructor(table: ApiTable, address: () => string) {
    this.#table = table;
    this.#address = address;
  }

  /** undefined: no path of discovery. */
  answer(call: ApiCall): Answer | undefined {
    if (call.method !== 'GET' && call.method !== 'HEAD') return undefined;
    const path = call.path.replace(/\/$/, '');
    if (path === '/api' || path === '/apis') {
      const version = wantsAggregated(call.headers['accept'] as string | undefined);
      if (version !== undefined) return this.#aggregated(call, path, version);
      return { kind: 'value', code: 200, value: path === '/api' ? this.#coreVersions() : this.#groupList() };
    }
    const [, root, group = '', version] = path.split('/');
    if (root === 'api' && version === undefined) return this.#resources('', group);
    if (root !== 'apis') return undefined;
    if (version !== undefined) return path.split('/').length === 4 ? this.#resources(group, version) : undefined;
    const found = this.#groups().find((g) => g.name === group);
    return found === undefined ? undefined : { kind: 'value', code: 200, value: { kind: 'APIGroup', apiVersion: 'v1', ...found } };
  }

  #coreVersions(): unknown {
    const versions = this.#table.groups().get('') ?? [];
    return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#address() }] };
  }

  #groups(): readonly { readonly name: string; readonly versions: readonly unknown[] }[] {
    return sortedGroups(this.#table)
      .filter(([group]) => group !== '')
      .map(([name, versions]) => {
        const told = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
        return { name, versions: told, preferredVersion: told[0] };
      });
  }

  #groupList(): unknown {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.#groups() };
  }

  #resources(group: string, version: string): Answer | undefined {
    const endpoints = this.#table.all().filter((e) => e.group === group && e.version === version);
    if (endpoints.length === 0) return undefined;
    const resources = endpoints.toSorted(byName).map((e) => legacyResource(e));
    const value = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
    return { kind: 'value', code: 200, value };
  }

  #aggregated(call: ApiCall, path: string, version: string): Answer {
    const key = `${path} ${version}`;
    let known = this.#known.get(key);
    if (known === undefined || known.edition !== this.#table.edition) {
      const text = JSON.stringify(aggregate(this.#table, { core: path === '/api', version }));
      const etag = `"${createHash('sha256').update(text).digest('hex').toUpperCase()}"`;
      const contentType = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      known = {
        edition: this.#table.edition,
        answer: { kind: 'text', code: 200, contentType, text, headers: { ETag: etag, Vary: 'Accept', 'Cache-Control': 'public' } },
      };
      this.#known.set(key, known);
    }
    const { answer } = known;
    const isSame = call.headers['if-none-match'] === answer.headers?.['ETag'];
    return isSame ? { ...answer, code: 304, text: '' } : answer;
  }
}

/** The version of the aggregated form that the client prefers over the plain one. */
function wantsAggregated(accept: string | undefined): string | undefined {
  for (const { type, params } of (accept ?? '').split(',').map(clauseOf)) {
    if (type !== 'application/json' && type !== '*/*') continue;
    if (params.get('as') === undefined) return undefined;
    const version = params.get('v');
    const isIt = params.get('g') === 'apidiscovery.k8s.io' && params.get('as') === 'APIGroupDiscoveryList';
    if (isIt && (version === 'v2' || version === 'v2beta1')) return version;
  }
  return undefined;
}

function sortedGroups(table: ApiTable): readonly (readonly [string, readonly string[]])[] {
  return [...table.groups()].toSorted(([a], [b]) => place(a) - place(b) || (a < b ? -1 : 1));
}

const byName = (a: Endpoint, b: Endpoint): number => (fullName(a) < fullName(b) ? -1 : 1);
const fullName = (e: Endpoint): string => (e.subresource === '' ? e.resource : `${e.resource}/${e.subresource}`);
const verbsOf = (e: Endpoint): readonly string[] => Object.keys(e.handlers).toSorted();

function legacyResource(e: Endpoint): unknown {
  const isOther = e.kind.group !== e.group || e.kind.version !== e.version;
  return {
    name: fullName(e),
    singularName: e.subresource === '' ? (e.singular ?? '') : '',
    namespaced: e.namespaced,
    ...(isOther ? { group: e.kind.group, version: e.kind.version } : {}),
    kind: e.kind.kind,
    verbs: verbsOf(e),
    ...((e.shortNames ?? []).length === 0 ? {} : { shortNames: e.shortNames }),
    ...((e.categories ?? []).length === 0 ? {} : { categories: e.categories }),
  };
}

function aggregate(table: ApiTable, { core, version }: { readonly core: boolean; readonly version: string }): unknown {
  const endpoints = table.all();
  const items = sortedGroups(table)
    .filter(([group]) => (group === '') === core)
    .map(([group, versions]) => ({
      metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: versions.map((v) => ({
        version: v,
        resources: resourcesOf(endpoints.filter((e) => e.group === group && e.version === v)),
        freshness: 'Current',
      })),
    }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

function resourcesOf(endpoints: readonly Endpoint[]): readonly unknown[] {
  const names = [...new Set(endpoints.map((e) => e.resource))].toSorted();
  return names.map((resource) => {
    const parts = endpoints.filter((e) => e.resource === resource).toSorted(byName);
    const main = parts.find((e) => e.subresource === '');
    const any = main ?? parts[0];
    return {
      resource,
      ...(main === undefined ? {} : { responseKind: main.kind }),
      scope: any?.namespaced === true ? 'Namespaced' : 'Cluster',
      singularResource: main?.singular ?? '',
      verbs: main === undefined ? [] : verbsOf(main),
      ...((main?.shortNames ?? []).length === 0 ? {} : { shortNames: main?.shortNames }),
      ...((main?.categories ?? []).length === 0 ? {} : { categories: main?.categories }),
      ...(parts.length === (main === undefined ? 0 : 1)
        ? {}
        : {
            subresources: parts
              .filter((e) => e.subresource !== '')
              .map((e) => ({ subresource: e.subresource, responseKind: e.kind, verbs: verbsOf(e) })),
          }),
    };
  });
}

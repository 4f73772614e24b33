/** A catalog of everything that is built in, as a server would have it. For tests. */
import { builtinKinds } from '#api/definitions/all.ts';
import { splitApiVersion } from '#api/scheme.ts';
import type { ApiEndpoint, Catalog } from '../catalog.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUBRESOURCES: Readonly<Record<string, { readonly verbs: readonly string[]; readonly kind?: ApiEndpoint['kind'] }>> = {
  status: { verbs: ['get', 'patch', 'update'] },
  scale: { verbs: ['get', 'patch', 'update'], kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
  eviction: { verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
  binding: { verbs: ['create'], kind: { group: '', version: 'v1', kind: 'Binding' } },
  exec: { verbs: ['create', 'get'], kind: { group: '', version: 'v1', kind: 'PodExecOptions' } },
  log: { verbs: ['get'], kind: { group: '', version: 'v1', kind: 'PodLogOptions' } },
};

export function builtinCatalog(): Catalog {
  const endpoints = builtinKinds.flatMap(({ apiVersion, kind, plural, namespaced, subresources }): ApiEndpoint[] => {
    const { group, version } = splitApiVersion(apiVersion);
    const base = { group, version, resource: plural, namespaced };
    const own = { group, version, kind };
    return [
      { ...base, subresource: '', kind: own, verbs: VERBS },
      ...subresources.flatMap((subresource) => {
        const found = SUBRESOURCES[subresource];
        return found === undefined ? [] : [{ ...base, subresource, kind: found.kind ?? own, verbs: found.verbs }];
      }),
    ];
  });
  return { kinds: builtinKinds, endpoints, version: 'v1.36.0' };
}

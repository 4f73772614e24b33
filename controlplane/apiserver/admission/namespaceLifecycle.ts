/** Nothing is made in a namespace that does not exist or is going; the namespaces of the system stay. Source: NamespaceLifecycle of Kubernetes 1.36. */
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { ApiError, forbidden, notFound } from '../status.ts';
import type { AdmissionPlugin } from './chain.ts';
import type { PluginParts } from './plugins.ts';

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);
/** Access reviews ask about namespaces that may not exist. */
const ABOUT = { group: '', resource: 'namespaces' };

export function namespaceLifecycle({ registry, cache }: PluginParts): AdmissionPlugin {
  const namespaces = registry.get('v1', 'namespaces');
  return {
    name: 'NamespaceLifecycle',
    handles: ({ operation, resource, subresource }) =>
      (operation === 'CREATE' && resource.definition.namespaced && subresource === '') ||
      (operation === 'DELETE' && resource === namespaces),
    async validate({ operation, resource, namespace, name }) {
      if (operation === 'DELETE') {
        if (IMMORTAL.has(name)) throw forbidden(ABOUT, name, 'this namespace may not be deleted');
        return;
      }
      let found = namespaces.cache.get(namespace);
      if (found === undefined) {
        // Another server may have made it just now.
        await cache.fresh();
        found = namespaces.cache.get(namespace);
      }
      if (found === undefined) throw notFound(ABOUT, namespace);
      if ((found.known as Namespace).status?.phase !== 'Terminating') return;
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      const err = forbidden(resource.about, name, why);
      const causes = [
        { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
      ];
      throw new ApiError('Forbidden', err.message, { details: { ...err.status.details, causes } });
    },
  };
}

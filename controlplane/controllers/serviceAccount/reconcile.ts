/** Every namespace has the service account "default": pods that name none are of it. */
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { isAlreadyExists } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { NAMESPACES, SERVICE_ACCOUNTS } from '../../component/kinds.ts';

const NAME = 'default';

export function serviceAccountController(deps: ControllerDeps): Controller {
  const namespaces = deps.informers.for(NAMESPACES);
  const accounts = deps.informers.for(SERVICE_ACCOUNTS);
  const client = deps.clientAs('service-account-controller').resource(SERVICE_ACCOUNTS);
  return loopController<Namespace, { readonly kind: 'createServiceAccount' }>({
    name: 'serviceaccount-controller',
    deps,
    sources: [source(namespaces, (key) => [key]), source(accounts, (key) => [key.split('/')[0] ?? ''])],
    desired: (key) => namespaces.get(key),
    plan: (namespace, key) => {
      const isGoing = namespace === undefined || namespace.metadata.deletionTimestamp !== undefined;
      return { actions: isGoing || accounts.get(`${key}/${NAME}`) !== undefined ? [] : [{ kind: 'createServiceAccount' }] };
    },
    act: async (_, namespace, signal) => {
      await client.create({ metadata: { name: NAME, namespace } }, { signal }).catch((err: unknown) => {
        if (!isAlreadyExists(err)) throw err;
      });
    },
  });
}

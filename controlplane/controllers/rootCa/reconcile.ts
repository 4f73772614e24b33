/**
 * Every namespace has the config map "kube-root-ca.crt" with the authority of the API server: tokens of pods come with it, so that pods
 * know whom they talk to.
 */
import type { ConfigMap } from '#api/kinds/core/config.ts';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { isAlreadyExists, isConflict } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../component/kinds.ts';

const NAME = 'kube-root-ca.crt';
const KEY = 'ca.crt';
const NOTE = {
  'kubernetes.io/description':
    'The certificates that the API server of this cluster is known by; kept by the cluster. Use it for that server alone.',
};

type Action = { readonly kind: 'createRootCa' } | { readonly kind: 'mendRootCa'; readonly found: ConfigMap };

/** ca: PEM. */
export function rootCaController(deps: ControllerDeps, ca: string): Controller {
  const namespaces = deps.informers.for(NAMESPACES);
  const maps = deps.informers.for(CONFIG_MAPS, { selection: { fieldSelector: `metadata.name=${NAME}` } });
  const client = deps.clientAs('root-ca-cert-publisher').resource(CONFIG_MAPS);
  return loopController<Namespace, Action>({
    name: 'root-ca-certificate-publisher-controller',
    deps,
    sources: [source(namespaces, (key) => [key]), source(maps, (key) => [key.split('/')[0] ?? ''])],
    desired: (key) => namespaces.get(key),
    plan: (namespace, key) => {
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return { actions: [] };
      const found = maps.get(`${key}/${NAME}`);
      if (found === undefined) return { actions: [{ kind: 'createRootCa' }] };
      return { actions: found.data?.[KEY] === ca ? [] : [{ kind: 'mendRootCa', found }] };
    },
    act: async (action, namespace, signal) => {
      const written =
        action.kind === 'createRootCa'
          ? client.create({ metadata: { name: NAME, namespace, annotations: NOTE }, data: { [KEY]: ca } }, { signal })
          : client.update({ ...action.found, data: { [KEY]: ca } }, { signal });
      await written.catch((err: unknown) => {
        if (!isAlreadyExists(err) && !isConflict(err)) throw err;
      });
    },
  });
}

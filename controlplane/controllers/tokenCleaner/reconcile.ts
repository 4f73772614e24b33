/** Removes bootstrap tokens whose time is over. Off unless it is named. Units: milliseconds. */
import type { Secret } from '#api/kinds/core/config.ts';
import { isNotFound } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { SECRETS } from '../../component/kinds.ts';

export const TOKENS = { namespace: 'kube-system', fieldSelector: 'type=bootstrap.kubernetes.io/token' } as const;

export function tokenCleanerController(deps: ControllerDeps): Controller {
  const secrets = deps.informers.for(SECRETS, { selection: TOKENS });
  const client = deps.clientAs('token-cleaner').resource(SECRETS);
  return loopController<Secret, { readonly kind: 'remove'; readonly uid: string }>({
    name: 'token-cleaner-controller',
    deps,
    sources: [source(secrets, (key) => [key])],
    desired: (key) => secrets.get(key),
    plan: (secret, _, nowMs) => {
      const endsMs = secret === undefined ? undefined : endsAtMs(secret);
      if (secret === undefined || endsMs === undefined) return { actions: [] };
      return endsMs > nowMs
        ? { actions: [], lookAgainAfterMs: endsMs - nowMs }
        : { actions: [{ kind: 'remove', uid: secret.metadata.uid ?? '' }] };
    },
    act: async ({ uid }, key, signal) => {
      const [namespace, name = ''] = key.split('/');
      await client.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
      });
      deps.log.info('Removed a bootstrap token whose time is over', { secret: key });
    },
  });
}

/** undefined: it has no end, or none that can be read, and is left to whoever made it. Pure. */
export function endsAtMs({ data }: Secret): number | undefined {
  const text = Buffer.from(data?.['expiration'] ?? '', 'base64').toString();
  const ms = Date.parse(text);
  return text === '' || Number.isNaN(ms) ? undefined : ms;
}

/** Removes requests for certificates when plan.ts says that they go. */
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { SIGNING_REQUESTS } from '../../component/kinds.ts';
import { goesAtMs } from './plan.ts';

interface Action {
  readonly kind: 'remove';
  readonly uid: string;
}

export function csrCleaningController(deps: ControllerDeps): Controller {
  const requests = deps.informers.for(SIGNING_REQUESTS);
  const client = deps.clientAs('certificate-controller').resource(SIGNING_REQUESTS);
  return loopController<CertificateSigningRequest, Action>({
    name: 'certificatesigningrequest-cleaner-controller',
    deps,
    sources: [source(requests, (key) => [key])],
    desired: (key) => requests.get(key),
    plan: (request, _, nowMs) => {
      const atMs = request === undefined ? undefined : goesAtMs(request);
      if (request === undefined || atMs === undefined) return { actions: [] };
      return atMs > nowMs
        ? { actions: [], lookAgainAfterMs: atMs - nowMs }
        : { actions: [{ kind: 'remove', uid: request.metadata.uid ?? '' }] };
    },
    act: async ({ uid }, name, signal) => {
      await client.delete({ name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
        if (!isNotFound(err) && !isConflict(err)) throw err;
      });
    },
  });
}

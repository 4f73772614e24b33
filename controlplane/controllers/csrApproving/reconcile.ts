/** Approves what plan.ts recognises, after asking whether who asks may have it. */
import { SIGNING_REQUESTS } from '../../component/kinds.ts';
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { objectPath } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { readRequest } from '../../pki/request.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { isDecided, recognise, type Recognised } from './plan.ts';

interface Action {
  readonly kind: 'askAndApprove';
  readonly request: CertificateSigningRequest;
}

export function csrApprovingController(deps: ControllerDeps): Controller {
  const requests = deps.informers.for(SIGNING_REQUESTS);
  const client = deps.clientAs('certificate-controller');
  return loopController<CertificateSigningRequest, Action>({
    name: 'certificatesigningrequest-approving-controller',
    deps,
    sources: [source(requests, (key) => [key])],
    desired: (key) => requests.get(key),
    plan: (request) => ({
      actions: request === undefined || isDecided(request) || recognised(request).length === 0 ? [] : [{ kind: 'askAndApprove', request }],
    }),
    act: async ({ request }, name, signal) => {
      for (const { permission, message } of recognised(request)) {
        if (!(await mayCreate(client, request, permission, signal))) continue;
        const now = new Date(deps.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
        const condition = {
          type: 'Approved',
          status: 'True',
          reason: 'AutoApproved',
          message,
          lastUpdateTime: now,
          lastTransitionTime: now,
        };
        const body = {
          ...request,
          apiVersion: SIGNING_REQUESTS.apiVersion,
          kind: SIGNING_REQUESTS.kind,
          status: { conditions: [condition] },
        };
        await client.json('PUT', objectPath(SIGNING_REQUESTS, { name }, 'approval'), { body, signal }).catch((err: unknown) => {
          if (!isConflict(err) && !isNotFound(err)) throw err;
        });
        deps.log.info('Approved a certificate of a kubelet', { csr: name, user: request.spec.username });
        return;
      }
      deps.log.warn('A certificate of a kubelet waits for a person: who asks has not the right to it', {
        csr: name,
        user: request.spec.username,
        next: `kubectl certificate approve ${name}`,
      });
    },
  });
}

/** What is no request at all is the signer's to refuse. */
function recognised(request: CertificateSigningRequest): readonly Recognised[] {
  const facts = readRequest(request.spec.request);
  return facts === undefined ? [] : recognise(request, facts);
}

async function mayCreate(client: Client, { spec }: CertificateSigningRequest, subresource: string, signal: AbortSignal): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: spec.username ?? '',
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      groups: spec.groups ?? [],
      ...(spec.extra === undefined ? {} : { extra: spec.extra }),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'certificatesigningrequests',
        subresource,
        verb: 'create',
      },
    },
  };
  const answer = (await client.json('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body, signal })) as {
    readonly status?: { readonly allowed?: unknown; readonly denied?: unknown };
  };
  return answer.status?.allowed === true && answer.status.denied !== true;
}

/**
 * Signs approved requests for certificates, each signer by its rules. What breaks them gets the condition Failed and is never signed.
 * Units: milliseconds, seconds where the API has them.
 * Source: a certificate begins five minutes early, because clocks differ, and never outlives its authority.
 */
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { objectPath } from '#client/query.ts';
import type { Authority } from '../../pki/issue.ts';
import { readRequest } from '../../pki/request.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { has } from '../csrApproving/plan.ts';
import { SIGNING_REQUESTS } from '../../component/kinds.ts';
import { SIGNERS } from './checks.ts';

export interface SigningOptions {
  readonly authority: Authority;
  /** Of certificates that ask for no life of their own, and the longest. */
  readonly validMs: number;
}

const SHORTEST_MS = 600_000;
const EARLY_MS = 300_000;
/** Of a life that is short: who renews after a share of it would otherwise find it old when it is new. */
const EARLY_SHARE = 0.1;

type Action = { readonly kind: 'sign' | 'fail'; readonly request: CertificateSigningRequest; readonly problem?: string };

export function csrSigningController(deps: ControllerDeps, options: SigningOptions): Controller {
  const requests = deps.informers.for(SIGNING_REQUESTS);
  const client = deps.clientAs('certificate-controller');
  return loopController<CertificateSigningRequest, Action>({
    name: 'certificatesigningrequest-signing-controller',
    deps,
    sources: [source(requests, (key) => [key])],
    desired: (key) => requests.get(key),
    plan: (request) => ({ actions: planSigning(request) }),
    act: async ({ request, problem }, name, signal) => {
      const status =
        problem === undefined ? await signed(request, options, deps.clock.nowMs()) : failed(request, problem, deps.clock.nowMs());
      const body = { ...request, apiVersion: SIGNING_REQUESTS.apiVersion, kind: SIGNING_REQUESTS.kind, status };
      await client.json('PUT', objectPath(SIGNING_REQUESTS, { name }, 'status'), { body, signal }).catch((err: unknown) => {
        if (!isConflict(err) && !isNotFound(err)) throw err;
      });
      const facts = { csr: name, signer: request.spec.signerName, user: request.spec.username };
      if (problem === undefined) deps.log.info('Signed a certificate', facts);
      else deps.log.warn('Refused to sign a certificate', { ...facts, err: problem });
    },
  });
}

/** Pure. */
export function planSigning(request: CertificateSigningRequest | undefined): Action[] {
  if (request === undefined || (request.status?.certificate ?? '') !== '') return [];
  const check = SIGNERS[request.spec.signerName];
  if (check === undefined || !has(request, 'Approved') || has(request, 'Denied') || has(request, 'Failed')) return [];
  const facts = readRequest(request.spec.request);
  const problem = facts === undefined ? 'unable to parse the request' : check(facts, request.spec.usages ?? []);
  return [problem === undefined ? { kind: 'sign', request } : { kind: 'fail', request, problem }];
}

type Status = NonNullable<CertificateSigningRequest['status']>;

async function signed({ spec, status }: CertificateSigningRequest, { authority, validMs }: SigningOptions, nowMs: number): Promise<Status> {
  const wantedMs = spec.expirationSeconds === undefined ? validMs : Math.max(spec.expirationSeconds * 1_000, SHORTEST_MS);
  const notAfterMs = Math.min(nowMs + Math.min(wantedMs, validMs), authority.notAfterMs);
  const certificate = await authority.signRequest(Buffer.from(spec.request, 'base64').toString(), {
    usages: spec.usages ?? [],
    notBefore: new Date(nowMs - Math.min(EARLY_MS, (notAfterMs - nowMs) * EARLY_SHARE)),
    notAfter: new Date(notAfterMs),
  });
  return { ...status, certificate: Buffer.from(certificate).toString('base64') };
}

function failed({ status }: CertificateSigningRequest, message: string, nowMs: number): Status {
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message,
    lastUpdateTime: now,
    lastTransitionTime: now,
  } as const;
  return { ...status, conditions: [...(status?.conditions ?? []), condition] };
}

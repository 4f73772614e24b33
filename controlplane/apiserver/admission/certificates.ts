/** Who may approve, sign and ask for which certificates. Source: the three certificate plugins of Kubernetes 1.36. */
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { deepEqual } from '../registry/deepEqual.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

const GROUP = 'certificates.k8s.io';
const isCsr = ({ resource }: AdmissionRequest): boolean =>
  resource.group === GROUP && resource.definition.kind === 'CertificateSigningRequest';

/** "example.com/signer", or every signer of "example.com". */
function mayUse(authorizer: Authorizer, { user }: AdmissionRequest, verb: 'approve' | 'sign', signer: string): boolean {
  const [domain = ''] = signer.split('/');
  return [signer, `${domain}/*`].some((name) => {
    const base = {
      user,
      verb,
      isResource: true,
      group: GROUP,
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      path: '',
    };
    return authorizer.authorize({ ...base, name }).decision === 'allow';
  });
}

const signerOf = (object: unknown): string => (object as CertificateSigningRequest).spec.signerName;

export function certificateApproval({ authorizer }: PluginParts): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (request) => isCsr(request) && request.operation === 'UPDATE' && request.subresource === 'approval',
    validate(request) {
      const signer = signerOf(request.old);
      if (!mayUse(authorizer, request, 'approve', signer))
        throw refuse(request, `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

export function certificateSigning({ authorizer }: PluginParts): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (request) => isCsr(request) && request.operation === 'UPDATE' && request.subresource === 'status',
    validate(request) {
      const [next, old] = [request.object, request.old].map((o) => (o as unknown as CertificateSigningRequest).status);
      const failed = (status: typeof next): unknown => (status?.conditions ?? []).filter(({ type }) => type === 'Failed');
      if (next?.certificate === old?.certificate && deepEqual(failed(next), failed(old))) return;
      const signer = signerOf(request.old);
      if (!mayUse(authorizer, request, 'sign', signer))
        throw refuse(request, `user not permitted to sign requests with signerName ${JSON.stringify(signer)}`);
    },
  };
}

/** Nobody becomes system:masters by asking for a certificate. */
export function certificateSubjectRestriction(): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    handles: (request) => isCsr(request) && request.operation === 'CREATE',
    async validate(request) {
      const { spec } = request.object as unknown as CertificateSigningRequest;
      if (spec.signerName !== 'kubernetes.io/kube-apiserver-client') return;
      const { organizationsOf } = await import('./certificateRequest.ts');
      const organizations = organizationsOf(spec.request);
      if (organizations.includes('system:masters')) {
        throw refuse(request, 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed');
      }
    },
  };
}

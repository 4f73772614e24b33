/**
 * Which requests for certificates are approved without a person: those of kubelets for their own client certificate, when who asks may.
 * Pure. Source: "Certificate Signing Requests" and "TLS bootstrapping" in the Kubernetes docs; the messages are upstream's.
 *
 * kubelet-serving is never approved here, as upstream: a node could ask for the address of another machine. `kubectl certificate approve`.
 */
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import type { RequestFacts } from '../../pki/request.ts';
import { clientKubeletProblem } from '../csrSigning/checks.ts';

export interface Recognised {
  /** The subresource of certificatesigningrequests that who asks has to be allowed to create. */
  readonly permission: 'nodeclient' | 'selfnodeclient';
  readonly message: string;
}

const CLIENT_KUBELET = 'kubernetes.io/kube-apiserver-client-kubelet';

/** Those that may be asked about, the most special one first. */
export function recognise({ spec }: CertificateSigningRequest, request: RequestFacts): readonly Recognised[] {
  if (spec.signerName !== CLIENT_KUBELET || clientKubeletProblem(request, spec.usages ?? []) !== undefined) return [];
  const anybody: Recognised = {
    permission: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  };
  if (spec.username !== request.commonName) return [anybody];
  const self: Recognised = {
    permission: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  return [self, anybody];
}

export function isDecided({ status }: CertificateSigningRequest): boolean {
  return (status?.conditions ?? []).some(({ type }) => type === 'Approved' || type === 'Denied');
}

export function has({ status }: CertificateSigningRequest, type: 'Approved' | 'Denied' | 'Failed'): boolean {
  return (status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
}

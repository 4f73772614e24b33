/**
 * Certificates that a kubelet asks the cluster for: what is asked, what an answer means, and when it is time for the next one. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: "TLS bootstrapping" and "Certificate Signing Requests" in the Kubernetes docs; renewal after 70 to 90 per cent of a life.
 */
import type { CertificateSigningRequest, KeyUsage } from '#api/kinds/certificates/v1.ts';

export interface CertificateKind {
  /** Of its file in --cert-dir: NAME-current.pem. */
  readonly name: 'kubelet-client' | 'kubelet-server';
  readonly signer: string;
  readonly usages: readonly KeyUsage[];
}

export const CLIENT: CertificateKind = {
  name: 'kubelet-client',
  signer: 'kubernetes.io/kube-apiserver-client-kubelet',
  usages: ['digital signature', 'client auth'],
};
export const SERVER: CertificateKind = {
  name: 'kubelet-server',
  signer: 'kubernetes.io/kubelet-serving',
  usages: ['digital signature', 'server auth'],
};

export function requestOf({ signer, usages }: CertificateKind, pem: string): CertificateSigningRequest {
  return {
    metadata: { generateName: 'csr-' },
    spec: { request: Buffer.from(pem).toString('base64'), signerName: signer, usages },
  };
}

export type Outcome =
  | { readonly kind: 'issued'; readonly certificate: string }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'waiting'; readonly for: 'approval' | 'signature' };

export function outcomeOf({ status }: CertificateSigningRequest): Outcome {
  const refused = (status?.conditions ?? []).find((c) => c.type === 'Denied' || c.type === 'Failed');
  if (refused !== undefined)
    return { kind: 'refused', why: [refused.type, refused.reason, refused.message].filter((text) => (text ?? '') !== '').join(': ') };
  if ((status?.certificate ?? '') !== '')
    return { kind: 'issued', certificate: Buffer.from(status?.certificate ?? '', 'base64').toString() };
  return { kind: 'waiting', for: (status?.conditions ?? []).some((c) => c.type === 'Approved') ? 'signature' : 'approval' };
}

/** random: 0 <= x < 1. Not all kubelets at once. */
export function renewAtMs({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }, random: number): number {
  return fromMs + (toMs - fromMs) * (0.7 + 0.2 * random);
}

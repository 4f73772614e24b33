/**
 * What each signer of the cluster signs. Pure. undefined: it may be signed.
 * Source: the table "Kubernetes signers" in the Kubernetes docs, and upstream's words for what is wrong.
 * kubernetes.io/legacy-unknown is not signed: the API of today does not let anybody ask for it.
 */
import type { KeyUsage } from '#api/kinds/certificates/v1.ts';
import type { RequestFacts } from '../../pki/request.ts';

type Check = (request: RequestFacts, usages: readonly KeyUsage[]) => string | undefined;

const NODES = 'system:nodes';
const NODE_PREFIX = 'system:node:';

export const SIGNERS: Readonly<Record<string, Check>> = {
  'kubernetes.io/kube-apiserver-client': (_, usages) => usagesProblem(usages, { auth: 'client auth', exactly: false }),
  'kubernetes.io/kube-apiserver-client-kubelet': (request, usages) => clientKubeletProblem(request, usages),
  'kubernetes.io/kubelet-serving': (request, usages) => servingProblem(request, usages),
};

export function clientKubeletProblem(request: RequestFacts, usages: readonly KeyUsage[]): string | undefined {
  return (
    nodeProblem(request) ??
    (request.dnsNames.length > 0 ? 'DNS subjectAltNames are not allowed' : undefined) ??
    (request.ips.length > 0 ? 'IP subjectAltNames are not allowed' : undefined) ??
    otherNamesProblem(request) ??
    usagesProblem(usages, { auth: 'client auth', exactly: true })
  );
}

function servingProblem(request: RequestFacts, usages: readonly KeyUsage[]): string | undefined {
  return (
    nodeProblem(request) ??
    (request.dnsNames.length + request.ips.length === 0 ? 'DNS or IP subjectAltName is required' : undefined) ??
    otherNamesProblem(request) ??
    usagesProblem(usages, { auth: 'server auth', exactly: true })
  );
}

function nodeProblem({ organizations, commonName }: RequestFacts): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== NODES) return 'subject organization is not system:nodes';
  return commonName.startsWith(NODE_PREFIX) && commonName.length > NODE_PREFIX.length
    ? undefined
    : 'subject common name does not begin with system:node:';
}

function otherNamesProblem({ emails, uris }: RequestFacts): string | undefined {
  if (emails.length > 0) return 'email subjectAltNames are not allowed';
  return uris.length > 0 ? 'URI subjectAltNames are not allowed' : undefined;
}

function usagesProblem(
  usages: readonly KeyUsage[],
  { auth, exactly }: { readonly auth: 'client auth' | 'server auth'; readonly exactly: boolean },
): string | undefined {
  const allowed = ['digital signature', 'key encipherment', auth];
  const isWrong =
    usages.some((usage) => !allowed.includes(usage)) || !usages.includes(auth) || (exactly && !usages.includes('digital signature'));
  return isWrong ? `usages did not match ${JSON.stringify(allowed)}` : undefined;
}

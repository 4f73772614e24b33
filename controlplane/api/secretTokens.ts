/**
 * Tokens of service accounts that lie in secrets and do not end by themselves, as they were before tokens were bound to pods. Pure.
 * Source: "Manually create a long-lived API token for a ServiceAccount" in the Kubernetes docs; the claims as upstream's tokens have them.
 */
export const SECRET_TOKENS = {
  type: 'kubernetes.io/service-account-token',
  issuer: 'kubernetes/serviceaccount',
  annotations: { name: 'kubernetes.io/service-account.name', uid: 'kubernetes.io/service-account.uid' },
  claims: {
    namespace: 'kubernetes.io/serviceaccount/namespace',
    secret: 'kubernetes.io/serviceaccount/secret.name',
    account: 'kubernetes.io/serviceaccount/service-account.name',
    uid: 'kubernetes.io/serviceaccount/service-account.uid',
  },
  /** On a secret whose token is not believed any more. */
  invalidLabel: 'kubernetes.io/legacy-token-invalid-since',
} as const;

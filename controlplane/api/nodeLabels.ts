/**
 * Which labels a node may give itself. Pure.
 * Source: the labels of kubernetes.io and k8s.io that upstream's kubelet lets people set, and NodeRestriction accepts.
 */
export const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
export const KUBELET_LABEL_DOMAINS: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io'];

/** Labels outside kubernetes.io and k8s.io are free; of those inside, others could be fooled by what is not listed. */
export function isKubeletLabel(key: string): boolean {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? '' : key.slice(0, slash);
  const within = (domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);
  return (!within('kubernetes.io') && !within('k8s.io')) || KUBELET_LABELS.has(key) || KUBELET_LABEL_DOMAINS.some(within);
}

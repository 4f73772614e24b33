/** Fields of KubeletConfiguration about what pods get: names, security. Pure. */
import { boolean, list, string, type Fields } from '#api/schema.ts';

export const podFields = {
  clusterDNS: list(string(), 'DNS servers of pods with dnsPolicy ClusterFirst; without any they get the node’s'),
  clusterDomain: string('Domain of the cluster, searched before the node’s domains'),
  seccompDefault: boolean('RuntimeDefault for containers that name no seccomp profile', { default: false }),
  allowedUnsafeSysctls: list(string(), 'Kernel settings that pods may set beyond the safe ones; a name or a prefix that ends in *'),
} satisfies Fields;

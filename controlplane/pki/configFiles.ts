/**
 * The configuration files of a node's daemons that belong to a PKI: who the API server is to the kubelet, where the service proxy finds it.
 * Pure. A file that is there is a person's: it stays as it is, and what it lacks is said.
 */
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { addressIn } from '#api/ip.ts';
import type { ClusterFacts } from './layout.ts';

export interface ConfigPlaces {
  readonly kubernetesDir: string;
  readonly certDir: string;
}

export interface ConfigFile {
  /** In kubernetesDir. */
  readonly file: 'kubelet.yaml' | 'kube-proxy.yaml';
  readonly text: string;
}

/** The address of the cluster's DNS in the range of its services. Source: kubeadm's. */
export const DNS_INDEX = 10n;

export function configFiles(facts: ClusterFacts, { kubernetesDir, certDir }: ConfigPlaces): readonly ConfigFile[] {
  const [services] = facts.serviceRanges;
  const kubelet = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: join(kubernetesDir, 'manifests'),
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(certDir, 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    rotateCertificates: true,
    clusterDomain: facts.dnsDomain,
    ...(services === undefined ? {} : { clusterDNS: [addressIn(services, DNS_INDEX)] }),
  };
  const proxy = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: join(kubernetesDir, 'kube-proxy.conf') },
    mode: 'iptables',
    ...(facts.podRanges.length === 0 ? {} : { clusterCIDR: facts.podRanges.join(',') }),
  };
  return [
    { file: 'kubelet.yaml', text: headed('kubelet', kubelet) },
    { file: 'kube-proxy.yaml', text: headed('service proxy', proxy) },
  ];
}

/** What a file that is there would need to be of this cluster; undefined: nothing. */
export function lackOf({ file, text }: ConfigFile, there: string): string | undefined {
  const [field, wanted] =
    file === 'kubelet.yaml'
      ? (['authentication.x509.clientCAFile', at(text, 'authentication', 'x509', 'clientCAFile')] as const)
      : (['clientConnection.kubeconfig', at(text, 'clientConnection', 'kubeconfig')] as const);
  const found = at(there, ...field.split('.'));
  return found === wanted ? undefined : `${field} is ${found === undefined ? 'not set' : JSON.stringify(found)}, wanted ${String(wanted)}`;
}

/** A document that cannot be read has nothing in it; its daemon says what is wrong with it. */
function at(text: string, ...path: readonly string[]): unknown {
  try {
    return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], parse(text));
  } catch {
    return undefined;
  }
}

const headed = (daemon: string, value: object): string =>
  `# The ${daemon} of a node of this cluster, as kijabi init made it; it is not written again.\n${stringify(value)}`;

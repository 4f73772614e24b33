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
  readonly daemon: 'kubelet' | 'kube-proxy';
  readonly path: string;
  readonly text: string;
}

const KUBERNETES_DIR = '/etc/kubernetes';

/** Where the service of a host and kubeadm have it; elsewhere beside the rest. */
export const kubeletConfigPath = ({ kubernetesDir }: Pick<ConfigPlaces, 'kubernetesDir'>): string =>
  kubernetesDir === KUBERNETES_DIR ? '/var/lib/kubelet/config.yaml' : join(kubernetesDir, 'kubelet.yaml');

/** The address of the cluster's DNS in the range of its services. Source: kubeadm's. */
export const DNS_INDEX = 10n;

/** cgroupDriver: as the runtime has it, where that is known. */
export function configFiles(
  facts: ClusterFacts,
  { kubernetesDir, certDir }: ConfigPlaces,
  { cgroupDriver }: { readonly cgroupDriver?: 'systemd' } = {},
): readonly [kubelet: ConfigFile, proxy: ConfigFile] {
  const [services] = facts.serviceRanges;
  const kubelet = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: join(kubernetesDir, 'manifests'),
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(certDir, 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    rotateCertificates: true,
    ...(cgroupDriver === undefined ? {} : { cgroupDriver }),
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
    { daemon: 'kubelet', path: kubeletConfigPath({ kubernetesDir }), text: headed('kubelet', kubelet) },
    { daemon: 'kube-proxy', path: join(kubernetesDir, 'kube-proxy.yaml'), text: headed('service proxy', proxy) },
  ];
}

/** What a file that is there would need to be of this cluster; undefined: nothing. */
export function lackOf({ daemon, text }: Pick<ConfigFile, 'daemon' | 'text'>, there: string): string | undefined {
  const [field, wanted] =
    daemon === 'kubelet'
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

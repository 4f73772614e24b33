/**
 * Cluster DNS of `kijabi up`: the program runs beside the API server, and pods reach it by the Service that every cluster has for it.
 * Its objects are made where there are none, and never changed: who puts another DNS server there keeps it.
 */
import { join } from 'node:path';
import type { NodePaths } from '#agent/host/paths.ts';
import { isAlreadyExists } from '#client/errors.ts';
import type { Client } from '#client/rest.ts';

/** The tenth address of the service range, where kubeadm puts it and people look for it. */
export const CLUSTER_DNS = { address: '10.96.0.10', domain: 'cluster.local' } as const;

const PORTS = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  { name: 'metrics', port: 9_153, protocol: 'TCP' },
];
const [NAMESPACE, NAME] = ['kube-system', 'kube-dns'];

/** address: of the node, in it. */
export function dnsFlags(
  { kubernetesDir, resolvConf }: Pick<NodePaths, 'kubernetesDir' | 'resolvConf'>,
  address: string,
): readonly string[] {
  return [
    `--kubeconfig=${join(kubernetesDir, 'kube-dns.conf')}`,
    `--listen=${address}:53`,
    `--domain=${CLUSTER_DNS.domain}`,
    `--resolv-conf=${resolvConf}`,
    // The process is watched as a whole, and these ports are left to pods on the node's network.
    '--health-bind-address=',
    '--ready-bind-address=',
    `--metrics-bind-address=${address}:9153`,
    '--lame-duck=0s', // nobody takes over
  ];
}

export async function provideDnsService(client: Client, address: string, signal: AbortSignal): Promise<void> {
  for (const { plural, body } of dnsObjects(address)) {
    try {
      await client.json('POST', `/api/v1/namespaces/${NAMESPACE}/${plural}`, { body, signal });
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
    }
  }
}

function dnsObjects(address: string): readonly { readonly plural: string; readonly body: object }[] {
  const labels = { 'k8s-app': NAME, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' };
  const metadata = { name: NAME, namespace: NAMESPACE, labels };
  return [
    { plural: 'serviceaccounts', body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } },
    {
      plural: 'services',
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...metadata, annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' } },
        // No selector: it is no pod that answers.
        spec: { clusterIP: CLUSTER_DNS.address, ports: PORTS },
      },
    },
    {
      plural: 'endpoints',
      body: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets: [{ addresses: [{ ip: address }], ports: PORTS }] },
    },
  ];
}

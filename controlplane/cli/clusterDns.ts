/**
 * The objects of cluster DNS: the program runs beside the API server, and pods reach it by the Service that every cluster has for it.
 * `kijabi up` makes them where there are none, and never changes them: who puts another DNS server there keeps it. `kijabi init` writes them down.
 */
import { stringify } from 'yaml';
import { isAlreadyExists, isNotFound } from '#client/errors.ts';
import type { Client } from '#client/rest.ts';

/** The tenth address of the service range, where kubeadm puts it and people look for it. */
export const CLUSTER_DNS = { address: '10.96.0.10', domain: 'cluster.local' } as const;

const PORTS = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  { name: 'metrics', port: 9_153, protocol: 'TCP' },
];
const [NAMESPACE, NAME] = ['kube-system', 'kube-dns'];

export async function provideDnsService(client: Client, place: DnsPlace, signal: AbortSignal): Promise<void> {
  for (const { plural, body } of dnsObjects(place)) {
    try {
      await client.json('POST', `/api/v1/namespaces/${NAMESPACE}/${plural}`, { body, signal });
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
    }
  }
}

interface DnsEndpoints {
  readonly subsets?: readonly { readonly addresses?: readonly { readonly ip: string }[]; readonly ports?: readonly object[] }[];
}

/** A further host that answers. false: there is no DNS of ours in this cluster, and nothing was changed. */
export async function addDnsAddress(client: Client, address: string, signal: AbortSignal): Promise<boolean> {
  const path = `/api/v1/namespaces/${NAMESPACE}/endpoints/${NAME}`;
  let found: DnsEndpoints;
  try {
    found = (await client.json('GET', path, { signal })) as DnsEndpoints;
  } catch (err) {
    if (!isNotFound(err)) throw err;
    return false;
  }
  const addresses = (found.subsets ?? []).flatMap((subset) => subset.addresses ?? []);
  if (addresses.some(({ ip }) => ip === address)) return true;
  const subsets = [{ addresses: [...addresses.map(({ ip }) => ({ ip })), { ip: address }], ports: PORTS }];
  await client.json('PUT', path, { body: { ...found, subsets }, signal });
  return true;
}

/** For kubectl apply. */
export function dnsManifest(place: DnsPlace): string {
  return dnsObjects(place)
    .map(({ body }) => `---\n${stringify(body, { aliasDuplicateObjects: false })}`)
    .join('');
}

export interface DnsPlace {
  /** Where it listens. */
  readonly address: string;
  /** Of its Service. */
  readonly clusterIP: string;
}

function dnsObjects({ address, clusterIP }: DnsPlace): readonly { readonly plural: string; readonly body: object }[] {
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
        spec: { clusterIP, ports: PORTS },
      },
    },
    {
      plural: 'endpoints',
      body: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets: [{ addresses: [{ ip: address }], ports: PORTS }] },
    },
  ];
}

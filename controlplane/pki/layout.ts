/**
 * What lies in a cluster's PKI and who signed it, as kubeadm lays it out. Pure.
 * Units: validity in days.
 */
import { addressIn, type Cidr } from '#api/ip.ts';
import type { Usage } from './issue.ts';

export const AUTHORITY_DAYS = 3_650;
export const LEAF_DAYS = 365;

export interface ClusterFacts {
  readonly nodeName: string;
  /** Where the API server listens and others reach it. */
  readonly advertiseAddress: string;
  readonly port: number;
  /** A name or address in front of several API servers: "lb.example:6443". */
  readonly endpoint: string | undefined;
  readonly extraNames: readonly string[];
  /** The first range is that of the service kubernetes. */
  readonly serviceRanges: readonly Cidr[];
  /** Of pods, where that is known. */
  readonly podRanges: readonly string[];
  readonly dnsDomain: string;
}

/** Names are paths below the PKI's directory, without their ending. */
export const AUTHORITIES = { ca: 'kubernetes', 'front-proxy-ca': 'front-proxy-ca', 'etcd/ca': 'etcd-ca' } as const;
export type AuthorityName = keyof typeof AUTHORITIES;

export interface LeafSpec {
  readonly name: string;
  readonly authority: AuthorityName;
  readonly subject: string;
  readonly usages: readonly Usage[];
  readonly names: readonly string[];
}

/** Who signs which certificate, and what it is good for. */
export const LEAVES: Readonly<Record<string, Pick<LeafSpec, 'authority' | 'usages'>>> = {
  apiserver: { authority: 'ca', usages: ['server'] },
  'apiserver-kubelet-client': { authority: 'ca', usages: ['client'] },
  'front-proxy-client': { authority: 'front-proxy-ca', usages: ['client'] },
  'etcd/server': { authority: 'etcd/ca', usages: ['server', 'client'] },
  'etcd/peer': { authority: 'etcd/ca', usages: ['server', 'client'] },
  'etcd/healthcheck-client': { authority: 'etcd/ca', usages: ['client'] },
  'apiserver-etcd-client': { authority: 'etcd/ca', usages: ['client'] },
};

export const KUBECONFIG_FILES = [
  'admin.conf',
  'kubelet.conf',
  'controller-manager.conf',
  'scheduler.conf',
  'kube-proxy.conf',
  'kube-dns.conf',
] as const;

/** A kubeconfig file with a client certificate of its own in it, signed by the cluster's authority. */
export interface KubeconfigSpec {
  readonly file: (typeof KUBECONFIG_FILES)[number];
  readonly user: string;
  readonly subject: string;
  readonly server: string;
}

export const SIGNING_KEY = 'sa';

const DNS_ACCOUNT = 'system:serviceaccount:kube-system:kube-dns';

export function leaves(facts: ClusterFacts): readonly LeafSpec[] {
  const { nodeName, advertiseAddress } = facts;
  const here = unique([nodeName, 'localhost', advertiseAddress, '127.0.0.1', '::1']);
  const holders: Readonly<Record<string, readonly [subject: string, names: readonly string[]]>> = {
    apiserver: ['CN=kube-apiserver', apiServerNames(facts)],
    'apiserver-kubelet-client': ['O=system:masters, CN=kube-apiserver-kubelet-client', []],
    'front-proxy-client': ['CN=front-proxy-client', []],
    'etcd/server': [`CN=${nodeName}`, here],
    'etcd/peer': [`CN=${nodeName}`, here],
    'etcd/healthcheck-client': ['CN=kube-etcd-healthcheck-client', []],
    'apiserver-etcd-client': ['CN=kube-apiserver-etcd-client', []],
  };
  return Object.entries(LEAVES).map(([name, spec]) => {
    const [subject, names] = holders[name] ?? [`CN=${name}`, []];
    return { name, ...spec, subject, names };
  });
}

export function apiServerNames({
  nodeName,
  advertiseAddress,
  endpoint,
  extraNames,
  serviceRanges,
  dnsDomain,
}: ClusterFacts): readonly string[] {
  return unique([
    nodeName,
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${dnsDomain}`,
    'localhost',
    ...serviceRanges.map((range) => addressIn(range, 1n)),
    advertiseAddress,
    '127.0.0.1',
    ...(endpoint === undefined ? [] : [hostOf(endpoint)]),
    ...extraNames,
  ]);
}

/**
 * Differs: kubeadm of 1.29 and later gives admin.conf a group that is bound to cluster-admin through the API; here the files are made
 * before any server runs, so admin.conf and the server's client for kubelets are of system:masters. There is a file for cluster DNS as a
 * service of a host, in the name of the account that its pods would have.
 */
export function kubeconfigs(facts: ClusterFacts): readonly KubeconfigSpec[] {
  const local = `https://${hostPort(facts.advertiseAddress, facts.port)}`;
  const server = facts.endpoint === undefined ? local : `https://${facts.endpoint}`;
  return [
    { file: 'admin.conf', user: 'kubernetes-admin', subject: 'O=system:masters, CN=kubernetes-admin', server },
    {
      file: 'kubelet.conf',
      user: `system:node:${facts.nodeName}`,
      subject: `O=system:nodes, CN=system:node:${facts.nodeName}`,
      server,
    },
    {
      file: 'controller-manager.conf',
      user: 'system:kube-controller-manager',
      subject: 'CN=system:kube-controller-manager',
      server: local,
    },
    { file: 'scheduler.conf', user: 'system:kube-scheduler', subject: 'CN=system:kube-scheduler', server: local },
    { file: 'kube-proxy.conf', user: 'system:kube-proxy', subject: 'CN=system:kube-proxy', server },
    { file: 'kube-dns.conf', user: DNS_ACCOUNT, subject: `CN=${DNS_ACCOUNT}`, server },
  ];
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function hostOf(endpoint: string): string {
  return endpoint.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

const unique = (names: readonly string[]): readonly string[] => [...new Set(names)];

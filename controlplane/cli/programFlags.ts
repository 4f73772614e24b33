/** The command lines of a cluster's control plane: the same for services and for `kijabi up`. Pure. */
import { join } from 'node:path';
import { hostPort } from '../pki/layout.ts';

export interface PkiPlaces {
  readonly kubernetesDir: string;
  readonly certDir: string;
}

export interface ApiServerFacts {
  readonly advertiseAddress: string;
  readonly port: number;
  readonly serviceCidr: string;
  readonly dnsDomain: string;
  /** Whoever has nothing but a token may ask for cluster-info; what else anonymous requests may is up to RBAC, which is next to nothing. */
  readonly isJoinable?: boolean;
  /** Client addresses of etcd; undefined: the embedded store. */
  readonly etcd?: readonly string[] | undefined;
}

export function apiServerFlags(facts: ApiServerFacts, { certDir: pki }: PkiPlaces): readonly string[] {
  const { advertiseAddress, port, serviceCidr, dnsDomain, isJoinable = false, etcd } = facts;
  return [
    `--advertise-address=${advertiseAddress}`,
    `--secure-port=${port}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--service-account-issuer=https://kubernetes.default.svc.${dnsDomain}`,
    `--service-account-key-file=${pki}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    '--authorization-mode=Node,RBAC',
    '--enable-bootstrap-token-auth',
    ...(isJoinable ? ['--anonymous-auth=true'] : []),
    `--kubelet-client-certificate=${pki}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet-client.key`,
    '--kubelet-preferred-address-types=InternalIP',
    ...(etcd === undefined
      ? []
      : [
          `--etcd-servers=${etcd.join(',')}`,
          `--etcd-cafile=${pki}/etcd/ca.crt`,
          `--etcd-certfile=${pki}/apiserver-etcd-client.crt`,
          `--etcd-keyfile=${pki}/apiserver-etcd-client.key`,
        ]),
  ];
}

/** What both say, with the files that planPki makes. */
const ownFlags = (conf: string, { certDir }: PkiPlaces): readonly string[] => [
  `--kubeconfig=${conf}`,
  `--authentication-kubeconfig=${conf}`,
  `--authorization-kubeconfig=${conf}`,
  '--bind-address=127.0.0.1',
  `--client-ca-file=${certDir}/ca.crt`,
];

export function schedulerFlags(places: PkiPlaces): readonly string[] {
  return ownFlags(join(places.kubernetesDir, 'scheduler.conf'), places);
}

export interface NetworkFacts {
  /** Each node gets its part of it; none: nobody gives networks to nodes. */
  readonly podCidr: string | undefined;
  readonly serviceCidr: string;
}

export function controllerManagerFlags(places: PkiPlaces, network: NetworkFacts): readonly string[] {
  const { kubernetesDir, certDir: pki } = places;
  return [
    ...ownFlags(join(kubernetesDir, 'controller-manager.conf'), places),
    '--use-service-account-credentials',
    '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
    `--root-ca-file=${pki}/ca.crt`,
    `--service-account-private-key-file=${pki}/sa.key`,
    `--cluster-signing-cert-file=${pki}/ca.crt`,
    `--cluster-signing-key-file=${pki}/ca.key`,
    ...(network.podCidr === undefined
      ? []
      : ['--allocate-node-cidrs', `--cluster-cidr=${network.podCidr}`, `--service-cluster-ip-range=${network.serviceCidr}`]),
  ];
}

export interface DnsFacts {
  readonly kubernetesDir: string;
  readonly resolvConf: string;
  readonly domain: string;
  /** Address of the host that pods reach it at. */
  readonly listen: string;
}

export function dnsFlags({ kubernetesDir, resolvConf, domain, listen }: DnsFacts): readonly string[] {
  return [
    `--kubeconfig=${join(kubernetesDir, 'kube-dns.conf')}`,
    `--listen=${hostPort(listen, 53)}`,
    `--domain=${domain}`,
    `--resolv-conf=${resolvConf}`,
    // The process is watched as a whole, and these ports are left to pods on the node's network.
    '--health-bind-address=',
    '--ready-bind-address=',
    `--metrics-bind-address=${hostPort(listen, 9_153)}`,
    '--lame-duck=0s', // nobody takes over
  ];
}

/** The environment of etcd.service, and what etcdctl says of its members. Pure. Source: etcd's documentation. */
import { hostPort, type ClusterFacts } from '../../pki/layout.ts';

export const ETCD_LOCAL = 'https://127.0.0.1:2379';
export const ETCD_DATA = '/var/lib/etcd/kubernetes';

export const clientUrl = (address: string): string => `https://${hostPort(address, 2_379)}`;
export const peerUrl = (address: string): string => `https://${hostPort(address, 2_380)}`;

export interface Member {
  readonly id: string;
  /** Empty until it has started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
}

type Self = Pick<ClusterFacts, 'nodeName' | 'advertiseAddress'>;

/** members: of the cluster that this one is added to, itself among them; none: it begins a new one. */
export function etcdEnvironment({ nodeName, advertiseAddress }: Self, members: readonly Member[] = []): string {
  const [client, peer] = [clientUrl(advertiseAddress), peerUrl(advertiseAddress)];
  const cluster = members.length === 0 ? [{ name: nodeName, peerUrls: [peer] }] : members;
  const named = cluster.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${url === peer ? nodeName : name}=${url}`));
  const settings = {
    ETCD_NAME: nodeName,
    ETCD_LISTEN_CLIENT_URLS: `${ETCD_LOCAL},${client}`,
    ETCD_ADVERTISE_CLIENT_URLS: client,
    ETCD_LISTEN_PEER_URLS: peer,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: peer,
    ETCD_INITIAL_CLUSTER: named.join(','),
    ETCD_INITIAL_CLUSTER_STATE: members.length === 0 ? 'new' : 'existing',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** text: of etcdctl member list, in its simple form: id, state, name, peers, clients, learner. */
export function membersIn(text: string): readonly Member[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [id = '', , name = '', peers = ''] = line.split(', ').map((field) => field.trim());
      return { id, name, peerUrls: peers.split(',').filter((url) => url !== '') };
    });
}

/**
 * What a new cluster has in its API so that nodes and tools find their way: who may join, where the cluster is, how its kubelets and proxies
 * are configured. Pure. Names as kubeadm's, so that tools for its clusters work.
 * Differs: the service proxy of a node is a service of its host and asks with the kubelet's certificate: nodes may read what a proxy has to.
 */
import { stringify } from 'yaml';
import { JOINERS } from './bootstrapToken.ts';
import { ETCD_DATA } from './etcd.ts';

export interface ClusterDocument {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly endpoint: string | undefined;
  readonly serviceCidr: string;
  readonly podCidr: string | undefined;
  /** Networks of the pods, where kijabi-network of every node connects them; undefined: somebody else does. */
  readonly network: string | undefined;
  readonly dnsDomain: string;
  readonly version: string;
  readonly certDir: string;
  /** undefined: the store is in the API server. */
  readonly etcd?: readonly string[] | undefined;
  /** KubeletConfiguration and KubeProxyConfiguration, as YAML. */
  readonly kubelet: string;
  readonly proxy: string;
}

export interface ApiObject {
  /** Of its collection. */
  readonly path: string;
  readonly body: { readonly metadata: { readonly name: string } } & Readonly<Record<string, unknown>>;
}

const SYSTEM = 'kube-system';
const PUBLIC = 'kube-public';
const RBAC = 'rbac.authorization.k8s.io';
const NODES = 'system:nodes';
export const NETWORK_MAP = 'kijabi-network';
export const NETWORK_KEY = 'cluster-cidr';

export function clusterObjects(cluster: ClusterDocument): readonly ApiObject[] {
  const { server, ca, proxy, kubelet, network } = cluster;
  return [
    configMap(PUBLIC, 'cluster-info', { kubeconfig: clusterInfo(server, ca) }),
    configMap(SYSTEM, 'kubeadm-config', { ClusterConfiguration: clusterConfiguration(cluster) }),
    configMap(SYSTEM, 'kubelet-config', { kubelet }),
    configMap(SYSTEM, 'kube-proxy', { 'config.conf': proxy, 'kubeconfig.conf': proxyKubeconfig(server) }),
    ...(network === undefined ? [] : [configMap(SYSTEM, NETWORK_MAP, { [NETWORK_KEY]: network })]),
    ...mayRead(PUBLIC, 'kubeadm:bootstrap-signer-clusterinfo', 'cluster-info', [{ kind: 'User', name: 'system:anonymous' }]),
    ...mayRead(SYSTEM, 'kubeadm:nodes-kubeadm-config', 'kubeadm-config', groups(JOINERS, NODES)),
    ...mayRead(SYSTEM, 'kubeadm:kubelet-config', 'kubelet-config', groups(JOINERS, NODES)),
    ...mayRead(SYSTEM, 'kube-proxy', 'kube-proxy', groups(JOINERS, NODES)),
    ...mayRead(SYSTEM, 'kijabi:network', NETWORK_MAP, groups(JOINERS, NODES)),
    clusterRole('kubeadm:get-nodes', [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }]),
    clusterBinding('kubeadm:get-nodes', 'kubeadm:get-nodes', groups(JOINERS)),
    clusterBinding('kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', groups(JOINERS)),
    clusterBinding(
      'kubeadm:node-autoapprove-bootstrap',
      'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
      groups(JOINERS),
    ),
    clusterBinding(
      'kubeadm:node-autoapprove-certificate-rotation',
      'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
      groups(NODES),
    ),
    clusterBinding('kijabi:node-proxier', 'system:node-proxier', groups(NODES)),
  ];
}

function configMap(namespace: string, name: string, data: Readonly<Record<string, string>>): ApiObject {
  return {
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } as never, data },
  };
}

/** Without anybody in it: whoever asks has a token. */
function clusterInfo(server: string, ca: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster: { 'certificate-authority-data': Buffer.from(ca).toString('base64'), server } }],
    contexts: [],
    'current-context': '',
    users: [],
  });
}

function proxyKubeconfig(server: string): string {
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default', cluster: { 'certificate-authority': `${account}/ca.crt`, server } }],
    contexts: [{ name: 'default', context: { cluster: 'default', namespace: 'default', user: 'default' } }],
    'current-context': 'default',
    users: [{ name: 'default', user: { tokenFile: `${account}/token` } }],
  });
}

/** Source: kubeadm's configuration, v1beta4. */
function clusterConfiguration({ endpoint, serviceCidr, podCidr, dnsDomain, version, certDir, etcd }: ClusterDocument): string {
  return stringify({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    clusterName: 'kubernetes',
    kubernetesVersion: version,
    certificatesDir: certDir,
    ...(endpoint === undefined ? {} : { controlPlaneEndpoint: endpoint }),
    ...(etcd === undefined ? {} : { etcd: { local: { dataDir: ETCD_DATA } } }),
    networking: { dnsDomain, serviceSubnet: serviceCidr, ...(podCidr === undefined ? {} : { podSubnet: podCidr }) },
  });
}

export interface Subject {
  readonly kind: 'User' | 'Group';
  readonly name: string;
}

const groups = (...names: readonly string[]): readonly Subject[] => names.map((name) => ({ kind: 'Group', name }));
const withGroup = (subjects: readonly Subject[]): readonly object[] => subjects.map((subject) => ({ apiGroup: RBAC, ...subject }));

const mayRead = (namespace: string, role: string, map: string, subjects: readonly Subject[]): readonly ApiObject[] =>
  mayGet(namespace, role, { resource: 'configmaps', name: map }, subjects);

export function mayGet(
  namespace: string,
  name: string,
  object: { readonly resource: string; readonly name: string },
  subjects: readonly Subject[],
): readonly ApiObject[] {
  const base = `/apis/${RBAC}/v1/namespaces/${namespace}`;
  const metadata = { name, namespace } as { readonly name: string };
  const apiVersion = `${RBAC}/v1`;
  const rules = [{ apiGroups: [''], resources: [object.resource], resourceNames: [object.name], verbs: ['get'] }];
  const roleRef = { apiGroup: RBAC, kind: 'Role', name };
  return [
    { path: `${base}/roles`, body: { apiVersion, kind: 'Role', metadata, rules } },
    { path: `${base}/rolebindings`, body: { apiVersion, kind: 'RoleBinding', metadata, roleRef, subjects: withGroup(subjects) } },
  ];
}

function clusterRole(name: string, rules: readonly object[]): ApiObject {
  return { path: `/apis/${RBAC}/v1/clusterroles`, body: { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules } };
}

function clusterBinding(name: string, role: string, subjects: readonly Subject[]): ApiObject {
  return {
    path: `/apis/${RBAC}/v1/clusterrolebindings`,
    body: {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
      subjects: withGroup(subjects),
    },
  };
}

/**
 * The files by which the services of a host become a node of a cluster: the kubelet's configuration and flags, the proxy's configuration, the
 * pods' network; all where kubeadm and its pods have them. Pure. What a host that stands alone had there is set aside first: alone.ts.
 */
import { parseDocument } from 'yaml';
import { flagsFile } from './serviceFiles.ts';

export interface NodeFacts {
  readonly nodeName: string;
  readonly nodeIp: string;
  /** KubeletConfiguration and KubeProxyConfiguration of the cluster, as YAML. */
  readonly kubelet: string;
  readonly proxy: string;
  /** Whose name the proxy and the network ask in. */
  readonly proxyKubeconfig: string;
  /** undefined: kubelet.conf is whole already. */
  readonly bootstrapKubeconfig: string | undefined;
  /** Networks of the pods, where kijabi-network connects them; undefined: somebody else does. */
  readonly network: string | undefined;
  /** Of the host, where pods cannot use /etc/resolv.conf. */
  readonly resolvConf: string | undefined;
}

export interface NodeFile {
  readonly path: string;
  readonly text: string;
}

const KUBERNETES = '/etc/kubernetes';
export const KUBELET_CONFIG = '/var/lib/kubelet/config.yaml';
const PROXY_CONFIG = '/var/lib/kube-proxy/config.conf';
const FLAGS = '/var/lib/kubelet/kubeadm-flags.env';

/** All that nodeFiles may write, and what the daemons make of it: what a reset removes. */
export const NODE_PATHS: readonly string[] = [
  '/var/lib/kubelet',
  PROXY_CONFIG,
  `${KUBERNETES}/kube-proxy.env`,
  `${KUBERNETES}/kijabi-network.env`,
  `${KUBERNETES}/bootstrap-kubelet.conf`,
  `${KUBERNETES}/kubelet.conf`,
  '/var/lib/cni/networks/kijabi',
];

export function nodeFiles(facts: NodeFacts): readonly NodeFile[] {
  const { nodeName, nodeIp, network, proxyKubeconfig, bootstrapKubeconfig, resolvConf } = facts;
  const kubelet = [
    `--kubeconfig=${KUBERNETES}/kubelet.conf`,
    ...(bootstrapKubeconfig === undefined ? [] : [`--bootstrap-kubeconfig=${bootstrapKubeconfig}`]),
    `--hostname-override=${nodeName}`,
    `--node-ip=${nodeIp}`,
  ];
  const flags = [`--kubeconfig=${proxyKubeconfig}`, `--cluster-cidr=${network}`, `--hostname-override=${nodeName}`];
  return [
    { path: KUBELET_CONFIG, text: resolvConf === undefined ? facts.kubelet : edited(facts.kubelet, [['resolvConf'], resolvConf]) },
    { path: FLAGS, text: `KUBELET_KUBEADM_ARGS="${kubelet.join(' ')}"\n` },
    {
      path: PROXY_CONFIG,
      text: edited(facts.proxy, [['clientConnection', 'kubeconfig'], proxyKubeconfig], [['hostnameOverride'], nodeName]),
    },
    { path: `${KUBERNETES}/kube-proxy.env`, text: `KUBE_PROXY_CONFIG=${PROXY_CONFIG}\n` },
    ...(network === undefined ? [] : [{ path: `${KUBERNETES}/kijabi-network.env`, text: flagsFile('kijabi-network', flags).text }]),
  ];
}

/** Comments and all other fields stay. */
function edited(yaml: string, ...changes: readonly (readonly [path: readonly string[], value: string])[]): string {
  const document = parseDocument(yaml);
  for (const [path, value] of changes) document.setIn(path, value);
  return document.toString();
}

/** How the pods' network is followed in an isolated node of a cluster: the command line of kijabi-network. Pure. */
import type { Argv } from '../linux/exec.ts';
import type { NodePaths } from './paths.ts';

const LAUNCHER = new URL('../network/kijabi-network', import.meta.url).pathname;

export interface NetworkPlace {
  readonly nodeName: string;
  readonly kubeconfig: string;
  readonly clusterCidr: string;
}

export function networkCommand(paths: NodePaths, { nodeName, kubeconfig, clusterCidr }: NetworkPlace): Argv {
  return [
    LAUNCHER,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${nodeName}`,
    `--cluster-cidr=${clusterCidr}`,
    `--cni-conf-dir=${paths.cniConfDir}`,
    `--cni-data-dir=${paths.cniDataDir}`,
  ];
}

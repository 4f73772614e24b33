/**
 * How our service proxy is started in an isolated node: command line and KubeProxyConfiguration. Pure.
 */
import { stringify } from 'yaml';
import type { Argv } from '../linux/exec.ts';
import type { NodePaths } from './paths.ts';

const LAUNCHER = new URL('../kube-proxy/kube-proxy', import.meta.url).pathname;

export interface ProxyPlace {
  readonly nodeName: string;
  readonly servicesDir: string;
}

export function kubeProxyCommand(paths: NodePaths, { nodeName, servicesDir }: ProxyPlace): Argv {
  return [
    LAUNCHER,
    '--config',
    paths.proxyConfig,
    '--services-dir',
    servicesDir,
    '--kubelet-socket',
    paths.kubeletSocket,
    '--hostname-override',
    nodeName,
    '--socket',
    paths.proxySocket,
  ];
}

export function kubeProxyConfig(podSubnet: string): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podSubnet,
    iptables: { minSyncPeriod: '100ms' },
    // Both are the host's, which stays as it is.
    conntrack: { maxPerCore: 0 },
    oomScoreAdj: 0,
  });
}

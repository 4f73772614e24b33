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
  /** Services come from an API server then, and not from documents. */
  readonly kubeconfig?: string | undefined;
}

export function kubeProxyCommand(paths: NodePaths, { nodeName, servicesDir, kubeconfig }: ProxyPlace): Argv {
  const standalone = ['--services-dir', servicesDir, '--kubelet-socket', paths.kubeletSocket];
  return [
    LAUNCHER,
    '--config',
    paths.proxyConfig,
    ...(kubeconfig === undefined ? standalone : []),
    '--hostname-override',
    nodeName,
    '--socket',
    paths.proxySocket,
  ];
}

export function kubeProxyConfig(podSubnet: string, kubeconfig?: string): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clusterCIDR: podSubnet,
    ...(kubeconfig === undefined ? {} : { clientConnection: { kubeconfig } }),
    iptables: { minSyncPeriod: '100ms' },
    // Both are the host's, which stays as it is.
    conntrack: { maxPerCore: 0 },
    oomScoreAdj: 0,
  });
}

/**
 * How our kubelet is started in an isolated node: command line and KubeletConfiguration. Pure.
 */
import { stringify } from 'yaml';
import type { Argv } from '../linux/exec.ts';
import type { NodePaths } from './paths.ts';

const LAUNCHER = new URL('../kubelet/kubelet', import.meta.url).pathname;

export interface Joined {
  readonly kubeconfig: string;
  /** Under which the other nodes reach this one. */
  readonly nodeIp: string;
}

export function kubeletCommand(paths: NodePaths, nodeName: string, cluster?: Joined): Argv {
  const joined = cluster === undefined ? [] : ['--kubeconfig', cluster.kubeconfig, '--node-ip', cluster.nodeIp];
  return [LAUNCHER, '--config', paths.kubeletConfig, '--hostname-override', nodeName, '--root-dir', paths.kubeletDir, ...joined];
}

export interface ClusterDns {
  readonly address: string;
  readonly domain: string;
}

export interface Cluster {
  /** Of whom the API server is. */
  readonly clientCa: string;
  readonly dns: ClusterDns;
}

export function kubeletConfig(paths: NodePaths, manifestsDir: string, cluster?: Cluster): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: manifestsDir,
    containerRuntimeEndpoint: `unix://${paths.containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: paths.cgroupRoot,
    podLogsDir: paths.podLogsDir,
    resolvConf: paths.resolvConf,
    healthzPort: 10_248,
    readOnlyPort: 0,
    failSwapOn: false, // it is for trying things on any machine
    ...(cluster === undefined
      ? {}
      : {
          authentication: { x509: { clientCAFile: cluster.clientCa } },
          clusterDNS: [cluster.dns.address],
          clusterDomain: cluster.dns.domain,
        }),
  });
}

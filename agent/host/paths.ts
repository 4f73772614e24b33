/**
 * Where an isolated node keeps its things, all derived from its name. Pure.
 * Whatever lies under stateDir and runDir belongs to the node alone and goes when it goes.
 */
import { join } from 'node:path';
import { AppError } from '#base/errors.ts';

export const STATE_ROOT = '/var/lib/kijabi';
export const RUN_ROOT = '/run/kijabi';
/** Packages and images that took time to get; shared by all nodes, kept when they go. */
export const CACHE_DIR = '/var/cache/kijabi';
export const DEFAULT_NODE = 'kijabi';
export const DEFAULT_PORT = 18_080;

/** A unix socket path holds 107 bytes, and the longest of ours adds about 60 to the name. */
const LONGEST_NAME = 30;

export interface NodePaths {
  readonly name: string;
  readonly netns: string;
  readonly cgroupRoot: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly stateFile: string;
  readonly lockFile: string;
  /** Present while /run/netns is a mount because of one of our nodes. */
  readonly netnsMarker: string;
  readonly manifestsDir: string;
  readonly podLogsDir: string;
  readonly kubeletDir: string;
  readonly kubeletSocket: string;
  readonly kubeletConfig: string;
  readonly servicesDir: string;
  readonly proxyConfig: string;
  readonly proxySocket: string;
  /** Of kube-scheduler, where there is a control plane. */
  readonly schedulerSocket: string;
  readonly containerdRoot: string;
  readonly containerdState: string;
  readonly containerdSocket: string;
  readonly containerdConfig: string;
  readonly certsDir: string;
  readonly cniConfDir: string;
  readonly cniDataDir: string;
  readonly cniResultsDir: string;
  /** Stands in for /run/containerd inside the node: the sockets of the shims. */
  readonly shimDir: string;
  /** Certificates and kubeconfig files, where the node has an API server. */
  readonly kubernetesDir: string;
  /** Its store. */
  readonly apiServerDir: string;
  /** The administrator's, for programs on the host. */
  readonly kubeconfig: string;
  readonly resolvConf: string;
  readonly uplinkSocket: string;
  readonly logs: Readonly<Record<'kubelet' | 'proxy' | 'network' | 'apiserver' | 'containerd' | 'uplink' | 'node' | 'registry', string>>;
}

export function nodePaths(name: string): NodePaths {
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) || name.length > LONGEST_NAME) {
    const next = `give --name up to ${LONGEST_NAME} lower-case letters, digits and dashes`;
    throw new AppError('NODE_NAME_INVALID', `Cannot use ${JSON.stringify(name)} as the name of a node: ${next}`, { next });
  }
  const stateDir = join(STATE_ROOT, name);
  const runDir = join(RUN_ROOT, name);
  return {
    name,
    netns: `kijabi-${name}`,
    cgroupRoot: `/kijabi-${name}`,
    stateDir,
    runDir,
    stateFile: join(stateDir, 'state.json'),
    lockFile: join(RUN_ROOT, `${name}.lock`),
    netnsMarker: join(RUN_ROOT, 'netns-mount-is-ours'),
    manifestsDir: join(stateDir, 'manifests'),
    podLogsDir: join(stateDir, 'log', 'pods'),
    kubeletDir: join(stateDir, 'kubelet'),
    kubeletSocket: join(stateDir, 'kubelet', 'kubelet.sock'),
    kubeletConfig: join(stateDir, 'kubelet.yaml'),
    servicesDir: join(stateDir, 'services'),
    proxyConfig: join(stateDir, 'kube-proxy.yaml'),
    proxySocket: join(runDir, 'kube-proxy.sock'),
    schedulerSocket: join(runDir, 'kube-scheduler.sock'),
    containerdRoot: join(stateDir, 'containerd'),
    containerdState: join(runDir, 'containerd'),
    containerdSocket: join(runDir, 'containerd.sock'),
    containerdConfig: join(stateDir, 'containerd.toml'),
    certsDir: join(stateDir, 'certs.d'),
    cniConfDir: join(stateDir, 'cni', 'net.d'),
    cniDataDir: join(stateDir, 'cni', 'addresses'),
    cniResultsDir: join(stateDir, 'cni', 'results'),
    shimDir: join(runDir, 'shims'),
    kubernetesDir: join(stateDir, 'kubernetes'),
    apiServerDir: join(stateDir, 'apiserver'),
    kubeconfig: join(stateDir, 'kubeconfig'),
    resolvConf: join(runDir, 'resolv', 'resolv.conf'),
    uplinkSocket: join(runDir, 'uplink.sock'),
    logs: {
      kubelet: join(stateDir, 'kubelet.log'),
      proxy: join(stateDir, 'kube-proxy.log'),
      network: join(stateDir, 'kijabi-network.log'),
      apiserver: join(stateDir, 'kube-apiserver.log'),
      containerd: join(stateDir, 'containerd.log'),
      uplink: join(stateDir, 'uplink.log'),
      node: join(stateDir, 'node.log'),
      registry: join(stateDir, 'registry.log'),
    },
  };
}

/**
 * KubeProxyConfiguration v1alpha1: every field it has. Pure.
 *
 * As upstream writes such files, a zero value ("", 0, 0s, null) means that the field is not set; kubeadm's ConfigMap holds all of them.
 * What this proxy does not honour is refused by name when it is set to anything else.
 * Source: k8s.io/kube-proxy config/v1alpha1 (names, types), defaults of Kubernetes 1.36.
 */
import { anyObject, boolean, duration, int32, list, map, number, object, oneOf, string, type Schema, type Static } from '#api/schema.ts';

const strings = list(string());
const masqueradeBit = int32('Bit of the packet mark that means: masquerade', { minimum: 0, maximum: 31 });
const syncPeriod = duration('Longest delay before a failed sync is tried again');
const minSyncPeriod = duration('Shortest time between two syncs');

const iptables = object('io.k8s.kubeproxy.config.v1alpha1.KubeProxyIPTablesConfiguration', {
  masqueradeBit,
  masqueradeAll: boolean(),
  localhostNodePorts: boolean(),
  syncPeriod,
  minSyncPeriod,
});

/** Nanoseconds, or a duration: upstream writes the one and reads both. */
const timeOrDuration: Schema<number | string> = { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'string' }] };

const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh', ''] as const;

const ipvs = object('io.k8s.kubeproxy.config.v1alpha1.KubeProxyIPVSConfiguration', {
  syncPeriod,
  minSyncPeriod,
  scheduler: oneOf(SCHEDULERS),
  excludeCIDRs: strings,
  strictARP: boolean(),
  tcpTimeout: duration(),
  tcpFinTimeout: duration(),
  udpTimeout: duration(),
});

const nftables = object('io.k8s.kubeproxy.config.v1alpha1.KubeProxyNFTablesConfiguration', {
  masqueradeBit,
  masqueradeAll: boolean(),
  syncPeriod,
  minSyncPeriod,
});

const conntrack = object('io.k8s.kubeproxy.config.v1alpha1.KubeProxyConntrackConfiguration', {
  maxPerCore: int32('0 leaves the limit as it is', { minimum: 0 }),
  min: int32(undefined, { minimum: 0 }),
  tcpEstablishedTimeout: duration(),
  tcpCloseWaitTimeout: duration(),
  tcpBeLiberal: boolean(),
  udpTimeout: duration(),
  udpStreamTimeout: duration(),
});

const clientConnection = object('io.k8s.component-base.config.v1alpha1.ClientConnectionConfiguration', {
  kubeconfig: string(),
  acceptContentTypes: string(),
  contentType: string(),
  qps: number(),
  burst: int32(),
});

export const kubeProxyConfigurationSchema = object('io.k8s.kubeproxy.config.v1alpha1.KubeProxyConfiguration', {
  apiVersion: string(),
  kind: string(),
  featureGates: map(boolean()),
  clientConnection,
  logging: object('io.k8s.component-base.logs.api.v1.LoggingConfiguration', {
    format: oneOf(['text', 'json', '']),
    flushFrequency: timeOrDuration,
    verbosity: int32(undefined, { minimum: 0, maximum: 10 }),
    vmodule: list(anyObject()),
    options: anyObject(),
  }),
  hostnameOverride: string(),
  bindAddress: string(),
  healthzBindAddress: string(),
  metricsBindAddress: string(),
  bindAddressHardFail: boolean(),
  enableProfiling: boolean(),
  showHiddenMetricsForVersion: string(),
  mode: oneOf(['iptables', 'ipvs', 'nftables', '']),
  iptables,
  ipvs,
  nftables,
  winkernel: anyObject(),
  detectLocalMode: oneOf(['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix', '']),
  detectLocal: object('io.k8s.kubeproxy.config.v1alpha1.DetectLocalConfiguration', {
    bridgeInterface: string(),
    interfaceNamePrefix: string(),
  }),
  clusterCIDR: string(),
  nodePortAddresses: strings,
  oomScoreAdj: int32(undefined, { minimum: -1_000, maximum: 1_000 }),
  conntrack,
  configSyncPeriod: duration(),
  portRange: string(),
  windowsRunAsService: boolean(),
});

export type KubeProxyConfiguration = Static<typeof kubeProxyConfigurationSchema>;

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
export const KIND = 'KubeProxyConfiguration';

/**
 * The flags that stand for a field of KubeletConfiguration, with upstream's names; and the flags that are refused, each with what to do
 * instead. Pure. A flag wins over the configuration file and its drop-ins.
 * Source: the command line reference of the kubelet in the Kubernetes docs, 1.36.
 */
export type FlagType = 'text' | 'flag' | 'number' | 'list' | 'map' | 'gates' | 'thresholds' | 'headers' | 'taints';

export interface FieldFlag {
  readonly path: readonly string[];
  readonly type: FlagType;
}

const of =
  (type: FlagType) =>
  (...path: readonly string[]): FieldFlag => ({ path, type });
const [text, flag, number, list, map] = [of('text'), of('flag'), of('number'), of('list'), of('map')];
const thresholds = of('thresholds');

export const FIELD_FLAGS: Readonly<Record<string, FieldFlag>> = {
  address: text('address'),
  'allowed-unsafe-sysctls': list('allowedUnsafeSysctls'),
  'anonymous-auth': flag('authentication', 'anonymous', 'enabled'),
  'authentication-token-webhook': flag('authentication', 'webhook', 'enabled'),
  'authentication-token-webhook-cache-ttl': text('authentication', 'webhook', 'cacheTTL'),
  'authorization-mode': text('authorization', 'mode'),
  'authorization-webhook-cache-authorized-ttl': text('authorization', 'webhook', 'cacheAuthorizedTTL'),
  'authorization-webhook-cache-unauthorized-ttl': text('authorization', 'webhook', 'cacheUnauthorizedTTL'),
  'cgroup-driver': text('cgroupDriver'),
  'cgroup-root': text('cgroupRoot'),
  'cgroups-per-qos': flag('cgroupsPerQOS'),
  'client-ca-file': text('authentication', 'x509', 'clientCAFile'),
  'cluster-dns': list('clusterDNS'),
  'cluster-domain': text('clusterDomain'),
  'container-log-max-files': number('containerLogMaxFiles'),
  'container-log-max-size': text('containerLogMaxSize'),
  'container-runtime-endpoint': text('containerRuntimeEndpoint'),
  'contention-profiling': flag('enableContentionProfiling'),
  'cpu-cfs-quota': flag('cpuCFSQuota'),
  'cpu-cfs-quota-period': text('cpuCFSQuotaPeriod'),
  'cpu-manager-policy': text('cpuManagerPolicy'),
  'cpu-manager-policy-options': map('cpuManagerPolicyOptions'),
  'cpu-manager-reconcile-period': text('cpuManagerReconcilePeriod'),
  'enable-controller-attach-detach': flag('enableControllerAttachDetach'),
  'enable-debugging-handlers': flag('enableDebuggingHandlers'),
  'enable-server': flag('enableServer'),
  'enforce-node-allocatable': list('enforceNodeAllocatable'),
  'event-burst': number('eventBurst'),
  'event-qps': number('eventRecordQPS'),
  'eviction-hard': thresholds('evictionHard'),
  'eviction-max-pod-grace-period': number('evictionMaxPodGracePeriod'),
  'eviction-minimum-reclaim': map('evictionMinimumReclaim'),
  'eviction-pressure-transition-period': text('evictionPressureTransitionPeriod'),
  'eviction-soft': thresholds('evictionSoft'),
  'eviction-soft-grace-period': map('evictionSoftGracePeriod'),
  'fail-cgroupv1': flag('failCgroupV1'),
  'fail-swap-on': flag('failSwapOn'),
  'feature-gates': of('gates')('featureGates'),
  'file-check-frequency': text('fileCheckFrequency'),
  'hairpin-mode': text('hairpinMode'),
  'healthz-bind-address': text('healthzBindAddress'),
  'healthz-port': number('healthzPort'),
  'http-check-frequency': text('httpCheckFrequency'),
  'image-gc-high-threshold': number('imageGCHighThresholdPercent'),
  'image-gc-low-threshold': number('imageGCLowThresholdPercent'),
  'image-service-endpoint': text('imageServiceEndpoint'),
  'iptables-drop-bit': number('iptablesDropBit'),
  'iptables-masquerade-bit': number('iptablesMasqueradeBit'),
  'kernel-memcg-notification': flag('kernelMemcgNotification'),
  'kube-api-burst': number('kubeAPIBurst'),
  'kube-api-content-type': text('contentType'),
  'kube-api-qps': number('kubeAPIQPS'),
  'kube-reserved': map('kubeReserved'),
  'kube-reserved-cgroup': text('kubeReservedCgroup'),
  'kubelet-cgroups': text('kubeletCgroups'),
  'local-storage-capacity-isolation': flag('localStorageCapacityIsolation'),
  'logging-format': text('logging', 'format'),
  'make-iptables-util-chains': flag('makeIPTablesUtilChains'),
  'manifest-url': text('staticPodURL'),
  'manifest-url-header': of('headers')('staticPodURLHeader'),
  'max-open-files': number('maxOpenFiles'),
  'max-pods': number('maxPods'),
  'memory-manager-policy': text('memoryManagerPolicy'),
  'minimum-image-ttl-duration': text('imageMinimumGCAge'),
  'node-status-max-images': number('nodeStatusMaxImages'),
  'node-status-update-frequency': text('nodeStatusUpdateFrequency'),
  'oom-score-adj': number('oomScoreAdj'),
  'pod-cidr': text('podCIDR'),
  'pod-manifest-path': text('staticPodPath'),
  'pod-max-pids': number('podPidsLimit'),
  'pods-per-core': number('podsPerCore'),
  port: number('port'),
  'protect-kernel-defaults': flag('protectKernelDefaults'),
  'provider-id': text('providerID'),
  'qos-reserved': map('qosReserved'),
  'read-only-port': number('readOnlyPort'),
  'register-node': flag('registerNode'),
  'register-with-taints': of('taints')('registerWithTaints'),
  'registry-burst': number('registryBurst'),
  'registry-qps': number('registryPullQPS'),
  'reserved-cpus': text('reservedSystemCPUs'),
  'resolv-conf': text('resolvConf'),
  'rotate-certificates': flag('rotateCertificates'),
  'rotate-server-certificates': flag('serverTLSBootstrap'),
  'runtime-request-timeout': text('runtimeRequestTimeout'),
  'seccomp-default': flag('seccompDefault'),
  'serialize-image-pulls': flag('serializeImagePulls'),
  'streaming-connection-idle-timeout': text('streamingConnectionIdleTimeout'),
  'sync-frequency': text('syncFrequency'),
  'system-cgroups': text('systemCgroups'),
  'system-reserved': map('systemReserved'),
  'system-reserved-cgroup': text('systemReservedCgroup'),
  'tls-cert-file': text('tlsCertFile'),
  'tls-cipher-suites': list('tlsCipherSuites'),
  'tls-min-version': text('tlsMinVersion'),
  'tls-private-key-file': text('tlsPrivateKeyFile'),
  'topology-manager-policy': text('topologyManagerPolicy'),
  'topology-manager-policy-options': map('topologyManagerPolicyOptions'),
  'topology-manager-scope': text('topologyManagerScope'),
  'volume-plugin-dir': text('volumePluginDir'),
  'volume-stats-agg-period': text('volumeStatsAggPeriod'),
};

/** Paths on the command line are taken from the working directory. */
export const PATH_FLAGS: ReadonlySet<string> = new Set([
  'client-ca-file',
  'pod-manifest-path',
  'resolv-conf',
  'tls-cert-file',
  'tls-private-key-file',
]);

const NETWORK = 'the runtime does the pod network: its own configuration names the directories (containerd: bin_dir, conf_dir)';
const CLOUD = 'there is no cloud provider in here: a cloud-controller-manager does that work';
const GONE = 'upstream took it away';
const CREDENTIALS = 'programs that give registry credentials are not run: use imagePullSecrets, or config.json in the root directory';

export const REFUSED_FLAGS: Readonly<Record<string, string>> = {
  'allow-privileged': `${GONE}: privileged is a field of containers`,
  'cadvisor-port': `${GONE}: /metrics/cadvisor is on the port of the HTTP API`,
  'cloud-config': CLOUD,
  'cloud-provider': CLOUD,
  'cni-bin-dir': NETWORK,
  'cni-conf-dir': NETWORK,
  'container-runtime': `${GONE}: there is only the CRI, at --container-runtime-endpoint`,
  docker: `${GONE}: there is only the CRI`,
  'docker-endpoint': `${GONE}: there is only the CRI, at --container-runtime-endpoint`,
  'dynamic-config-dir': `${GONE}: the configuration file is read again when it changes`,
  'exit-on-lock-contention': 'a second kubelet on a root directory ends by itself',
  'image-credential-provider-bin-dir': CREDENTIALS,
  'image-credential-provider-config': CREDENTIALS,
  'keep-terminated-pod-volumes': 'volumes stay until their pod is removed',
  'lock-file': 'a second kubelet on a root directory ends by itself',
  'log-dir': 'the log goes to stderr, and so to the journal',
  'log-file': 'the log goes to stderr, and so to the journal',
  'log-flush-frequency': 'each line is written at once',
  logtostderr: 'the log goes to stderr anyway',
  'maximum-dead-containers': 'containers that ended are counted per container: --maximum-dead-containers-per-container',
  'network-plugin': NETWORK,
  'pod-infra-container-image': 'the runtime names it (containerd: sandbox_image), and it is never removed',
  runonce: `${GONE}: use restartPolicy Never`,
  'runtime-cgroups': 'the control group of the runtime is set where it is started: Slice= in its systemd unit',
  'seccomp-profile-root': `${GONE}: profiles lie in seccomp below --root-dir`,
  vmodule: 'there are no verbosities per file: use --v',
};

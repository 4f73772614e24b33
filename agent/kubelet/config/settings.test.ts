/** What the configuration file may say, and every complaint about it with its place. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppError } from '#base/errors.ts';
import { CgroupNames } from '../pods/cgroupNames.ts';
import { parseFlags } from './flags.ts';
import { FIELDS } from './kubeletConfiguration.ts';
import { serverSettings } from './serverFields.ts';
import { loadConfig, settingsOf, type Settings } from './settings.ts';

const USUAL_RESOURCES = { reserved: {}, enforcePods: true, quota: { periodUs: 100_000 } };
const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const settings = (text: string, ...argv: string[]): Omit<Settings, 'configz'> => {
  const { configz: _, ...rest } = settingsOf(parseFlags(argv), loadConfig('k.yaml', bytes(`${HEAD}staticPodPath: /m\n${text}`)));
  return rest;
};

/** The lines of the complaint, without the first one that counts them; none when the file is taken. */
function complaints(file: Uint8Array | string): string[] {
  try {
    loadConfig('k.yaml', typeof file === 'string' ? bytes(file) : file);
    return [];
  } catch (err) {
    assert.ok(err instanceof AppError, String(err));
    assert.equal(err.code, 'CONFIG_INVALID');
    const [count, ...lines] = err.message.split('\n');
    assert.equal(count, `${lines.length} ${lines.length === 1 ? 'problem' : 'problems'}`);
    return lines;
  }
}

const SERVER = serverSettings({});
const DEFAULTS: Omit<Settings, 'configz'> = {
  server: SERVER,
  certDir: '/var/lib/kubelet/pki',
  kubeconfig: undefined,
  bootstrapKubeconfig: undefined,
  cluster: {
    registerNode: true,
    taints: [],
    labels: {},
    providerId: undefined,
    statusLookMs: 10_000,
    statusReportMs: 300_000,
    leaseSeconds: 40,
    api: { qps: 50, burst: 100 },
    events: { qps: 50, burst: 100 },
    rotateCertificates: false,
    serverTlsBootstrap: false,
  },
  mostImages: 50,
  shutdown: [],
  logRotation: { maxBytes: 10 << 20, maxFiles: 5, workers: 1, everyMs: 10_000 },
  staticPodPath: '/m',
  podLogsDir: '/var/log/pods',
  rootDir: '/var/lib/kubelet',
  hostnameOverride: undefined,
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  runtimeRequestTimeoutMs: 120_000,
  fileCheckFrequencyMs: 20_000,
  cgroupNames: new CgroupNames('/'),
  resolvConf: '/etc/resolv.conf',
  healthz: { host: '127.0.0.1', port: 10_248 },
  podPidsLimit: -1,
  maxParallelImagePulls: 1,
  clusterDns: [],
  clusterDomain: '',
  seccompDefault: false,
  allowedUnsafeSysctls: [],
  registryPulls: { qps: 5, burst: 10 },
  pullVerification: { policy: 'NeverVerifyPreloadedImages', allowlist: [] },
  containerGc: { minAgeMs: 0, perContainer: 1 },
  syncFrequencyMs: 60_000,
  staticPodUrl: undefined,
  oomScoreAdj: -999,
  demands: { swapOff: true, cgroupV2: false, kernelDefaults: false },
  podCidr: undefined,
  nodeIps: [],
  verbosity: 0,
  crashBackoff: { baseMs: 10_000, maxMs: 300_000 },
  maxPods: 110,
  podsPerCore: 0,
  resources: USUAL_RESOURCES,
  imageGc: { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: 0 },
  eviction: {
    thresholds: [
      { signal: 'memory.available', value: { amount: 104_857_600, text: '100Mi' }, graceMs: 0 },
      { signal: 'nodefs.available', value: { share: 0.1 }, graceMs: 0 },
      { signal: 'nodefs.inodesFree', value: { share: 0.05 }, graceMs: 0 },
      { signal: 'imagefs.available', value: { share: 0.15 }, graceMs: 0 },
      { signal: 'imagefs.inodesFree', value: { share: 0.05 }, graceMs: 0 },
    ],
    transitionMs: 300_000,
    maxGraceMs: 0,
  },
};

const { imageGc: GC, eviction: EVICTION } = DEFAULTS;
const cluster = (change: Partial<Settings['cluster']>): Partial<Settings> => ({ cluster: { ...DEFAULTS.cluster, ...change } });

test("settingsOf: an empty file gives upstream's defaults", () => assert.deepEqual(settings(''), DEFAULTS));

test('settingsOf: what kubeadm writes for fields that nobody set is unset', () => {
  const zeros = `cgroupDriver: ""
clusterDNS: []
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0m0s
authentication: null
healthzPort: null
`;
  assert.deepEqual(settings(zeros), DEFAULTS);
});

/** One row for each honoured field; what it changes. */
const HONOURED: Readonly<Record<string, readonly (readonly [value: string, change: Partial<Settings>])[]>> = {
  staticPodPath: [], // below
  podLogsDir: [['/logs', { podLogsDir: '/logs' }]],
  fileCheckFrequency: [['1m30s', { fileCheckFrequencyMs: 90_000 }]],
  containerRuntimeEndpoint: [['unix:///x.sock', { containerRuntimeEndpoint: 'unix:///x.sock' }]],
  runtimeRequestTimeout: [['500ms', { runtimeRequestTimeoutMs: 500 }]],
  cgroupRoot: [['/a/b', { cgroupNames: new CgroupNames('/a/b') }]],
  cgroupDriver: [
    ['cgroupfs', {}],
    ['systemd', { cgroupNames: new CgroupNames('/', 'systemd') }],
  ],
  resolvConf: [
    ['/run/systemd/resolve/resolv.conf', { resolvConf: '/run/systemd/resolve/resolv.conf' }],
    ['""', { resolvConf: '' }],
  ],
  healthzPort: [
    ['0', { healthz: { host: '127.0.0.1', port: 0 } }],
    ['65535', { healthz: { host: '127.0.0.1', port: 65_535 } }],
  ],
  healthzBindAddress: [['"::"', { healthz: { host: '::', port: 10_248 } }]],
  containerLogMaxSize: [['50Mi', { logRotation: { maxBytes: 50 << 20, maxFiles: 5, workers: 1, everyMs: 10_000 } }]],
  containerLogMaxFiles: [['2', { logRotation: { maxBytes: 10 << 20, maxFiles: 2, workers: 1, everyMs: 10_000 } }]],
  containerLogMaxWorkers: [['4', { logRotation: { maxBytes: 10 << 20, maxFiles: 5, workers: 4, everyMs: 10_000 } }]],
  containerLogMonitorInterval: [['3s', { logRotation: { maxBytes: 10 << 20, maxFiles: 5, workers: 1, everyMs: 3_000 } }]],
  enableServer: [['false', { server: { ...SERVER, enabled: false } }]],
  address: [['"::"', { server: { ...SERVER, host: '::' } }]],
  port: [
    ['11250', { server: { ...SERVER, port: 11_250 } }],
    ['0', {}],
  ],
  readOnlyPort: [
    ['10255', { server: { ...SERVER, readOnlyPort: 10_255 } }],
    ['0', {}],
  ],
  tlsCertFile: [
    ['/a\ntlsPrivateKeyFile: /b', { server: { ...SERVER, tls: { ...SERVER.tls, files: { certificate: '/a', key: '/b' } } } }],
    ['""', {}],
  ],
  tlsPrivateKeyFile: [['""', {}]],
  tlsCipherSuites: [
    [
      '[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]',
      { server: { ...SERVER, tls: { ...SERVER.tls, ciphers: ['ECDHE-RSA-AES128-GCM-SHA256'] } } },
    ],
  ],
  tlsMinVersion: [['VersionTLS13', { server: { ...SERVER, tls: { ...SERVER.tls, minVersion: 'TLSv1.3' } } }]],
  authentication: [
    [
      '{x509: {clientCAFile: /ca}, anonymous: {enabled: true}, webhook: {enabled: false, cacheTTL: 5s}}',
      { server: { ...SERVER, authn: { clientCaFile: '/ca', anonymous: true, webhook: false, cacheMs: 5_000 } } },
    ],
    ['{}', {}],
  ],
  authorization: [
    ['{mode: AlwaysAllow}', { server: { ...SERVER, authz: { ...SERVER.authz, mode: 'AlwaysAllow' } } }],
    [
      '{mode: Webhook, webhook: {cacheAuthorizedTTL: 1m, cacheUnauthorizedTTL: 0s}}',
      { server: { ...SERVER, authz: { ...SERVER.authz, yesMs: 60_000 } } },
    ],
  ],
  enableDebuggingHandlers: [['false', { server: { ...SERVER, debugging: false } }]],
  enableSystemLogHandler: [['false', { server: { ...SERVER, systemLogs: false } }]],
  volumeStatsAggPeriod: [
    ['5m', { server: { ...SERVER, volumesEveryMs: 300_000 } }],
    ['-1s', { server: { ...SERVER, volumesEveryMs: undefined } }],
  ],
  streamingConnectionIdleTimeout: [['5m', { server: { ...SERVER, streamIdleMs: 300_000 } }]],
  podPidsLimit: [['1024', { podPidsLimit: 1_024 }]],
  shutdownGracePeriod: [
    [
      '30s\nshutdownGracePeriodCriticalPods: 10s',
      {
        shutdown: [
          { priority: 0, ms: 20_000 },
          { priority: 2_000_000_000, ms: 10_000 },
        ],
      },
    ],
    ['0s', {}],
  ],
  shutdownGracePeriodCriticalPods: [['0s', {}]],
  shutdownGracePeriodByPodPriority: [
    [
      '[{priority: 10, shutdownGracePeriodSeconds: 5}, {shutdownGracePeriodSeconds: 20}]',
      {
        shutdown: [
          { priority: 0, ms: 20_000 },
          { priority: 10, ms: 5_000 },
        ],
      },
    ],
    ['[]', {}],
  ],
  serializeImagePulls: [
    ['true', {}],
    ['false', { maxParallelImagePulls: 5 }],
  ],
  maxParallelImagePulls: [
    ['3', { maxParallelImagePulls: 3 }],
    ['2\nserializeImagePulls: false', { maxParallelImagePulls: 2 }],
    ['1\nserializeImagePulls: true', {}],
  ],
  clusterDNS: [['[10.96.0.10]', { clusterDns: ['10.96.0.10'] }]],
  clusterDomain: [['cluster.local', { clusterDomain: 'cluster.local' }]],
  seccompDefault: [['true', { seccompDefault: true }]],
  allowedUnsafeSysctls: [['[kernel.msg*, net.core.somaxconn]', { allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'] }]],
  crashLoopBackOff: [
    ['{maxContainerRestartPeriod: 60s}', { crashBackoff: { baseMs: 10_000, maxMs: 60_000 } }],
    ['{maxContainerRestartPeriod: 4s}', { crashBackoff: { baseMs: 4_000, maxMs: 4_000 } }],
  ],
  maxPods: [['5', { maxPods: 5 }]],
  podsPerCore: [['10', { podsPerCore: 10 }]],
  systemReserved: [['{cpu: 100m}', { resources: { ...USUAL_RESOURCES, reserved: { cpu: '100m' } } }]],
  kubeReserved: [
    [
      '{memory: 1Gi, ephemeral-storage: 1Gi}',
      { resources: { ...USUAL_RESOURCES, reserved: { memory: '1Gi', 'ephemeral-storage': '1Gi' } } },
    ],
  ],
  enforceNodeAllocatable: [
    ['[none]', { resources: { ...USUAL_RESOURCES, enforcePods: false } }],
    ['[]', { resources: { ...USUAL_RESOURCES, enforcePods: false } }],
    ['[pods]', {}],
  ],
  cpuCFSQuota: [['false', { resources: { ...USUAL_RESOURCES, quota: { periodUs: undefined } } }]],
  cpuCFSQuotaPeriod: [
    ['10ms', { resources: { ...USUAL_RESOURCES, quota: { periodUs: 10_000 } } }],
    ['0s', {}],
  ],
  imageMinimumGCAge: [['5m', { imageGc: { ...GC, minAgeMs: 300_000 } }]],
  imageMaximumGCAge: [['24h', { imageGc: { ...GC, maxAgeMs: 86_400_000 } }]],
  imageGCHighThresholdPercent: [['90', { imageGc: { ...GC, highPercent: 90 } }]],
  imageGCLowThresholdPercent: [['70', { imageGc: { ...GC, lowPercent: 70 } }]],
  evictionHard: [['{}', { eviction: { ...EVICTION, thresholds: [] } }]],
  evictionSoft: [['{}', {}]],
  evictionSoftGracePeriod: [['{}', {}]],
  evictionMinimumReclaim: [
    [
      '{pid.available: 1k}\nevictionHard: {pid.available: 5%}',
      {
        eviction: {
          ...EVICTION,
          thresholds: [{ signal: 'pid.available', value: { share: 0.05 }, graceMs: 0, minReclaim: { amount: 1_000, text: '1k' } }],
        },
      },
    ],
  ],
  evictionPressureTransitionPeriod: [['30s', { eviction: { ...EVICTION, transitionMs: 30_000 } }]],
  evictionMaxPodGracePeriod: [['60', { eviction: { ...EVICTION, maxGraceMs: 60_000 } }]],
  mergeDefaultEvictionSettings: [['true', {}]],
  registerNode: [['false', cluster({ registerNode: false })]],
  registerWithTaints: [['[{key: a, value: b, effect: NoSchedule}]', cluster({ taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] })]],
  providerID: [['x://1', cluster({ providerId: 'x://1' })]],
  nodeStatusUpdateFrequency: [['20s', cluster({ statusLookMs: 20_000, statusReportMs: 20_000 })]],
  nodeStatusReportFrequency: [['1m', cluster({ statusReportMs: 60_000 })]],
  nodeStatusMaxImages: [
    ['3', { mostImages: 3 }],
    ['-1', { mostImages: Infinity }],
  ],
  nodeLeaseDurationSeconds: [['8', cluster({ leaseSeconds: 8 })]],
  kubeAPIQPS: [['7', cluster({ api: { qps: 7, burst: 100 } })]],
  kubeAPIBurst: [['7', cluster({ api: { qps: 50, burst: 7 } })]],
  eventRecordQPS: [
    ['7', cluster({ events: { qps: 7, burst: 100 } })],
    ['0', cluster({ events: { qps: -1, burst: 100 } })],
  ],
  rotateCertificates: [['true', cluster({ rotateCertificates: true })]],
  serverTLSBootstrap: [['true', cluster({ serverTlsBootstrap: true })]],
  eventBurst: [['7', cluster({ events: { qps: 50, burst: 7 } })]],
  registryPullQPS: [['0', { registryPulls: { qps: 0, burst: 10 } }]],
  registryBurst: [['3', { registryPulls: { qps: 5, burst: 3 } }]],
  imagePullCredentialsVerificationPolicy: [['AlwaysVerify', { pullVerification: { policy: 'AlwaysVerify', allowlist: [] } }]],
  preloadedImagesVerificationAllowlist: [
    ['[]', {}],
    [
      '[r.example/a, r.example/b/*]\nimagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages',
      { pullVerification: { policy: 'NeverVerifyAllowlistedImages', allowlist: ['r.example/a', 'r.example/b/*'] } },
    ],
  ],
  syncFrequency: [['30s', { syncFrequencyMs: 30_000 }]],
  staticPodURL: [['http://x/y', { staticPodUrl: { url: 'http://x/y', headers: {}, everyMs: 20_000 } }]],
  staticPodURLHeader: [
    ['{A: [b]}', {}],
    ['{A: [b]}\nstaticPodURL: https://x', { staticPodUrl: { url: 'https://x', headers: { A: ['b'] }, everyMs: 20_000 } }],
  ],
  httpCheckFrequency: [['5s\nstaticPodURL: https://x', { staticPodUrl: { url: 'https://x', headers: {}, everyMs: 5_000 } }]],
  oomScoreAdj: [['0', { oomScoreAdj: 0 }]],
  failSwapOn: [['false', { demands: { ...DEFAULTS.demands, swapOff: false } }]],
  failCgroupV1: [['true', { demands: { ...DEFAULTS.demands, cgroupV2: true } }]],
  protectKernelDefaults: [['true', { demands: { ...DEFAULTS.demands, kernelDefaults: true } }]],
  podCIDR: [['10.0.0.0/24', { podCidr: '10.0.0.0/24' }]],
  logging: [
    [
      '{verbosity: 4, format: text, flushFrequency: 5s, options: {json: {infoBufferSize: "0"}, text: {splitStream: false}}}',
      { verbosity: 4 },
    ],
    ['{flushFrequency: 5000000000}', {}],
  ],
  tlsCurvePreferences: [['[29, 23]', { server: { ...SERVER, tls: { ...SERVER.tls, curves: ['X25519', 'P-256'] } } }]],
};

test('every honoured field has a row here', () => assert.deepEqual(Object.keys(HONOURED).sort(), [...FIELDS.honoured].sort()));

for (const [field, rows] of Object.entries(HONOURED))
  for (const [value, change] of rows)
    test(`settingsOf: ${field}: ${value.replace('\n', ', ')}`, () =>
      assert.deepEqual(settings(`${field}: ${value}`), { ...DEFAULTS, ...change }));

test('settingsOf: a flag wins over the field of the file', () => {
  const given = settings(
    'containerRuntimeEndpoint: unix:///file.sock',
    '--container-runtime-endpoint',
    'unix:///flag.sock',
    '--pod-manifest-path',
    '/flag',
    '--root-dir',
    '/r',
    '--hostname-override',
    'N1',
  );
  assert.deepEqual(given, {
    ...DEFAULTS,
    containerRuntimeEndpoint: 'unix:///flag.sock',
    staticPodPath: '/flag',
    rootDir: '/r',
    certDir: '/r/pki',
    hostnameOverride: 'n1',
  });
});

test('settingsOf: without a source of pods it says the ways to name one', () => {
  for (const config of [{}, { staticPodPath: '' }])
    assert.throws(() => settingsOf(parseFlags([]), config), {
      code: 'CONFIG_INVALID',
      message:
        'no source of pods: set staticPodPath in the configuration file or pass --pod-manifest-path, or join an API server with --kubeconfig',
    });
  assert.equal(settingsOf(parseFlags(['--kubeconfig', '/k']), {}).staticPodPath, undefined);
});

const COMPLAINTS: readonly (readonly [name: string, file: Uint8Array | string, want: readonly string[]])[] = [
  ['an empty file', '', ['k.yaml: want one KubeletConfiguration document, got 0']],
  ['two documents', `${HEAD}---\n${HEAD}`, ['k.yaml: want one KubeletConfiguration document, got 2']],
  ['a list', '- a\n', ['k.yaml:1:1: want an object with apiVersion kubelet.config.k8s.io/v1beta1 and kind KubeletConfiguration']],
  ['null', 'null\n', ['k.yaml:1:1: want an object with apiVersion kubelet.config.k8s.io/v1beta1 and kind KubeletConfiguration']],
  [
    'neither kind nor version',
    'healthzPort: 1\n',
    ['k.yaml:1:1: apiVersion: want kubelet.config.k8s.io/v1beta1, got nothing', 'k.yaml:1:1: kind: want KubeletConfiguration, got nothing'],
  ],
  ['another kind', HEAD.replace('Kubelet', 'KubeProxy'), ['k.yaml:2:7: kind: want KubeletConfiguration, got "KubeProxyConfiguration"']],
  [
    'another version',
    HEAD.replace('v1beta1', 'v1'),
    ['k.yaml:1:13: apiVersion: want kubelet.config.k8s.io/v1beta1, got "kubelet.config.k8s.io/v1"'],
  ],
  [
    'a version that is no text',
    HEAD.replace('kubelet.config.k8s.io/v1beta1', '1'),
    ['k.yaml:1:13: apiVersion: want kubelet.config.k8s.io/v1beta1, got 1'],
  ],
  ['a field nobody knows', `${HEAD}staticPodPaht: /m\n`, ['k.yaml:3:1: staticPodPaht: unknown field, did you mean staticPodPath?']],
  [
    'a field inside nobody knows',
    `${HEAD}crashLoopBackOff: {maxRestarts: 1}\n`,
    ['k.yaml:3:20: crashLoopBackOff.maxRestarts: unknown field'],
  ],
  ['a name of Object.prototype', `${HEAD}toString: 1\n`, ['k.yaml:3:1: toString: unknown field']],
  [
    'a field not honoured',
    `${HEAD}tracing: {endpoint: x}\n`,
    ['k.yaml:3:1: tracing: is not honoured: no spans are sent: kijabi explain pod shows each step with its time: remove it'],
  ],
  [
    'a field not honoured, with something to set it to',
    `${HEAD}cgroupsPerQOS: false\n`,
    ['k.yaml:3:1: cgroupsPerQOS: is not honoured: control groups are always made per QoS class: remove it, or set it to true'],
  ],
  [
    'a URL that is none',
    `${HEAD}staticPodURL: ftp://x\n`,
    ['k.yaml:3:15: staticPodURL: Invalid value: "ftp://x": want http://… or https://…'],
  ],
  [
    'lines split over two places',
    `${HEAD}logging: {options: {text: {splitStream: true}}}\n`,
    ['k.yaml:3:41: logging.options.text.splitStream: Invalid value: true: all lines go to one place: want false'],
  ],
  [
    'logs as JSON',
    `${HEAD}logging: {format: json}\n`,
    ['k.yaml:3:19: logging.format: Invalid value: "json": want "text": the journal keeps the fields of each line as they are'],
  ],
  [
    'a curve nobody knows',
    `${HEAD}tlsCurvePreferences: [1]\n`,
    ['k.yaml:3:1: tlsCurvePreferences: Invalid value: 1: want some of 23, 24, 25, 29, 4588'],
  ],
  [
    'the driver for systemd',
    `${HEAD}cgroupDriver: openrc\n`,
    ['k.yaml:3:15: cgroupDriver: Invalid value: "openrc": want one of cgroupfs, systemd'],
  ],
  [
    'a certificate without a key',
    `${HEAD}tlsCertFile: /a\n`,
    ['k.yaml:3:14: tlsCertFile: tlsCertFile and tlsPrivateKeyFile belong together: want both or none'],
  ],
  [
    'a broken version of TLS',
    `${HEAD}tlsMinVersion: VersionTLS10\n`,
    ['k.yaml:3:16: tlsMinVersion: Invalid value: "VersionTLS10": want VersionTLS12 or VersionTLS13 (older ones are broken)'],
  ],
  [
    'a size of logs that is none',
    `${HEAD}containerLogMaxSize: lots\n`,
    ['k.yaml:3:22: containerLogMaxSize: Invalid value: "lots": want a size above 0 such as 10Mi'],
  ],
  ['one log file', `${HEAD}containerLogMaxFiles: 1\n`, ['k.yaml:3:23: containerLogMaxFiles: Invalid value: 1: want 2 or more']],
  [
    'logs looked at all the time',
    `${HEAD}containerLogMonitorInterval: 1s\n`,
    ['k.yaml:3:30: containerLogMonitorInterval: Invalid value: "1s": want 3s or more'],
  ],
  [
    'a way to authorize that is none',
    `${HEAD}authorization: {mode: RBAC}\n`,
    ['k.yaml:3:23: authorization.mode: Invalid value: "RBAC": want AlwaysAllow or Webhook'],
  ],
  ['one port for two servers', `${HEAD}readOnlyPort: 10250\n`, ['k.yaml:3:15: readOnlyPort: want another port than the one with TLS']],
  [
    'a relative CA',
    `${HEAD}authentication: {x509: {clientCAFile: ca}}\n`,
    ['k.yaml:3:39: authentication.x509.clientCAFile: Invalid value: "ca": want an absolute path without . and ..'],
  ],
  [
    'a port that is none',
    `${HEAD}healthzPort: 65536\n`,
    ['k.yaml:3:14: healthzPort: Invalid value: 65536: must be less than or equal to 65535'],
  ],
  [
    'a number in quotes',
    `${HEAD}healthzPort: "80"\n`,
    ['k.yaml:3:14: healthzPort: Invalid value: "80": want an integer: take the quotes away'],
  ],
  [
    'an address that is none',
    `${HEAD}healthzBindAddress: localhost\n`,
    ['k.yaml:3:21: healthzBindAddress: Invalid value: "localhost": want an IP address'],
  ],
  [
    'a time that is none',
    `${HEAD}fileCheckFrequency: soon\n`,
    ['k.yaml:3:21: fileCheckFrequency: Invalid value: "soon": want a duration such as 1h30m'],
  ],
  [
    'a time without a unit',
    `${HEAD}runtimeRequestTimeout: 5\n`,
    ['k.yaml:3:24: runtimeRequestTimeout: Invalid value: 5: want a duration such as 1h30m'],
  ],
  ['a time below zero', `${HEAD}fileCheckFrequency: -1s\n`, ['k.yaml:3:21: fileCheckFrequency: Invalid value: "-1s": want a time above 0']],
  [
    'a time-out below zero',
    `${HEAD}runtimeRequestTimeout: -1s\n`,
    ['k.yaml:3:24: runtimeRequestTimeout: Invalid value: "-1s": want a time above 0'],
  ],
  [
    'a longest restart delay that is too short',
    `${HEAD}crashLoopBackOff:\n  maxContainerRestartPeriod: 999ms\n`,
    ['k.yaml:4:30: crashLoopBackOff.maxContainerRestartPeriod: Invalid value: "999ms": want 1s to 300s'],
  ],
  [
    'a longest restart delay that is too long',
    `${HEAD}crashLoopBackOff: {maxContainerRestartPeriod: 301s}\n`,
    ['k.yaml:3:47: crashLoopBackOff.maxContainerRestartPeriod: Invalid value: "301s": want 1s to 300s'],
  ],
  [
    'a relative directory of manifests',
    `${HEAD}staticPodPath: manifests\n`,
    ['k.yaml:3:16: staticPodPath: Invalid value: "manifests": want an absolute path without . and ..'],
  ],
  [
    'a directory of logs with ..',
    `${HEAD}podLogsDir: /var/../log\n`,
    ['k.yaml:3:13: podLogsDir: Invalid value: "/var/../log": want an absolute path without . and ..'],
  ],
  [
    'a relative control group',
    `${HEAD}cgroupRoot: kube\n`,
    ['k.yaml:3:13: cgroupRoot: Invalid value: "kube": want an absolute path without . and ..'],
  ],
  [
    'a relative resolv.conf',
    `${HEAD}resolvConf: etc\n`,
    ['k.yaml:3:13: resolvConf: Invalid value: "etc": want an absolute path without . and ..'],
  ],
  [
    'a number of processes below -1',
    `${HEAD}podPidsLimit: -2\n`,
    ['k.yaml:3:15: podPidsLimit: Invalid value: -2: want a number of processes, or -1 for no limit'],
  ],
  [
    'no pulls at all',
    `${HEAD}maxParallelImagePulls: 0\n`,
    ['k.yaml:3:24: maxParallelImagePulls: Invalid value: 0: must be greater than or equal to 1'],
  ],
  [
    'many pulls, one after the other',
    `${HEAD}serializeImagePulls: true\nmaxParallelImagePulls: 2\n`,
    ['k.yaml:4:24: maxParallelImagePulls: Invalid value: 2: want 1, or serializeImagePulls: false'],
  ],
  ['a key twice', `${HEAD}healthzPort: 1\nhealthzPort: 2\n`, ['k.yaml:4:1: the key "healthzPort" stands here twice']],
  [
    'a tab',
    `${HEAD}crashLoopBackOff:\n\tmaxContainerRestartPeriod: 1s\n`,
    ['k.yaml:4:1: not YAML: a tab cannot indent YAML: use spaces (Tabs are not allowed as indentation)'],
  ],
  ['another encoding', Buffer.from(`\ufeff${HEAD}`, 'utf16le'), ['k.yaml:1:1: the file is UTF-16, want UTF-8: save it in that encoding']],
  [
    'JSON',
    '{"kind":"KubeletConfiguration","apiVersion":"kubelet.config.k8s.io/v1beta1","runOnce":true}',
    ['k.yaml:1:77: runOnce: is not honoured: upstream took it away: use restartPolicy Never: remove it, or set it to false'],
  ],
  [
    'several problems at once, each with its place',
    `kind: KubeletConfiguration\nfileCheckFrequency: x\nrunOnce: true\nnoSuch: 1\nhealthzPort: true\n`,
    [
      'k.yaml:1:1: apiVersion: want kubelet.config.k8s.io/v1beta1, got nothing',
      'k.yaml:2:21: fileCheckFrequency: Invalid value: "x": want a duration such as 1h30m',
      'k.yaml:4:1: noSuch: unknown field',
      'k.yaml:5:14: healthzPort: Invalid value: true: want an integer',
      'k.yaml:3:1: runOnce: is not honoured: upstream took it away: use restartPolicy Never: remove it, or set it to false',
    ],
  ],
];

for (const [name, file, want] of COMPLAINTS)
  test(`loadConfig refuses ${name}`, () => assert.deepEqual(complaints(file).sort(), [...want].sort()));

/** name -> type, with * for what may be unset upstream. */
const FACTS = new Map(
  readFileSync(new URL('testdata/kubeletConfiguration-1.36.facts', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, string]),
);
/** Values of each type: one that asks for something, its zero, and one of another type. */
const OF_TYPE: Readonly<Record<string, readonly [some: string, zero: string, wrong: string]>> = {
  bool: ['true', 'false', '"true"'],
  int32: ['12345', '0', '1.5'],
  int64: ['12345', '0', '"1"'],
  float64: ['0.7', '0', 'x'],
  string: ['something', '""', '[a]'],
  duration: ['17s', '0s', 'soon'],
  strings: ['[a]', '[]', '{a: b}'],
  ints: ['[1]', '[]', '[a]'],
  objects: ['[{a: b}]', '[]', '[1]'],
  map: ['{a: b}', '{}', '{a: [b]}'],
  flags: ['{a: true}', '{}', '{a: b}'],
  lists: ['{a: [b]}', '{}', '{a: b}'],
  object: ['{a: b}', '{}', '[a]'],
};

test("every field of upstream's KubeletConfiguration is known here, and no other", () => {
  assert.equal(FACTS.size, 126);
  assert.deepEqual([...FIELDS.honoured, ...FIELDS.later.map((f) => f.field)].sort(), [...FACTS.keys()].sort());
});

for (const { field: name, harmless, usual } of FIELDS.later) {
  test(`a field not honoured yet is refused by name, and only then: ${name}`, () => {
    const type = FACTS.get(name) ?? '';
    const [some, zero, wrong] = OF_TYPE[type.replace('*', '')]!;
    const asked = harmless === true ? 'false' : some;
    // A switch whose both ends ask for nothing is never refused.
    if (usual !== true) {
      const [refusal, ...others] = complaints(`${HEAD}${name}: ${asked}\n`);
      assert.match(refusal ?? '', new RegExp(`^k\\.yaml:3:1: ${name}: is not honoured: .{10,}: remove it`));
      assert.deepEqual(others, []);
    }
    assert.match(complaints(`${HEAD}${name}: ${wrong}\n`).join('\n'), new RegExp(`k\\.yaml:3:\\d+: ${name}\\S*: .*want`));
    // What is no pointer upstream cannot be told from unset there.
    if (!type.startsWith('*')) assert.deepEqual(complaints(`${HEAD}${name}: ${zero}\n`), []);
    if (harmless !== undefined) assert.deepEqual(complaints(`${HEAD}${name}: ${JSON.stringify(harmless)}\n`), [], 'the value it proposes');
    if (usual !== undefined) assert.deepEqual(complaints(`${HEAD}${name}: ${JSON.stringify(usual)}\n`), [], "upstream's default");
  });
}

test("upstream's defaults, all written out, ask for nothing: a dumped configz starts", () => {
  assert.deepEqual(complaints(readFileSync(new URL('testdata/upstreamDefaults-1.36.yaml', import.meta.url))), []);
});

test('loadConfig never throws anything but CONFIG_INVALID', () => {
  const taken = { yes: 0, no: 0 };
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.constantFrom(...FACTS.keys()), fc.string()), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
      fc.boolean(),
      (fields, head) => {
        const file = JSON.stringify(
          head ? { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', ...fields } : fields,
        );
        const lines = complaints(file);
        for (const line of lines) assert.match(line, /^k\.yaml:1:\d+: .{5,}/s);
        taken[lines.length === 0 ? 'yes' : 'no'] += 1;
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(taken.yes > 10 && taken.no > 100, JSON.stringify(taken));
});

test('settingsOf: thresholds of eviction, soft and hard, with their defaults or without', () => {
  const of = (text: string): string[] =>
    settings(text).eviction.thresholds.map((t) => `${t.signal} ${'share' in t.value ? `${t.value.share}` : t.value.text} ${t.graceMs}`);
  assert.deepEqual(of('evictionHard: {}\n'), []);
  assert.deepEqual(of('evictionHard: {memory.available: "1Gi", nodefs.available: "0%"}\n'), ['memory.available 1Gi 0']);
  assert.equal(of('evictionHard: {memory.available: "1Gi"}\nmergeDefaultEvictionSettings: true\n').length, 5);
  assert.deepEqual(of('evictionHard: {}\nevictionSoft: {pid.available: "10%"}\nevictionSoftGracePeriod: {pid.available: 1m30s}\n'), [
    'pid.available 0.1 90000',
  ]);
});

test('loadConfig refuses shutdown periods that cannot be', () => {
  const told = (more: string): string[] => complaints(`${HEAD}${more}`).map((line) => line.replace(/^[^ ]+ /, ''));
  assert.deepEqual(told('shutdownGracePeriod: 500ms\nshutdownGracePeriodCriticalPods: 10s\n'), [
    'shutdownGracePeriod: Invalid value: "500ms": want 0, or 1s and more',
    'shutdownGracePeriodCriticalPods: Invalid value: "10s": want no more than shutdownGracePeriod, of which it is a part',
  ]);
  const twice = '[{priority: 1, shutdownGracePeriodSeconds: -1}, {priority: 1}]';
  const wants = told(`shutdownGracePeriod: 10s\nshutdownGracePeriodByPodPriority: ${twice}\n`).map((line) =>
    line.replace(/^.*: want/, 'want'),
  );
  assert.deepEqual(wants, [
    'want it alone, without shutdownGracePeriod and shutdownGracePeriodCriticalPods',
    'want each priority once',
    'want 0 or more seconds',
  ]);
});

test('loadConfig refuses eviction settings that cannot be', () => {
  const text = (more: string): string => `${HEAD}${more}`;
  const told = complaints(
    text('evictionHard: {memry: "1Gi", memory.available: "110%"}\nevictionSoft: {pid.available: "1k"}\nimageGCLowThresholdPercent: 90\n'),
  );
  assert.deepEqual(
    told.map((line) => line.replace(/^[^ ]+ /, '')),
    [
      'imageGCLowThresholdPercent: Invalid value: 90: want less than imageGCHighThresholdPercent, which is 85',
      'evictionHard.memry: unknown signal: want one of memory.available, nodefs.available, nodefs.inodesFree, imagefs.available, imagefs.inodesFree, pid.available',
      'evictionHard.memory.available: Invalid value: "110%": want a quantity, or a percentage up to 100%',
      'evictionSoft.pid.available: needs a grace period of the same signal in evictionSoftGracePeriod',
    ],
  );
});

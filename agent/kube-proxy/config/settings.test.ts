import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '#base/errors.ts';
import { parseFlags } from './flags.ts';
import { loadConfig, parseHostPort } from './load.ts';
import { defaulted, settingsOf, type Settings } from './settings.ts';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const load = (text: string): Settings =>
  settingsOf(parseFlags(['--config', 'c.yaml']), loadConfig('c.yaml', new TextEncoder().encode(HEAD + text)));

/** As kubeadm writes it: every field, most of them zero. */
const KUBEADM = `bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: { acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, qps: 0 }
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack: { maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null, udpStreamTimeout: 0s, udpTimeout: 0s }
detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" }
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables: { localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s }
ipvs: { excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s }
logging: { flushFrequency: 0, options: { json: { infoBufferSize: "0" }, text: { infoBufferSize: "0" } }, verbosity: 0 }
metricsBindAddress: ""
mode: ""
nftables: { masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s }
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: { enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: "" }
`;

test("settingsOf: kubeadm's ConfigMap gives upstream's defaults", () => {
  const { configuration: _, ...settings } = load(KUBEADM);
  assert.deepEqual(settings, {
    mode: 'iptables',
    modeBecause: 'it is the default',
    hostnameOverride: undefined,
    source: { kind: 'kubeconfig', file: '/var/lib/kube-proxy/kubeconfig.conf' },
    sourceBecause: 'a kubeconfig is given',
    master: undefined,
    client: { qps: 0, burst: 0 },
    bindAddress: undefined,
    healthz: { host: '0.0.0.0', port: 10_256 },
    metrics: { host: '127.0.0.1', port: 10_249 },
    socket: undefined,
    bindAddressHardFail: false,
    masqueradeBit: 14,
    masqueradeAll: false,
    localhostNodePorts: true,
    minSyncPeriodMs: 1_000,
    syncPeriodMs: 30_000,
    ipvs: { scheduler: 'rr', excludeCidrs: [], strictArp: false, tcpTimeoutSeconds: 0, tcpFinTimeoutSeconds: 0, udpTimeoutSeconds: 0 },
    localDetection: { kind: 'clusterCidr', cidrs: { IPv4: '10.244.0.0/16' } },
    nodePortAddresses: [],
    oomScoreAdj: -999,
    conntrack: {
      maxPerCore: 32_768,
      min: 131_072,
      tcpEstablishedSeconds: 86_400,
      tcpCloseWaitSeconds: 3_600,
      tcpBeLiberal: false,
      udpSeconds: 0,
      udpStreamSeconds: 0,
    },
    verbosity: 0,
  });
});

/** What upstream writes with --write-config-to and shows in /configz: every field with its default. */
const UPSTREAM = `bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: { acceptContentTypes: "", burst: 10, contentType: application/vnd.kubernetes.protobuf, kubeconfig: "", qps: 5 }
clusterCIDR: ""
configSyncPeriod: 15m0s
conntrack: { maxPerCore: 32768, min: 131072, tcpBeLiberal: false, tcpCloseWaitTimeout: 1h0m0s, tcpEstablishedTimeout: 24h0m0s, udpStreamTimeout: 0s, udpTimeout: 0s }
detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" }
detectLocalMode: ""
enableProfiling: false
featureGates: {}
healthzBindAddress: 0.0.0.0:10256
hostnameOverride: ""
iptables: { localhostNodePorts: true, masqueradeAll: false, masqueradeBit: 14, minSyncPeriod: 1s, syncPeriod: 30s }
ipvs: { excludeCIDRs: null, minSyncPeriod: 1s, scheduler: "", strictARP: false, syncPeriod: 30s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s }
logging: { flushFrequency: 5000000000, format: text, options: { json: { infoBufferSize: "0" }, text: { infoBufferSize: "0" } }, verbosity: 0 }
metricsBindAddress: 127.0.0.1:10249
mode: MODE
nftables: { masqueradeAll: false, masqueradeBit: 14, minSyncPeriod: 1s, syncPeriod: 30s }
nodePortAddresses: null
oomScoreAdj: -999
portRange: ""
showHiddenMetricsForVersion: ""
windowsRunAsService: false
winkernel: { enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: "" }
`;

for (const mode of ['""', 'iptables', 'ipvs', 'nftables']) {
  test(`settingsOf: upstream's defaults are taken as they are, and what /configz then shows starts again as the same (mode ${mode})`, () => {
    const plain = (settings: Settings): object => ({ ...settings, configuration: undefined, modeBecause: undefined });
    const given = load(UPSTREAM.replace('MODE', mode));
    const bare = load(`mode: ${mode}\nclientConnection: { burst: 10, qps: 5 }\n`);
    assert.deepEqual(plain(given), plain(bare));
    for (const settings of [given, bare]) {
      const shown = new TextEncoder().encode(JSON.stringify(defaulted(settings)));
      assert.deepEqual(plain(settingsOf(parseFlags(['--config', 'c.yaml']), loadConfig('c.yaml', shown))), plain(settings));
    }
  });
}

test('settingsOf: what the file says', () => {
  const settings = load(`mode: nftables
bindAddress: fd00::5
clusterCIDR: 10.244.0.0/16, fd44::/48
metricsBindAddress: 0.0.0.0
healthzBindAddress: "[::]:10300"
nftables: { masqueradeAll: true, masqueradeBit: 7, minSyncPeriod: 100ms, syncPeriod: 1m }
nodePortAddresses: [primary, 192.168.0.0/16]
conntrack: { maxPerCore: 0, tcpEstablishedTimeout: 2h }
`);
  assert.equal(settings.mode, 'nftables');
  assert.equal(settings.bindAddress, 'fd00::5');
  assert.deepEqual(settings.localDetection, { kind: 'clusterCidr', cidrs: { IPv4: '10.244.0.0/16', IPv6: 'fd44::/48' } });
  assert.deepEqual(settings.metrics, { host: '0.0.0.0', port: 10_249 });
  assert.deepEqual(settings.healthz, { host: '::', port: 10_300 });
  assert.deepEqual(
    [settings.masqueradeAll, settings.masqueradeBit, settings.minSyncPeriodMs, settings.syncPeriodMs],
    [true, 7, 100, 60_000],
  );
  assert.equal(settings.localhostNodePorts, false);
  assert.deepEqual([settings.conntrack.maxPerCore, settings.conntrack.tcpEstablishedSeconds], [0, 7_200]);
});

for (const [text, want] of [
  ['mod: iptables', /c.yaml:3:1: mod: unknown field.*did you mean "?mode/],
  ['mode: userspace', /c.yaml:3:7: mode: Unsupported value: "userspace"/],
  ['iptables: { masqueradeBit: 32 }', /masqueradeBit/],
  ['bindAddress: here', /c.yaml:3:14: bindAddress: want an IP address, got "here"/],
  ['healthzBindAddress: 0.0.0.0:99999', /healthzBindAddress: want IP:port/],
  ['clusterCIDR: 10.0.0.0/8,11.0.0.0/8', /clusterCIDR: want a CIDR, or an IPv4 and an IPv6 one/],
  ['detectLocalMode: BridgeInterface', /detectLocal.bridgeInterface: want the name of the bridge/],
  ['nodePortAddresses: [everywhere]', /nodePortAddresses\[0\]: want a CIDR, primary, localhost or all/],
  ['featureGates: { SomeGate: true }', /featureGates.SomeGate: this proxy does not honour it: remove it/],
  ['enableProfiling: true', /enableProfiling: this proxy does not honour it/],
  ['iptables: { minSyncPeriod: 1m }', /iptables.minSyncPeriod: want no more than syncPeriod/],
  ['conntrack: { udpTimeout: soon }', /conntrack.udpTimeout/],
  ['portRange: 1-2', /portRange: this proxy/],
] as const) {
  test(`loadConfig: refuses ${text}`, () => {
    assert.throws(
      () => load(`${text}\n`),
      (err) => {
        assert.equal(codeOf(err), 'CONFIG_INVALID');
        assert.match((err as Error).message, want);
        return true;
      },
    );
  });
}

test('loadConfig: tells every problem at once', () => {
  assert.throws(() => load('bindAddress: here\nportRange: 1-2\n'), /2 problems/);
  assert.throws(
    () => loadConfig('c.yaml', new TextEncoder().encode('kind: Pod\napiVersion: v1\n')),
    /want kubeproxy.config.k8s.io\/v1alpha1, got "v1"/,
  );
  assert.throws(() => loadConfig('c.yaml', new TextEncoder().encode('')), /want one KubeProxyConfiguration document, got 0/);
});

test('parseFlags: flags become the configuration, in the words of upstream', () => {
  const flags = parseFlags([
    '--proxy-mode=iptables',
    '--cluster-cidr=10.0.0.0/8',
    '--masquerade-all=true',
    '--iptables-localhost-nodeports=false',
    '--nodeport-addresses=10.0.0.0/8,primary',
    '--iptables-min-sync-period=0s',
    '--conntrack-max-per-core=0',
    '--metrics-port=0',
    '--hostname-override=n1',
    '-v=4',
  ]);
  const settings = settingsOf(flags, undefined);
  assert.deepEqual(
    [settings.masqueradeAll, settings.localhostNodePorts, settings.hostnameOverride, settings.verbosity],
    [true, false, 'n1', 4],
  );
  assert.deepEqual(settings.nodePortAddresses, ['10.0.0.0/8', 'primary']);
  assert.equal(settings.metrics, undefined);
  assert.equal(settings.conntrack.maxPerCore, 0);
  assert.equal(settings.modeBecause, '--proxy-mode says so');
});

test('parseFlags: with a file, the flags given in vain are named', () => {
  assert.deepEqual(parseFlags(['--config=c.yaml', '--masquerade-all', '--feature-gates=A=true', '--hostname-override=n1']).inVain, [
    'masquerade-all',
    'feature-gates',
  ]);
});

for (const [sentence, argv, inPod, want] of [
  ['a kubeconfig wins', ['--kubeconfig=k'], true, { kind: 'kubeconfig', file: 'k' }],
  ['in a pod of a cluster its service account', [], true, { kind: 'inCluster' }],
  [
    'elsewhere a directory, and the kubelet',
    [],
    false,
    { kind: 'directory', directory: '/etc/kubernetes/services', kubeletSocket: '/var/lib/kubelet/kubelet.sock' },
  ],
  [
    'a directory that is named also in a pod',
    ['--services-dir=d', '--kubelet-socket=s'],
    true,
    { kind: 'directory', directory: 'd', kubeletSocket: 's' },
  ],
] as const) {
  test(`settingsOf: where services come from: ${sentence}`, () =>
    assert.deepEqual(settingsOf(parseFlags(argv), undefined, { inPod }).source, want));
}

for (const argv of [['--services-dir=d', '--kubeconfig=k'], ['--services-dir=d', '--master=https://x'], ['--master=https://x']]) {
  test(`settingsOf: refuses ${argv.join(' ')}`, () =>
    assert.throws(
      () => settingsOf(parseFlags(argv), undefined),
      (err) => codeOf(err) === 'CONFIG_INVALID',
    ));
}

for (const [argv, want] of [
  [['--explain', 'web'], { kind: 'explain', service: 'default/web', output: 'text' }],
  [['--explain=a/b', '-o', 'json'], { kind: 'explain', service: 'a/b', output: 'json' }],
  [['--cleanup=true'], { kind: 'cleanup' }],
  [['--cleanup=false'], { kind: 'run' }],
  [['--init-only'], { kind: 'initOnly' }],
  [['--write-config-to=x'], { kind: 'writeConfig', file: 'x' }],
] as const) {
  test(`parseFlags: ${argv.join(' ')}`, () => assert.deepEqual(parseFlags(argv).command, want));
}

for (const argv of [
  ['--proxy-mod=iptables'],
  ['--oom-score-adj=lots'],
  ['--feature-gates=A'],
  ['-v=x'],
  ['extra'],
  ['--explain=x', '--output=yaml'],
]) {
  test(`parseFlags: refuses ${argv.join(' ')}`, () =>
    assert.throws(
      () => parseFlags(argv),
      (err) => codeOf(err) === 'FLAG_INVALID',
    ));
}

for (const [text, want] of [
  ['1.2.3.4', { host: '1.2.3.4', port: 9 }],
  ['1.2.3.4:80', { host: '1.2.3.4', port: 80 }],
  ['::', { host: '::', port: 9 }],
  ['[fd00::1]:80', { host: 'fd00::1', port: 80 }],
  [':80', { host: '0.0.0.0', port: 80 }],
  ['host:80', undefined],
  ['1.2.3.4:0', undefined],
  ['', undefined],
] as const) {
  test(`parseHostPort: ${text}`, () => assert.deepEqual(parseHostPort(text, 9), want));
}

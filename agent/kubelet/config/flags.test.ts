/** The command line: what is taken and every complaint. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '#base/errors.ts';
import { parseFlags, USAGE, type Flags } from './flags.ts';

const NONE: Flags = {
  help: false,
  version: false,
  check: false,
  json: false,
  config: undefined,
  configDir: undefined,
  fields: {},
  hostnameOverride: undefined,
  nodeIps: [],
  nodeLabels: {},
  rootDir: '/var/lib/kubelet',
  certDir: undefined,
  kubeconfig: undefined,
  bootstrapKubeconfig: undefined,
  verbosity: undefined,
  containerGc: { minAgeMs: 0, perContainer: 1 },
};

for (const [argv, change] of [
  [[], {}],
  [['--help'], { help: true }],
  [['-h'], { help: true }],
  [['--version'], { version: true }],
  [['--check', '--json'], { check: true, json: true }],
  [['--config', '/k.yaml'], { config: '/k.yaml' }],
  [['--config=/k.yaml'], { config: '/k.yaml' }],
  [['--pod-manifest-path', '/m'], { fields: { staticPodPath: '/m' } }],
  [['--pod-manifest-path', 'm'], { fields: { staticPodPath: `${process.cwd()}/m` } }],
  [['--pod-manifest-path', ''], { fields: { staticPodPath: '' } }],
  [['--container-runtime-endpoint', 'unix:///c.sock'], { fields: { containerRuntimeEndpoint: 'unix:///c.sock' } }],
  [['--hostname-override', ' Node-1.Example '], { hostnameOverride: 'node-1.example' }],
  [['--root-dir', '/r'], { rootDir: '/r' }],
  [['--kubeconfig', '/k'], { kubeconfig: '/k' }],
  [['--cert-dir', '/c'], { certDir: '/c' }],
  [['--root-dir', './r/'], { rootDir: `${process.cwd()}/r` }],
  [['-v', '4'], { verbosity: 4 }],
  [['-v=4'], { verbosity: 4 }],
  [['--v=2'], { verbosity: 2 }],
  [['--v', '10'], { verbosity: 10 }],
  [['--v', '1', '--v', '3'], { verbosity: 3 }],
  [['--config-dir', '/d'], { configDir: '/d' }],
  [['--node-ip', '192.0.2.1'], { nodeIps: ['192.0.2.1'] }],
  [['--node-ip', '192.0.2.1,2001:db8::1'], { nodeIps: ['192.0.2.1', '2001:db8::1'] }],
  [['--node-labels', 'a=b,node.kubernetes.io/x=y'], { nodeLabels: { a: 'b', 'node.kubernetes.io/x': 'y' } }],
  [['--max-pods', '5'], { fields: { maxPods: 5 } }],
  [['--fail-swap-on=false', '--seccomp-default'], { fields: { failSwapOn: false, seccompDefault: true } }],
  [['--cluster-dns', '10.0.0.1,10.0.0.2', '--cluster-dns=10.0.0.3'], { fields: { clusterDNS: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] } }],
  [
    ['--eviction-hard=memory.available<1Gi,nodefs.available<5%'],
    { fields: { evictionHard: { 'memory.available': '1Gi', 'nodefs.available': '5%' } } },
  ],
  [['--manifest-url-header', 'A:x:y,A:z,B:'], { fields: { staticPodURLHeader: { A: ['x:y', 'z'], B: [''] } } }],
  [
    ['--register-with-taints', 'a=b:NoSchedule,c:NoExecute'],
    {
      fields: {
        registerWithTaints: [
          { key: 'a', value: 'b', effect: 'NoSchedule' },
          { key: 'c', effect: 'NoExecute' },
        ],
      },
    },
  ],
  [
    ['--anonymous-auth', '--client-ca-file', '/ca'],
    { fields: { authentication: { anonymous: { enabled: true }, x509: { clientCAFile: '/ca' } } } },
  ],
  [
    ['--maximum-dead-containers-per-container=9', '--minimum-container-ttl-duration=1m'],
    { containerGc: { minAgeMs: 60_000, perContainer: 9 } },
  ],
] as const) {
  test(`parseFlags: ${argv.length === 0 ? 'nothing' : argv.join(' ')}`, () => assert.deepEqual(parseFlags(argv), { ...NONE, ...change }));
}

for (const [argv, message] of [
  [['--no-such-flag'], "Unknown option '--no-such-flag'; kubelet --help lists the flags"],
  [['--confg', 'x'], "Unknown option '--confg', did you mean --config?"],
  [['--max-pod', '1'], "Unknown option '--max-pod', did you mean --max-pods?"],
  [['--max-pods', 'many'], '--max-pods: want an integer, got "many"'],
  [['--fail-swap-on=perhaps'], '--fail-swap-on: want true or false, got "perhaps"'],
  [['--eviction-hard', 'memory.available'], '--eviction-hard: want KEY<VALUE, separated by commas, got "memory.available"'],
  [['--node-ip', '1.2.3'], '--node-ip: want an IP address, or one of each family'],
  [['--node-ip', '192.0.2.1,192.0.2.2'], '--node-ip: want one address, or one of IPv4 and one of IPv6'],
  [['--node-labels', 'kubernetes.io/role=x'], '--node-labels: kubernetes.io/role: of the labels under kubernetes.io'],
  [['--node-labels', 'a=-'], '--node-labels: value of a: a valid label must be'],
  [['--register-with-taints', 'a=b:Never'], '--register-with-taints: want KEY[=VALUE]:NoSchedule'],
  [['--minimum-container-ttl-duration', 'old'], '--minimum-container-ttl-duration: want a duration such as 10m'],
  [['--network-plugin=cni'], '--network-plugin: is not honoured: the runtime does the pod network'],
  [['--container-runtime', 'remote'], '--container-runtime: is not honoured: upstream took it away: there is only the CRI'],
  [['-x'], "Unknown option '-x'; kubelet --help lists the flags"],
  [['start'], "Unexpected argument 'start'. This command does not take positional arguments; kubelet --help lists the flags"],
  [['--config'], "Option '--config <value>' argument missing; kubelet --help lists the flags"],
  [['--help=yes'], "Option '-h, --help' does not take an argument; kubelet --help lists the flags"],
  [['--v', 'high'], '--v: want an integer 0-10, got "high"'],
  [['--v', '11'], '--v: want an integer 0-10, got "11"'],
  [['--v=-1'], '--v: want an integer 0-10, got "-1"'],
  [['--v='], '--v: want an integer 0-10, got ""'],
  [['--v', '1.5'], '--v: want an integer 0-10, got "1.5"'],
  [
    ['--hostname-override', '../x'],
    '--hostname-override: "../x" cannot name a node: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters',
  ],
  [['--hostname-override', ''], '--hostname-override: "" cannot name a node: '],
  [['--hostname-override', 'a'.repeat(254)], `--hostname-override: "${'a'.repeat(254)}" cannot name a node: must be no more than 253`],
] as const) {
  test(`parseFlags refuses ${argv.join(' ').slice(0, 60)}`, () => {
    assert.throws(
      () => parseFlags(argv),
      (err: Error) => {
        assert.equal(codeOf(err), 'FLAG_INVALID');
        assert.equal(err.message.slice(0, message.length), message);
        return true;
      },
    );
  });
}

test('the help names every flag', () => {
  for (const flag of [
    '--help',
    '--version',
    '--config',
    '--pod-manifest-path',
    '--container-runtime-endpoint',
    '--hostname-override',
    '--root-dir',
    '--v',
  ])
    assert.match(USAGE, new RegExp(`(^|\\s)${flag}\\b`, 'm'));
});

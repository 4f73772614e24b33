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
  podManifestPath: undefined,
  containerRuntimeEndpoint: undefined,
  hostnameOverride: undefined,
  rootDir: '/var/lib/kubelet',
  certDir: undefined,
  kubeconfig: undefined,
  nodeLabels: {},
  verbosity: 0,
};

for (const [argv, change] of [
  [[], {}],
  [['--help'], { help: true }],
  [['-h'], { help: true }],
  [['--version'], { version: true }],
  [['--check', '--json'], { check: true, json: true }],
  [['--config', '/k.yaml'], { config: '/k.yaml' }],
  [['--config=/k.yaml'], { config: '/k.yaml' }],
  [['--pod-manifest-path', '/m'], { podManifestPath: '/m' }],
  [['--pod-manifest-path', 'm'], { podManifestPath: `${process.cwd()}/m` }],
  [['--pod-manifest-path', ''], {}],
  [['--container-runtime-endpoint', 'unix:///c.sock'], { containerRuntimeEndpoint: 'unix:///c.sock' }],
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
] as const) {
  test(`parseFlags: ${argv.length === 0 ? 'nothing' : argv.join(' ')}`, () => assert.deepEqual(parseFlags(argv), { ...NONE, ...change }));
}

for (const [argv, message] of [
  [['--no-such-flag'], "Unknown option '--no-such-flag'; kubelet --help lists the flags"],
  [['--confg', 'x'], "Unknown option '--confg'; kubelet --help lists the flags"],
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

/** A kubelet that cannot start says why in one line, with the next step, and ends with 1. Needs root, which it asks for first. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { until } from './harness/until.ts';

const ROOT = new URL('../', import.meta.url).pathname;
const skip = process.getuid?.() === 0 ? false : 'needs root';
let dir = '';

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kijabi-start-'));
  mkdirSync(join(dir, 'manifests'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** As another user it may still read: a clone in root's home directory is no less a clone. */
const NOBODY = 'setpriv --reuid=65534 --clear-groups --inh-caps=+dac_read_search --ambient-caps=+dac_read_search'.split(' ');
const kubelet = (argv: readonly string[], as: readonly string[] = []) => {
  const [program = '', ...args] = [
    ...as,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(ROOT, 'kubelet/main.ts'),
    ...argv,
  ];
  return execa(program, args, { reject: false, stdin: 'ignore', timeout: 60_000 });
};

function config(fields: string): string {
  const file = join(dir, 'kubelet.yaml');
  writeFileSync(
    file,
    `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: ${dir}/manifests\n${fields}\nenableServer: false\nfailSwapOn: false\n`,
  );
  return file;
}

const ROWS: readonly (readonly [name: string, argv: () => readonly string[], said: RegExp])[] = [
  ['an unknown flag', () => ['--no-such'], /^kubelet: Unknown option '--no-such'; kubelet --help lists the flags$/],
  [
    'a configuration file that is not there',
    () => ['--config', join(dir, 'none')],
    /^kubelet: cannot read the configuration file \(--config\): ENOENT: no such file or directory, open '\S+\/none'$/,
  ],
  ['a directory as configuration file', () => ['--config', dir], /^kubelet: cannot read the configuration file \(--config\): EISDIR/],
  [
    'a configuration with a mistake',
    () => ['--config', config('podLogDir: /x')],
    /^kubelet: 1 problem\n\S+kubelet\.yaml:4:1: podLogDir: unknown field, did you mean podLogsDir\?$/,
  ],
  [
    'no manifest directory',
    () => [],
    /^kubelet: no source of pods: set staticPodPath in the configuration file or pass --pod-manifest-path, or join an API server with --kubeconfig$/,
  ],
  [
    'an endpoint that is none',
    () => ['--config', config(''), '--root-dir', join(dir, 'r'), '--container-runtime-endpoint', 'tcp://x'],
    /^<3>kubelet stopped because of an error err="Cannot use the container runtime endpoint .*: want unix:\/\/\/path\/to\.sock or .*" code=CRI_ENDPOINT_INVALID$/,
  ],
  [
    'a root directory that cannot be made',
    () => ['--config', config(''), '--root-dir', '/proc/kijabi'],
    /^<3>kubelet stopped because of an error err="Cannot use root directory \/proc\/kijabi: make it writable, or give another --root-dir: .*" code=ROOT_DIR_UNUSABLE$/,
  ],
  [
    'a root directory with a long name',
    () => ['--config', config(''), '--root-dir', join(dir, 'x'.repeat(100))],
    /^<3>kubelet stopped because of an error err="Root directory \S+ is too long by \d+ bytes for a socket in it: give a shorter --root-dir" code=ROOT_DIR_UNUSABLE$/,
  ],
  [
    'a resolv.conf that is not there',
    () => ['--config', config('resolvConf: /no/resolv.conf'), '--root-dir', join(dir, 'r')],
    /^<3>kubelet stopped because of an error err="Cannot read \/no\/resolv\.conf: name another file as resolvConf in the configuration, or \\"\\" for none: ENOENT.*" code=RESOLV_CONF_UNREADABLE$/,
  ],
  [
    'an address for /healthz that is not its own',
    () => ['--config', config('healthzBindAddress: 192.0.2.7'), '--root-dir', join(dir, 'r')],
    /^<3>kubelet stopped because of an error err="Cannot listen on 192\.0\.2\.7:10248: .*" code=HEALTHZ_FAILED$/,
  ],
];

for (const [name, argv, said] of ROWS) {
  test(`the kubelet ends with one complaint about ${name}`, { skip }, async () => {
    const { exitCode, stderr, stdout } = await kubelet(argv());
    assert.match(stderr, said);
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    if (stderr.startsWith('<')) assert.equal(stderr.split('\n').length, 1);
  });
}

test('the kubelet asks for root, but answers --help and --version without', { skip }, async () => {
  const { exitCode, stderr } = await kubelet(['--pod-manifest-path', '/m'], NOBODY);
  assert.equal(stderr, 'kubelet: the kubelet makes control groups and mounts: run it as root');
  assert.equal(exitCode, 1);
  const help = await kubelet(['--help'], NOBODY);
  assert.match(help.stdout, /^Usage: kubelet \[flags\]/);
  assert.equal(help.exitCode, 0);
  const version = await kubelet(['--version'], NOBODY);
  assert.match(version.stdout, /^Kubernetes v1\.36\.\d+\+kijabi\.\d+\.\d+\.\d+$/);
});

test(
  'a root directory that is not there is made; without a runtime it waits, says so once, and SIGTERM ends it with 0',
  { skip },
  async () => {
    const root = join(dir, 'new', 'root');
    const child = kubelet([
      '--config',
      config('healthzPort: 0'),
      '--root-dir',
      root,
      '--container-runtime-endpoint',
      join(dir, 'none.sock'),
    ]);
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('it is told', () => said.includes('\n'));
    assert.match(
      said,
      /^<3>Cannot reach the container runtime, trying again until it answers endpoint=\S+none\.sock code=CRI_UNAVAILABLE\n$/,
    );
    assert.equal(statSync(join(root, 'kubelet.sock')).mode & 0o777, 0o600);
    child.kill('SIGTERM');
    const { exitCode } = await child;
    assert.equal(exitCode, 0);
    assert.equal(said.split('\n').length, 2);
    assert.equal(existsSync(join(root, 'kubelet.sock')), false);
  },
);

test('--check says what is wrong, a line each, makes nothing, and ends with 1; --json the same', { skip }, async () => {
  writeFileSync(join(dir, 'manifests', 'bad.yaml'), 'apiVersion: v1\nkind: Pot\n');
  const root = join(dir, 'never');
  const argv = ['--config', config('healthzPort: 0'), '--root-dir', root, '--container-runtime-endpoint', join(dir, 'none.sock')];
  const [text, json] = await Promise.all([kubelet(['--check', ...argv]), kubelet(['--check', '--json', ...argv])]);
  rmSync(join(dir, 'manifests', 'bad.yaml'));
  assert.equal(text.stderr, '');
  const lines = text.stdout.split('\n');
  assert.match(lines.find((l) => l.includes('runtime')) ?? '', /^FAIL {2}runtime +no answer on \S+none\.sock: .*ENOENT.*; do: start it/);
  assert.match(
    lines.find((l) => l.includes('manifests')) ?? '',
    /^FAIL {2}manifests +\S+: 1 file, 0 pods, 1 refused: \S+bad\.yaml:2:7: kind: want "Pod"/,
  );
  assert.match(lines.find((l) => l.includes('cgroups')) ?? '', /^ok {4}cgroups +v[12], (?:cgroupfs|systemd), groups below \/$/);
  assert.equal(text.exitCode, 1);
  assert.equal(existsSync(root), false);
  const told = JSON.parse(json.stdout) as { ok: boolean; checks: { check: string; outcome: string }[] };
  assert.equal(told.ok, false);
  assert.deepEqual(
    told.checks.map((c) => c.check),
    lines.map((l) => /^\w+ +(\w+)/.exec(l)?.[1]),
  );
  assert.equal(json.exitCode, 1);
});

test('--check of a configuration with mistakes says them and nothing else', { skip }, async () => {
  const { stdout, exitCode } = await kubelet(['--check', '--config', config('podLogDir: /x\nmaxPods: -1')]);
  assert.match(stdout, /^FAIL {2}config {2}2 problems; \S+kubelet\.yaml:4:1: podLogDir: unknown field.*; \S+:5:10: maxPods: .*; do: /);
  assert.equal(stdout.split('\n').length, 1);
  assert.equal(exitCode, 1);
});

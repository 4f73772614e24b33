/** What Vagrant, shellcheck and openssl say of this folder; the machines themselves are not started here. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';

const HERE = new URL('.', import.meta.url).pathname;
const ROOT = join(HERE, '..');
const SCRIPTS = ['provision/common.sh', 'provision/control-plane.sh', 'provision/node.sh', 'provision/virtual-address.sh', 'box/build.sh'];
const absent = await execa('vagrant', ['--version'], { reject: false }).then(({ exitCode }) => exitCode !== 0);
const skip = absent ? 'needs vagrant (Debian package vagrant)' : false;

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kijabi-vagrant-'));
  cpSync(HERE, dir, { recursive: true, filter: (path) => !path.includes('.vagrant') });
});
after(() => rmSync(dir, { recursive: true }));

const validate = (env: Readonly<Record<string, string>>) =>
  execa('vagrant', ['validate', '--ignore-provider'], {
    cwd: dir,
    env: { ...env, VAGRANT_HOME: join(dir, 'home') },
    all: true,
    reject: false,
  });

test('vagrant validate: every profile is right, with the machines that are asked for', { skip }, async () => {
  for (const [env, machines] of [
    [{ KIJABI_PROFILE: 'single' }, ['host1']],
    [{ KIJABI_PROFILE: 'ha' }, ['cp1', 'cp2', 'cp3', 'node1', 'node2']],
    [{ KIJABI_NODES: '3', KIJABI_PROVIDER: 'qemu' }, ['cp1', 'node1', 'node2', 'node3']],
  ] as const) {
    const { all, exitCode } = await validate(env);
    assert.equal(exitCode, 0, all);
    assert.deepEqual(
      [...all.matchAll(/^==> (\w+):/gm)].map(([, name]) => name),
      machines,
    );
  }
});

for (const [name, value, said] of [
  ['PROFILE', 'x', 'profile: want single, cluster or ha, got x'],
  ['PROVIDER', 'x', 'provider: want virtualbox, libvirt or qemu, got x'],
  ['NETWORK', '10.0.0.0/24', 'network: want the first three numbers of a /24'],
  ['NODES', '1000', 'nodes: want 0 to 200, got 1000'],
] as const)
  test(`vagrant validate: ${said}`, { skip }, async () => {
    const { all, exitCode } = await validate({ [`KIJABI_${name}`]: value });
    assert.equal(exitCode, 1);
    assert.ok(all.includes(said), all);
  });

test('the authority that the Vagrantfile makes is taken by kijabi init, and its hash is what a node wants to see', { skip }, async () => {
  assert.equal((await validate({})).exitCode, 0);
  const made = join(dir, '.vagrant/kijabi');
  for (const name of ['ca.key', 'token']) assert.equal(statSync(join(made, name)).mode & 0o777, 0o600, name);
  assert.match(readFileSync(join(made, 'token'), 'utf8'), /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  const kubernetes = join(dir, 'kubernetes');
  mkdirSync(join(kubernetes, 'pki'), { recursive: true });
  for (const name of ['ca.crt', 'ca.key']) cpSync(join(made, name), join(kubernetes, 'pki', name));
  await execa('sh', [
    join(ROOT, 'controlplane/cli/kijabi'),
    'init',
    `--kubernetes-dir=${kubernetes}`,
    '--apiserver-advertise-address=192.0.2.1',
  ]);
  assert.equal(readFileSync(join(kubernetes, 'pki/ca.crt'), 'utf8'), readFileSync(join(made, 'ca.crt'), 'utf8'));
  await execa('openssl', ['verify', '-CAfile', join(made, 'ca.crt'), join(kubernetes, 'pki/apiserver.crt')]);
  const before_ = readFileSync(join(made, 'ca.crt'), 'utf8');
  await validate({});
  assert.equal(readFileSync(join(made, 'ca.crt'), 'utf8'), before_, 'a second run makes none');
});

test('shellcheck has nothing to say of the scripts', async () => {
  const { all, exitCode } = await execa('shellcheck', ['--shell=sh', '--severity=style', ...SCRIPTS.map((name) => join(HERE, name))], {
    all: true,
    reject: false,
  });
  assert.deepEqual({ exitCode, all }, { exitCode: 0, all: '' });
});

for (const [name, env, said] of [
  ['common.sh', { KIJABI_PACKAGE: '/nonexistent.deb' }, /there is no \/nonexistent\.deb: make it with npm run package/],
  [
    'virtual-address.sh',
    { KIJABI_VIRTUAL_ADDRESS: '192.0.2.1', KIJABI_ADDRESS: '192.0.2.254' },
    /no device of this host has 192\.0\.2\.254/,
  ],
  ['control-plane.sh', { KIJABI_ADDRESS: '192.0.2.1', KIJABI_FURTHER: '1' }, /KIJABI_SERVER: HOST:PORT/],
  ['control-plane.sh', {}, /KIJABI_ADDRESS: the address of this host that nodes reach it under/],
  ['node.sh', { KIJABI_SERVER: 'a:1', KIJABI_TOKEN: 'x' }, /KIJABI_CA_HASH: sha256:\.\.\. of the cluster/],
] as const)
  test(`${name} says what it needs, and does nothing without`, async () => {
    const { stderr, exitCode } = await execa('sh', [join(HERE, 'provision', name)], { env, reject: false });
    assert.notEqual(exitCode, 0);
    assert.match(stderr, said);
  });

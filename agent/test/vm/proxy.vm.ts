/**
 * The service proxy on a kernel with IPVS, in a virtual machine: the kernel tests of the ipvs mode, and the same real traffic through all
 * modes. A stage of its own (npm run test:vm): emulated, it takes half an hour on a quiet machine.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { vmImage } from './image.ts';
import { Vm } from './vm.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
/** Development tools that no test needs at run time. */
const LEFT_OUT = [
  '.cache',
  '@kubernetes',
  '@lmdb',
  '@oxfmt',
  '@oxlint',
  '@oxlint-tsgolint',
  '@typescript',
  'oxfmt',
  'oxlint',
  'typescript',
];

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root';
  const tools = {
    'qemu-system-x86_64': 'qemu-system-x86',
    'qemu-img': 'qemu-utils',
    debootstrap: 'debootstrap',
    'ssh-keygen': 'openssh-client',
    'mkfs.ext4': 'e2fsprogs',
  };
  for (const [tool, from] of Object.entries(tools)) {
    if ((await execa('sh', ['-c', `command -v ${tool}`], { reject: false })).exitCode !== 0) return `needs the package ${from}`;
  }
  return undefined;
}

void describe('the service proxy in a virtual machine', { skip: (await whyNot()) ?? false }, () => {
  let vm: Vm;
  let folder: string | undefined;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kijabi-vm-tree-'));
    const archive = join(folder, 'tree.tar');
    const excluded = LEFT_OUT.map((name) => `--exclude=node_modules/${name}`);
    await execa('tar', [
      '-C',
      ROOT,
      '-cf',
      archive,
      ...excluded,
      'agent',
      'controlplane',
      'cri-proto',
      'package.json',
      'tsconfig.json',
      'node_modules',
    ]);
    const image = await vmImage((what) => process.stderr.write(`${what}\n`));
    vm = await Vm.start({ image, archive });
    await vm.run('mkdir /tree && tar -xf /dev/vdb -C /tree && modprobe -a ip_vs ip_vs_rr dummy br_netfilter');
  });
  after(async () => {
    await vm?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** Runs a test file in the machine; what it says is what we say. */
  async function inVm(file: string, ...flags: readonly string[]): Promise<void> {
    const command = [
      'cd /tree &&',
      'KIJABI_TEST_PATIENCE=20 NODE_OPTIONS=--disable-warning=ExperimentalWarning node_modules/.bin/node --test --test-reporter=spec',
      ...flags,
      file,
    ].join(' ');
    const out = await vm.run(`${command} 2>&1; true`);
    const count = (what: string): number => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? Number.NaN);
    assert.equal(count('fail') + count('cancelled'), 0, out);
    assert.ok(count('pass') > 0, out);
  }

  void test('ipvs: rules, sets and virtual servers in the kernel', () => inVm('agent/test/proxy.ipvs.test.ts'));
  void test('ipvs: traffic', () =>
    inVm('agent/test/vm/ipvs.traffic.ts', "--test-skip-pattern='externalTrafficPolicy Local keeps the client'"));
  void test('iptables and nftables: the same traffic', () => inVm('agent/test/proxy.traffic.test.ts'));
});

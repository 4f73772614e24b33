/**
 * The service proxy on a kernel with IPVS, in a virtual machine: the kernel tests of the ipvs mode, and the same real traffic through all
 * modes. A stage of its own (npm run test:vm): emulated, a step takes twenty times as long as on the host.
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

  void test('ipvs, iptables and nftables in the kernel of the machine', async () => {
    const leftOut = ['traffic, ipvs externalTrafficPolicy Local keeps the client', 'traffic, iptables .legacy.'];
    const command = [
      'cd /tree &&',
      'KIJABI_TEST_PATIENCE=20 NODE_COMPILE_CACHE=/var/cache/node NODE_OPTIONS=--disable-warning=ExperimentalWarning',
      'node_modules/.bin/node --test --test-reporter=spec --test-concurrency=2',
      ...leftOut.map((pattern) => `--test-skip-pattern='${pattern}'`),
      'agent/test/vm/ipvs.traffic.ts agent/test/proxy.ipvs.test.ts agent/test/proxy.traffic.test.ts',
    ].join(' ');
    const lines: string[] = [];
    await vm.run(`${command} 2>&1; true`, {
      onLine: (line) => {
        lines.push(line);
        process.stderr.write(`${line}\n`);
      },
    });
    const out = lines.join('\n');
    const count = (what: string): number => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? Number.NaN);
    assert.equal(count('fail') + count('cancelled'), 0, out);
    // The one that is skipped there is for kernels without IPVS.
    assert.match(out, /✔ traffic, ipvs /);
    assert.match(out, /✔ traffic, iptables \(nft\) /);
    assert.match(out, /✔ traffic, nftables /);
  });
});

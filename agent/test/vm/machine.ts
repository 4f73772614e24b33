/** A virtual machine with this project in it, below /tree. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
const PARTS = [
  'agent',
  'controlplane',
  'cri-proto',
  'systemd',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'LICENSE',
  'node_modules',
];

/** Undefined: a machine can be made here. */
export async function whyNoMachine(): Promise<string | undefined> {
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

/** files: more of this machine, which lie in /files there. */
export async function startMachine({ files = [], memoryMb }: { files?: readonly string[]; memoryMb?: number } = {}): Promise<Vm> {
  const folder = mkdtempSync(join(tmpdir(), 'kijabi-vm-tree-'));
  try {
    const archive = join(folder, 'tree.tar');
    const excluded = LEFT_OUT.map((name) => `--exclude=node_modules/${name}`);
    await execa('tar', ['-C', ROOT, '-cf', archive, ...excluded, '--transform=s,^,tree/,S', ...PARTS]);
    if (files.length > 0) await execa('tar', ['-rf', archive, '--transform=s,.*/,files/,', '-P', ...files]);
    const image = await vmImage((what) => process.stderr.write(`${what}\n`));
    const vm = await Vm.start({ image, archive, ...(memoryMb === undefined ? {} : { memoryMb }) });
    await vm.run('tar -xf /dev/vdb -C /');
    return vm;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The disk of a small virtual machine, made of Debian packages: a cloud kernel with all modules, systemd, sshd, and the tools the
 * node needs. Made once and kept outside the repository; its folder is named after what it is made of.
 *
 * Kernel: none of the host's is used but chroot. Needs root, debootstrap, e2fsprogs, openssh-client, qemu-utils. Takes two minutes.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

export interface VmImage {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The private key that root of the machine admits. */
  readonly key: string;
}

const CACHE = '/var/cache/kijabi/vm';
const RELEASE = 'bookworm';
const DISK_SIZE = '3G';

const PACKAGES = [
  [
    'systemd',
    'systemd-sysv',
    'udev',
    'dbus',
    'openssh-server',
    'kmod',
    'procps',
    'iproute2',
    'netbase',
    'util-linux',
    'ca-certificates',
    'curl',
  ],
  ['linux-image-cloud-amd64', 'initramfs-tools', 'lz4', 'zstd'],
  ['iptables', 'ipset', 'ipvsadm', 'nftables', 'conntrack', 'libatomic1'],
  ['containerd', 'runc', 'containernetworking-plugins'],
].flat();

/** The smallest initial file system that finds the disk. */
const INITRD_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_net', 'ext4'];

/** Files of the machine, by path. */
const FILES: Readonly<Record<string, string>> = {
  'etc/hostname': 'kijabi-vm\n',
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 kijabi-vm\n',
  'etc/fstab': '',
  'etc/ssh/sshd_config.d/kijabi.conf': 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\nPermitRootLogin prohibit-password\n',
  'etc/systemd/network/10-eth0.network':
    '[Match]\nName=eth0\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n[DHCPv4]\nUseDNS=no\nClientIdentifier=mac\n',
  'etc/initramfs-tools/modules': `${INITRD_MODULES.join('\n')}\n`,
  'etc/initramfs-tools/conf.d/kijabi': 'MODULES=list\nCOMPRESS=lz4\n',
};

/** Units that only make the start slower. */
const MASKED = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'dpkg-db-backup.timer',
  'systemd-networkd-wait-online.service',
  'getty@tty1.service',
];

/** Finds the image, or makes it. say is told what takes long. */
export async function vmImage(say: (what: string) => void): Promise<VmImage> {
  const recipe = JSON.stringify([RELEASE, DISK_SIZE, PACKAGES, FILES, MASKED]);
  const folder = join(CACHE, createHash('sha256').update(recipe).digest('hex').slice(0, 16));
  const image: VmImage = {
    disk: join(folder, 'disk.raw'),
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd.img'),
    key: join(folder, 'id_ed25519'),
  };
  if (existsSync(folder)) return image;
  say(`Making a virtual machine of Debian packages, once, in ${folder} (about two minutes)`);
  removeBroken();
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    await build(work);
    renameSync(work, folder);
  } catch (err) {
    rmSync(work, { recursive: true, force: true });
    throw err;
  }
  return image;
}

/** What a making that was killed left: half a gigabyte. */
function removeBroken(): void {
  for (const name of existsSync(CACHE) ? readdirSync(CACHE) : []) {
    const pid = /^[0-9a-f]{16}\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(CACHE, name), { recursive: true, force: true });
  }
}

async function build(work: string): Promise<void> {
  const root = join(work, 'root');
  await execa('debootstrap', ['--variant=minbase', `--include=${PACKAGES.join(',')}`, RELEASE, root], { stdout: 'ignore' });
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'kijabi-vm', '-f', join(work, 'id_ed25519')]);
  mkdirSync(join(root, 'root/.ssh'), { recursive: true, mode: 0o700 });
  writeFileSync(join(root, 'root/.ssh/authorized_keys'), readFileSync(join(work, 'id_ed25519.pub')), { mode: 0o600 });
  const oldKeys = readdirSync(join(root, 'etc/ssh')).filter((name) => name.startsWith('ssh_host_'));
  for (const name of oldKeys) rmSync(join(root, 'etc/ssh', name));
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(root, 'etc/ssh/ssh_host_ed25519_key')]);
  await execa('chroot', [root, 'systemctl', 'enable', 'systemd-networkd', 'ssh']);
  await execa('chroot', [root, 'systemctl', 'mask', ...MASKED]);
  await execa('chroot', [root, 'update-initramfs', '-u', '-k', 'all'], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
  await execa('chroot', [root, 'apt-get', 'clean']);
  writeFileSync(join(root, 'etc/machine-id'), '');
  const boot = readdirSync(join(root, 'boot'));
  for (const [from, to] of [
    ['vmlinuz-', 'vmlinuz'],
    ['initrd.img-', 'initrd.img'],
  ] as const) {
    copyFileSync(join(root, 'boot', boot.find((name) => name.startsWith(from)) ?? from), join(work, to));
  }
  const disk = join(work, 'disk.raw');
  await execa('truncate', ['-s', DISK_SIZE, disk]);
  await execa('mkfs.ext4', ['-q', '-F', '-L', 'root', '-E', 'root_owner=0:0', '-d', root, disk]);
  rmSync(root, { recursive: true });
}

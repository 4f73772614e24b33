/**
 * Whether an isolated node can run on this machine, and what to do when it cannot. Pure: facts in, findings out, all of them at once.
 */
import { PROBES, type CgroupFacts, type Facts, type ProbeName } from './facts.ts';

export interface Finding {
  /** blocks: a node cannot start. note: it can, and somebody may be glad to know. */
  readonly kind: 'blocks' | 'note';
  readonly what: string;
  readonly fix: string;
}

const MIB = 1024 * 1024;
/** Packages, containerd's content and unpacked nginx and pause take about 250 MiB; twice that leaves room to work. */
const DISK_NEEDED_BYTES = 512 * MIB;
const DISK_COMFORTABLE_BYTES = 2048 * MIB;
/** containerd 40, kubelet 90, supervisor 80, a shim 15 MiB and nginx. */
const MEMORY_NEEDED_BYTES = 256 * MIB;

const NEEDED_CONTROLLERS = ['cpu', 'memory', 'pids'];

const KERNEL_HELP: Readonly<Record<ProbeName, readonly [what: string, fix: string]>> = {
  namespaces: ['network and mount namespaces', 'in a container: run it privileged; otherwise use a kernel with CONFIG_NET_NS'],
  overlayfs: ['overlayfs on /var/lib/kijabi', 'modprobe overlay; in a container: put a volume of the host (ext4, xfs) on /var/lib/kijabi'],
  veth: ['virtual Ethernet pairs', 'modprobe veth'],
  bridge: ['network bridges', 'modprobe bridge'],
  tun: ['TUN devices', 'modprobe tun; in a container: pass --device /dev/net/tun'],
  nftables: ['nftables with NAT', 'modprobe nf_tables nft_chain_nat nft_masq'],
  iptables: ['iptables with NAT', 'modprobe nft_compat xt_addrtype xt_comment xt_nat; or update-alternatives --config iptables'],
};

export function judge(facts: Facts): Finding[] {
  if (facts.platform !== 'linux') {
    return [blocks(`This is ${facts.platform}, and containers need Linux`, 'run it on Debian 12 or 13, for instance in a virtual machine')];
  }
  if (facts.uid !== 0)
    return [blocks(`Runs as user ${facts.uid}, and namespaces, mounts and containers need root`, 'run it again with sudo')];
  return [...judgeMachine(facts), ...judgePackages(facts), ...judgeKernel(facts), ...judgeCgroups(facts.cgroup), ...judgeRoom(facts)];
}

function judgeMachine({ arch, missingCapabilities }: Facts): Finding[] {
  const known = ['x64', 'arm64'].includes(arch);
  return [
    ...(known ? [] : [note(`Never tried on ${arch}`, 'tell us how it went')]),
    ...(missingCapabilities.length === 0
      ? []
      : [blocks(`Root lacks ${missingCapabilities.join(', ')}`, 'in a container: run it privileged; otherwise use a machine of your own')]),
  ];
}

function judgePackages({ apt, missingPackages, distribution }: Facts): Finding[] {
  if (apt || missingPackages.length === 0) return [];
  const what = `Not installed: ${missingPackages.join(', ')}, and ${distribution || 'this system'} has no apt to install them with`;
  return [blocks(what, 'install what those Debian packages hold, or use Debian 12 or 13')];
}

function judgeKernel({ probes, kernel }: Facts): Finding[] {
  return PROBES.flatMap((name) => {
    const probe = probes[name];
    if (probe.kind !== 'failed') return [];
    const [what, fix] = KERNEL_HELP[name];
    return [blocks(`Kernel ${kernel} does not give us ${what}: ${probe.why}`, fix)];
  });
}

function judgeCgroups({ mode, controllers, writable }: CgroupFacts): Finding[] {
  if (mode === 'none') return [blocks('No cgroup file system is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')];
  const missing = NEEDED_CONTROLLERS.filter((controller) => !controllers.includes(controller));
  return [
    ...(missing.length === 0
      ? []
      : [
          blocks(
            `No cgroup controller ${missing.join(', ')}`,
            'boot with cgroup_enable=memory, or mount the controllers (Debian package cgroupfs-mount)',
          ),
        ]),
    ...(writable.kind === 'failed'
      ? [blocks(`Cannot make a cgroup: ${writable.why}`, 'in a container: run it privileged with --cgroupns=host')]
      : []),
  ];
}

function judgeRoom({ diskFreeBytes, memoryAvailableBytes }: Facts): Finding[] {
  const disk = `${size(diskFreeBytes)} are free where /var/lib/kijabi will be`;
  return [
    ...(diskFreeBytes < DISK_NEEDED_BYTES
      ? [blocks(`Only ${disk}, and a node needs ${size(DISK_NEEDED_BYTES)}`, 'free some space, or mount a larger disk there')]
      : diskFreeBytes < DISK_COMFORTABLE_BYTES
        ? [note(`Only ${disk}`, 'larger images will need more')]
        : []),
    ...(memoryAvailableBytes < MEMORY_NEEDED_BYTES
      ? [
          blocks(
            `Only ${size(memoryAvailableBytes)} of memory are available, and a node needs ${size(MEMORY_NEEDED_BYTES)}`,
            'end something else first',
          ),
        ]
      : []),
  ];
}

export function size(bytes: number): string {
  return bytes >= 1024 * MIB ? `${(bytes / 1024 / MIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}

/** One line for people: what this machine is. */
export function summary({ distribution, kernel, arch, cgroup, diskFreeBytes }: Facts): string {
  return `${distribution}, Linux ${kernel} ${arch}, cgroup ${cgroup.mode}, ${size(diskFreeBytes)} free`;
}

function blocks(what: string, fix: string): Finding {
  return { kind: 'blocks', what, fix };
}

function note(what: string, fix: string): Finding {
  return { kind: 'note', what, fix };
}

/**
 * Looks at the machine an isolated node is to run on. What the kernel can do is tried, in namespaces that end with the trial,
 * never read from names of configuration options. What cannot be tried yet, because a tool is missing, is unknown.
 *
 * Units: bytes.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import si from 'systeminformation';
import { codeOf, explain } from '#base/errors.ts';
import { findMounts } from '../linux/cgroup.ts';
import { run } from '../linux/exec.ts';
import { mounts } from '../linux/mount.ts';
import { removeIfEmpty } from '../linux/netns.ts';
import { findProgram, hasCapability } from './containerd.ts';
import { STATE_ROOT } from './paths.ts';

export type Probe = { readonly kind: 'ok' } | { readonly kind: 'failed'; readonly why: string } | { readonly kind: 'unknown' };

/** What is tried in the kernel. */
export const PROBES = ['namespaces', 'overlayfs', 'veth', 'bridge', 'tun', 'nftables', 'iptables'] as const;
export type ProbeName = (typeof PROBES)[number];

export interface CgroupFacts {
  readonly mode: 'v1' | 'hybrid' | 'v2' | 'none';
  readonly controllers: readonly string[];
  readonly writable: Probe;
}

export interface Facts {
  readonly platform: string;
  readonly arch: string;
  readonly uid: number;
  readonly kernel: string;
  /** "Debian GNU/Linux 12". */
  readonly distribution: string;
  readonly missingCapabilities: readonly string[];
  readonly probes: Readonly<Record<ProbeName, Probe>>;
  readonly cgroup: CgroupFacts;
  readonly diskFreeBytes: number;
  readonly memoryAvailableBytes: number;
  readonly apt: boolean;
  /** As in packages.ts: what is not installed. */
  readonly missingPackages: readonly string[];
}

const NEEDED_CAPABILITIES: readonly [name: string, number: bigint][] = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_SYS_CHROOT', 18n],
  ['CAP_SYS_PTRACE', 19n],
  ['CAP_SYS_ADMIN', 21n],
  ['CAP_MKNOD', 27n],
];

export async function lookAtMachine(missingPackages: readonly string[], signal: AbortSignal): Promise<Facts> {
  const uid = process.getuid?.() ?? -1;
  const linuxRoot = process.platform === 'linux' && uid === 0;
  const [memory, system, probes, disk] = await Promise.all([
    si.mem(),
    si.osInfo(),
    linuxRoot ? probeKernel(signal) : unknownProbes(),
    statfs(existing(STATE_ROOT)),
  ]);
  return {
    platform: process.platform,
    arch: process.arch,
    uid,
    kernel: system.kernel,
    distribution: `${system.distro} ${system.release}`.trim(),
    missingCapabilities: linuxRoot ? NEEDED_CAPABILITIES.filter(([, number]) => !hasCapability(number)).map(([name]) => name) : [],
    probes,
    cgroup: linuxRoot ? probeCgroups() : { mode: 'none', controllers: [], writable: { kind: 'unknown' } },
    diskFreeBytes: disk.bavail * disk.bsize,
    memoryAvailableBytes: memory.available,
    apt: findProgram('apt-get') !== undefined && findProgram('dpkg') !== undefined,
    missingPackages,
  };
}

function unknownProbes(): Record<ProbeName, Probe> {
  return Object.fromEntries(PROBES.map((name) => [name, { kind: 'unknown' }])) as Record<ProbeName, Probe>;
}

/** The nearest directory above that is there. */
function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** One line per probe: "name" and nothing else when it worked, "name why" when it did not. */
const SCRIPT = `
try() { name=$1; shift; if why=$("$@" 2>&1); then echo "$name"; else echo "$name $(echo "$why" | tr '\\n' ' ')."; fi; }
overlay() { mount -t overlay -o "lowerdir=$D/l,upperdir=$D/u,workdir=$D/w" kijabi "$D/m"; }
echo namespaces
try overlayfs overlay
[ -c /dev/net/tun ] && echo tun || echo 'tun /dev/net/tun is missing.'
if command -v ip >/dev/null; then
  try veth ip link add kjprobe0 type veth peer name kjprobe1
  try bridge ip link add kjprobe2 type bridge
fi
if command -v nft >/dev/null; then try nftables nft -f - <<'RULES'
table ip kjprobe {
  map to { type inet_service : ipv4_addr . inet_service; }
  chain in { type nat hook prerouting priority dstnat; iifname "x" meta l4proto tcp dnat ip to tcp dport map @to; }
  chain out { type nat hook postrouting priority srcnat; oifname "x" masquerade; }
}
RULES
fi
if command -v iptables >/dev/null; then
  try iptables iptables -w 5 -t nat -A PREROUTING -p tcp -m addrtype --dst-type LOCAL -m comment --comment probe -j DNAT --to-destination 10.0.0.1:80
fi
true
`;

async function probeKernel(signal: AbortSignal): Promise<Record<ProbeName, Probe>> {
  // On the very file system that containers will lie on: overlayfs does not work on top of every other.
  const directory = join(STATE_ROOT, `.probe-${process.pid}`);
  for (const part of ['l', 'u', 'w', 'm']) mkdirSync(join(directory, part), { recursive: true, mode: 0o711 });
  try {
    const argv = ['unshare', '--net', '--mount', '--propagation', 'private', '--', 'sh', '-c', SCRIPT] as const;
    const { stdout } = await run(argv, { signal, env: { D: directory } });
    return { ...unknownProbes(), ...parseProbes(stdout) };
  } catch (err) {
    if (signal.aborted) throw err;
    return { ...unknownProbes(), namespaces: { kind: 'failed', why: explain(err) } };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    removeIfEmpty(STATE_ROOT);
  }
}

export function parseProbes(text: string): Partial<Record<ProbeName, Probe>> {
  const lines = text.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...why] = line.split(' ');
      return [name, why.length === 0 ? { kind: 'ok' } : { kind: 'failed', why: why.join(' ').trim() }];
    }),
  );
}

function probeCgroups(): CgroupFacts {
  try {
    const { mode, controllers, trees } = findMounts();
    const hybrid = mode === 'v1' && mounts().some(({ fsType }) => fsType === 'cgroup2');
    return { mode: hybrid ? 'hybrid' : mode, controllers: [...controllers.keys()], writable: tryGroup(trees) };
  } catch (err) {
    if (codeOf(err) !== 'CGROUP_NONE') throw err;
    return { mode: 'none', controllers: [], writable: { kind: 'unknown' } };
  }
}

function tryGroup(trees: readonly string[]): Probe {
  for (const tree of trees) {
    const group = join(tree, `kijabi-probe-${process.pid}`);
    try {
      mkdirSync(group);
      removeIfEmpty(group);
    } catch (err) {
      return { kind: 'failed', why: explain(err) };
    }
  }
  return { kind: 'ok' };
}

/** Whether systemd is what starts services here. */
export function systemdRuns(): boolean {
  return readFileSync('/proc/1/comm', 'utf8').trim() === 'systemd';
}

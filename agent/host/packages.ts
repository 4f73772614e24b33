/**
 * The one list of Debian packages this project asks for, and their installation.
 *
 * Needed is what a package brings, not the package: with Docker's own containerd.io on the host its files count, and nothing is
 * ever installed that would remove something (--no-remove). Services of newly installed packages are not started: a containerd
 * that runs on the host is the host's affair.
 * Throws: PACKAGES_MISSING (no apt), PACKAGES_FAILED.
 */
import { existsSync } from 'node:fs';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { run, type Argv, type RunOptions } from '../linux/exec.ts';
import { findCniBinDir, findProgram } from './containerd.ts';
import { withServicesHeld } from './policy.ts';

export interface Requirement {
  readonly package: string;
  readonly why: string;
  /** Programs it must bring, found in the usual directories. */
  readonly programs: readonly string[];
}

/** What a node needs. */
export const NODE_PACKAGES: readonly Requirement[] = [
  { package: 'containerd', why: 'the container runtime', programs: ['containerd', 'containerd-shim-runc-v2'] },
  { package: 'runc', why: 'starts containers', programs: ['runc'] },
  { package: 'containernetworking-plugins', why: 'bridge, addresses and host ports of pods', programs: [] },
  { package: 'iptables', why: 'host ports of pods', programs: ['iptables'] },
  { package: 'nftables', why: 'rules inside the node', programs: ['nft'] },
  { package: 'slirp4netns', why: 'the way out without touching the host', programs: ['slirp4netns'] },
  { package: 'iproute2', why: 'network namespaces', programs: ['ip'] },
  { package: 'curl', why: 'asks services from inside the node', programs: ['curl'] },
];

/** What the daemons need as services of a host: without what only an isolated node has, with what its proxy drives. */
export const SERVICE_PACKAGES: readonly Requirement[] = [
  ...NODE_PACKAGES.filter((requirement) => !['curl', 'slirp4netns'].includes(requirement.package)),
  { package: 'conntrack', why: 'connection tracking of the service proxy', programs: ['conntrack'] },
  { package: 'ipset', why: 'sets of the ipvs proxy mode', programs: ['ipset'] },
  { package: 'ipvsadm', why: 'virtual servers of the ipvs proxy mode', programs: ['ipvsadm'] },
  { package: 'procps', why: 'settings of the kernel', programs: ['sysctl'] },
];

/** What the tests need besides: peers, oracles, second choices. */
export const TEST_PACKAGES: readonly Requirement[] = [
  { package: 'bind9-dnsutils', why: 'a client of cluster DNS that nobody here wrote', programs: ['dig'] },
  { package: 'busybox-static', why: 'containers of tests', programs: ['busybox'] },
  { package: 'catatonit', why: 'the pause image of tests', programs: ['catatonit'] },
  { package: 'conntrack', why: 'connection tracking of the service proxy', programs: ['conntrack'] },
  { package: 'crun', why: 'the second runtime handler', programs: ['crun'] },
  { package: 'dbus', why: 'logind of the host with systemd', programs: ['dbus-daemon'] },
  { package: 'etcd-client', why: 'what other tools see of the distributed store', programs: ['etcdctl'] },
  { package: 'etcd-server', why: 'the distributed store', programs: ['etcd'] },
  { package: 'ipset', why: 'sets of the ipvs proxy mode', programs: ['ipset'] },
  { package: 'ipvsadm', why: 'virtual servers of the ipvs proxy mode', programs: ['ipvsadm'] },
  { package: 'faketime', why: 'a wall clock that tests move', programs: ['faketime'] },
  { package: 'kubernetes-client', why: 'kubectl against the kubelet', programs: ['kubectl'] },
  { package: 'openssl', why: 'certificates of tests', programs: ['openssl'] },
  { package: 'shellcheck', why: 'what it says of our scripts', programs: ['shellcheck'] },
  { package: 'unzip', why: 'current kubectl and helm come in an archive', programs: ['unzip'] },
  { package: 'systemd', why: 'what it says of the units', programs: ['systemd-analyze'] },
  { package: 'systemd-container', why: 'a host with systemd for tests', programs: ['systemd-nspawn'] },
  { package: 'procps', why: 'settings of the kernel, processes of tests', programs: ['sysctl', 'pgrep'] },
  { package: 'vagrant', why: 'what it says of the Vagrantfile', programs: ['vagrant'] },
  { package: 'strace', why: 'the order of writes to the disk', programs: ['strace'] },
];

/** Names of the packages whose programs are not there. */
export function missingPackages(requirements: readonly Requirement[]): string[] {
  return requirements.filter((requirement) => !isPresent(requirement)).map((requirement) => requirement.package);
}

function isPresent({ package: name, programs }: Requirement): boolean {
  if (name === 'containernetworking-plugins') return findCniBinDir() !== undefined;
  return programs.every((program) => findProgram(program) !== undefined);
}

export interface InstallOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  /** 0 to 100. */
  readonly percent: number;
  readonly text: string;
}

const INSTALL_WITHIN_MS = 15 * 60_000;
/** Another package manager is given this long to finish. */
const LOCK_WAIT_S = 300;

const APT: readonly string[] = ['-y', '-q', '-o', `DPkg::Lock::Timeout=${LOCK_WAIT_S}`, '-o', 'APT::Status-Fd=3'];

export async function installPackages(packages: readonly string[], options: InstallOptions): Promise<void> {
  if (packages.length === 0) return;
  if (findProgram('apt-get') === undefined) {
    const next = `install by hand what these hold: ${packages.join(', ')}`;
    throw new AppError('PACKAGES_MISSING', `Cannot install packages, there is no apt here: ${next}`, { next });
  }
  try {
    if (await isUnknown(packages, options.signal)) await update(options);
    await withServicesHeld(options.signal, (wrap) => install(packages, wrap, options));
  } catch (err) {
    options.signal.throwIfAborted();
    const next = `see what apt-get install ${packages.join(' ')} says`;
    throw new AppError('PACKAGES_FAILED', `Cannot install ${packages.join(', ')}: ${explain(err)}; ${next}`, { next }, err);
  }
}

type Wrap = (argv: Argv) => Argv;

async function install(packages: readonly string[], wrap: Wrap, options: InstallOptions): Promise<void> {
  // Configuration files of the host win: nobody is there to answer a question.
  const keep = ['-o', 'Dpkg::Options::=--force-confdef', '-o', 'Dpkg::Options::=--force-confold'];
  const argv = wrap(['apt-get', 'install', ...APT, '--no-install-recommends', '--no-remove', ...keep, ...packages]);
  try {
    await run(argv, aptOptions(options));
  } catch (err) {
    // Lists older than the mirror: what they name is gone.
    if (codeOf(err) !== 'EXEC_FAILED' || !/404|Failed to fetch|Unable to fetch/.test(explain(err))) throw err;
    await update(options);
    await run(argv, aptOptions(options));
  }
}

async function update(options: InstallOptions): Promise<void> {
  options.onProgress?.({ percent: 0, text: 'Reading package lists' });
  await run(['apt-get', 'update', ...APT], aptOptions(options));
}

function aptOptions({ signal, onProgress }: InstallOptions): RunOptions {
  return {
    signal,
    timeoutMs: INSTALL_WITHIN_MS,
    // LC_ALL: texts are looked at above.
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8', NEEDRESTART_SUSPEND: '1', APT_LISTCHANGES_FRONTEND: 'none' },
    onStatus: (line) => {
      const progress = parseStatus(line);
      if (progress !== undefined) onProgress?.(progress);
    },
  };
}

/** Pure: one line of APT::Status-Fd, such as "pmstatus:runc:33.3333:Unpacking runc (amd64)". Downloads are the first half. */
export function parseStatus(line: string): Progress | undefined {
  const [kind, , percent, ...text] = line.split(':');
  const value = Number(percent);
  if (!(value >= 0 && value <= 100) || (kind !== 'dlstatus' && kind !== 'pmstatus')) return undefined;
  return { percent: Math.round(kind === 'dlstatus' ? value / 2 : 50 + value / 2), text: text.join(':').trim() };
}

/** Whether apt's lists lack one of them; a machine fresh from its image has no lists at all. */
async function isUnknown(packages: readonly string[], signal: AbortSignal): Promise<boolean> {
  const { stdout } = await run(['apt-cache', 'policy', ...packages], { signal, env: { LC_ALL: 'C.UTF-8' } });
  const candidates = [...stdout.matchAll(/^ +Candidate: (.*)$/gm)].map((match) => match[1]);
  return candidates.length < packages.length || candidates.includes('(none)') || !existsSync('/var/lib/apt/lists');
}

/**
 * How a program gets into an isolated node: into its cgroup, so that nothing it leaves behind can be missed, into its network
 * namespace, and into its mount namespace. Command lines only; pure.
 *
 * The mount namespace is held open by one sleeping process. Inside it, and for nobody else: containerd's fixed directories
 * (/run/containerd with the shims' sockets, /var/lib/cni with results) are the node's own, resolv.conf names the uplink's server,
 * and on a hybrid machine the unused cgroup2 tree is out of crun's sight. Every mount ends with the last process of the node.
 */
import { dirname } from 'node:path';
import type { Argv } from '../linux/exec.ts';
import { netnsPath } from '../linux/netns.ts';
import type { NodePaths } from './paths.ts';

/** files: the cgroup.procs of the group in every tree. The process keeps its id all the way to the program. */
export function inCgroup(files: readonly string[], argv: Argv): Argv {
  const joins = files.map((file) => `echo 0 > ${quote(file)} && `).join('');
  return ['sh', '-c', `${joins}exec "$@"`, 'sh', ...argv];
}

export function inNode(netns: string, holderPid: number, argv: Argv): Argv {
  return ['nsenter', `--net=${netnsPath(netns)}`, ...mountsOf(holderPid), '--', ...argv];
}

/** The root goes along, because entering a mount namespace alone would leave a chroot that we are in. */
export function mountsOf(pid: number): string[] {
  return [`--mount=/proc/${pid}/ns/mnt`, `--root=/proc/${pid}/root`, `--wd=/proc/${pid}/root`];
}

export interface HolderFacts {
  /** What /etc/resolv.conf is in the end; undefined when there is none. */
  readonly resolvConfTarget: string | undefined;
  /** A cgroup2 tree beside v1 trees. */
  readonly unusedCgroup2: string | undefined;
}

/** The file that says the mounts stand. */
export const holderReady = (paths: NodePaths): string => `${paths.runDir}/holder.ready`;

export function holderCommand(paths: NodePaths, facts: HolderFacts): Argv {
  return ['unshare', '--mount', '--propagation', 'slave', '--', 'sh', '-e', '-c', holderScript(paths, facts)];
}

/** A name server file that lives elsewhere than /etc is replaced by renaming, which drops a mount on it: cover its directory. */
function holderScript(paths: NodePaths, { resolvConfTarget, unusedCgroup2 }: HolderFacts): string {
  const binds: [from: string, to: string][] = [
    [paths.shimDir, '/run/containerd'],
    [paths.cniResultsDir, '/var/lib/cni'],
  ];
  if (resolvConfTarget !== undefined) {
    const inEtc = dirname(resolvConfTarget) === '/etc';
    binds.push(inEtc ? [paths.resolvConf, resolvConfTarget] : [dirname(paths.resolvConf), dirname(resolvConfTarget)]);
  }
  return [
    ...binds.map(([from, to]) => `mount --bind ${quote(from)} ${quote(to)}`),
    ...(unusedCgroup2 === undefined ? [] : [`umount ${quote(unusedCgroup2)}`]),
    `: > ${quote(holderReady(paths))}`,
    `exec sleep infinity`,
  ].join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * What a pod has on the node besides the runtime: its directory, its logs with their links, its control group.
 * Everything can be done again without harm. Which UIDs left something behind is known from the names of the log directories.
 *
 * Throws: AppError VOLUME_FAILED, VOLUME_MOUNTED, CGROUP_*, DISK_FULL, or the file system's own error.
 */
import { mkdir, open, readFile, readdir, realpath, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Cgroups } from '../../linux/cgroup.ts';
import { mountsBelow, unmount } from '../../linux/mount.ts';
import {
  containerLog,
  containerLogLink,
  etcHosts,
  isPodUid,
  parsePodLogsName,
  podDir,
  podLogs,
  podName,
  podsDir,
  terminationLog,
  type Paths,
  type PodName,
} from '../paths.ts';
import { lastWords } from '../logs/lastWords.ts';
import type { MountSpec } from '../pods/config.ts';
import { hasOwnHosts, hostsFile } from '../pods/dns.ts';
import { asideOf } from '../logs/rotate.ts';
import type { CgroupNames } from '../pods/cgroupNames.ts';
import { podLimits, type PodLimitOptions } from '../pods/resources.ts';

const EMPTY_DIRS = 'kubernetes.io~empty-dir';
const SUB_PATHS = 'volume-subpaths';
/** In the directory of a pod; the volumes are those that may be file systems in memory. */
const OUR_MOUNTS = [SUB_PATHS, ...['empty-dir', 'secret', 'downward-api', 'projected'].map((plugin) => `volumes/kubernetes.io~${plugin}`)];
/** Upstream reads at most this much of a termination message. */
const TERMINATION_MESSAGE_BYTES = 4_096;
/** More than the lines hold that become a message. */
const LOG_TAIL_BYTES = 64 << 10;

export interface PodDiskOptions {
  readonly paths: Paths;
  readonly cgroups: Cgroups;
  readonly cgroupNames: CgroupNames;
  readonly podPidsLimit: number | undefined;
  readonly limits?: Pick<PodLimitOptions, 'quota' | 'pageSizes'>;
  readonly clusterDomain: string;
}

export interface EndedContainer {
  readonly name: string;
  readonly attempt: number;
  readonly exitCode: number;
  /** The end of the log stands for the message of one that failed and left none. */
  readonly fallBackToLogs: boolean;
}

export class PodDisk {
  readonly #options: PodDiskOptions;
  /** Pod key -> UIDs that may have something on disk. */
  readonly #uids = new Map<string, Set<string>>();

  constructor(options: PodDiskOptions) {
    this.#options = options;
  }

  /** Learns what an earlier run left: pod keys that have data, and UIDs whose name nobody knows any more. */
  async scan(): Promise<{ keys: string[]; nameless: string[] }> {
    const { paths } = this.#options;
    const named = new Set<string>();
    for (const entry of await list(paths.podLogsDir)) {
      const pod = parsePodLogsName(entry);
      if (pod === undefined) continue;
      this.#remember(`${pod.namespace}/${pod.name}`, pod.uid);
      named.add(pod.uid);
    }
    return { keys: [...this.#uids.keys()], nameless: (await list(podsDir(paths))).filter((uid) => !named.has(uid)) };
  }

  uidsOf(key: string): string[] {
    return [...(this.#uids.get(key) ?? [])];
  }

  /** Everything that has to lie there before containers are made: directories, volumes, the control group, an empty hosts file. */
  async prepare(pod: Pod): Promise<void> {
    const { paths, cgroups, cgroupNames, podPidsLimit, limits } = this.#options;
    const name = podName(pod);
    this.#remember(`${name.namespace}/${name.name}`, name.uid);
    await naming(`Cannot make the directories of pod ${name.namespace}/${name.name}`, async () => {
      await Promise.all([
        mkdir(podLogs(paths, name), { recursive: true, mode: 0o755 }),
        mkdir(podDir(paths, name.uid), { recursive: true, mode: 0o750 }),
      ]);
      await Promise.all([
        cgroups.ensure(cgroupNames.ofPod(pod), podLimits(pod, { pidsMax: podPidsLimit, ...limits })),
        // The runtime would make a directory of a file that is not there.
        hasOwnHosts(pod) ? writeFile(etcHosts(paths, name.uid), '', { flag: 'a', mode: 0o644 }) : undefined,
      ]);
    });
  }

  /** Returns the mounts that every container gets besides its volumes. */
  async prepareContainer(pod: Pod, c: Container, attempt: number): Promise<MountSpec[]> {
    const { paths } = this.#options;
    const name = podName(pod);
    const message = terminationLog(paths, name.uid, c.name, attempt);
    await naming(`Cannot make the files of container ${c.name}`, async () => {
      await Promise.all([
        mkdir(dirname(join(podLogs(paths, name), containerLog(c.name, attempt))), { recursive: true }),
        mkdir(dirname(message), { recursive: true }),
      ]);
      await writeFile(message, '', { mode: 0o666 });
    });
    const mounts: MountSpec[] = [{ containerPath: c.terminationMessagePath ?? '/dev/termination-log', hostPath: message, readOnly: false }];
    const mountsHosts = (c.volumeMounts ?? []).some((m) => m.mountPath === '/etc/hosts');
    if (!mountsHosts && hasOwnHosts(pod))
      mounts.push({ containerPath: '/etc/hosts', hostPath: etcHosts(paths, name.uid), readOnly: false });
    return mounts;
  }

  /** The file keeps its inode, so that containers that have it mounted see it. */
  async writeHosts(pod: Pod, podIps: readonly string[]): Promise<void> {
    if (!hasOwnHosts(pod)) return;
    const { paths, clusterDomain } = this.#options;
    await naming('Cannot write the hosts file of a pod', async () => {
      const nodeHosts = pod.spec.hostNetwork === true ? await readFile('/etc/hosts', 'utf8') : '';
      await writeFile(etcHosts(paths, podName(pod).uid), hostsFile(pod, { podIps, clusterDomain, nodeHosts }), { mode: 0o644 });
    });
  }

  /** What a container wrote before it ended; empty when it wrote nothing. */
  async terminationMessage(pod: PodName, c: EndedContainer): Promise<string> {
    const { paths } = this.#options;
    const bytes = await readIfThere(terminationLog(paths, pod.uid, c.name, c.attempt));
    if (bytes.length > 0 || !c.fallBackToLogs || c.exitCode === 0) return bytes.subarray(0, TERMINATION_MESSAGE_BYTES).toString('utf8');
    return lastWords(await readIfThere(join(podLogs(paths, pod), containerLog(c.name, c.attempt)), LOG_TAIL_BYTES));
  }

  /** Of a container that ended; empty when its log is gone. */
  async lastLines(pod: PodName, c: Pick<EndedContainer, 'name' | 'attempt'>, most: number): Promise<string[]> {
    const log = await readIfThere(join(podLogs(this.#options.paths, pod), containerLog(c.name, c.attempt)), LOG_TAIL_BYTES);
    return lastWords(log)
      .split('\n')
      .filter((line) => line !== '')
      .slice(-most);
  }

  async linkContainerLog(pod: Pod, container: string, attempt: number, id: string): Promise<void> {
    const { paths } = this.#options;
    const name = podName(pod);
    const link = containerLogLink(paths, name, container, id);
    const make = (): Promise<void> =>
      symlink(join(podLogs(paths, name), containerLog(container, attempt)), link).catch((err: unknown) => {
        if (codeOf(err) !== 'EEXIST') throw err;
      });
    await make().catch(async (err: unknown) => {
      if (codeOf(err) !== 'ENOENT') throw err;
      await mkdir(paths.containerLogsDir, { recursive: true });
      await make();
    });
  }

  async removeContainerLog(
    pod: { readonly key: string; readonly uid: string },
    container: string,
    attempt: number,
    id: string,
  ): Promise<void> {
    const { paths } = this.#options;
    const [namespace = '', name = ''] = pod.key.split('/');
    const podOf = { namespace, name, uid: pod.uid };
    const log = join(podLogs(paths, podOf), containerLog(container, attempt));
    await remove(log);
    for (const aside of asideOf(basename(log), await list(dirname(log)))) await remove(join(dirname(log), aside));
    await remove(containerLogLink(paths, podOf, container, id));
    await remove(terminationLog(paths, pod.uid, container, attempt));
  }

  /** Removes everything of a UID. Nothing of it may run any more. */
  async remove(key: string, uid: string): Promise<void> {
    const { paths } = this.#options;
    const [namespace = '', name = ''] = key.split('/');
    if (isPodUid(uid)) {
      await this.removeNameless(uid);
      await rm(podLogs(paths, { namespace, name, uid }), { recursive: true, force: true });
    }
    for (const entry of await list(paths.containerLogsDir)) {
      if (entry.startsWith(`${name}_${namespace}_`)) await this.#removeIfDangling(join(paths.containerLogsDir, entry));
    }
    const uids = this.#uids.get(key);
    uids?.delete(uid);
    if (uids?.size === 0) this.#uids.delete(key);
  }

  async removeNameless(uid: string): Promise<void> {
    await this.removeCgroups(uid);
    await removeTree(podDir(this.#options.paths, uid), OUR_MOUNTS);
  }

  /** What a pod that will not run again wrote into its own volumes. */
  async removeEmptyDirs(uid: string): Promise<void> {
    const directory = podDir(this.#options.paths, uid);
    await removeTree(join(directory, SUB_PATHS), ['.']); // they may show what is removed here
    await removeTree(join(directory, 'volumes', EMPTY_DIRS), ['.']);
  }

  /** The class of a pod that is gone is not known any more, so all three places are looked at. */
  async removeCgroups(uid: string): Promise<void> {
    const { cgroups, cgroupNames } = this.#options;
    for (const path of cgroupNames.ofUid(uid)) await cgroups.remove(path);
  }

  async #removeIfDangling(link: string): Promise<void> {
    await stat(link).catch(async (err: unknown) => {
      if (codeOf(err) === 'ENOENT') await remove(link);
      else throw err;
    });
  }

  #remember(key: string, uid: string): void {
    const uids = this.#uids.get(key) ?? new Set();
    uids.add(uid);
    this.#uids.set(key, uids);
  }
}

/** Its last so many bytes; nothing when it is not there. */
async function readIfThere(file: string, most = Infinity): Promise<Buffer> {
  const handle = await open(file, 'r').catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  });
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, most);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function list(directory: string): Promise<string[]> {
  return readdir(directory).catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT') return [];
    throw err;
  });
}

/**
 * With what we mounted ourselves at or below these places in it. Never goes into anything else that is mounted there: that is somebody's
 * data (an earlier kubelet may have mounted a network disk).
 */
async function removeTree(directory: string, ours: readonly string[]): Promise<void> {
  const real = await realpath(directory).catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  });
  if (real === undefined) return;
  const places = ours.map((place) => join(real, place, '/'));
  const mounted = mountsBelow(real);
  const foreign = mounted.filter(({ mountPoint }) => !places.some((place) => `${mountPoint}/`.startsWith(place)));
  for (const mount of mounted) if (!foreign.includes(mount)) await unmount(mount.mountPoint);
  const [mount] = foreign;
  if (mount !== undefined)
    throw new AppError(
      'VOLUME_MOUNTED',
      `Cannot remove ${directory}: ${mount.mountPoint} is still mounted, unmount it (umount ${mount.mountPoint})`,
      {
        mountPoint: mount.mountPoint,
      },
    );
  await rm(real, { recursive: true, force: true });
}

async function remove(file: string): Promise<void> {
  await unlink(file).catch((err: unknown) => {
    if (codeOf(err) !== 'ENOENT') throw err;
  });
}

async function naming<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    if (err instanceof AppError) throw err;
    if (codeOf(err) === 'ENOSPC') throw new AppError('DISK_FULL', `${what}: no space left on the disk, free some (df -h, df -i)`, {}, err);
    throw new AppError('DISK_FAILED', what, {}, err);
  }
}

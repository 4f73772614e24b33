/**
 * Where things lie on disk. Pure. The layout is upstream's, so that backup scripts, log shippers and people find them.
 */
import { join } from 'node:path';
import type { Pod } from '#api/kinds/core/pod.ts';

export interface Paths {
  readonly rootDir: string;
  readonly podLogsDir: string;
  /** Flat links <pod>_<namespace>_<container>-<id>.log for log shippers. */
  readonly containerLogsDir: string;
}

const DEFAULT_POD_LOGS = '/var/log/pods';

/** Differs: with podLogsDir elsewhere the flat links stand beside it, not in /var/log/containers, so that such a node leaves no trace there. */
export function makePaths(rootDir: string, podLogsDir = DEFAULT_POD_LOGS): Paths {
  return {
    rootDir,
    podLogsDir,
    containerLogsDir: podLogsDir === DEFAULT_POD_LOGS ? '/var/log/containers' : join(podLogsDir, '..', 'containers'),
  };
}

export const localSocket = (paths: Paths): string => join(paths.rootDir, 'kubelet.sock');
/** The verdicts of probes, for the next start of the kubelet. */
export const probesFile = (paths: Paths): string => join(paths.rootDir, 'probe_results');
/** What staticPodURL gave last. */
export const urlPodsFile = (paths: Paths): string => join(paths.rootDir, 'static_pods_from_url');
/** The last good text of each manifest file. */
export const lastGoodFile = (paths: Paths): string => join(paths.rootDir, 'manifests_last_good');
/** What happened to pods. */
export const eventsFile = (paths: Paths): string => join(paths.rootDir, 'events');
/** How containers ended. */
export const historyFile = (paths: Paths): string => join(paths.rootDir, 'terminations');
/** Pods that were evicted or pushed out. */
export const fatesFile = (paths: Paths): string => join(paths.rootDir, 'pod_fates');
export const podsDir = (paths: Paths): string => join(paths.rootDir, 'pods');
export const podDir = (paths: Paths, uid: string): string => join(podsDir(paths), uid);
export const volumeDir = (paths: Paths, uid: string, plugin: string, name: string): string =>
  join(podDir(paths, uid), 'volumes', plugin.replace('/', '~'), name);
/** Parts of volumes, mounted for one container each. */
export const subPathsDir = (paths: Paths, uid: string): string => join(podDir(paths, uid), 'volume-subpaths');
export const etcHosts = (paths: Paths, uid: string): string => join(podDir(paths, uid), 'etc-hosts');
export const terminationLog = (paths: Paths, uid: string, container: string, attempt: number): string =>
  join(podDir(paths, uid), 'containers', container, String(attempt));

export interface PodName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function podName(pod: Pod): PodName {
  return { namespace: pod.metadata?.namespace ?? 'default', name: pod.metadata?.name ?? '', uid: pod.metadata?.uid ?? '' };
}

export const podLogs = (paths: Paths, pod: PodName): string => join(paths.podLogsDir, `${pod.namespace}_${pod.name}_${pod.uid}`);
export const containerLog = (container: string, attempt: number): string => `${container}/${attempt}.log`;
export const containerLogLink = (paths: Paths, pod: PodName, container: string, id: string): string =>
  join(paths.containerLogsDir, `${pod.name}_${pod.namespace}_${container}-${id}.log`);

/** A UID names directories, log directories (<namespace>_<name>_<uid>) and control groups: it may not lead anywhere else. */
export function isPodUid(text: string): boolean {
  return /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,62}[a-zA-Z0-9])?$/.test(text);
}

/** <namespace>_<name>_<uid> -> its parts; undefined for anything else that lies there. */
export function parsePodLogsName(entry: string): PodName | undefined {
  const [namespace, name, uid, more] = entry.split('_');
  return namespace && name && uid && isPodUid(uid) && more === undefined ? { namespace, name, uid } : undefined;
}

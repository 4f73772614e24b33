/**
 * An isolated node: a network namespace with its own containerd, uplink and kubelet on a host that stays as it was.
 * The same code serves `kijabi start` and the tests, which run several side by side.
 *
 * What a start will leave is known before it is made: directories and cgroup follow from the name, processes are recorded
 * as they start. A start that fails halfway removes what it made.
 * Throws: NODE_NAME_INVALID, NODE_RUNS, NODE_START, SUBNET_*, PORT_BUSY, EXEC_*.
 */
import { existsSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { Cgroups, findMounts } from '../linux/cgroup.ts';
import { tryLock, type Lock } from '../linux/flock.ts';
import { bootId, identify, signalProcess, waitGone } from '../linux/proc.ts';
import { bringUp, type BringUpOptions } from './bringUp.ts';
import { HostNode } from './hostNode.ts';
import { DEFAULT_NODE, nodePaths, type NodePaths } from './paths.ts';
import { nodeExists, removeEmptyRoots, removeNode } from './remove.ts';
import { ownerRuns, readSaneState, StateFile, type NodeState } from './state.ts';
import { chooseSubnets } from './subnets.ts';
import { hostNetworks } from './uplink.ts';

export interface NodeOptions extends Partial<Pick<BringUpOptions, 'uplink' | 'port' | 'sandboxImage'>> {
  readonly name?: string;
  /** What the kubelet calls itself. */
  readonly nodeName: string;
  /** A directory of the user's; absent: one of the node's own, which goes with it. */
  readonly manifestsDir?: string | undefined;
  /** The same for documents of services. */
  readonly servicesDir?: string | undefined;
  readonly podSubnet?: string | undefined;
  /** Absent: the node stands alone. */
  readonly cluster?: ClusterPlace | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborting ends a start under way. Afterwards only remove() ends the node. */
  readonly signal: AbortSignal;
  readonly onNote?: (text: string) => void;
}

/** further: a neighbour of the first one, through which it reaches the world; it goes when that goes. */
export type ClusterPlace = { readonly kind: 'first' } | { readonly kind: 'further'; readonly first: HostNode; readonly index: number };

export async function startNode(options: NodeOptions): Promise<HostNode> {
  const paths = nodePaths(options.name ?? DEFAULT_NODE);
  const lock = await tryLock(paths.lockFile);
  if (lock === undefined) throw nodeRuns(paths);
  try {
    if (nodeExists(paths.name)) {
      options.onNote?.(`The last run of node ${paths.name} did not end properly: removing what it left`);
      await removeNode(paths.name, { clock: options.clock });
    }
    return await assemble(options, paths, lock);
  } catch (err) {
    lock.release();
    removeEmptyRoots();
    throw err;
  }
}

function nodeRuns(paths: NodePaths): AppError {
  const state = readSaneState(paths.stateFile);
  const next = `stop it with kijabi down${forName(paths.name)}, or start another one with --name`;
  if (state === undefined || !ownerRuns(state)) {
    return new AppError('NODE_RUNS', `Another kijabi is starting or removing node ${paths.name} right now: ${next}`, { next });
  }
  const since = new Date(state.startedAtMs).toTimeString().slice(0, 8);
  const where = state.url === undefined ? '' : `, ${state.url}`;
  return new AppError('NODE_RUNS', `Node ${paths.name} runs already (process ${state.owner.pid}, since ${since}${where}): ${next}`, {
    next,
  });
}

/** Says at once what startNode would say later. */
export function refuseIfRuns(name: string): void {
  const paths = nodePaths(name);
  const state = readSaneState(paths.stateFile);
  if (state !== undefined && ownerRuns(state)) throw nodeRuns(paths);
}

export function forName(name: string): string {
  return name === DEFAULT_NODE ? '' : ` --name ${name}`;
}

async function assemble(options: NodeOptions, paths: NodePaths, lock: Lock): Promise<HostNode> {
  const { clock, log, cluster } = options;
  const first = cluster?.kind === 'further' ? cluster.first : undefined;
  const uplink = first === undefined ? (options.uplink ?? 'slirp4netns') : 'none';
  const used = async (): Promise<string[]> => (uplink === 'none' ? [] : hostNetworks(options.signal));
  const subnets = first?.subnets ?? chooseSubnets(await used(), options.podSubnet, cluster === undefined ? 'node' : 'cluster');
  const cgroups = new Cgroups(findMounts());
  const state = new StateFile(paths.stateFile, {
    version: 1,
    name: paths.name,
    nodeName: options.nodeName,
    bootId: bootId(),
    startedAtMs: clock.nowMs(),
    owner: identify(process.pid),
    processes: {},
    manifestsDir: options.manifestsDir ?? paths.manifestsDir,
    servicesDir: options.servicesDir ?? paths.servicesDir,
    podSubnet: subnets.pods,
    // containerd's fixed places, which the node covers with its own.
    madeDirectories: ['/run/containerd', '/var/lib/cni'].filter((directory) => !existsSync(directory)),
  });
  state.update({});
  const stop = new AbortController();
  const bringUpAgain = (): Promise<void> => bringUp(node, { clock, uplink, port: options.port, sandboxImage: options.sandboxImage });
  const index = cluster?.kind === 'further' ? cluster.index : 1;
  const node: HostNode = new HostNode({ paths, subnets, cgroups, state, lock, clock, log, stop, first, index, bringUp: bringUpAgain });
  const abort = (): void => stop.abort(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    options.signal.throwIfAborted();
    first?.adopt(node);
    await bringUpAgain();
    return node;
  } catch (err) {
    await node.remove();
    throw err;
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
}

export interface DownOptions {
  readonly clock: Clock;
  /** Aborting ends the containers' grace periods. */
  readonly graceful: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** How long whoever runs the node may take to remove it, the containers' grace periods included, before we do it ourselves. */
const OWNER_REMOVES_WITHIN_MS = 60_000;
const LOCKED_AT_MOST_MS = 15_000;

/** Removes a node from whichever process. False: there was none. */
export async function downNode(name: string, { clock, graceful, onNote }: DownOptions): Promise<boolean> {
  const paths = nodePaths(name);
  const existed = nodeExists(name);
  const state = existed ? readSaneState(paths.stateFile) : undefined;
  if (state !== undefined && ownerRuns(state)) await askOwner(state, { clock, graceful, onNote });
  const lock = await waitLock(paths, clock);
  try {
    if (!nodeExists(name)) return existed;
    await removeNode(name, { clock, graceful, onNote });
    return true;
  } finally {
    lock.release();
    removeEmptyRoots();
  }
}

/** A process just killed holds its lock until its last thread has ended; another removal under way ends soon. */
async function waitLock(paths: NodePaths, clock: Clock): Promise<Lock> {
  const untilMs = clock.monotonicMs() + LOCKED_AT_MOST_MS;
  for (;;) {
    const lock = await tryLock(paths.lockFile);
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() > untilMs) throw nodeRuns(paths);
    await clock.sleep(10, new AbortController().signal);
  }
}

/** The owner removes its node on SIGTERM. One that does not is killed, and we go on alone. */
async function askOwner({ owner }: NodeState, { clock, graceful, onNote }: DownOptions): Promise<void> {
  onNote(`Asking process ${owner.pid}, which runs the node, to end it`);
  signalProcess(owner, 'SIGTERM');
  const left = await waitGone([owner], { clock, timeoutMs: OWNER_REMOVES_WITHIN_MS, signal: graceful }).catch(() => [owner]);
  for (const id of left) signalProcess(id, 'SIGKILL');
  await waitGone(left, { clock, timeoutMs: 5_000, signal: new AbortController().signal });
}

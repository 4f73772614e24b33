/**
 * Takes an isolated node away, every trace of it, whatever state it is in: running, half started, or with everything but the
 * containers killed. Everything follows from the node's name; the state file only adds what cannot be derived. Doing it again changes nothing.
 *
 * The order matters: first those who would start things again, then all processes, then mounts, and only then files. As long as
 * a mount is left below a directory nothing in it is deleted, because it may show a directory of the user's.
 * Throws: REMOVE_INCOMPLETE (what is left, and what holds it).
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { Cgroups, findMounts } from '../linux/cgroup.ts';
import { unmountBelow } from '../linux/mount.ts';
import { netnsExists, netnsIdentity, removeIfEmpty, removeNetns } from '../linux/netns.ts';
import { allProcesses, isRunning, look, namespaceOf, signalProcess, waitGone, type ProcessId } from '../linux/proc.ts';
import { stopContainers } from './cri.ts';
import { nodePaths, RUN_ROOT, STATE_ROOT, type NodePaths } from './paths.ts';
import { readSaneState, runningProcesses, type NodeState } from './state.ts';

export interface RemoveOptions {
  readonly clock: Clock;
  /** Containers get their grace period, unless this aborts. Absent: they are killed at once. */
  readonly graceful?: AbortSignal;
  readonly onNote?: (text: string) => void;
}

const KUBELET_STOPS_WITHIN_MS = 5_000;
const KILLED_WITHIN_MS = 10_000;

/** The caller holds the node's lock. */
export async function removeNode(name: string, { clock, graceful, onNote = () => undefined }: RemoveOptions): Promise<void> {
  const paths = nodePaths(name);
  const state = readSaneState(paths.stateFile);
  // Of a cluster whose first node this is, when nobody removes them who runs them.
  for (const other of state?.furtherNodes ?? [])
    if (nodeExists(other)) await removeNode(other, { clock, onNote, ...(graceful === undefined ? {} : { graceful }) });
  if (state === undefined && existsSync(paths.stateFile)) onNote(`${paths.stateFile} cannot be read: removing by name only`);
  await stopKubelet(state, clock);
  if (graceful !== undefined && !graceful.aborted) {
    await stopContainers(`unix://${paths.containerdSocket}`, { clock, signal: graceful, onNote }).catch((err: unknown) =>
      onNote(explain(err)),
    );
  }
  const cgroups = new Cgroups(findMounts());
  await killAll(paths, state, cgroups, clock);
  noteStrangers(paths, onNote);
  await removeNetns(paths.netns, paths.netnsMarker);
  await unmountBelow(paths.stateDir);
  await unmountBelow(paths.runDir);
  await removeCgroup(paths, cgroups, clock);
  await rm(paths.runDir, { recursive: true, force: true });
  for (const directory of state?.madeDirectories ?? []) removeIfEmpty(directory);
  // The state file goes last: whoever interrupts us can begin again.
  await rm(paths.stateDir, { recursive: true, force: true });
}

/** Ends every process at once and takes the network away; everything below stateDir stays. The caller supervises nothing of it any more. */
export async function cutPower(paths: NodePaths, clock: Clock): Promise<void> {
  const cgroups = new Cgroups(findMounts());
  await killAll(paths, undefined, cgroups, clock);
  await removeNetns(paths.netns, paths.netnsMarker);
  await unmountBelow(paths.stateDir);
  await unmountBelow(paths.runDir);
  await removeCgroup(paths, cgroups, clock);
  await rm(paths.runDir, { recursive: true, force: true });
}

/** After the lock is given back. */
export function removeEmptyRoots(): void {
  removeIfEmpty(RUN_ROOT);
  removeIfEmpty(STATE_ROOT);
}

/** Whether there is anything to remove. */
export function nodeExists(name: string): boolean {
  const paths = nodePaths(name);
  return existsSync(paths.stateDir) || existsSync(paths.runDir) || netnsExists(paths.netns);
}

/** It would start again what we stop. */
async function stopKubelet(state: NodeState | undefined, clock: Clock): Promise<void> {
  const kubelet = state?.processes.kubelet;
  if (kubelet === undefined || !signalProcess(kubelet, 'SIGTERM')) return;
  const left = await waitGone([kubelet], { clock, timeoutMs: KUBELET_STOPS_WITHIN_MS, signal: new AbortController().signal });
  for (const id of left) signalProcess(id, 'SIGKILL');
}

/** Again until nobody is left, because what is killed may just have started something. */
async function killAll(paths: NodePaths, state: NodeState | undefined, cgroups: Cgroups, clock: Clock): Promise<void> {
  const untilMs = clock.monotonicMs() + KILLED_WITHIN_MS;
  for (;;) {
    const ids = [...(await inGroup(paths, cgroups)), ...(state === undefined ? [] : runningProcesses(state).map(([, id]) => id))];
    if (ids.length === 0) return;
    for (const id of ids) signalProcess(id, 'SIGKILL');
    const left = await waitGone(ids, { clock, timeoutMs: 2_000, signal: new AbortController().signal });
    if (left.length > 0 && clock.monotonicMs() > untilMs) throw incomplete(left);
  }
}

async function inGroup(paths: NodePaths, cgroups: Cgroups): Promise<ProcessId[]> {
  const pids = await cgroups.processes(paths.cgroupRoot);
  return pids.flatMap((pid) => (pid === process.pid ? [] : (look(pid) ?? []))).filter(isRunning);
}

function incomplete(left: readonly ProcessId[]): AppError {
  const named = left.map(({ pid }) => `${pid} (${look(pid)?.command ?? 'ended'})`).join(', ');
  const next = 'see why they cannot end (a hung disk or network mount?), then run kijabi down again';
  return new AppError('REMOVE_INCOMPLETE', `Processes cannot be killed: ${named}; ${next}`, { next });
}

/** Someone's shell in the namespace is not ours to kill. */
function noteStrangers(paths: NodePaths, onNote: (text: string) => void): void {
  const namespace = netnsIdentity(paths.netns);
  if (namespace === undefined) return;
  const strangers = allProcesses().filter(({ pid }) => namespaceOf(pid, 'net') === namespace);
  for (const { pid, command } of strangers)
    onNote(`Process ${pid} (${command}) is in the node's network namespace and not ours: it keeps the namespace until it ends`);
}

/** The kernel takes killed processes out of their groups a moment after they have ended. */
async function removeCgroup(paths: NodePaths, cgroups: Cgroups, clock: Clock): Promise<void> {
  const untilMs = clock.monotonicMs() + KILLED_WITHIN_MS;
  for (;;) {
    try {
      await cgroups.remove(paths.cgroupRoot);
      return;
    } catch (err) {
      if (codeOf(err) !== 'CGROUP_BUSY' || clock.monotonicMs() > untilMs) throw err;
      await clock.sleep(10, new AbortController().signal);
    }
  }
}

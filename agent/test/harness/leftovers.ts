/**
 * Takes apart what one test's containerd leaves when it is killed: shims and their containers, mounts, cgroups, sockets, CNI results.
 * Each thing is found by a name that only this containerd used; nothing is removed by a pattern that could fit another's.
 */
import { existsSync, readFileSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';

const CGROUPS = '/sys/fs/cgroup';
const CNI_RESULTS = '/var/lib/cni/results';
const GIVE_UP_AFTER_MS = 20_000;

/** Kills every shim that serves this containerd, with all its descendants, and waits until they are gone. */
export async function killShims(socket: string): Promise<void> {
  await until(`the shims of ${socket} to end`, () => {
    const processes = listProcesses();
    const ours = new Set(processes.filter((p) => isShimOf(p.args, socket)).map((p) => p.pid));
    for (let grown = true; grown;) {
      const before = ours.size;
      for (const p of processes) if (ours.has(p.parent)) ours.add(p.pid);
      grown = ours.size > before;
    }
    for (const pid of ours) kill(pid);
    return ours.size === 0;
  });
}

/** Process ids of the shims that serve this containerd. */
export function shimsOf(socket: string): number[] {
  return listProcesses()
    .filter((p) => isShimOf(p.args, socket))
    .map((p) => p.pid);
}

/**
 * Pods of which one container has a shim of its own. On a machine so busy that a shim does not answer within 100 ms, containerd (1.6 to 2.x)
 * takes it for dead, starts another on the same socket, and finds only what that one has when it starts the next time.
 */
export function podsOfTwoShims({ socket, dir }: { readonly socket: string; readonly dir: string }): ReadonlySet<string> {
  const shims = listProcesses().filter(({ args }) => isShimOf(args, socket) && !args.includes('start') && !args.includes('delete'));
  const bundles = shims.map(({ args }) => join(dir, 'state/io.containerd.runtime.v2.task/k8s.io', args[args.indexOf('-id') + 1] ?? ''));
  const annotations = bundles.map((bundle) => {
    const config = read(join(bundle, 'config.json'));
    return config === '' ? {} : (JSON.parse(config) as { annotations?: Record<string, string> }).annotations;
  });
  const ofContainers = annotations.filter((a) => a?.['io.kubernetes.cri.container-type'] === 'container');
  return new Set(ofContainers.map((a) => a?.['io.kubernetes.cri.sandbox-name'] ?? ''));
}

function isShimOf(args: readonly string[], socket: string): boolean {
  return (args[0] ?? '').includes('containerd-shim') && args[args.indexOf('-address') + 1] === socket;
}

/** Kills what is left in a cgroup tree (containers whose shim died first) and removes the tree from every hierarchy. */
export async function removeCgroups(name: string): Promise<void> {
  const roots = ['', ...names(CGROUPS)].map((h) => join(CGROUPS, h, name));
  await until(`the cgroups ${name} to be empty`, () => {
    for (const dir of roots.flatMap(treeOf)) {
      for (const pid of read(join(dir, 'cgroup.procs')).split('\n')) if (pid !== '') kill(Number(pid));
      ignore(() => rmdirSync(dir));
    }
    return roots.every((dir) => treeOf(dir).length === 0);
  });
}

/** Deepest first, so that a directory is empty when its turn comes. */
function treeOf(dir: string): string[] {
  if (!existsSync(dir)) return [];
  const children = names(dir).filter((name) => existsSync(join(dir, name, 'cgroup.procs')));
  return [...children.flatMap((name) => treeOf(join(dir, name))), dir];
}

/** Everything mounted below dir, the last mounted first. */
export async function unmountBelow(dir: string): Promise<void> {
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4]?.replaceAll('\\040', ' ') ?? '')
    .filter((path) => path.startsWith(`${dir}/`));
  for (const path of mounts.toReversed()) await execa('umount', ['-l', path], { reject: false });
}

/** The shims' sockets under /run/containerd/s: each bundle notes its own. */
export function removeShimSockets(stateDir: string): void {
  const bundles = join(stateDir, 'io.containerd.runtime.v2.task', 'k8s.io');
  for (const id of names(bundles)) {
    const socket = read(join(bundles, id, 'address')).replace(/^unix:\/\//, '');
    if (socket.startsWith('/run/containerd/s/')) rmSync(socket, { force: true });
  }
}

/** libcni keeps its results below /var/lib/cni whatever containerd's directories are; they are named network-sandbox-interface. */
export function removeCniResults(sandboxesDir: string): void {
  const sandboxes = names(sandboxesDir);
  for (const file of names(CNI_RESULTS)) {
    if (sandboxes.some((id) => file.includes(`-${id}-`))) rmSync(join(CNI_RESULTS, file), { force: true });
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: readonly string[];
}

function listProcesses(): Process[] {
  return names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      // The name of the program stands in brackets and may hold spaces; the parent is the second field after it.
      const afterName = read(`/proc/${name}/stat`).replace(/^.*\) /s, '');
      return { pid: Number(name), parent: Number(afterName.split(' ')[1]), args: read(`/proc/${name}/cmdline`).split('\0') };
    });
}

function kill(pid: number): void {
  ignore(() => process.kill(pid, 'SIGKILL'));
}

async function until(what: string, done: () => boolean): Promise<void> {
  for (let waitedMs = 0; !done(); waitedMs += 10) {
    if (waitedMs > GIVE_UP_AFTER_MS) throw new Error(`waited ${GIVE_UP_AFTER_MS} ms in vain for ${what}`);
    await delay(10);
  }
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function ignore(f: () => void): void {
  try {
    f();
  } catch {
    // gone already, or still busy: the caller looks again
  }
}

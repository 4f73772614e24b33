/**
 * What is written down about an isolated node, so that `kijabi down` and `kijabi env` work from another process, also after
 * whoever started the node was killed. Rewritten whole and atomically each time something long-lived starts.
 *
 * A process is recorded with its start time and the boot it belongs to: an id used again is never mistaken for it.
 * Throws: STATE_UNREADABLE (the file is there and is not ours).
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';
import { bootId, isRunning, type ProcessId } from '../linux/proc.ts';

export type Role = 'holder' | 'uplink' | 'containerd' | 'registry' | 'kubelet' | 'proxy' | 'network' | 'apiserver';

export interface NodeState {
  readonly version: 1;
  readonly name: string;
  readonly nodeName: string;
  readonly bootId: string;
  readonly startedAtMs: number;
  /** The process that supervises the node. */
  readonly owner: ProcessId;
  readonly processes: Readonly<Partial<Record<Role, ProcessId>>>;
  readonly manifestsDir: string;
  readonly servicesDir: string;
  readonly podSubnet: string;
  readonly url?: string;
  /** Names of further nodes, which go with this one. */
  readonly furtherNodes?: readonly string[];
  /** Directories of the host that were not there before. */
  readonly madeDirectories: readonly string[];
}

export function readState(path: string): NodeState | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw new AppError('STATE_UNREADABLE', `Cannot read ${path}`, { path }, err);
  }
  try {
    const state = JSON.parse(text) as NodeState;
    if (state.version === 1 && typeof state.name === 'string' && typeof state.owner?.pid === 'number') return state;
  } catch {
    // said below
  }
  const next = 'kijabi down removes the node by its name';
  throw new AppError('STATE_UNREADABLE', `Cannot make sense of ${path}: ${next}`, { path, next });
}

/** For those who can do without: undefined also when the file is not ours. */
export function readSaneState(path: string): NodeState | undefined {
  try {
    return readState(path);
  } catch (err) {
    if (codeOf(err) !== 'STATE_UNREADABLE') throw err;
    return undefined;
  }
}

/** Nobody who died halfway leaves half a file. */
export function writeState(path: string, state: NodeState): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  writeFileSync(`${path}.new`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function ownerRuns(state: NodeState): boolean {
  return state.bootId === bootId() && isRunning(state.owner);
}

/** Those recorded processes that still run. */
export function runningProcesses(state: NodeState): [Role, ProcessId][] {
  if (state.bootId !== bootId()) return [];
  return (Object.entries(state.processes) as [Role, ProcessId][]).filter(([, id]) => isRunning(id));
}

/** The state as its owner keeps it: each change is on disk before the call returns. */
export class StateFile {
  readonly #path: string;
  #state: NodeState;

  constructor(path: string, state: NodeState) {
    this.#path = path;
    this.#state = state;
  }

  get current(): NodeState {
    return this.#state;
  }

  update(change: Partial<NodeState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#path, this.#state);
  }

  record(role: Role, id: ProcessId): void {
    this.update({ processes: { ...this.#state.processes, [role]: id } });
  }
}

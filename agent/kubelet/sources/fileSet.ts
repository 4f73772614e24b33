/**
 * From what the manifest files say to the pods that shall run and the objects they may refer to. Pure.
 *
 * Rules: a file that becomes invalid keeps its last good content; of two files that define the same thing the one that had it
 * first keeps it, the other is refused; a file that is gone takes its pods with it, and the next claimant takes over.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { StandaloneObject } from './objects.ts';

export interface ManifestProblem {
  /** 1-based; undefined when the whole file is meant. */
  readonly line?: number;
  readonly column?: number;
  readonly path?: string;
  readonly code: 'MANIFEST_INVALID' | 'MANIFEST_UNSUPPORTED' | 'MANIFEST_UNREADABLE' | 'MANIFEST_DUPLICATE';
  readonly message: string;
}

/** What one file said when it was read last. */
export type FileReading =
  | { readonly kind: 'pods'; readonly pods: readonly Pod[]; readonly objects?: readonly StandaloneObject[] }
  | { readonly kind: 'refused'; readonly problems: readonly ManifestProblem[] };

interface FileState {
  /** The last good reading: what keeps running. */
  readonly pods: readonly Pod[];
  readonly objects: readonly StandaloneObject[];
  readonly problems: readonly ManifestProblem[];
}

export interface FileSet {
  readonly files: ReadonlyMap<string, FileState>;
  /** Key of a pod or object -> file that has it. */
  readonly owners: ReadonlyMap<string, string>;
}

export interface StaticPod {
  readonly key: string;
  readonly pod: Pod;
  readonly file: string;
}

export interface FileSetView {
  readonly pods: readonly StaticPod[];
  readonly objects: ReadonlyMap<string, StandaloneObject['object']>;
  readonly refusals: readonly { readonly file: string; readonly problem: ManifestProblem }[];
}

export const EMPTY_FILE_SET: FileSet = { files: new Map(), owners: new Map() };

export function keyOf(pod: Pod): string {
  return `${pod.metadata?.namespace ?? 'default'}/${pod.metadata?.name ?? ''}`;
}

/** The set after a complete look at the directory: readings of new and changed files, and the names of all that exist. */
export function updateFileSet(set: FileSet, readings: ReadonlyMap<string, FileReading>, present: ReadonlySet<string>): FileSet {
  const files = new Map([...set.files].filter(([file]) => present.has(file)));
  for (const [file, reading] of readings) {
    files.set(
      file,
      reading.kind === 'pods'
        ? { pods: reading.pods, objects: reading.objects ?? [], problems: [] }
        : { pods: files.get(file)?.pods ?? [], objects: files.get(file)?.objects ?? [], problems: reading.problems },
    );
  }
  const owners = new Map<string, string>();
  const has = (file: string | undefined, key: string): boolean => file !== undefined && keysOf(files.get(file)).includes(key);
  for (const file of [...files.keys()].sort()) {
    for (const key of keysOf(files.get(file))) {
      const before = set.owners.get(key);
      if (!owners.has(key)) owners.set(key, before !== undefined && has(before, key) ? before : file);
    }
  }
  return { files, owners };
}

/** A pod's key has two parts, an object's three. */
function keysOf(state: FileState | undefined): string[] {
  return state === undefined ? [] : [...state.pods.map(keyOf), ...state.objects.map((o) => o.key)];
}

export function viewOf({ files, owners }: FileSet): FileSetView {
  const pods: StaticPod[] = [];
  const objects = new Map<string, StandaloneObject['object']>();
  const refusals: FileSetView['refusals'][number][] = [];
  const duplicate = (file: string, what: string, key: string): void => {
    const message = `${what} is already defined by ${owners.get(key)}: remove one of the two, or rename it`;
    refusals.push({ file, problem: { code: 'MANIFEST_DUPLICATE', path: 'metadata.name', message } });
  };
  for (const [file, state] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const problem of state.problems) refusals.push({ file, problem });
    for (const pod of state.pods) {
      const key = keyOf(pod);
      if (owners.get(key) === file && !pods.some((p) => p.key === key)) pods.push({ key, pod, file });
      else duplicate(file, `pod ${key}`, key);
    }
    for (const { key, kind, object } of state.objects) {
      if (owners.get(key) === file && !objects.has(key)) objects.set(key, object);
      else duplicate(file, `${kind} ${key.slice(kind.length + 1).replace(/^\//, '')}`, key);
    }
  }
  return { pods, objects, refusals };
}

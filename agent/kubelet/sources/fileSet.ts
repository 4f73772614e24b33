/**
 * From what the manifest files say to the pods that shall run. Pure.
 *
 * Rules: a file that becomes invalid keeps its last good pods; of two files that define the same pod the one that had it
 * first keeps it, the other is refused; a file that is gone takes its pods with it, and the next claimant takes over.
 */
import type { Pod } from '#api/kinds/core/pod.ts';

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
  | { readonly kind: 'pods'; readonly pods: readonly Pod[] }
  | { readonly kind: 'refused'; readonly problems: readonly ManifestProblem[] };

interface FileState {
  /** The last good reading: what keeps running. */
  readonly pods: readonly Pod[];
  readonly problems: readonly ManifestProblem[];
}

export interface FileSet {
  readonly files: ReadonlyMap<string, FileState>;
  /** Pod key -> file that has it. */
  readonly owners: ReadonlyMap<string, string>;
}

export interface StaticPod {
  readonly key: string;
  readonly pod: Pod;
  readonly file: string;
}

export interface FileSetView {
  readonly pods: readonly StaticPod[];
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
      reading.kind === 'pods' ? { pods: reading.pods, problems: [] } : { pods: files.get(file)?.pods ?? [], problems: reading.problems },
    );
  }
  const owners = new Map<string, string>();
  const has = (file: string | undefined, key: string): boolean =>
    file !== undefined && (files.get(file)?.pods.some((p) => keyOf(p) === key) ?? false);
  for (const file of [...files.keys()].sort()) {
    for (const pod of files.get(file)?.pods ?? []) {
      const key = keyOf(pod);
      const before = set.owners.get(key);
      if (!owners.has(key)) owners.set(key, before !== undefined && has(before, key) ? before : file);
    }
  }
  return { files, owners };
}

export function viewOf({ files, owners }: FileSet): FileSetView {
  const pods: StaticPod[] = [];
  const refusals: FileSetView['refusals'][number][] = [];
  for (const [file, state] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const problem of state.problems) refusals.push({ file, problem });
    for (const pod of state.pods) {
      const key = keyOf(pod);
      const owner = owners.get(key);
      if (owner === file && !pods.some((p) => p.key === key)) pods.push({ key, pod, file });
      else
        refusals.push({
          file,
          problem: {
            code: 'MANIFEST_DUPLICATE',
            path: 'metadata.name',
            message: `pod ${key} is already defined by ${owner}: remove one of the two, or rename it`,
          },
        });
    }
  }
  return { pods, refusals };
}

/**
 * The pods of the manifest files: reads each file, says what is wrong with it and where, and hands on the complete set.
 *
 * Nothing is handed on before the directory was seen whole once. A refusal is told once, and again when it changes.
 */
import { podKind } from '#api/definitions/pod.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { parseAs } from '#api/parse.ts';
import { formatPath, type Segment } from '#api/fieldPath.ts';
import { showValue } from '#api/problem.ts';
import { locateProblem, readDocuments, type Position, type SourceDocument } from '#api/yamlSource.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import {
  EMPTY_FILE_SET,
  updateFileSet,
  viewOf,
  type FileReading,
  type FileSet,
  type FileSetView,
  type ManifestProblem,
} from './fileSet.ts';
import { toStaticPod } from './staticPod.ts';
import { apiVersionOf, isObjectKind, OBJECT_KINDS, parseStandalone, type StandaloneObject } from './objects.ts';
import { unsupportedFields } from './support.ts';
import { isPodUid } from '../paths.ts';
import type { DirectoryLook, WatchWords } from '../../linux/watchDirectory.ts';

/** Names of objects end at this length; the node's name is part of a static pod's. */
const LONGEST_NAME = 253;
/** A broken file may have thousands of problems; a person mends a few at a time. */
const PROBLEMS_PER_FILE = 10;

export const MANIFEST_WORDS: WatchWords = {
  cannotWatch: 'Cannot watch manifest directory, it is read now and then instead',
  cannotRead: 'Cannot read manifest directory, its pods keep running as they are',
  passedOver: 'Passed over a file that is no manifest',
  stillWritten: 'Manifest is still being written, it is read when its writer closes it',
  plural: 'manifests',
  missingCode: 'MANIFEST_DIR_MISSING',
};

export function unreadableManifest(message: string): FileReading {
  return { kind: 'refused', problems: [{ code: 'MANIFEST_UNREADABLE', message }] };
}

export type ManifestOrigin = 'file' | 'http';

export interface ManifestSourceOptions {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where manifests come from; nothing is handed on before each was seen whole once. */
  readonly sources?: readonly ManifestOrigin[];
  readonly onPods: (pods: ReadonlyMap<string, Pod>) => void;
  /** The complete set, before the pods that may refer to it. */
  readonly onObjects?: (objects: FileSetView['objects']) => void;
}

export class ManifestSource {
  /** Resolves after the first complete look. */
  readonly complete: Promise<void>;
  readonly #options: ManifestSourceOptions;
  readonly #told = new Map<string, string>();
  /** Readings of an earlier kubelet, until the first look. */
  readonly #remembered = new Map<string, FileReading>();
  readonly #present = new Map<ManifestOrigin, ReadonlySet<string>>();
  #set: FileSet = EMPTY_FILE_SET;
  #view: FileSetView = viewOf(EMPTY_FILE_SET);
  #completed: () => void = () => undefined;

  constructor(options: ManifestSourceOptions) {
    this.#options = options;
    this.complete = new Promise((resolve) => (this.#completed = resolve));
  }

  read(file: string, bytes: Uint8Array, source: ManifestOrigin = 'file'): FileReading {
    const { nodeName, clock } = this.#options;
    return readManifest(bytes, { nodeName, file, source, seenAt: new Date(clock.nowMs()) });
  }

  /** Before the first look: what an earlier kubelet read last in these files. It counts for those that are there and cannot be read anew. */
  remember(texts: ReadonlyMap<string, string>): void {
    for (const [file, text] of texts) {
      const reading = this.read(file, Buffer.from(text));
      if (reading.kind === 'pods') this.#remembered.set(file, reading);
    }
  }

  take({ readings, present }: DirectoryLook<FileReading>, source: ManifestOrigin = 'file'): void {
    this.#present.set(source, present);
    const all = new Set([...this.#present.values()].flatMap((files) => [...files]));
    if (source === 'file' && this.#remembered.size > 0) {
      this.#set = updateFileSet(this.#set, new Map([...this.#remembered].filter(([file]) => present.has(file))), all);
      this.#remembered.clear();
    }
    this.#set = updateFileSet(this.#set, readings, all);
    this.#view = viewOf(this.#set);
    this.#tell(readings);
    if (this.#present.size < (this.#options.sources ?? ['file']).length) return;
    this.#options.onObjects?.(this.#view.objects);
    this.#options.onPods(new Map(this.#view.pods.map(({ key, pod }) => [key, pod])));
    this.#completed();
  }

  view(): FileSetView {
    return this.#view;
  }

  #tell(readings: ReadonlyMap<string, FileReading>): void {
    const byFile = Map.groupBy(this.#view.refusals, (r) => r.file);
    for (const file of this.#told.keys()) if (!byFile.has(file)) this.#told.delete(file);
    for (const [file, refusals] of byFile) {
      const text = refusals.map((r) => r.problem.message).join('\n');
      if (this.#told.get(file) === text && !readings.has(file)) continue;
      this.#told.set(file, text);
      const kept = (this.#set.files.get(file)?.pods.length ?? 0) > 0 && refusals.every((r) => r.problem.code !== 'MANIFEST_DUPLICATE');
      for (const { problem } of refusals) {
        const at = problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`;
        const meanwhile = kept ? 'its last good version keeps running' : undefined;
        this.#options.log.error('Refused manifest', { file: at, err: problem.message, code: problem.code, meanwhile });
      }
    }
  }
}

/** Pure. All pods of a file, or every reason why not. */
export function readManifest(
  bytes: Uint8Array,
  context: { readonly nodeName: string; readonly file: string; readonly seenAt: Date; readonly source?: ManifestOrigin },
): FileReading {
  const read = readDocuments(bytes);
  if (read.kind === 'problems')
    return refused(read.problems.map((p) => ({ code: 'MANIFEST_INVALID', line: p.line, column: p.column, message: p.message })));
  const problems: ManifestProblem[] = [];
  const pods: Pod[] = [];
  const objects: StandaloneObject[] = [];
  // A server answers with a list where a directory has several files.
  const documents = context.source === 'http' ? read.documents.flatMap(itemsOf) : read.documents;
  for (const document of documents) {
    const { pod, object, found } = readDocument(document, context.nodeName);
    problems.push(...found);
    if (pod !== undefined) pods.push(toStaticPod(pod, context));
    if (object !== undefined) objects.push(object);
  }
  if (documents.length === 0 && context.source !== 'http')
    problems.push({ code: 'MANIFEST_INVALID', line: 1, column: 1, message: 'holds no pod' });
  return problems.length > 0 ? refused(problems) : { kind: 'pods', pods, objects };
}

/** The pods of a PodList, each with its place. */
function itemsOf(document: SourceDocument): readonly SourceDocument[] {
  const { value } = document;
  if (typeof value !== 'object' || value === null || !('kind' in value) || (value.kind !== 'PodList' && value.kind !== 'List'))
    return [document];
  const items: unknown = 'items' in value ? value.items : undefined;
  if (!Array.isArray(items)) return items === undefined || items === null ? [] : [document];
  return items.map((item: unknown, i) => ({
    // In a PodList the items need not say what they are.
    value: typeof item === 'object' && item !== null && value.kind === 'PodList' ? { apiVersion: 'v1', kind: 'Pod', ...item } : item,
    locate: (path, wanted) => document.locate(['items', i, ...path], wanted),
  }));
}

type Found = { readonly pod?: Pod; readonly object?: StandaloneObject; readonly found: readonly ManifestProblem[] };

function readDocument(document: SourceDocument, nodeName: string): Found {
  const { value } = document;
  const at = (code: ManifestProblem['code'], { line, column }: Position, path: readonly Segment[], text: string): ManifestProblem => {
    const where = formatPath(path);
    return { code, line, column, path: where, message: where === '' ? text : `${where}: ${text}` };
  };
  const one = (path: readonly Segment[], text: string): Found => ({ found: [at('MANIFEST_INVALID', document.locate(path), path, text)] });
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return one([], 'want an object with apiVersion, kind, metadata and spec');
  const { kind, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  if (kind !== 'Pod' && !isObjectKind(kind))
    return one(
      ['kind'],
      `want "Pod", got ${JSON.stringify(kind) ?? 'nothing'}: a manifest directory holds pods, and what they refer to (${OBJECT_KINDS.join(', ')})`,
    );
  const version = kind === 'Pod' ? 'v1' : apiVersionOf(kind);
  if (apiVersion !== version) return one(['apiVersion'], `want "${version}", got ${JSON.stringify(apiVersion) ?? 'nothing'}`);
  if (kind !== 'Pod') {
    const parsed = parseStandalone(kind, value);
    if (parsed.kind === 'object') return { object: parsed.object, found: [] };
    return { found: parsed.problems.map((p) => at('MANIFEST_INVALID', locateProblem(document, p), p.path, p.message)) };
  }

  const unsupported = unsupportedFields(value).map((u) => at('MANIFEST_UNSUPPORTED', document.locate(u.path, 'key'), u.path, u.message));
  const parsed = parseAs(podKind, value, { prepare: (draft) => (draft.metadata.namespace ??= 'default') });
  if (parsed.kind === 'problems') {
    const invalid = parsed.problems.map((p) => at('MANIFEST_INVALID', locateProblem(document, p), p.path, p.message));
    const told = new Set(invalid.map((p) => p.path));
    return { found: [...invalid, ...unsupported.filter((p) => !told.has(p.path))] };
  }
  const pod = parsed.object;
  if (pod.metadata.uid !== undefined && !isPodUid(pod.metadata.uid))
    return one(
      ['metadata', 'uid'],
      `Invalid value: ${showValue(pod.metadata.uid)}: want letters, digits and '-', at most 64; or leave it out`,
    );
  const tooLong = `${pod.metadata.name ?? ''}-${nodeName}`.length - LONGEST_NAME;
  if (tooLong > 0)
    return one(['metadata', 'name'], `is ${tooLong} characters too long for the name of a static pod, which ends in -${nodeName}`);
  return unsupported.length > 0 ? { found: unsupported } : { pod, found: [] };
}

function refused(problems: readonly ManifestProblem[]): FileReading {
  const shown = problems.slice(0, PROBLEMS_PER_FILE);
  const more = problems.length - shown.length;
  const last = shown.at(-1);
  return {
    kind: 'refused',
    problems: more > 0 && last !== undefined ? [...shown.slice(0, -1), { ...last, message: `${last.message} (and ${more} more)` }] : shown,
  };
}

/**
 * From the files of a directory to Services, Endpoints and EndpointSlices. Pure.
 *
 * Rules: an invalid document is refused by itself, the others of its file count; a file with a mistake takes nothing away: what it had
 * and does not have now stays until all of it is valid; of two files that define the same object the one that had it first keeps it; a file that is gone takes its
 * objects with it. Objects are filled in as an API server would on creation; what only an
 * API server can give (a cluster IP, a node port) has to be in the document.
 */
import { endpointSliceKind, endpointsKind, serviceKind } from '#api/definitions/service.ts';
import { formatPath } from '#api/fieldPath.ts';
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Service, ServiceSpec } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { parseObject } from '#api/parse.ts';
import type { Draft } from '#api/schema.ts';
import { Scheme } from '#api/scheme.ts';
import { locateProblem, readDocuments, type SourceDocument } from '#api/yamlSource.ts';
import { parseIp } from '../ip.ts';

export interface DocumentProblem {
  /** 1-based; undefined: the whole file. */
  readonly line?: number;
  readonly column?: number;
  readonly code: 'DOCUMENT_INVALID' | 'DOCUMENT_UNREADABLE' | 'DOCUMENT_DUPLICATE';
  /** "Service default/web"; undefined: it does not say what it is, or the whole file is meant. */
  readonly object?: string;
  readonly message: string;
}

export type ProxyObject =
  | { readonly kind: 'Service'; readonly key: string; readonly object: Service }
  | { readonly kind: 'Endpoints'; readonly key: string; readonly object: Endpoints }
  | { readonly kind: 'EndpointSlice'; readonly key: string; readonly object: EndpointSlice };

export interface FileReading {
  readonly objects: readonly ProxyObject[];
  readonly problems: readonly DocumentProblem[];
}

const SCHEME = new Scheme([serviceKind, endpointsKind, endpointSliceKind]);
const PROBLEMS_PER_FILE = 10;

export function unreadable(message: string): FileReading {
  return { objects: [], problems: [{ code: 'DOCUMENT_UNREADABLE', message }] };
}

export function readFile(bytes: Uint8Array): FileReading {
  const read = readDocuments(bytes);
  if (read.kind === 'problems') {
    return { objects: [], problems: atMost(read.problems.map((p) => ({ ...p, code: 'DOCUMENT_INVALID' }))) };
  }
  const problems: DocumentProblem[] = [];
  const objects: ProxyObject[] = [];
  for (const document of read.documents) {
    for (const [value, path] of unlisted(document.value)) readObject({ document, value, path }, objects, problems);
  }
  return { objects, problems: atMost(problems) };
}

function atMost(problems: readonly DocumentProblem[]): readonly DocumentProblem[] {
  const more = problems.length - PROBLEMS_PER_FILE;
  return more <= 0 ? problems : [...problems.slice(0, PROBLEMS_PER_FILE), { code: 'DOCUMENT_INVALID', message: `and ${more} more` }];
}

/** What kubectl get -o yaml writes for several objects is a List. */
function unlisted(value: unknown): [unknown, (string | number)[]][] {
  const { kind, items } = (value ?? {}) as { kind?: unknown; items?: unknown };
  return kind === 'List' && Array.isArray(items) ? items.map((item, i) => [item, ['items', i]]) : [[value, []]];
}

interface Given {
  readonly document: SourceDocument;
  readonly value: unknown;
  readonly path: readonly (string | number)[];
}

function readObject({ document, value, path }: Given, objects: ProxyObject[], problems: DocumentProblem[]): void {
  const parsed = parseObject(value, { scheme: SCHEME, prepare: fillIn });
  if (parsed.kind === 'object') {
    const { object } = parsed;
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
    objects.push({ kind: parsed.definition.kind, key, object } as ProxyObject);
    return;
  }
  const object = nameOf(value);
  for (const problem of parsed.problems) {
    const place = { ...problem, path: [...path, ...problem.path] };
    const { line, column } = locateProblem(document, place);
    const where = formatPath(place.path);
    const message = where === '' ? problem.message : `${where}: ${problem.message}`;
    problems.push({ line, column, code: 'DOCUMENT_INVALID', message, ...(object === undefined ? {} : { object }) });
  }
}

/** What an invalid document is meant to be, where it says so. */
function nameOf(value: unknown): string | undefined {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } | null };
  const { name, namespace = 'default' } = metadata ?? {};
  const isNamed = typeof kind === 'string' && typeof name === 'string' && typeof namespace === 'string';
  return isNamed ? `${kind} ${namespace}/${name}` : undefined;
}

/** What an API server fills in when a Service is created, as far as it follows from the document. */
function fillIn(draft: Draft<KubeObject>): void {
  draft.metadata.namespace ??= 'default';
  const spec = (draft as { spec?: Draft<ServiceSpec> }).spec;
  if (draft.kind !== 'Service' || spec === undefined || spec.type === 'ExternalName') return;
  const [first] = spec.clusterIPs ?? [];
  if (first !== undefined) spec.clusterIP ??= first;
  if (spec.clusterIP === undefined || spec.clusterIP === '') return;
  spec.clusterIPs ??= [spec.clusterIP];
  const families = spec.clusterIPs.flatMap((ip) => parseIp(ip)?.family ?? []);
  if (families.length !== spec.clusterIPs.length) return;
  spec.ipFamilies ??= families;
  spec.ipFamilyPolicy ??= families.length > 1 ? 'RequireDualStack' : 'SingleStack';
}

export interface DocumentSet {
  /** What counts of each file, and what is wrong with it. */
  readonly files: ReadonlyMap<string, FileReading>;
  /** "Service default/web" -> the file that has it. */
  readonly owners: ReadonlyMap<string, string>;
}

export const NO_DOCUMENTS: DocumentSet = { files: new Map(), owners: new Map() };

export const idOf = ({ kind, key }: ProxyObject): string => `${kind} ${key}`;

/** The set after a complete look at the directory. */
export function updateDocuments(set: DocumentSet, readings: ReadonlyMap<string, FileReading>, present: ReadonlySet<string>): DocumentSet {
  const files = new Map([...set.files].filter(([file]) => present.has(file)));
  for (const [file, reading] of readings) {
    files.set(file, { objects: [...reading.objects, ...kept(files.get(file)?.objects ?? [], reading)], problems: reading.problems });
  }
  const claims = new Map<string, string[]>();
  for (const file of [...files.keys()].sort()) {
    for (const object of files.get(file)?.objects ?? []) claims.set(idOf(object), [...(claims.get(idOf(object)) ?? []), file]);
  }
  const owners = new Map([...claims].map(([id, all]) => [id, all.find((file) => file === set.owners.get(id)) ?? all[0] ?? '']));
  return { files, owners };
}

/** Of what the file had. */
function kept(had: readonly ProxyObject[], { objects, problems }: FileReading): readonly ProxyObject[] {
  if (problems.length === 0) return [];
  const good = new Set(objects.map(idOf));
  return had.filter((object) => !good.has(idOf(object)));
}

export interface DocumentView {
  /** By id. */
  readonly objects: ReadonlyMap<string, ProxyObject>;
  readonly refusals: readonly { readonly file: string; readonly problem: DocumentProblem }[];
}

export function viewOf({ files, owners }: DocumentSet): DocumentView {
  const objects = new Map<string, ProxyObject>();
  const refusals: { file: string; problem: DocumentProblem }[] = [];
  for (const [file, state] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const problem of state.problems) refusals.push({ file, problem });
    for (const object of state.objects) {
      const id = idOf(object);
      const owner = owners.get(id);
      if (owner !== file || objects.has(id)) {
        const where = owner === file ? 'in the same file' : `by ${owner}`;
        refusals.push({
          file,
          problem: { code: 'DOCUMENT_DUPLICATE', message: `${id} is already defined ${where}: remove one of the two, or rename it` },
        });
      } else objects.set(id, object);
    }
  }
  return { objects, refusals };
}

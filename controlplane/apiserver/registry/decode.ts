/**
 * From the body of a request to a draft of an object. Throws: BadRequest (it cannot be read, is of another kind, has fields nobody knows),
 * Invalid (it breaks rules), UnsupportedMediaType.
 * Source: upstream's texts for bodies it cannot decode and for fieldValidation=Strict and Warn, Kubernetes 1.36.
 */
import { formatPath } from '#api/fieldPath.ts';
import { readJson } from '#api/jsonSource.ts';
import { parseAs } from '#api/parse.ts';
import { formatProblem, type Problem } from '#api/problem.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KindDefinition } from '#api/scheme.ts';
import type { ApiCall } from '../call.ts';
import { bodyEncoding, type Encoding } from '../negotiate.ts';
import { badRequest, invalid, type ApiError } from '../status.ts';
import { isTooDeep } from './depth.ts';
import type { KubeDraft, Resource } from './types.ts';
import { setAside } from './unchanged.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export function fieldValidationOf(call: ApiCall): FieldValidation {
  const asked = call.query.get('fieldValidation') ?? '';
  if (asked === '' || asked === 'Warn') return 'Warn';
  // Anything else has been refused with the other options of the write.
  return asked === 'Strict' ? 'Strict' : 'Ignore';
}

export interface Body {
  readonly value: unknown;
  /** Keys that stand twice in one object; the last one counts. */
  readonly doubled: string | undefined;
}

/** expected: the kind for the message. */
export async function readBodyValue(call: ApiCall, expected: string, known?: Encoding): Promise<Body> {
  const encoding = known ?? bodyEncoding(call.headers['content-type'] as string | undefined);
  const bytes = await call.body();
  const body = encoding === 'json' ? readJsonBody(bytes, expected) : await readOther(bytes, expected, encoding);
  call.record?.requested(body.value);
  return body;
}

async function readOther(bytes: Buffer, expected: string, encoding: 'yaml' | 'protobuf'): Promise<Body> {
  if (encoding === 'yaml') return readYaml(bytes, expected);
  // Loaded when the first client sends it: the numbers of all fields are not needed without.
  const { readProtobuf } = await import('../protobuf/body.ts');
  return { value: readProtobuf(bytes), doubled: undefined };
}

function readJsonBody(bytes: Buffer, expected: string): Body {
  if (isTooDeep(bytes)) throw unreadable(expected, 'json parse error: exceeded max depth');
  const text = bytes.toString();
  try {
    return { value: JSON.parse(text), doubled: undefined };
  } catch (err) {
    throw unreadable(expected, `json parse error: ${(err as Error).message}`);
  }
}

async function readYaml(bytes: Buffer, expected: string): Promise<Body> {
  const { readDocuments } = await import('#api/yamlSource.ts');
  const read = readDocuments(bytes);
  if (read.kind === 'problems') throw unreadable(expected, read.problems.map((p) => p.message).join('; '));
  const [document, ...more] = read.documents;
  if (document === undefined || more.length > 0) throw unreadable(expected, `want one YAML document, got ${read.documents.length}`);
  return { value: document.value, doubled: undefined };
}

function unreadable(expected: string, why: string): ApiError {
  return badRequest(`the object provided is unrecognized (must be of type ${expected}): couldn't get version/kind; ${why}`);
}

/** Only for who wants to know: looking for doubled keys costs as much as reading the text. */
export function doubledKey(text: string): string | undefined {
  const read = readJson(text);
  return read.kind === 'problem' ? read.message : undefined;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The body says its kind, or says nothing and means the kind of the URL. */
export function checkKindOf(
  value: unknown,
  { apiVersion, kind }: Pick<KindDefinition, 'apiVersion' | 'kind'>,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadable(kind, 'want an object with apiVersion and kind');
  }
  const said = value as Readonly<Record<string, unknown>>;
  const saidVersion = textOf(said['apiVersion'] ?? apiVersion);
  const saidKind = textOf(said['kind'] ?? kind);
  if (saidKind !== kind) {
    throw badRequest(
      `${saidKind} in version ${JSON.stringify(saidVersion)} cannot be handled as a ${kind}: converting (${saidVersion}, Kind=${saidKind}) to (${apiVersion}, Kind=${kind}): unknown conversion`,
    );
  }
  if (saidVersion !== apiVersion) {
    throw badRequest(`the API version in the data (${saidVersion}) does not match the expected API version (${apiVersion})`);
  }
  return said['apiVersion'] === apiVersion && said['kind'] === kind ? said : { ...said, apiVersion, kind };
}

export interface DraftOptions {
  readonly mode: FieldValidation;
  readonly call: ApiCall;
  readonly name?: string;
  /** The value is a patched form of this object; field as in setAside. */
  readonly patched?: { readonly current: KubeObject; readonly field: string | undefined };
}

/** Structure, defaults and pruning; the rules of the kind run later, when the server has set what is its own. */
export function toDraft(value: unknown, resource: Resource, { mode, call, name, patched }: DraftOptions): KubeDraft {
  const said = checkKindOf(value, resource.definition);
  const aside = patched === undefined ? undefined : setAside(resource.definition, said, patched.current, patched.field);
  const unknownFields = mode === 'Strict' ? 'refuse' : mode === 'Warn' ? 'warn' : 'drop';
  const parsed = parseAs(aside?.definition ?? resource.definition, aside?.value ?? said, { unknownFields, check: 'structure' });
  if (parsed.kind === 'problems') throw refuse(parsed.problems, said, resource, { name, namespace: namespaceOf(call) });
  for (const warning of parsed.warnings) call.warn(`unknown field ${JSON.stringify(formatPath(warning.path))}`);
  const draft = parsed.object as unknown as KubeDraft;
  aside?.restore(draft);
  return draft;
}

function refuse(
  problems: readonly Problem[],
  said: Readonly<Record<string, unknown>>,
  resource: Resource,
  { name, namespace }: { readonly name: string | undefined; readonly namespace: string },
): ApiError {
  const { kind, apiVersion } = resource.definition;
  const cannot = `${kind} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${kind}`;
  const types = problems.filter((p) => p.kind === 'type' || (p.kind === 'invalid' && p.value === undefined));
  if (types.length > 0) return badRequest(`${cannot}: ${types.map(formatProblem).join('; ')}`);
  const unknown = problems.filter((p) => p.kind === 'unknown');
  if (unknown.length > 0) return badRequest(`${cannot}: strict decoding error: ${unknown.map(strictText).join(', ')}`);
  const named = name ?? (said['metadata'] as { readonly name?: string } | undefined)?.name ?? '';
  // Together with what the rules of the kind find, so that a user sees everything at once.
  const all = parseAs(resource.definition, said, {
    unknownFields: 'drop',
    // The URL says it, too.
    prepare: ({ metadata }) => void (resource.definition.namespaced && (metadata.namespace ??= namespace)),
  });
  return invalid(resource.aboutKind, named, all.kind === 'problems' ? all.problems : problems);
}

const namespaceOf = ({ info }: ApiCall): string => (info.kind === 'resource' ? info.namespace : '');

function strictText(problem: Problem): string {
  const guess = problem.suggestion === undefined ? '' : `, did you mean ${problem.suggestion}?`;
  return `unknown field ${JSON.stringify(formatPath(problem.path))}${guess}`;
}

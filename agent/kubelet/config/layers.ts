/**
 * A configuration in layers: the file, its drop-ins in their order, the command line. Each is checked by itself and told with its place;
 * rules over several fields look at the whole. Pure.
 *
 * Merging: objects field by field, everything else (lists too) is replaced; null takes a field back to its default.
 * Source: "Kubelet Configuration Directory Merging" in the Kubernetes docs. Throws: AppError CONFIG_INVALID.
 */
import { formatProblem } from '#api/problem.ts';
import { compile } from '#api/validate.ts';
import { locateProblem, readDocuments, type Position, type SourceDocument } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import { checkHonoured } from './checks.ts';
import type { Flags } from './flags.ts';
import { FIELD_FLAGS } from './flagTable.ts';
import { API_VERSION, KIND, kubeletConfigurationSchema, type KubeletConfiguration } from './kubeletConfiguration.ts';
import { notHonouredYet } from './laterFields.ts';

type Json = Readonly<Record<string, unknown>>;

export interface Layer {
  readonly value: Json;
  readonly problems: readonly string[];
  /** Where a field stands, to be put before a message. */
  readonly locate: (path: readonly string[]) => string;
}

export function readLayer(file: string, bytes: Uint8Array): Layer {
  const read = readDocuments(bytes);
  const nothing = { value: {}, locate: () => `${file}: ` };
  if (read.kind === 'problems') return { ...nothing, problems: read.problems.map((p) => `${file}:${p.line}:${p.column}: ${p.message}`) };
  const [document, more] = read.documents;
  if (document === undefined || more !== undefined)
    return { ...nothing, problems: [`${file}: want one ${KIND} document, got ${read.documents.length}`] };
  return documentLayer(file, document);
}

function documentLayer(file: string, document: SourceDocument): Layer {
  const { value } = document;
  const place = ({ line, column }: Position): string => `${file}:${line}:${column}: `;
  const locate = (path: readonly string[]): string => place(document.locate(path));
  if (!isObject(value))
    return {
      value: {},
      locate,
      problems: [`${locate([])}want an object with apiVersion ${API_VERSION} and kind ${KIND}`],
    };
  const heads = [
    ['apiVersion', API_VERSION],
    ['kind', KIND],
  ] as const;
  const problems = [
    ...heads
      .filter(([field, want]) => value[field] !== want)
      .map(([field, want]) => `${locate([field])}${field}: want ${want}, got ${JSON.stringify(value[field]) ?? 'nothing'}`),
    ...compile(kubeletConfigurationSchema)(value)
      .filter((p) => !heads.some(([field]) => p.path[0] === field))
      .map((p) => `${place(locateProblem(document, p))}${formatProblem(p)}`),
    ...notHonoured(value, (field) => place(document.locate([field], 'key'))),
  ];
  return { value, locate, problems };
}

/** What the command line says about fields. */
export function flagLayer({ fields }: Pick<Flags, 'fields'>): Layer {
  const locate = (path: readonly string[]): string => `${flagOf(path)} `;
  const problems = [
    ...compile(kubeletConfigurationSchema)(fields).map((p) => `${locate(p.path.map(String))}(${formatProblem(p)})`),
    ...notHonoured(fields, (field) => locate([field])),
  ];
  return { value: fields, locate, problems };
}

function flagOf(path: readonly string[]): string {
  const found = Object.entries(FIELD_FLAGS).find(([, flag]) => flag.path.every((part, i) => path[i] === part));
  return found === undefined ? path.join('.') : `--${found[0]}`;
}

function notHonoured(value: Json, place: (field: string) => string): string[] {
  return notHonouredYet(value).map(({ field, harmless, why }) => {
    const instead = harmless === undefined || harmless === '' ? '' : `, or set it to ${JSON.stringify(harmless)}`;
    return `${place(field)}${field}: is not honoured: ${why}: remove it${instead}`;
  });
}

export function mergeConfig(layers: readonly Layer[]): KubeletConfiguration {
  const merged = layers.reduce<Json>((all, { value }) => merge(all, value), {});
  const problems = layers.flatMap((layer) => layer.problems);
  for (const { path, message } of checkHonoured(merged)) {
    const last =
      layers.findLast(({ value }) => has(value, path)) ?? layers.findLast(({ value }) => has(value, path.slice(0, 1))) ?? layers[0];
    problems.push(`${last?.locate(path) ?? ''}${path.join('.')}: ${message}`);
  }
  if (problems.length > 0)
    throw new AppError('CONFIG_INVALID', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.join('\n')}`);
  return merged;
}

export function merge(below: Json, above: Json): Json {
  const out: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const before = Object.hasOwn(out, name) ? out[name] : undefined;
    out[name] = isObject(value) && isObject(before) ? merge(before, value) : value;
  }
  return out;
}

function has(value: Json, path: readonly string[]): boolean {
  let at: unknown = value;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return false;
    at = at[name];
  }
  return true;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

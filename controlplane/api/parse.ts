/**
 * From an untrusted JSON value to an object of the API: kind, structure, defaults, rules. Pure; never throws for any value, the value
 * itself is left as it is.
 * All problems are told at once, except that rules do not run over values of the wrong type.
 */
import { applyDefaults, fillRequired } from '#api/defaults.ts';
import { formatPath } from '#api/fieldPath.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Problem } from '#api/problem.ts';
import { normalize } from '#api/prune.ts';
import type { Draft, Schema } from '#api/schema.ts';
import type { KindDefinition, Scheme } from '#api/scheme.ts';
import { compile, type Validator } from '#api/validate.ts';

export type Parsed<T> =
  | { readonly kind: 'object'; readonly object: T; readonly definition: KindDefinition; readonly warnings: readonly Problem[] }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

export interface ParseOptions<T extends KubeObject = KubeObject> {
  /** What becomes of fields that the schema does not know: a problem, a warning (and dropped), or dropped in silence. Default refuse. */
  readonly unknownFields?: 'refuse' | 'warn' | 'drop';
  /** Runs on the object when it has its defaults, before the rules: to set the name, the namespace and the like. */
  readonly prepare?: (draft: Draft<T>) => void;
  /** Default full. structure leaves out the rules of the kind, for objects that someone has already accepted. */
  readonly check?: 'full' | 'structure';
}

export interface ParseObjectOptions extends ParseOptions {
  readonly scheme: Scheme;
}

/** Looks the kind up in the scheme. */
export function parseObject(value: unknown, options: ParseObjectOptions): Parsed<KubeObject> {
  const found = findKind(value, options.scheme);
  return found.kind === 'problems' ? found : parseAs(found.definition, value, options);
}

type Found =
  | { readonly kind: 'definition'; readonly definition: KindDefinition }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

function findKind(value: unknown, scheme: Scheme): Found {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'problems', problems: [{ path: [], kind: 'type', message: 'want an object with apiVersion and kind', value }] };
  }
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries({ apiVersion, kind })) {
    if (text === undefined || text === null || text === '')
      problems.push({ path: [name], kind: 'required', message: 'Required value', value: '' });
    else if (typeof text !== 'string')
      problems.push({ path: [name], kind: 'type', message: `want a string, got ${JSON.stringify(text)}`, value: text });
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  const definition = scheme.find(apiVersion as string, kind as string);
  if (definition === undefined) return { kind: 'problems', problems: [unknownKind(apiVersion as string, kind as string, scheme)] };
  return { kind: 'definition', definition };
}

function unknownKind(apiVersion: string, kind: string, scheme: Scheme): Problem {
  const suggestion = scheme.suggest(apiVersion, kind);
  const more = suggestion === undefined ? '' : `, did you mean ${suggestion}?`;
  const message = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}${more}`;
  return { path: ['kind'], kind: 'notSupported', message, value: kind, ...(suggestion === undefined ? {} : { suggestion }) };
}

const validators = new WeakMap<KindDefinition, Validator>();

function validatorOf(definition: KindDefinition): Validator {
  const known = validators.get(definition);
  if (known !== undefined) return known;
  const made = compile(definition.schema);
  validators.set(definition, made);
  return made;
}

/** The kind is known, for instance from a URL. */
export function parseAs<T extends KubeObject>(definition: KindDefinition<T>, value: unknown, options: ParseOptions<T> = {}): Parsed<T> {
  const found = validatorOf(definition)(value);
  const isWarning = (p: Problem): boolean =>
    p.kind === 'unknown' && options.unknownFields !== undefined && options.unknownFields !== 'refuse';
  const structural = found.filter((p) => !isWarning(p));
  if (structural.some((p) => p.kind === 'type' || (p.kind === 'invalid' && p.value === undefined)))
    return { kind: 'problems', problems: structural };

  const draft = normalize<Schema<T>>(definition.schema, value, 'drop');
  if (structural.some((p) => p.kind === 'required')) fillRequired(definition.schema, draft);
  applyDefaults(definition.schema, draft as never);
  options.prepare?.(draft);
  const rules = options.check === 'structure' ? [] : (definition.validate?.(draft as T) ?? []);
  const problems = structural.length === 0 ? rules : merge(structural, rules);
  if (problems.length > 0) return { kind: 'problems', problems };
  const warnings = options.unknownFields === 'warn' ? found.filter(isWarning) : [];
  return { kind: 'object', object: draft as T, definition, warnings };
}

/** What is missing or unsupported is told once, although rules may stumble over it again. */
function merge(structural: readonly Problem[], rules: readonly Problem[]): readonly Problem[] {
  const told = new Set(structural.filter((p) => p.kind !== 'unknown').map((p) => formatPath(p.path)));
  const isTold = (p: Problem): boolean => p.path.some((_, i) => told.has(formatPath(p.path.slice(0, i + 1))));
  return [...structural, ...rules.filter((p) => !isTold(p))];
}

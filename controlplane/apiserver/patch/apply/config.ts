/**
 * The document of a server-side apply, checked against its schema and brought into the form we keep, so that "1024Mi" and "1Gi" are one
 * value. It may be partial: what is required may be missing. null stands for itself: it owns a field and empties it. Pure.
 * Throws: ApiError BadRequest. Differs: upstream answers 500 for what does not fit the schema; here it is the client's mistake, 400.
 */
import { formatPath } from '#api/fieldPath.ts';
import type { Problem } from '#api/problem.ts';
import { normalize } from '#api/prune.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { compile, type Validator } from '#api/validate.ts';
import { badRequest } from '../../status.ts';
import { isObject, own, setOwn, type JsonObject } from '../json.ts';
import { elementText } from './fieldSet.ts';
import { containerOf, elementsOf, fieldShape, itemShape, shapeOf, type Shape } from './shape.ts';

export function checkedConfig(definition: KindDefinition, value: unknown): JsonObject {
  if (!isObject(value)) throw badRequest('error decoding patch: want one object with apiVersion and kind');
  const { apiVersion, kind, metadata } = value;
  if (apiVersion !== definition.apiVersion || kind !== definition.kind) {
    throw badRequest(`invalid object type: ${text(apiVersion)}, Kind=${text(kind)}; this endpoint takes ${typeText(definition)}`);
  }
  if (isObject(metadata) && own(metadata, 'managedFields') !== undefined) throw badRequest('metadata.managedFields must be nil');
  const about = `failed to create typed patch object (${nameText(metadata)}; ${typeText(definition)})`;
  const problem = validatorOf(definition)(value).find(isAboutType);
  if (problem !== undefined) throw badRequest(`${about}: ${problemText(problem)}`);
  const config = canonical(definition, value) as JsonObject;
  const twice = duplicateIn(shapeOf(definition.schema), config, '');
  if (twice !== undefined) throw badRequest(`${about}: ${twice}`);
  return config;
}

const validators = new WeakMap<KindDefinition, Validator>();

function validatorOf(definition: KindDefinition): Validator {
  const known = validators.get(definition) ?? compile(definition.schema);
  validators.set(definition, known);
  return known;
}

/** Values that are there but not allowed are told later, with the whole object. */
const isAboutType = (p: Problem): boolean => p.kind === 'type' || p.kind === 'unknown' || (p.kind === 'invalid' && p.value === undefined);

function problemText({ path, kind, message }: Problem): string {
  const place = path.length === 0 ? '' : `.${formatPath(path)}`;
  return kind === 'unknown' ? `${place}: field not declared in schema${message.replace(/^unknown field/, '')}` : `${place}: ${message}`;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
const typeText = ({ apiVersion, kind }: KindDefinition): string => `${apiVersion}, Kind=${kind}`;

function nameText(metadata: unknown): string {
  const field = (name: string): string => text((isObject(metadata) ? own(metadata, name) : undefined) ?? '');
  return `${field('namespace')}/${field('name')}`;
}

/** Values in the form we keep; nulls stay. The value must have passed the validator without problems of type. */
export function canonical(definition: KindDefinition, value: unknown): unknown {
  return withNulls(value, normalize(definition.schema, value, 'keep'));
}

function withNulls(original: unknown, kept: unknown): unknown {
  if (Array.isArray(original) && Array.isArray(kept)) return kept.map((item, i) => withNulls(original[i], item));
  if (!isObject(original) || !isObject(kept)) return kept;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(original)) {
    const value = original[key];
    if (value === null) setOwn(out, key, null);
    else if (Object.hasOwn(kept, key)) setOwn(out, key, withNulls(value, kept[key]));
  }
  return out;
}

/** A list that names an element twice has no one value for it. */
function duplicateIn(shape: Shape, value: unknown, path: string): string | undefined {
  const container = containerOf(shape, value);
  if (container === undefined) return undefined;
  if (container.kind === 'struct' || container.kind === 'map') {
    for (const name of Object.keys(isObject(value) ? value : {})) {
      const found = duplicateIn(fieldShape(container, name), (value as JsonObject)[name], `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const [name, items] of elementsOf(container, value)) {
    const element = elementText(name);
    if (items.length > 1) return `${path}: duplicate entries for key ${element}`;
    if (name === 'k:{}') return `${path}: an element has none of the fields that tell it from the others`;
    const found = duplicateIn(itemShape(container), items[0], path + element);
    if (found !== undefined) return found;
  }
  return undefined;
}

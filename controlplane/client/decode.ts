/**
 * From what a server sends to what our types promise, in place: null means absent, fields that are always there are filled in, lists
 * and structs are what they claim to be. Fields the schema does not know stay, so that writing an object back loses nothing that a newer
 * server put in. Rules and other defaults are the server's business. Pure but for the value, which must be nobody else's.
 * Throws: API_ANSWER_INVALID.
 */
import { FieldPath } from '#api/fieldPath.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { ObjectMeta } from '#api/kinds/meta/objectMeta.ts';
import { zeroOf, type Schema } from '#api/schema.ts';
import { badAnswer } from './errors.ts';

type Complete = (value: unknown, path: FieldPath) => void;

/** schema undefined: only the metadata is looked at. */
export function decodeObject<T extends KubeObject>(schema: Schema<T> | undefined, value: unknown): T {
  if (!isStruct(value)) throw badAnswer('a request for an object', `want an object, got ${brief(value)}`);
  try {
    completerOf(schema ?? BARE)?.(value, FieldPath.root);
  } catch (err) {
    if (err instanceof Mismatch) throw badAnswer('a request for an object', err.message);
    throw err;
  }
  return value as unknown as T;
}

const BARE: Schema = { type: 'object', properties: { metadata: { ...ObjectMeta, default: {}, 'x-kijabi-presence': 'always' } } };

class Mismatch extends Error {}

const isStruct = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function brief(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
}

const known = new WeakMap<object, Complete>();

function completerOf(schema: Schema): Complete | undefined {
  const target = schema['x-kijabi-ref'];
  if (target !== undefined) return (value, path) => completerOf(target())?.(value, path);
  if (schema.type === 'array') return listCompleter(schema.items ?? {});
  if (schema.type !== 'object') return undefined;
  const identity = schema.properties ?? schema.additionalProperties;
  if (typeof identity !== 'object') return undefined;
  const made = known.get(identity);
  if (made !== undefined) return made;
  const complete = schema.properties === undefined ? mapCompleter(identity) : structCompleter(schema.properties);
  known.set(identity, complete);
  return complete;
}

function listCompleter(items: Schema): Complete {
  const complete = completerOf(items);
  return (value, path) => {
    if (!Array.isArray(value)) throw new Mismatch(`${path.toString()}: want a list, got ${brief(value)}`);
    if (complete === undefined) return;
    for (const [i, item] of value.entries()) complete((value[i] = item ?? zeroOf(items)), path.index(i));
  };
}

function mapCompleter(values: Schema): Complete {
  const complete = completerOf(values);
  return (value, path) => {
    if (!isStruct(value)) throw new Mismatch(`${path.toString()}: want an object, got ${brief(value)}`);
    if (complete === undefined) return;
    for (const key of Object.keys(value)) complete((value[key] ??= zeroOf(values)), path.key(key));
  };
}

/** By what is there, not by what could be: a pod has a tenth of the fields that its kind has. */
function structCompleter(properties: Readonly<Record<string, Schema>>): Complete {
  // Made when first used, because types contain themselves.
  let fields: Map<string, Complete> | undefined;
  let always: (readonly [name: string, schema: Schema])[] = [];
  return (value, path) => {
    if (!isStruct(value)) throw new Mismatch(`${path.toString()}: want an object, got ${brief(value)}`);
    if (fields === undefined) {
      fields = new Map(
        Object.entries(properties)
          .map(([name, schema]) => [name, completerOf(schema)] as const)
          .filter(isMade),
      );
      always = Object.entries(properties).filter(([, schema]) => schema['x-kijabi-presence'] !== undefined);
    }
    for (const name in value) {
      const field = value[name];
      if (field === null) delete value[name];
      else fields.get(name)?.(field, path.field(name));
    }
    for (const [name, schema] of always) {
      if (value[name] !== undefined) continue;
      // A required list of Go that is empty may be sent as null.
      const made = schema.default ?? zeroOf(schema);
      value[name] = typeof made === 'object' ? structuredClone(made) : made;
      fields.get(name)?.(value[name], path.field(name));
    }
  };
}

const isMade = (entry: readonly [string, Complete | undefined]): entry is readonly [string, Complete] => entry[1] !== undefined;

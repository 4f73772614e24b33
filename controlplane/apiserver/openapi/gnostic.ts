/**
 * An OpenAPI 2 document in its protobuf form. Pure.
 * Throws: TypeError for a keyword that the form has no place for, so that nothing is left out silently.
 */
import protobuf from 'protobufjs/light.js';
import { GNOSTIC } from './gnosticSchema.ts';
import type { Published } from './schemas.ts';

const Document = protobuf.Root.fromJSON(GNOSTIC).lookupType('Document');

export function encodeV2(document: Published): Uint8Array {
  const { swagger, info, paths, definitions } = document as Record<string, Published>;
  return Document.encode({
    swagger,
    info,
    paths: { path: entries(paths).map(([name, item]) => ({ name, value: pathItem(item as Published) })) },
    definitions: named(definitions),
  }).finish();
}

const entries = (object: unknown): readonly (readonly [string, unknown])[] => Object.entries(object ?? {});

function named(schemas: unknown): Published {
  return { additionalProperties: entries(schemas).map(([name, schema]) => ({ name, value: schemaOf(schema as Published) })) };
}

/** Values of extensions, defaults and enums. */
const any = (value: unknown): Published => ({ yaml: `${JSON.stringify(value)}\n` });

function extensions(object: Published): readonly Published[] {
  return entries(object)
    .filter(([key]) => key.startsWith('x-'))
    .map(([name, value]) => ({ name, value: any(value) }));
}

function pathItem(item: Published): Published {
  const out: Record<string, unknown> = {};
  for (const [key, value] of entries(item)) {
    out[key] = key === 'parameters' ? parameters(value) : operation(value as Published);
  }
  return out;
}

function operation(o: Published): Published {
  const { responses, parameters: own, ...rest } = o;
  return {
    ...rest,
    parameters: parameters(own),
    responses: { responseCode: entries(responses).map(([name, value]) => ({ name, value: { response: response(value as Published) } })) },
    vendorExtension: extensions(o),
  };
}

function response({ description, schema }: Published): Published {
  return { description, ...(schema === undefined ? {} : { schema: { schema: schemaOf(schema as Published) } }) };
}

function parameters(all: unknown): readonly Published[] {
  return ((all ?? []) as readonly Published[]).map((p) => {
    if (p['in'] === 'body') return { parameter: { bodyParameter: { ...p, schema: schemaOf(p['schema'] as Published) } } };
    const key = p['in'] === 'path' ? 'pathParameterSubSchema' : 'queryParameterSubSchema';
    return { parameter: { nonBodyParameter: { [key]: p } } };
  });
}

const PLAIN = new Set(['format', 'description', 'maximum', 'minimum', 'maxLength', 'pattern', 'required']);

function schemaOf(schema: Published): Published {
  const out: Record<string, unknown> = {};
  for (const [key, value] of entries(schema)) {
    if (PLAIN.has(key)) out[key] = value;
    else if (!key.startsWith('x-')) Object.assign(out, keyword(key, value));
  }
  const more = extensions(schema);
  return more.length === 0 ? out : { ...out, vendorExtension: more };
}

function keyword(key: string, value: unknown): Published {
  switch (key) {
    case '$ref':
      return { ref: value };
    case 'type':
      return { type: { value: [value] } };
    case 'default':
      return { default: any(value) };
    case 'enum':
      return { enum: (value as readonly unknown[]).map(any) };
    case 'items':
      return { items: { schema: [schemaOf(value as Published)] } };
    case 'properties':
      return { properties: named(value) };
    case 'additionalProperties':
      return { additionalProperties: { schema: schemaOf(value as Published) } };
    default:
      throw new TypeError(`Cannot write the OpenAPI keyword ${key} in protobuf`);
  }
}

/** Writes the operations and types down as OpenAPI 2 or OpenAPI 3. Pure. */
import { definitionsOf, typeNames, type Catalog } from './catalog.ts';
import { operationsOf, type Operation, type Parameter } from './operations.ts';
import { closure, type Published } from './schemas.ts';

const TITLE = 'Kubernetes';
const ANSWERS = ['application/json', 'application/yaml'];
const STREAM = 'application/json;stream=watch';

/** The whole API in one document. */
export function documentV2(catalog: Catalog): Published {
  const operations = operationsOf(catalog.endpoints, typeNames(catalog.kinds));
  const definitions = definitionsOf(catalog, 'v2');
  return {
    swagger: '2.0',
    info: { title: TITLE, version: catalog.version },
    paths: pathsOf(operations, { operation: operationV2, parameter: parameterV2 }),
    definitions: Object.fromEntries(closure(definitions, definitions.keys())),
  };
}

/** One document per group and version, by its name ("api/v1", "apis/apps/v1"). */
export function documentsV3(catalog: Catalog): ReadonlyMap<string, Published> {
  const definitions = definitionsOf(catalog, 'v3');
  const operations = operationsOf(catalog.endpoints, typeNames(catalog.kinds));
  const byDocument = Map.groupBy(operations, ({ document }) => document);
  return new Map(
    [...byDocument].map(([name, own]) => {
      const roots = own.flatMap(({ body, answer }) => [body, answer]).filter((id) => id !== undefined);
      const document = {
        openapi: '3.0.0',
        info: { title: TITLE, version: catalog.version },
        paths: pathsOf(own, { operation: operationV3, parameter: parameterV3 }),
        components: { schemas: Object.fromEntries(closure(definitions, roots)) },
      };
      return [name, document];
    }),
  );
}

interface Writers {
  readonly operation: (operation: Operation) => Published;
  readonly parameter: (parameter: Parameter, place: 'path' | 'query') => Published;
}

function pathsOf(operations: readonly Operation[], { operation, parameter }: Writers): Published {
  const out: Record<string, unknown> = {};
  for (const [path, own] of Map.groupBy(operations, (o) => o.path)) {
    const shared = own[0]?.pathParameters ?? [];
    const item: Record<string, unknown> = {
      parameters: shared.map((p) => parameter(p, path.includes(`{${p.name}}`) ? 'path' : 'query')),
    };
    for (const one of own) item[one.method] = operation(one);
    out[path] = item;
  }
  return out;
}

const common = ({ description, tag, id, action, kind }: Operation): Published => ({
  description,
  tags: [tag],
  operationId: id,
  'x-kubernetes-action': action,
  'x-kubernetes-group-version-kind': kind,
});

const OUTCOMES: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

function operationV2(o: Operation): Published {
  const query = o.query.map((p) => parameterV2(p, 'query'));
  const body = o.body === undefined ? [] : [bodyV2(o)];
  const answer = o.answer === undefined ? { type: 'string' } : { $ref: `#/definitions/${o.answer}` };
  return {
    ...common(o),
    consumes: o.consumes,
    produces: o.answer === undefined ? ['*/*'] : o.action === 'list' ? [...ANSWERS, STREAM] : ANSWERS,
    schemes: ['https'],
    parameters: [...body, ...query],
    responses: {
      ...Object.fromEntries(o.codes.map((code) => [code, { description: OUTCOMES[code], schema: answer }])),
      401: { description: 'Unauthorized' },
    },
  };
}

function bodyV2({ body, action }: Operation): Published {
  const isRequired = action === 'post' || action === 'put' || action === 'patch';
  return { name: 'body', in: 'body', ...(isRequired ? { required: true } : {}), schema: { $ref: `#/definitions/${body}` } };
}

function parameterV2({ name, type, description }: Parameter, place: 'path' | 'query'): Published {
  return { name, in: place, description, type, uniqueItems: true, ...(place === 'path' ? { required: true } : {}) };
}

function parameterV3({ name, type, description }: Parameter, place: 'path' | 'query'): Published {
  return { name, in: place, description, schema: { type, uniqueItems: true }, ...(place === 'path' ? { required: true } : {}) };
}

function operationV3(o: Operation): Published {
  const typed = (types: readonly string[], id: string): Published =>
    Object.fromEntries(types.map((type) => [type, { schema: { $ref: `#/components/schemas/${id}` } }]));
  const types = o.action === 'list' ? [...ANSWERS, STREAM] : ANSWERS;
  const content = o.answer === undefined ? { '*/*': { schema: { type: 'string' } } } : typed(types, o.answer);
  const isRequired = o.action === 'post' || o.action === 'put' || o.action === 'patch';
  const body =
    o.body === undefined ? {} : { requestBody: { content: typed(o.consumes, o.body), ...(isRequired ? { required: true } : {}) } };
  return {
    ...common(o),
    parameters: o.query.map((p) => parameterV3(p, 'query')),
    ...body,
    responses: {
      ...Object.fromEntries(o.codes.map((code) => [code, { description: OUTCOMES[code], content }])),
      401: { description: 'Unauthorized' },
    },
  };
}

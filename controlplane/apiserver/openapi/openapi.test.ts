import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs/light.js';
import { builtinKinds } from '#api/definitions/all.ts';
import type { Answer, ApiCall, Headers, Sink } from '../call.ts';
import { Query } from '../query.ts';
import { ApiError } from '../status.ts';
import { documentsV3, documentV2 } from './documents.ts';
import { encodeV2 } from './gnostic.ts';
import { GNOSTIC } from './gnosticSchema.ts';
import { OpenApi } from './openapi.ts';
import { builtinCatalog } from './test/catalog.ts';

const catalog = builtinCatalog();
type Json = Record<string, any>; // oxlint-disable-line typescript/no-explicit-any -- a document is looked into at many places
const v2 = JSON.parse(JSON.stringify(documentV2(catalog))) as Json;
const v3 = new Map([...documentsV3(catalog)].map(([name, document]) => [name, JSON.parse(JSON.stringify(document)) as Json]));

/** Every object of a document. */
function* objects(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value;
  for (const inner of Object.values(value)) yield* objects(inner);
}

const all: readonly (readonly [string, Json, Json])[] = [
  ['v2', v2, v2['definitions'] as Json],
  ...[...v3].map(([name, document]) => [name, document, document['components'].schemas as Json] as const),
];

for (const [name, document, types] of all) {
  test(`openapi ${name}: every reference leads somewhere, and every type is used`, () => {
    const prefix = name === 'v2' ? '#/definitions/' : '#/components/schemas/';
    const used = new Set<string>();
    for (const object of objects(document)) {
      if (typeof object['$ref'] !== 'string') continue;
      const id = object['$ref'].slice(prefix.length);
      assert.ok(object['$ref'].startsWith(prefix) && types[id] !== undefined, object['$ref']);
      if (name !== 'v2') assert.deepEqual(Object.keys(object), ['$ref'], 'nothing stands beside a reference in OpenAPI 3');
      used.add(id);
    }
    if (name !== 'v2')
      assert.deepEqual(
        Object.keys(types).filter((id) => !used.has(id)),
        [],
      );
  });

  test(`openapi ${name}: nothing of our own gets out, and nothing is lost`, () => {
    const text = JSON.stringify(document);
    assert.ok(!text.includes('kijabi') && !text.includes('$id'));
    for (const object of objects(types)) if (object['type'] === 'array') assert.ok(object['items'] !== undefined, JSON.stringify(object));
  });

  test(`openapi ${name}: operations have their own ids, an action and a kind`, () => {
    const ids = new Map<string, string>();
    for (const [path, item] of Object.entries(document['paths'] as Json)) {
      for (const [method, operation] of Object.entries(item as Json)) {
        if (method === 'parameters') continue;
        const o = operation as Json;
        assert.ok(!ids.has(o['operationId']), `${o['operationId']}: ${path} and ${ids.get(o['operationId'])}`);
        ids.set(o['operationId'], path);
        assert.ok(typeof o['x-kubernetes-action'] === 'string' && typeof o['x-kubernetes-group-version-kind'].kind === 'string', path);
      }
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '');
      const given = (item as Json)['parameters'].filter((p: Json) => p['in'] === 'path').map((p: Json) => p['name']);
      assert.deepEqual(wanted.toSorted(), given.toSorted(), path);
    }
    assert.ok(ids.size > 0);
  });
}

test('openapi: every kind has a type that says which kind it is', () => {
  for (const { apiVersion, kind, schema } of builtinKinds) {
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const published = v2['definitions'][schema.$id ?? ''] as Json;
    assert.deepEqual(published['x-kubernetes-group-version-kind'], [{ group, kind, version }]);
    assert.ok((v3.get(group === '' ? 'api/v1' : `apis/${apiVersion}`) as Json)['components'].schemas[schema.$id ?? ''] !== undefined, kind);
  }
});

test('openapi: what clients ask of a patch is there', () => {
  const patch = v2['paths']['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch as Json;
  assert.deepEqual(patch['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
  const names = patch['parameters'].map((p: Json) => p['name']);
  for (const name of ['dryRun', 'fieldManager', 'fieldValidation', 'force']) assert.ok(names.includes(name), name);
  assert.ok(patch['consumes'].includes('application/apply-patch+yaml'));
});

test('openapi: lists, merge keys, enums, defaults and special types as clients know them', () => {
  const spec = v2['definitions']['io.k8s.api.core.v1.PodSpec'].properties;
  const {
    'x-kubernetes-list-type': type,
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-merge-key': mergeKey,
    'x-kubernetes-patch-strategy': strategy,
  } = spec.containers;
  assert.deepEqual([type, keys, mergeKey, strategy], ['map', ['name'], 'name', 'merge']);
  assert.deepEqual(spec.restartPolicy.enum, ['Always', 'Never', 'OnFailure'].toSorted());
  const port = v2['definitions']['io.k8s.api.core.v1.ContainerPort'];
  assert.deepEqual([port.required, port.properties.protocol.default], [['containerPort'], 'TCP']);
  assert.deepEqual(v2['definitions']['io.k8s.apimachinery.pkg.util.intstr.IntOrString'], { type: 'string', format: 'int-or-string' });
  const core = (v3.get('api/v1') as Json)['components'].schemas;
  assert.deepEqual(core['io.k8s.apimachinery.pkg.util.intstr.IntOrString'].oneOf, [{ type: 'integer' }, { type: 'string' }]);
  assert.deepEqual(core['io.k8s.apimachinery.pkg.apis.meta.v1.Time'], { type: 'string', format: 'date-time' });
  assert.equal(core['io.k8s.api.core.v1.PodList'].properties.items.items.$ref, '#/components/schemas/io.k8s.api.core.v1.Pod');
  assert.equal(v2['definitions']['io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector']['x-kubernetes-map-type'], 'atomic');
});

/** What stands in the bytes of one message: field number and, for texts and messages, the bytes. */
function wire(bytes: Uint8Array): readonly (readonly [number, Uint8Array])[] {
  const reader = protobuf.Reader.create(bytes);
  const out: (readonly [number, Uint8Array])[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 2) out.push([tag >>> 3, reader.bytes()]);
    else {
      reader.skipType(tag & 7);
      out.push([tag >>> 3, new Uint8Array()]);
    }
  }
  return out;
}
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const field = (bytes: Uint8Array | undefined, id: number): Uint8Array | undefined =>
  wire(bytes ?? new Uint8Array()).find(([n]) => n === id)?.[1];

test('openapi protobuf: the numbers are those of the format', () => {
  const encoded = encodeV2({
    swagger: '2.0',
    info: { title: 't', version: 'v' },
    paths: {
      '/p': {
        parameters: [{ name: 'n', in: 'path', required: true, type: 'string', uniqueItems: true }],
        patch: {
          operationId: 'o',
          parameters: [{ name: 'q', in: 'query', type: 'string' }],
          responses: { 200: { description: 'OK', schema: { type: 'string' } } },
          'x-a': { b: 1 },
        },
      },
    },
    definitions: {
      T: {
        description: 'd',
        type: 'object',
        required: ['r'],
        properties: { r: { $ref: '#/definitions/T' } },
        additionalProperties: { type: 'string', enum: ['e'], default: 'e' },
        'x-list': ['k'],
      },
    },
  });
  assert.equal(text(field(encoded, 1)), '2.0');
  assert.equal(text(field(field(encoded, 2), 1)), 't');
  const path = field(field(encoded, 8), 2);
  assert.equal(text(field(path, 1)), '/p');
  const patch = field(field(path, 2), 8);
  assert.equal(text(field(patch, 5)), 'o');
  const query = field(field(field(field(patch, 8), 1), 2), 3);
  assert.equal(text(field(query, 4)), 'q');
  const parameter = field(field(field(field(field(path, 2), 9), 1), 2), 4);
  assert.equal(text(field(parameter, 4)), 'n');
  assert.equal(text(field(field(patch, 13), 1)), 'x-a');
  assert.equal(text(field(field(field(patch, 13), 2), 2)), '{"b":1}\n');
  const response = field(field(field(patch, 9), 1), 2);
  assert.equal(text(field(field(response, 1), 1)), 'OK');
  const type = field(field(field(encoded, 9), 1), 2);
  assert.equal(text(field(type, 4)), 'd');
  assert.equal(text(field(type, 19)), 'r');
  assert.equal(text(field(field(type, 22), 1)), 'object');
  assert.equal(text(field(field(field(field(type, 25), 1), 2), 1)), '#/definitions/T');
  const values = field(field(type, 21), 1);
  assert.equal(text(field(field(values, 20), 2)), '"e"\n');
  assert.equal(text(field(field(values, 5), 2)), '"e"\n');
  assert.equal(text(field(field(type, 31), 1)), 'x-list');
});

test('openapi protobuf: says what the JSON says', () => {
  const decoded = protobuf.Root.fromJSON(GNOSTIC).lookupType('Document').decode(encodeV2(v2)).toJSON();
  const types = decoded['definitions'].additionalProperties as readonly Json[];
  assert.deepEqual(
    types.map((t) => t['name']),
    Object.keys(v2['definitions']),
  );
  for (const { name, value } of types as readonly { name: string; value: Json }[]) {
    const original = v2['definitions'][name];
    assert.deepEqual(
      (value['properties']?.additionalProperties ?? []).map((p: Json) => p['name']),
      Object.keys(original.properties ?? {}),
      name,
    );
    assert.deepEqual(value['required'] ?? [], original.required ?? [], name);
    assert.deepEqual(value['type']?.value ?? [], original.type === undefined ? [] : [original.type], name);
  }
  assert.deepEqual(
    (decoded['paths'].path as readonly Json[]).map((p) => p['name']),
    Object.keys(v2['paths']),
  );
});

test('openapi protobuf: a keyword without a place is an error, not left out', () => {
  assert.throws(() => encodeV2({ definitions: { T: { not: {} } } }), /keyword not/);
});

function call(path: string, headers: Headers = {}, query = ''): ApiCall {
  return { method: 'GET', path, headers, query: new Query(query) } as unknown as ApiCall;
}

type Text = Extract<Answer, { kind: 'text' }>;

test('OpenApi: documents by name, with hashes that clients may keep', async () => {
  const openApi = new OpenApi({ catalog: () => catalog, edition: () => 1 });
  const index = ((await openApi.answer(call('/openapi/v3'))) as Extract<Answer, { kind: 'value' }>).value as Json;
  const url = index['paths']['apis/apps/v1'].serverRelativeURL as string;
  assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const [path = '', query = ''] = url.split('?');
  const found = (await openApi.answer(call(path, {}, query))) as Text;
  assert.equal(found.code, 200);
  assert.equal(found.headers?.['Cache-Control'], 'public, immutable');
  assert.equal(JSON.parse(found.text).openapi, '3.0.0');
  const old = (await openApi.answer(call(path, {}, 'hash=OLD'))) as Text;
  assert.deepEqual([old.code, old.headers?.['Location']], [301, url]);
  const same = (await openApi.answer(call(path, { 'if-none-match': found.headers?.['ETag'] }))) as Text;
  assert.deepEqual([same.code, same.text], [304, '']);
});

test('OpenApi: version 2 in the form that is asked for', async () => {
  const openApi = new OpenApi({ catalog: () => catalog, edition: () => 1 });
  const json = (await openApi.answer(call('/openapi/v2', { accept: 'application/json' }))) as Text;
  assert.equal(JSON.parse(json.text).swagger, '2.0');
  for (const accept of [
    'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
    'application/com.github.proto-openapi.spec.v2.v1.0+protobuf, application/json',
  ]) {
    const answer = (await openApi.answer(call('/openapi/v2', { accept }))) as Extract<Answer, { kind: 'stream' }>;
    assert.equal(answer.contentType, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    const chunks: Uint8Array[] = [];
    const sink = {
      write: (bytes: Uint8Array) => chunks.push(bytes) % 2 === 0,
      drained: async () => undefined,
      end: () => chunks.push(new Uint8Array()),
    };
    await answer.run(sink as unknown as Sink);
    assert.deepEqual(Buffer.concat(chunks), Buffer.from(await openApi.protobufV2()));
    assert.equal(chunks.at(-1)?.length, 0, 'the answer ends');
  }
});

test('OpenApi: built once, and again when the API has changed', () => {
  let edition = 1;
  let built = 0;
  const openApi = new OpenApi({ catalog: () => (built++, catalog), edition: () => edition });
  openApi.v2();
  openApi.v2();
  openApi.v3();
  assert.equal(built, 2);
  edition = 2;
  openApi.v2();
  assert.equal(built, 3);
});

test('OpenApi: refuses what it does not have', async () => {
  const openApi = new OpenApi({ catalog: () => catalog, edition: () => 1 });
  const codeOf = (asked: ApiCall): Promise<number> =>
    openApi.answer(asked).then(
      () => 200,
      (err: unknown) => (err instanceof ApiError ? err.status.code : 0),
    );
  assert.equal(await codeOf(call('/openapi/v3/apis/none/v1')), 404);
  assert.equal(await codeOf(call('/openapi/v3', { accept: 'text/html' })), 406);
  assert.equal(await codeOf(call('/openapi/v2', { accept: 'text/html' })), 406);
  assert.equal(await codeOf({ ...call('/openapi/v2'), method: 'POST' }), 405);
});

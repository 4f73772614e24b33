import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { serviceKind } from '#api/definitions/service.ts';
import { podKind } from '#api/definitions/pod.ts';
import { deploymentKind } from '#api/definitions/workloads.ts';
import { normalize } from '#api/prune.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { ApiError } from '../status.ts';
import { strategicMerge } from './strategicMerge.ts';
import { strategicDiff } from './test/strategicDiff.ts';

const pod = (spec: object, metadata: object = {}): object => ({ metadata, spec });
const c = (name: string, more: object = {}): object => ({ name, ...more });

for (const [sentence, original, patch, wanted] of [
  [
    'fields are merged, others stay',
    pod({ nodeName: 'n', hostNetwork: true }),
    { spec: { nodeName: 'm' } },
    pod({ nodeName: 'm', hostNetwork: true }),
  ],
  ['null deletes', pod({ nodeName: 'n' }), { spec: { nodeName: null } }, pod({})],
  [
    'null for what is not there does nothing',
    pod({}),
    { spec: { nodeName: null, nodeSelector: { a: null, b: 'c' } } },
    pod({ nodeSelector: { b: 'c' } }),
  ],
  [
    'a list of objects is merged by its key',
    pod({ containers: [c('a', { image: '1' }), c('b')] }),
    { spec: { containers: [{ name: 'a', image: '2' }] } },
    pod({ containers: [c('a', { image: '2' }), c('b')] }),
  ],
  [
    'a new element goes to the end',
    pod({ containers: [c('a'), c('b')] }),
    { spec: { containers: [{ name: 'x' }] } },
    pod({ containers: [c('a'), c('b'), c('x')] }),
  ],
  [
    'elements come in the order of the patch',
    pod({ containers: [c('a'), c('b'), c('x')] }),
    { spec: { containers: [{ name: 'x' }, { name: 'a' }] } },
    pod({ containers: [c('b'), c('x'), c('a')] }),
  ],
  [
    '$patch: delete takes an element out',
    pod({ containers: [c('a'), c('b')] }),
    { spec: { containers: [{ $patch: 'delete', name: 'a' }] } },
    pod({ containers: [c('b')] }),
  ],
  [
    '$patch: replace among the elements replaces the list',
    pod({ containers: [c('a'), c('b')] }),
    { spec: { containers: [{ name: 'x' }, { $patch: 'replace' }] } },
    pod({ containers: [c('x')] }),
  ],
  [
    '$patch: replace replaces an object',
    pod({ nodeSelector: { a: 'b' } }),
    { spec: { nodeSelector: { $patch: 'replace', c: 'd' } } },
    pod({ nodeSelector: { c: 'd' } }),
  ],
  [
    '$patch: replace sets an object that was not there',
    pod({}),
    { spec: { nodeSelector: { $patch: 'replace', c: 'd' } } },
    pod({ nodeSelector: { c: 'd' } }),
  ],
  [
    '$patch: delete empties an object',
    pod({ nodeSelector: { a: 'b' } }),
    { spec: { nodeSelector: { $patch: 'delete' } } },
    pod({ nodeSelector: {} }),
  ],
  [
    '$patch: delete of what is not there leaves nothing',
    pod({}),
    { spec: { nodeSelector: { $patch: 'delete' }, containers: [{ $patch: 'delete', name: 'a' }] } },
    pod({ containers: [] }),
  ],
  [
    '$retainKeys clears the other keys',
    pod({ volumes: [{ name: 'v', emptyDir: {} }] }),
    { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } },
    pod({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] }),
  ],
  [
    '$retainKeys in a new element leaves no trace',
    pod({ volumes: [] }),
    { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } },
    pod({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] }),
  ],
  [
    '$setElementOrder orders, also what is not patched',
    pod({ containers: [c('a'), c('b'), c('x')] }),
    { spec: { '$setElementOrder/containers': [{ name: 'x' }, { name: 'b' }, { name: 'a' }] } },
    pod({ containers: [c('x'), c('b'), c('a')] }),
  ],
  [
    'what only the server has keeps its place',
    pod({ containers: [c('a'), c('sidecar'), c('b')] }),
    { spec: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'new' }, { name: 'b' }], containers: [{ name: 'new' }] } },
    pod({ containers: [c('a'), c('sidecar'), c('new'), c('b')] }),
  ],
  [
    'a list of texts with a merge strategy is a union',
    pod({}, { finalizers: ['a', 'b'] }),
    { metadata: { finalizers: ['b', 'c'] } },
    pod({}, { finalizers: ['a', 'b', 'c'] }),
  ],
  [
    '$deleteFromPrimitiveList takes texts out',
    pod({}, { finalizers: ['a', 'b', 'c'] }),
    { metadata: { '$deleteFromPrimitiveList/finalizers': ['b'] } },
    pod({}, { finalizers: ['a', 'c'] }),
  ],
  [
    '$setElementOrder orders texts, too',
    pod({}, { finalizers: ['a', 'b'] }),
    { metadata: { '$setElementOrder/finalizers': ['b', 'c', 'a'], finalizers: ['c'] } },
    pod({}, { finalizers: ['b', 'c', 'a'] }),
  ],
  [
    'a list without a strategy is replaced',
    pod({ containers: [c('a', { args: ['1', '2'] })] }),
    { spec: { containers: [{ name: 'a', args: ['3'] }] } },
    pod({ containers: [c('a', { args: ['3'] })] }),
  ],
  [
    'tolerations have no key: they are replaced',
    pod({ tolerations: [{ key: 'a' }] }),
    { spec: { tolerations: [{ key: 'b' }] } },
    pod({ tolerations: [{ key: 'b' }] }),
  ],
  [
    'a list in place of an object is taken as it is',
    { metadata: { labels: { a: 'b' } } },
    { metadata: { labels: ['x'] } },
    { metadata: { labels: ['x'] } },
  ],
  [
    'an object in place of a list is taken as it is',
    pod({ containers: [c('a')] }),
    { spec: { containers: { a: null, b: 1 } } },
    pod({ containers: { b: 1 } }),
  ],
  ['null deletes a list', pod({ volumes: [{ name: 'v' }] }), { spec: { volumes: null } }, pod({})],
  [
    'labels named like properties of all objects are labels',
    pod({}, { labels: {} }),
    { metadata: { labels: { constructor: 'x', toString: 'y' } } },
    pod({}, { labels: { constructor: 'x', toString: 'y' } }),
  ],
  ['fields no schema knows are merged as objects, replaced as lists', { x: { a: [1], b: 2 } }, { x: { a: [2] } }, { x: { a: [2], b: 2 } }],
] as const) {
  test(`strategicMerge: ${sentence}`, () => {
    const before = structuredClone(original);
    assert.deepEqual(strategicMerge(podKind.schema, original, patch), wanted);
    assert.deepEqual(original, before, 'the original is left as it is');
  });
}

for (const [sentence, patch, message] of [
  ['an unknown directive', { spec: { $patch: 'append' } }, /unknown patch type: "append"/],
  [
    'an element without its key',
    { spec: { containers: [{ image: 'x' }] } },
    /map: \{"image":"x"\} does not contain declared merge key: name/,
  ],
  ['an element that is no object', { spec: { containers: ['x'] } }, /containers: want objects with name, got "x"/],
  [
    'retained keys that leave out what is set',
    { spec: { $retainKeys: ['nodeName'], hostNetwork: true } },
    /invalid patch format of retainKeys: the patch sets hostNetwork/,
  ],
  ['retained keys that are no list', { spec: { $retainKeys: 'x' } }, /invalid patch format of retainKeys/],
  ['an order that is no list', { spec: { '$setElementOrder/containers': {} } }, /invalid patch format of setElementOrder list/],
  [
    'an order without what is set',
    { spec: { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'b' }] } },
    /doesn't match \$setElementOrder list: \["a"\]/,
  ],
  [
    'an order that contradicts the patch',
    { spec: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }], containers: [{ name: 'b' }, { name: 'a' }] } },
    /doesn't match/,
  ],
  ['a patch that is no object', [], /want an object/],
] as const) {
  test(`strategicMerge: refuses ${sentence}`, () => {
    const original = pod({ containers: [c('a')] });
    assert.throws(
      () => strategicMerge(podKind.schema, original, patch),
      (err) => err instanceof ApiError && err.code === 'BadRequest' && message.test(err.message),
    );
  });
}

test('strategicMerge: services merge their ports by port alone, as upstream does', () => {
  const ports = [
    { port: 53, protocol: 'UDP', name: 'a' },
    { port: 53, protocol: 'TCP', name: 'b' },
  ];
  const merged = strategicMerge(serviceKind.schema, { spec: { ports } }, { spec: { ports: [{ port: 53, nodePort: 30_053 }] } });
  assert.deepEqual(merged, { spec: { ports: [{ ...ports[0], nodePort: 30_053 }, ports[1]] } });
});

for (const definition of [podKind, serviceKind, deploymentKind] as unknown as readonly KindDefinition[]) {
  test(`property: the strategic difference of two ${definition.plural} makes one of the other, twice as well as once`, () => {
    const either = fc.oneof(arbitraryOf(definition.schema, { depth: 5 }), arbitraryOf(definition.schema, { depth: 4, full: true }));
    const object = either.map((value) => uniqueKeys(definition, normalize(definition.schema, value, 'drop')));
    let lists = 0;
    fc.assert(
      fc.property(object, object, (from, to) => {
        const patch = strategicDiff(definition.schema, from, to);
        if (JSON.stringify(patch).includes('$setElementOrder')) lists += 1;
        const once = strategicMerge(definition.schema, from, patch);
        assert.deepEqual(once, to);
        assert.deepEqual(strategicMerge(definition.schema, once, patch), to);
      }),
      { numRuns: 60 },
    );
    assert.ok(lists > 3, 'lists were patched by their elements');
  });
}

/** Lists in which every element can be told from the others, as a strategic patch needs them. */
function uniqueKeys({ schema }: KindDefinition, value: unknown): unknown {
  return unique(schema, value);
}

function unique(schema: KindDefinition['schema'], value: unknown): unknown {
  const type = schema['x-kijabi-ref']?.() ?? schema;
  if (Array.isArray(value)) {
    const key = schema['x-kubernetes-patch-merge-key'];
    const items = value.map((item) => unique((type.items ?? {}) as KindDefinition['schema'], item));
    if (schema['x-kubernetes-patch-strategy']?.includes('merge') !== true) return items;
    const nameOf = (item: unknown): unknown => (key === undefined ? item : (item as Record<string, unknown>)[key]);
    return items.filter((item, i) => nameOf(item) !== undefined && items.findIndex((other) => nameOf(other) === nameOf(item)) === i);
  }
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    const inner = type.properties?.[name] ?? type.additionalProperties;
    if (name !== '__proto__' && name !== 'managedFields')
      out[name] = typeof inner === 'object' ? unique(inner as KindDefinition['schema'], field) : field;
  }
  return out;
}

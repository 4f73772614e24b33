import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKind } from '#api/definitions/pod.ts';
import { serviceKind } from '#api/definitions/service.ts';
import { deploymentKind } from '#api/definitions/workloads.ts';
import { normalize } from '#api/prune.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { difference, isEmptySet, NO_FIELDS, pathsOf, pathText, union, type FieldSet } from './fieldSet.ts';
import { distinct } from '../test/distinct.ts';
import { shapeOf } from './shape.ts';
import { compare, fieldsOf, merge, without, withStructs } from './typed.ts';

const pods = shapeOf(podKind.schema);
const services = shapeOf(serviceKind.schema);
const texts = (set: FieldSet): readonly string[] => pathsOf(set).map(pathText).toSorted();

for (const [sentence, value, wanted] of [
  ['a scalar is its own leaf, the structs above it are not', { spec: { nodeName: 'x' } }, ['.spec.nodeName']],
  ['every key of a map is one', { metadata: { labels: { a: '1', b: '2' } } }, ['.metadata.labels.a', '.metadata.labels.b']],
  [
    'an empty map is one leaf',
    { spec: { nodeSelector: { a: '1' }, securityContext: {} } },
    ['.spec.nodeSelector', '.spec.securityContext'],
  ],
  [
    'an element and its fields',
    { spec: { containers: [{ name: 'a', image: 'i' }] } },
    ['.spec.containers[name="a"]', '.spec.containers[name="a"].image', '.spec.containers[name="a"].name'],
  ],
  ['an atomic list is one leaf', { spec: { tolerations: [{ key: 'a' }], containers: [] } }, ['.spec.tolerations']],
  ['an element of a set is known by its value', { metadata: { finalizers: ['x'] } }, ['.metadata.finalizers[="x"]']],
  [
    'a port without a protocol has the default one',
    { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] } },
    [
      '.spec.containers[name="a"]',
      '.spec.containers[name="a"].name',
      '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
      '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort',
    ],
  ],
  ['null is a leaf', { spec: { nodeName: null, volumes: null } }, ['.spec.nodeName', '.spec.volumes']],
  [
    'elements that share a name are one leaf',
    {
      spec: {
        containers: [
          { name: 'a', image: '1' },
          { name: 'a', image: '2' },
        ],
      },
    },
    ['.spec.containers[name="a"]'],
  ],
] as const) {
  test(`fieldsOf: ${sentence}`, () => assert.deepEqual(texts(fieldsOf(pods, value)), wanted));
}

for (const [sentence, before, after, changed, removed] of [
  ['another value', { spec: { nodeName: 'a' } }, { spec: { nodeName: 'b' } }, ['.spec.nodeName'], []],
  ['a new struct, with all in it', {}, { spec: { nodeName: 'b' } }, ['.spec', '.spec.nodeName'], []],
  [
    'a removed element, with all in it',
    { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { containers: [{ name: 'b' }] } },
    [],
    ['.spec.containers[name="a"]', '.spec.containers[name="a"].name'],
  ],
  [
    'order alone is no change',
    { spec: { containers: [{ name: 'a' }, { name: 'b' }] } },
    { spec: { containers: [{ name: 'b' }, { name: 'a' }] } },
    [],
    [],
  ],
  [
    'in an atomic list order is a change',
    { spec: { tolerations: [{ key: 'a' }, { key: 'b' }] } },
    { spec: { tolerations: [{ key: 'b' }, { key: 'a' }] } },
    ['.spec.tolerations'],
    [],
  ],
  [
    'an element that now stands there twice',
    { spec: { containers: [{ name: 'a', image: '1' }] } },
    { spec: { containers: [{ name: 'a', image: '1' }, { name: 'a' }] } },
    ['.spec.containers[name="a"]'],
    ['.spec.containers[name="a"]', '.spec.containers[name="a"].image', '.spec.containers[name="a"].name'],
  ],
  [
    'labels that are named like what every object has',
    { metadata: { labels: {} } },
    { metadata: { labels: { constructor: 'x' } } },
    ['.metadata.labels.constructor'],
    [],
  ],
] as const) {
  test(`compare: ${sentence}`, () => {
    const found = compare(pods, before, after);
    assert.deepEqual(texts(found.changed), changed);
    assert.deepEqual(texts(found.removed), removed);
  });
}

const names = (...all: readonly string[]): object => ({
  spec: { ports: all.map((name, i) => ({ name, port: 'abcdefxyz'.indexOf(name) + 1 || i })) },
});
for (const [sentence, live, config, wanted] of [
  ['what only the live list has keeps its place', ['a', 'x', 'b'], ['a', 'b'], ['a', 'x', 'b']],
  ['new elements follow the one in front of them', ['a', 'b'], ['a', 'c', 'b'], ['a', 'c', 'b']],
  ['the config decides the order of what both have', ['a', 'b'], ['b', 'a'], ['b', 'a']],
  ['new elements at the end stay there', ['a', 'x'], ['a', 'b'], ['a', 'x', 'b']],
  ['both orders at once', ['a', 'x', 'b', 'y'], ['b', 'c', 'a'], ['x', 'b', 'y', 'c', 'a']],
  ['an empty config removes nothing', ['a', 'b'], [], ['a', 'b']],
] as const) {
  test(`merge: ${sentence}`, () => {
    const merged = merge(services, names(...live), names(...config)) as { spec: { ports: readonly { name: string }[] } };
    assert.deepEqual(
      merged.spec.ports.map((port) => port.name),
      wanted,
    );
  });
}

test('merge: an element that stands there twice is replaced, because there is no one value to merge into', () => {
  const live = { spec: { containers: [{ name: 'a', image: '1' }, { name: 'b' }, { name: 'a', image: '2', tty: true }] } };
  const merged = merge(pods, live, { spec: { containers: [{ name: 'a', stdin: true }] } });
  assert.deepEqual(merged, { spec: { containers: [{ name: 'a', stdin: true }, { name: 'b' }] } });
});

test('without: takes fields out; what nothing is left of is null', () => {
  const value = {
    metadata: { labels: { a: '1' }, finalizers: ['x', 'y'] },
    spec: { containers: [{ name: 'a', image: 'i' }, { name: 'b' }] },
  };
  const gone = fieldsOf(pods, { metadata: { labels: { a: '1' }, finalizers: ['x'] }, spec: { containers: [{ name: 'b' }] } });
  assert.deepEqual(without(pods, value, gone), {
    metadata: { labels: null, finalizers: ['y'] },
    spec: { containers: [{ name: 'a', image: 'i' }] },
  });
  assert.deepEqual(without(pods, { metadata: { labels: { a: '1' } } }, gone), { metadata: { labels: null } });
});

test('withStructs: a struct belongs to the set that has something in it, a map does not', () => {
  const set = fieldsOf(pods, {
    metadata: { labels: { a: '1' } },
    spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } },
  });
  assert.deepEqual(texts(difference(withStructs(pods, set), set)), [
    '.metadata',
    '.metadata.labels',
    '.spec',
    '.spec.affinity',
    '.spec.affinity.nodeAffinity',
  ]);
});

for (const definition of [podKind, serviceKind, deploymentKind] as unknown as readonly KindDefinition[]) {
  const shape = shapeOf(definition.schema);
  const either = fc.oneof(arbitraryOf(definition.schema, { depth: 5 }), arbitraryOf(definition.schema, { depth: 4, full: true }));
  const object = either.map((value) => normalize(definition.schema, value, 'drop') as unknown);

  test(`property: ${definition.plural}: comparing, merging and taking out agree`, () => {
    let changes = 0;
    fc.assert(
      fc.property(object, object, (odd, raw) => {
        const twice = compare(shape, odd, odd);
        assert.ok(isEmptySet(twice.changed) && isEmptySet(twice.removed), 'elements that share a name are like themselves, too');
        const [a, b] = [distinct(shape, odd), distinct(shape, raw)];
        const before = structuredClone([a, b]);
        const { changed, removed } = compare(shape, a, b);
        if (!isEmptySet(changed)) changes += 1;
        const same = compare(shape, a, a);
        assert.ok(isEmptySet(same.changed) && isEmptySet(same.removed), 'an object is like itself');
        const back = compare(shape, b, a);
        const all = (x: FieldSet, y: FieldSet): FieldSet => union(x, y);
        assert.deepEqual(texts(all(back.changed, back.removed)), texts(all(changed, removed)), 'the way back touches the same fields');
        const merged = merge(shape, a, b);
        assert.deepEqual(
          compare(shape, merged, merge(shape, merged, b)),
          { changed: NO_FIELDS, removed: NO_FIELDS },
          'merging twice is merging once',
        );
        assert.ok(isEmptySet(compare(shape, a, merged).removed), 'a merge removes nothing');
        assert.ok(isEmptySet(compare(shape, b, merged).removed), 'all that was merged in is there');
        assert.deepEqual(compare(shape, without(shape, a, NO_FIELDS), a), { changed: NO_FIELDS, removed: NO_FIELDS });
        assert.ok(
          isEmptySet(fieldsOf(shape, without(shape, a, withStructs(shape, fieldsOf(shape, a))) ?? {})),
          'taking all out leaves nothing',
        );
        assert.deepEqual([a, b], before, 'nothing is changed in place');
      }),
      { numRuns: 60 },
    );
    assert.ok(changes > 20);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKind } from '#api/definitions/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { normalize } from '#api/prune.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { Bench } from '../test/bench.ts';
import { distinct } from '../test/distinct.ts';
import { difference, pathsOf, pathText, type FieldSet } from './fieldSet.ts';
import { shapeOf } from './shape.ts';
import { fieldsOf } from './typed.ts';
import { bare, UNOWNED } from './update.ts';

const pods = podKind as unknown as KindDefinition;
/** Partial documents a client may apply to one pod. */
const config = fc
  .oneof(arbitraryOf(pods.schema, { depth: 4 }), arbitraryOf(pods.schema, { depth: 3, full: true }))
  .map(
    (value) =>
      distinct(shapeOf(pods.schema), normalize(pods.schema, value, 'drop')) as KubeObject & {
        status?: unknown;
        spec?: { containers: { name: string }[] };
      },
  )
  .map((document) => {
    const { status: _, ...rest } = document;
    const spec = rest.spec ?? { containers: [] };
    const containers = [...spec.containers.filter(({ name }) => name !== 'base'), { name: 'base' }];
    return { ...rest, apiVersion: 'v1', kind: 'Pod', metadata: { ...rest.metadata, name: 'p' }, spec: { ...spec, containers } };
  });

test('property: applying the same twice changes nothing the second time', () => {
  fc.assert(
    fc.property(config, config, (a, b) => {
      const bench = new Bench(pods);
      bench.apply('alice', a);
      const once = bench.apply('bob', b, { force: true });
      assert.deepEqual(bench.apply('bob', b), once);
    }),
    { numRuns: 40 },
  );
});

test('property: what a manager applied is there, is its own, and goes when it applies nothing', () => {
  const shape = shapeOf(pods.schema);
  let gone = 0;
  fc.assert(
    fc.property(config, config, (a, b) => {
      const bench = new Bench(pods);
      const first = bench.apply('alice', a);
      bench.apply('bob', b, { force: true });
      const nothing = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } };
      bench.apply('bob', nothing);
      assert.equal(bench.managers.includes('bob/Apply'), false);
      // What alice never named came from bob: it is gone.
      const named = fieldsOf(shape, first);
      const left = difference(difference(fieldsOf(shape, bare(bench.live as KubeObject)), named), UNOWNED);
      // A struct that defaults make again once it is empty has lost what was in it.
      assert.deepEqual(
        pathsOf(left).filter((path) => !reaches(named, path)),
        [],
      );
      if (pathsOf(difference(fieldsOf(shape, b), named)).length > 0) gone += 1;
    }),
    { numRuns: 40 },
  );
  assert.ok(gone > 5, 'there was something to take away');
});

test('property: managers of different fields never conflict, in whatever order they come', () => {
  const label = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  fc.assert(
    fc.property(fc.uniqueArray(label, { minLength: 2 }), fc.array(fc.tuple(fc.nat(), fc.string()), { maxLength: 12 }), (labels, steps) => {
      const bench = new Bench(pods);
      const wanted: Record<string, string> = {};
      for (const [pick, value] of steps) {
        const mine = labels[pick % labels.length] ?? '';
        wanted[mine] = value;
        bench.apply(`m-${mine}`, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'p', labels: { [mine]: value } },
          spec: { containers: [{ name: mine }] },
        });
        assert.deepEqual(bench.live?.metadata.labels, wanted);
      }
    }),
    { numRuns: 40 },
  );
});

test('property: nobody owns what is not there, and no two Update entries own one field', () => {
  const shape = shapeOf(pods.schema);
  const step = fc.record({ who: fc.constantFrom('x', 'y', 'z'), how: fc.constantFrom('apply', 'update'), what: config });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 4 }), (steps) => {
      const bench = new Bench(pods);
      for (const { who, how, what } of steps) {
        if (how === 'apply') bench.apply(who, what, { force: true });
        else
          bench.update(who, { ...bench.live, ...what, metadata: { ...what.metadata, managedFields: bench.live?.metadata.managedFields } });
        const there = fieldsOf(shape, bare(bench.live as KubeObject));
        const seen = new Set<string>();
        for (const entry of bench.live?.metadata.managedFields ?? []) {
          for (const path of pathsOf(entry.fieldsV1 as FieldSet)) {
            const text = pathText(path);
            assert.ok(
              entry.operation === 'Apply' || reaches(there, path) || isList(path),
              `${entry.manager} owns ${text}, which is not there`,
            );
            if (entry.operation === 'Update') assert.ok(!seen.has(text), `${text} has two owners by update`);
            if (entry.operation === 'Update') seen.add(text);
          }
        }
      }
    }),
    { numRuns: 30 },
  );
});

function reaches(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set;
  for (const key of path) node = node?.[key];
  return node !== undefined;
}

/** An empty list of elements is a field without a leaf. */
const isList = (path: readonly string[]): boolean => path.at(-1)?.startsWith('f:') === true;

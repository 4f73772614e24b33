import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { builtinKinds } from '#api/definitions/all.ts';
import { normalize } from '#api/prune.ts';
import { applyDefaults } from '#api/defaults.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { formatTable } from '#api/print/table.ts';
import { cells, columns, printed, type Kind } from '#api/print/tables.ts';
import { readDocuments } from '#api/yamlSource.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const folder = new URL('./testdata/', import.meta.url);
const inputs = readdirSync(folder).filter((file) => file.endsWith('.input.yaml'));

function read(file: string): ReadonlyMap<string, readonly (KubeObject & Kind)[]> {
  const source = readDocuments(readFileSync(new URL(file, folder)));
  assert.ok(source.kind === 'documents', JSON.stringify(source));
  const objects = source.documents.map(({ value }) => value as KubeObject & Kind);
  return Map.groupBy(objects, ({ apiVersion, kind }) => `${apiVersion} ${kind}`);
}

for (const file of inputs) {
  test(`tables: ${file} is shown as it always was`, () => {
    let text = '';
    for (const [kind, objects] of read(file)) {
      const [first] = objects;
      assert.ok(first);
      for (const wide of ['narrow', 'wide'] as const) {
        const [headings = [], ...rows] = printed(first, objects, { nowMs: NOW, wide });
        text += `# ${kind}${wide === 'wide' ? ' -o wide' : ''}\n${formatTable(headings, rows)}\n`;
      }
    }
    const golden = new URL(file.replace('.input.yaml', '.txt'), folder);
    if (process.env['UPDATE'] === '1') writeFileSync(golden, text);
    assert.equal(text, readFileSync(golden, 'utf8'));
  });
}

test('tables: every kind that can be listed has columns of its own, or is known to have none', () => {
  const known = new Set(inputs.flatMap((file) => [...read(file).keys()]));
  const plain = builtinKinds.map((d) => `${d.apiVersion} ${d.kind}`).filter((kind) => !known.has(kind));
  assert.deepEqual(plain.toSorted(), [
    'authentication.k8s.io/v1 SelfSubjectReview',
    'authentication.k8s.io/v1 TokenRequest',
    'authentication.k8s.io/v1 TokenReview',
    'authorization.k8s.io/v1 LocalSubjectAccessReview',
    'authorization.k8s.io/v1 SelfSubjectAccessReview',
    'authorization.k8s.io/v1 SelfSubjectRulesReview',
    'authorization.k8s.io/v1 SubjectAccessReview',
    'policy/v1 Eviction',
    'rbac.authorization.k8s.io/v1 ClusterRole',
    'v1 Binding',
    'v1 LimitRange',
  ]);
});

test('tables: headings are those of a Table, one for each cell', () => {
  for (const definition of builtinKinds) {
    const headings = columns(definition);
    assert.equal(cells(definition, { metadata: {} }, NOW).length, headings.length, definition.kind);
    assert.equal(headings.filter((h) => h.format === 'name').length, 1, definition.kind);
    for (const heading of headings) {
      assert.match(heading.name, /^[A-Z]/);
      assert.ok(heading.description.length > 3 && heading.priority >= 0, `${definition.kind} ${heading.name}`);
    }
  }
});

test('tables: an object that is not as its kind wants it is shown as such, and nothing is thrown', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod' };
  const odd = { metadata: { name: 'odd' }, spec: {} } as unknown as KubeObject;
  assert.deepEqual(cells(pod, odd, NOW).slice(0, 3), ['odd', '<error>', '<error>']);
  for (const bad of [{}, { metadata: null }, { metadata: {}, spec: null, status: [] }]) {
    assert.equal(cells(pod, bad as unknown as KubeObject, NOW).length, 9);
  }
});

test('property: whatever an object holds, its cells are texts, numbers or yes and no', () => {
  for (const definition of builtinKinds) {
    const object = arbitraryOf(definition.schema, { depth: 5 }).map((value) => {
      const draft = normalize(definition.schema, value, 'drop');
      applyDefaults(definition.schema, draft);
      return draft;
    });
    fc.assert(
      fc.property(object, (o) => {
        const row = cells(definition, o, NOW);
        for (const cell of row) assert.ok(['string', 'number', 'boolean'].includes(typeof cell), definition.kind);
        assert.ok(!row.includes('<error>'), `${definition.kind}: ${JSON.stringify(row)}`);
      }),
      { numRuns: 15 },
    );
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinScheme } from '#api/definitions/all.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { difference } from './diff.ts';

const schema = builtinScheme().find('v1', 'Pod')?.schema;
if (schema === undefined) throw new Error('no pods');

type Loose = Record<string, unknown>;
const pod = (parts: { readonly metadata?: Loose; readonly spec?: Loose; readonly status?: Loose } = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  ...parts,
  metadata: { name: 'a', ...parts.metadata },
});
const spec = (image: string, ...more: readonly string[]): Loose => ({
  containers: [{ name: 'web', image }, ...more.map((name) => ({ name, image }))],
});

const rows: readonly [sentence: string, before: KubeObject, after: KubeObject, changes: readonly unknown[]][] = [
  [
    'a scalar',
    pod({ status: { phase: 'Pending' } }),
    pod({ status: { phase: 'Running' } }),
    [{ path: '.status.phase', before: 'Pending', after: 'Running' }],
  ],
  [
    'an element of a list is found by its key',
    pod({ spec: spec('a:1') }),
    pod({ spec: spec('a:2') }),
    [{ path: '.spec.containers[name="web"].image', before: 'a:1', after: 'a:2' }],
  ],
  [
    'what appears as a whole is one change',
    pod({ spec: spec('a') }),
    pod({ spec: spec('a', 'log') }),
    [{ path: '.spec.containers[name="log"]', after: { name: 'log', image: 'a' } }],
  ],
  ['and so is what goes', pod({ status: { phase: 'Pending' } }), pod(), [{ path: '.status', before: { phase: 'Pending' } }]],
  [
    'labels, one by one',
    pod({ metadata: { labels: { a: '1', b: '2' } } }),
    pod({ metadata: { labels: { a: '1', b: '3' } } }),
    [{ path: '.metadata.labels.b', before: '2', after: '3' }],
  ],
  [
    'what the server notes for itself is no change',
    pod({ metadata: { resourceVersion: '1' } }),
    pod({ metadata: { resourceVersion: '2', managedFields: [] } }),
    [],
  ],
  [
    'the order of keyed elements is no change',
    pod({ spec: spec('a', 'log') }),
    pod({
      spec: {
        containers: [
          { name: 'log', image: 'a' },
          { name: 'web', image: 'a' },
        ],
      },
    }),
    [],
  ],
];

for (const [sentence, before, after, changes] of rows) {
  test(`changes: ${sentence}`, () => assert.deepEqual(difference(schema, before, after).changes, changes));
}

const entry = (manager: string, time: string, field: string, subresource?: string): Loose => ({
  manager,
  operation: 'Update',
  apiVersion: 'v1',
  time,
  fieldsV1: { 'f:status': { [`f:${field}`]: {} } },
  ...(subresource === undefined ? {} : { subresource }),
});
const owned = (phase: string, ...managedFields: readonly Loose[]): KubeObject => pod({ metadata: { managedFields }, status: { phase } });
const authors = (before: KubeObject, after: KubeObject): readonly string[] =>
  difference(schema, before, after).authors.map(({ manager, subresource = '' }) => `${manager} ${subresource}`.trim());

test('who has a new time has written', () => {
  const other = entry('kubectl', '2026-01-01T00:00:09Z', 'reason');
  const before = owned('Pending', entry('kubelet', '2026-01-01T00:00:01Z', 'phase', 'status'), other);
  assert.deepEqual(authors(before, owned('Running', entry('kubelet', '2026-01-01T00:00:02Z', 'phase', 'status'), other)), [
    'kubelet status',
  ]);
});

test('within a second it is who owns what changed', () => {
  const entries = [entry('kubelet', '2026-01-01T00:00:01Z', 'phase'), entry('kubectl', '2026-01-01T00:00:09Z', 'reason')];
  assert.deepEqual(authors(owned('Pending', ...entries), owned('Running', ...entries)), ['kubelet']);
});

test('without records nobody is named', () => {
  assert.deepEqual(authors(owned('Pending'), owned('Running')), []);
});

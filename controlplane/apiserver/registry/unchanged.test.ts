import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinScheme } from '#api/definitions/all.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KubeDraft } from './types.ts';
import { setAside } from './unchanged.ts';

const definition = builtinScheme().find('v1', 'Pod');
if (definition === undefined) throw new Error('no pods');

const managedFields = [{ manager: 'test', operation: 'Update' }];
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', managedFields },
  spec: { containers: [{ name: 'c', image: 'i' }] },
  status: { phase: 'Pending' },
} as unknown as KubeObject & { readonly spec: unknown };

test('what a status patch has not touched is set aside and put back, shared', () => {
  const next = { ...pod, status: { phase: 'Running' } };
  const aside = setAside(definition, next, pod, 'status');
  assert.deepEqual(aside.value, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, status: { phase: 'Running' } });
  assert.equal(aside.definition.schema.properties?.['spec'], undefined);
  const draft = structuredClone(aside.value) as unknown as KubeDraft;
  aside.restore(draft);
  assert.equal(draft['spec'], pod.spec);
  assert.equal(draft.metadata.managedFields, managedFields);
  assert.deepEqual(draft, next);
});

test('a field that was touched is looked at, even if nothing of it may change', () => {
  const next = { ...pod, spec: { containers: 'none' } };
  const { value, definition: kind } = setAside(definition, next, pod, 'status');
  assert.equal(value['spec'], next.spec);
  assert.equal(kind, definition);
});

test('where any field may change, only the owners are set aside', () => {
  const { value, definition: kind } = setAside(definition, { ...pod }, pod, undefined);
  assert.deepEqual(value, { ...pod, metadata: { name: 'a' } });
  assert.equal(kind, definition);
});

test('owners that the client sent are looked at', () => {
  const sent = { ...pod, metadata: { name: 'a', managedFields: structuredClone(managedFields) } };
  assert.deepEqual(setAside(definition, sent, pod, 'status').value['metadata'], sent.metadata);
});

test('a kind without some of its fields is made once', () => {
  const aside = () => setAside(definition, { ...pod, status: {} }, pod, 'status').definition;
  assert.equal(aside(), aside());
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { isEmpty, isToEmpty, judge, statusWith, type Outcome } from './plan.ts';

const nothing: Outcome = { discoveryFailed: new Map(), failed: [], remaining: [] };
const pods = { kind: 'pods.', count: 2, finalizers: new Map([['example.com/hold', 2]]) };
const maps = { kind: 'configmaps.', count: 1, finalizers: new Map([['example.com/hold', 1]]) };
const namespace = (over: object = {}): Namespace => ({
  metadata: { name: 'a', deletionTimestamp: 'x' },
  spec: { finalizers: ['kubernetes'] },
  status: { phase: 'Terminating' },
  ...over,
});

test('which namespaces are emptied', () => {
  assert.ok(isToEmpty(namespace()));
  assert.ok(!isToEmpty(namespace({ metadata: { name: 'a' } })));
  assert.ok(!isToEmpty(namespace({ spec: { finalizers: ['example.com/mine'] } })));
  assert.ok(!isToEmpty(undefined));
});

test('what is left is told in upstream’s words', () => {
  const said = (outcome: Outcome) => judge(outcome).map(({ type, status, reason, message }) => [type, status, reason, message]);
  assert.deepEqual(said(nothing), [
    ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    ['NamespaceDeletionContentFailure', 'False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    ['NamespaceContentRemaining', 'False', 'ContentRemoved', 'All content successfully removed'],
    ['NamespaceFinalizersRemaining', 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ]);
  const bad = said({ discoveryFailed: new Map([['m/v1', 'down']]), failed: ['v1, Resource=pods: no'], remaining: [pods, maps] });
  assert.deepEqual(bad[0]?.slice(1), ['True', 'DiscoveryFailed', 'Discovery failed for some groups, 1 failing: m/v1: down']);
  assert.deepEqual(bad[2]?.slice(1), [
    'True',
    'ContentDeletionFailed',
    'Failed to delete all resource types, 1 remaining: v1, Resource=pods: no',
  ]);
  assert.deepEqual(bad[3]?.slice(1), [
    'True',
    'SomeResourcesRemain',
    'Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 resource instances',
  ]);
  assert.deepEqual(bad[4]?.slice(1), [
    'True',
    'SomeFinalizersRemain',
    'Some content in the namespace has finalizers remaining: example.com/hold in 3 resource instances',
  ]);
});

test('it goes when everything is known to be gone', () => {
  assert.ok(isEmpty(nothing));
  assert.ok(isEmpty({ ...nothing, remaining: [{ ...pods, count: 0 }] }));
  assert.ok(!isEmpty({ ...nothing, remaining: [pods] }));
  assert.ok(!isEmpty({ ...nothing, failed: ['x'] }));
  assert.ok(!isEmpty({ ...nothing, discoveryFailed: new Map([['m/v1', 'down']]) }));
});

test('a status is written when it says something new, and keeps what others wrote', () => {
  const status = statusWith(namespace(), judge(nothing), 0);
  assert.equal(status?.conditions?.length, 5);
  assert.equal(statusWith(namespace({ status }), judge(nothing), 9_000), undefined);
  const later = statusWith(
    namespace({ status: { ...status, conditions: [{ type: 'Mine', status: 'True' }, ...(status?.conditions ?? [])] } }),
    judge({ ...nothing, remaining: [pods] }),
    9_000,
  );
  assert.equal(later?.conditions?.[0]?.type, 'Mine');
  assert.equal(later?.conditions?.find(({ type }) => type === 'NamespaceContentRemaining')?.lastTransitionTime, '1970-01-01T00:00:09Z');
  assert.equal(
    later?.conditions?.find(({ type }) => type === 'NamespaceDeletionContentFailure')?.lastTransitionTime,
    '1970-01-01T00:00:00Z',
  );
});

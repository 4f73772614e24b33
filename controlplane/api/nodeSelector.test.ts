import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeSelectorTerm } from '#api/kinds/core/scheduling.ts';
import { matchesNodeSelector, matchesNodeTerm, podMatchesNode } from '#api/nodeSelector.ts';

const node = { name: 'n1', labels: { disk: 'ssd', size: '7', empty: '' } };
const label = (key: string, operator: string, ...values: string[]): NodeSelectorTerm => ({
  matchExpressions: [{ key, operator: operator as 'In', values }],
});

for (const [what, term, holds] of [
  ['In', label('disk', 'In', 'hdd', 'ssd'), true],
  ['In, absent', label('cpu', 'In', 'x'), false],
  ['NotIn', label('disk', 'NotIn', 'ssd'), false],
  ['NotIn, absent', label('cpu', 'NotIn', 'x'), true],
  ['Exists with an empty value', label('empty', 'Exists'), true],
  ['DoesNotExist', label('disk', 'DoesNotExist'), false],
  ['Gt', label('size', 'Gt', '6'), true],
  ['Gt, equal', label('size', 'Gt', '7'), false],
  ['Lt', label('size', 'Lt', '8'), true],
  ['Lt of no number', label('disk', 'Lt', '8'), false],
  ['a label that every object inherits', label('constructor', 'Exists'), false],
  ['no condition at all', {}, false],
  ['a field', { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }, true],
  ['another name', { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }, false],
] as [string, NodeSelectorTerm, boolean][])
  test(`term: ${what}`, () => assert.equal(matchesNodeTerm(term, node), holds));

test('any term suffices, none at all means no node', () => {
  assert.equal(matchesNodeSelector({ nodeSelectorTerms: [label('disk', 'In', 'x'), label('size', 'Exists')] }, node), true);
  assert.equal(matchesNodeSelector({ nodeSelectorTerms: [] }, node), false);
});

test('a pod: its selector and its affinity both hold', () => {
  const spec = (extra: object) => ({ spec: { containers: [], ...extra } });
  assert.equal(podMatchesNode(spec({}), node), true);
  assert.equal(podMatchesNode(spec({ nodeSelector: { disk: 'hdd' } }), node), false);
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [label('size', 'Gt', '9')] } } };
  assert.equal(podMatchesNode(spec({ nodeSelector: { disk: 'ssd' }, affinity }), node), false);
});

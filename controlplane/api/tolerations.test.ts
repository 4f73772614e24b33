import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Taint, Toleration } from '#api/kinds/core/scheduling.ts';
import { tolerates, untolerated } from '#api/tolerations.ts';

const taint: Taint = { key: 'level', value: '950', effect: 'NoSchedule' };

for (const [what, toleration, holds] of [
  ['the same key and value', { key: 'level', value: '950' }, true],
  ['another value', { key: 'level', value: '951' }, false],
  ['the key alone', { key: 'level', operator: 'Exists' }, true],
  ['everything', { operator: 'Exists' }, true],
  ['another key', { key: 'other', operator: 'Exists' }, false],
  ['another effect', { operator: 'Exists', effect: 'NoExecute' }, false],
  ['no key with Equal', { value: '950' }, false],
  ['a larger number', { key: 'level', operator: 'Gt', value: '900' }, true],
  ['a smaller number', { key: 'level', operator: 'Gt', value: '950' }, false],
  ['below', { key: 'level', operator: 'Lt', value: '1000' }, true],
  ['no number', { key: 'level', operator: 'Lt', value: 'x' }, false],
] as [string, Toleration, boolean][])
  test(`tolerates: ${what}`, () => assert.equal(tolerates(toleration, taint), holds));

test('untolerated: the first that nothing bears, of the effects asked for', () => {
  const soft: Taint = { key: 'soft', effect: 'PreferNoSchedule' };
  assert.equal(untolerated([soft, taint], []), taint);
  assert.equal(untolerated([soft, taint], [{ operator: 'Exists' }]), undefined);
  assert.equal(untolerated([soft, taint], [], ['PreferNoSchedule']), soft);
  assert.equal(untolerated(undefined, undefined), undefined);
});

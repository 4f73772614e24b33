import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withRuntimeClass } from './runtimeClass.ts';

const slow = {
  metadata: { name: 'slow' },
  handler: 'slow',
  overhead: { podFixed: { memory: '16Mi' } },
  scheduling: { nodeSelector: { kind: 'big' } },
};
for (const [name, spec, runtimeClass, want] of [
  ['no class: as it is', { nodeSelector: { a: '1' } }, undefined, [undefined, { a: '1' }]],
  ['overhead and labels are added', { nodeSelector: { a: '1' } }, slow, [{ memory: '16Mi' }, { a: '1', kind: 'big' }]],
  ['its own overhead stays', { overhead: { cpu: '1' } }, slow, [{ cpu: '1' }, { kind: 'big' }]],
  ['two values for one label fit no node', { nodeSelector: { kind: 'small' } }, slow, [{ memory: '16Mi' }, { kind: 'small and big' }]],
  ['a class that adds nothing', {}, { metadata: {}, handler: 'x' }, [undefined, undefined]],
] as const) {
  test(`withRuntimeClass: ${name}`, () => {
    const { overhead, nodeSelector } = withRuntimeClass({ metadata: {}, spec: { containers: [], ...spec } }, runtimeClass).spec;
    assert.deepEqual([overhead, nodeSelector], want);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { PodSet } from './podSet.ts';

const pods = (...entries: readonly string[]): ReadonlyMap<string, Pod> =>
  new Map(entries.map((text) => [text.slice(0, -1), { metadata: { uid: text }, spec: { containers: [] } }]));

function told(hasApi: boolean, use: (set: PodSet) => void): string[] {
  const lines: string[] = [];
  use(
    new PodSet({
      hasApi,
      onPods: (all, isComplete) => lines.push(`${[...all.values()].map((p) => p.metadata.uid).join()}${isComplete ? '' : ' …'}`),
      onShadowed: (keys) => lines.push(`shadowed ${keys.join()}`),
    }),
  );
  return lines;
}

test('PodSet: alone, the static pods are all there are', () => {
  assert.deepEqual(
    told(false, (set) => set.setStatic(pods('a1'))),
    ['a1'],
  );
});

test('PodSet: static pods begin before the API has spoken, and what it has not spoken of may be wanted', () => {
  assert.deepEqual(
    told(true, (set) => (set.setStatic(pods('a1')), set.setApi(pods('b1')), set.setApi(pods()))),
    ['a1 …', 'b1,a1', 'a1'],
  );
});

test('PodSet: nothing begins before the manifests were read', () => {
  assert.deepEqual(
    told(true, (set) => set.setApi(pods('b1'))),
    [],
  );
});

test('PodSet: a static pod wins over one of the API with its name', () => {
  assert.deepEqual(
    told(true, (set) => (set.setStatic(pods('a1')), set.setApi(pods('a2', 'b1')))),
    ['a1 …', 'a1,b1', 'shadowed a'],
  );
});

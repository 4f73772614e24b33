import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectRef } from './source.ts';
import { StandaloneObjects } from './standalone.ts';

const cm = (value: string): [string, object] => ['ConfigMap/ns/a', { metadata: { name: 'a', namespace: 'ns' }, data: { k: value } }];
const claim = (name: string, volumeName?: string): [string, object] => [
  `PersistentVolumeClaim/ns/${name}`,
  { metadata: { name, namespace: 'ns' }, spec: volumeName === undefined ? {} : { volumeName } },
];
const volume = (name: string, claimRef?: string): [string, object] => [
  `PersistentVolume//${name}`,
  {
    metadata: { name },
    spec: { hostPath: { path: '/' }, ...(claimRef === undefined ? {} : { claimRef: { namespace: 'ns', name: claimRef } }) },
  },
];
const make = (...entries: [string, object][]): ReadonlyMap<string, never> => new Map(entries) as never;

test('StandaloneObjects: rings for what appeared, changed or went, and for nothing else', async () => {
  const objects = new StandaloneObjects();
  const ref: ObjectRef<'ConfigMap'> = { kind: 'ConfigMap', namespace: 'ns', name: 'a' };
  let rings = 0;
  const end = objects.subscribe(ref, () => rings++);
  const after = (...entries: [string, object][]): number => (objects.set(make(...entries)), rings);
  assert.equal(after(cm('1')), 1);
  assert.equal(after(cm('1'), claim('x')), 1);
  assert.equal(after(cm('2')), 2);
  assert.deepEqual((await objects.get(ref))?.data, { k: '2' });
  assert.equal(after(), 3);
  assert.equal(await objects.get(ref), undefined);
  end();
  assert.equal(after(cm('3')), 3);
});

test('StandaloneObjects: a claim is bound by its own word or by the volume, never by chance', async () => {
  const objects = new StandaloneObjects();
  objects.set(
    make(
      claim('own', 'v1'),
      claim('given'),
      claim('taken', 'v2'),
      claim('none'),
      claim('gone', 'v9'),
      volume('v1'),
      volume('v2', 'given'),
      volume('v3'),
    ),
  );
  const state = async (name: string): Promise<unknown[]> => {
    const found = await objects.get<'PersistentVolumeClaim'>({ kind: 'PersistentVolumeClaim', namespace: 'ns', name });
    return [found?.status?.phase, found?.spec.volumeName];
  };
  assert.deepEqual(await state('own'), ['Bound', 'v1']);
  assert.deepEqual(await state('given'), ['Bound', 'v2']);
  assert.deepEqual((await state('taken'))[0], 'Pending', 'the volume is for another claim');
  assert.deepEqual((await state('none'))[0], 'Pending');
  assert.deepEqual((await state('gone'))[0], 'Pending');
});

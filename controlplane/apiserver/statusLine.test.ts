import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine } from './statusLine.ts';

const cache = (isFollowing: boolean, ...sizes: readonly (readonly [size: number, watches: number])[]) => ({
  isFollowing,
  revision: 7,
  resources: () => sizes.map(([size, watches]) => ({ size, watchers: { size: watches } })),
});

for (const [name, given, line] of [
  ['a quiet one', cache(true, [1, 0]), 'listening on 0.0.0.0:6443, 1 object, 0 watches, revision 7'],
  ['all resources together', cache(true, [2, 1], [10, 2]), 'listening on 0.0.0.0:6443, 12 objects, 3 watches, revision 7'],
  [
    'a store that is away',
    cache(false, [2, 1]),
    'the watch of the store is down, listening on 0.0.0.0:6443, 2 objects, 1 watch, revision 7',
  ],
] as const)
  test(`statusLine: ${name}`, () => assert.equal(statusLine({ where: '0.0.0.0:6443', cache: given }), line));

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { limitsStorage, storageExcess } from './storage.ts';

const MI = 1 << 20;
const limit = (text: string): object => ({ resources: { limits: { 'ephemeral-storage': text } } });
const pod = (spec: object): Pod => ({ metadata: {}, spec: { containers: [{ name: 'a' }], ...spec } });
const two = {
  containers: [
    { name: 'a', ...limit('1Mi') },
    { name: 'b', ...limit('3Mi') },
  ],
};
const scratch = { volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '2Mi' } }] };
const mi = (n = 0) => ({ bytes: n * MI, inodes: 1 });
const use = (sizes: { a?: number; b?: number; scratch?: number; layer?: number; other?: number }) => ({
  emptyDirs: new Map([['scratch', mi(sizes.scratch)]]),
  other: mi(sizes.other),
  containers: new Map([
    ['a', { log: mi(sizes.a), layer: mi(sizes.layer) }],
    ['b', { log: mi(sizes.b), layer: mi(0) }],
  ]),
});
const POD = 'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ';

for (const [name, spec, used, want, apart = false] of [
  ['no limits', {}, use({ a: 100, scratch: 100 }), undefined],
  ['a volume just full', scratch, use({ scratch: 2 }), undefined],
  ['a volume beyond its limit', scratch, use({ scratch: 3 }), 'Usage of EmptyDir volume "scratch" exceeds the limit "2Mi". '],
  ['a container beyond its own limit', two, use({ a: 1, layer: 1 }), 'Container a exceeded its local ephemeral storage limit "1Mi". '],
  ['what it wrote lies on another disk', two, use({ a: 1, layer: 1 }), undefined, true],
  ['together beyond the sum', two, use({ a: 2, b: 3 }), POD],
  ['volumes count for the sum', { ...two, ...scratch }, use({ a: 1, b: 2, scratch: 2 }), POD],
  ['volumes of other kinds too', two, use({ a: 1, b: 2, other: 2 }), POD],
  [
    'volumes in memory do not',
    { ...two, volumes: [{ name: 'scratch', emptyDir: { medium: 'Memory' } }] },
    use({ b: 2, scratch: 9 }),
    undefined,
  ],
] as const) {
  test(`storageExcess: ${name}`, () => assert.equal(storageExcess(pod(spec), used, apart), want));
}

test('limitsStorage: only what has a limit is measured', () => {
  assert.deepEqual([pod({}), pod(scratch), pod(two), pod({ volumes: [{ name: 'v', emptyDir: {} }] })].map(limitsStorage), [
    false,
    true,
    true,
    false,
  ]);
});

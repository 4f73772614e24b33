import assert from 'node:assert/strict';
import { test } from 'node:test';
import { below, parseMountinfo } from './mount.ts';

const INFO = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /var/lib/kijabi/a\\040b rw - tmpfs none rw
31 30 0:31 / /var/lib/kijabi/a\\040b/m rw master:3 - overlay overlay rw,lowerdir=/x
32 22 0:32 / /var/lib/kijabi2 rw - tmpfs none rw
`;

test('parseMountinfo: escapes, with and without optional fields', () => {
  assert.deepEqual(parseMountinfo(INFO)[2], { id: 31, mountPoint: '/var/lib/kijabi/a b/m', fsType: 'overlay', source: 'overlay' });
  assert.equal(parseMountinfo(INFO).length, 4);
});

test('below: the last made first, and not what only begins alike', () => {
  const found = below(INFO, '/var/lib/kijabi').map(({ id }) => id);
  assert.deepEqual(found, [31, 30]);
  assert.deepEqual(
    below(INFO, '/var/lib/kijabi/a b').map(({ id }) => id),
    [31, 30],
  );
  assert.deepEqual(below(INFO, '/var/lib/kij'), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { Holds } from './holds.ts';

test('Holds: each failure waits twice as long, up to five minutes; success forgets', async () => {
  const clock = new ManualClock(1_000);
  const holds = new Holds(clock);
  const waits = Array.from(
    { length: 7 },
    () => holds.add('u1', 'web', { reason: 'ErrImagePull', message: 'no such image', image: 'web:1' }) / 1_000,
  );
  assert.deepEqual(waits, [10, 20, 40, 80, 160, 300, 300]);
  holds.clear('u1', 'web');
  assert.deepEqual(holds.of('u1'), []);
  assert.equal(holds.add('u1', 'web', { reason: 'ErrImagePull', message: 'no', image: 'web:1' }), 10_000);
});

test('Holds: a first failed pull is an error, later ones are back-off; other reasons stay as they are', () => {
  const holds = new Holds(new ManualClock());
  holds.add('u1', 'web', { reason: 'ErrImagePull', message: 'no such image', image: 'web:1' });
  assert.deepEqual(holds.waiting('u1'), [{ container: 'web', reason: 'ErrImagePull', message: 'no such image' }]);
  holds.add('u1', 'web', { reason: 'ErrImagePull', message: 'no such image', image: 'web:1' });
  assert.deepEqual(holds.waiting('u1'), [
    { container: 'web', reason: 'ImagePullBackOff', message: 'Back-off pulling image "web:1": ErrImagePull: no such image' },
  ]);
  holds.add('u2', 'db', { reason: 'CreateContainerError', message: 'no room' });
  assert.equal(holds.waiting('u2')[0]?.reason, 'CreateContainerError');
  assert.deepEqual(holds.waiting(undefined), []);
});

/** A resize in place on a runtime: what runs is not touched, and keeps what it has over its restarts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { world } from '../test/world.ts';

test('other resources do not touch what runs; a container that is started again has those it had; a new pod has the new ones', async (t) => {
  const w = await world(t);
  const limits = (memory: string) => ({ resources: { requests: { memory }, limits: { memory } } });
  const pod = w.pod('a', {}, limits('16Mi'));
  const resized: Pod = { ...pod, spec: { ...pod.spec, containers: [{ ...pod.spec.containers[0]!, ...limits('32Mi') }] } };
  const memory = (): number[] =>
    [...w.fake.state.containers.values()].map((c) => Number(c.config.linux?.resources?.memory_limit_in_bytes) / 2 ** 20);
  await w.set(pod);
  await w.set(resized);
  assert.equal(w.starts.length, 1);
  const condition = () => w.workers.pod('default/a-n')?.status?.conditions?.find((c) => c.type === 'PodResizePending');
  assert.equal(condition()?.reason, 'Infeasible');
  w.fake.exitContainer(w.idOf('c'), 1);
  await w.settle();
  assert.equal(w.starts.length, 2);
  assert.deepEqual(memory(), [16, 16]);
  await w.set(pod);
  assert.equal(condition(), undefined, 'set back to what it has');
  await w.set();
  await w.set({ ...resized, metadata: { ...resized.metadata, uid: 'another' } });
  assert.deepEqual(memory(), [32]);
});

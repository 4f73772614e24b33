/** Ephemeral containers on a runtime: begun beside what runs, once, in the processes of the one that they name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EphemeralContainer } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { IMAGE, world, type World } from '../test/world.ts';

const look: EphemeralContainer = { name: 'look', image: IMAGE, imagePullPolicy: 'IfNotPresent', targetContainerName: 'c' };
/** As an API server hands it on once somebody has put containers in. */
const withMore = (pod: Pod, ...ephemeralContainers: EphemeralContainer[]): Pod => ({ ...pod, spec: { ...pod.spec, ephemeralContainers } });
const statuses = (w: World): string[] =>
  (w.workers.pod('default/a-n')?.status?.ephemeralContainerStatuses ?? []).map(
    ({ name, state }) => `${name} ${state?.waiting?.reason ?? Object.keys(state ?? {}).join('')}: ${state?.waiting?.message ?? ''}`,
  );
const pidOf = (w: World, name: string): unknown => {
  const found = [...w.fake.state.containers.values()].findLast((c) => c.config.metadata?.name === name);
  const { pid, target_id } = found?.config.linux?.security_context?.namespace_options ?? {};
  return { pid, target_id };
};

test('it begins in a running pod, in the processes of its target, and not again when it has ended', async (t) => {
  const w = await world(t);
  const pod = w.pod('a');
  await w.set(pod);
  const target = w.idOf('c');
  await w.set(withMore(pod, look));
  assert.deepEqual(w.running(), ['a/c', 'a/look']);
  assert.deepEqual(pidOf(w, 'look'), { pid: 'TARGET', target_id: target });
  assert.deepEqual(statuses(w), ['look running: ']);
  w.fake.exitContainer(w.idOf('look'), 3);
  await w.settle();
  await w.advance(600_000);
  assert.deepEqual(w.running(), ['a/c']);
  assert.deepEqual(statuses(w), ['look terminated: ']);
  assert.equal(w.status('a')?.restartCount, 0, 'the others are not touched');
  await w.set();
  assert.equal(w.fake.state.containers.size, 0);
});

test('one without a target has processes of its own; in a pod that shares them it has the pod’s', async (t) => {
  const w = await world(t);
  const { targetContainerName: _, ...alone } = look;
  const [own, shared] = [w.pod('a'), w.pod('b', { shareProcessNamespace: true })];
  await w.set(own, shared);
  await w.set(withMore(own, { ...alone, name: 'own' }), withMore(shared, { ...look, name: 'in-shared' }));
  assert.equal((pidOf(w, 'own') as { pid: string }).pid, 'CONTAINER');
  assert.equal((pidOf(w, 'in-shared') as { pid: string }).pid, 'POD');
});

test('what it asks for and cannot get is told at its own status; the pod goes on', async (t) => {
  const w = await world(t);
  const pod = w.pod('a');
  await w.set(pod);
  await w.set(
    withMore(
      pod,
      { ...look, name: 'lost', targetContainerName: 'nobody' },
      { ...look, name: 'odd', securityContext: { procMount: 'Unmasked' } },
      { ...look, name: 'confined', securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } },
      { ...look, name: 'nowhere', image: 'registry.example/none:1' },
    ),
  );
  const [lost, odd, confined, nowhere] = statuses(w);
  assert.equal(lost, 'lost CreateContainerConfigError: unable to find target container nobody');
  assert.match(odd ?? '', /^odd CreateContainerConfigError: securityContext\.procMount: this kubelet does not honour/);
  assert.equal(confined, 'confined CreateContainerConfigError: Cannot enforce AppArmor: AppArmor is not enabled on the host');
  assert.match(nowhere ?? '', /^nowhere ErrImagePull: /);
  assert.deepEqual(w.running(), ['a/c']);
  assert.equal(w.phase('a'), 'Running');
});

test('it ends when the main containers have', async (t) => {
  const w = await world(t);
  const pod = w.pod('a', { restartPolicy: 'Never' });
  await w.set(pod);
  await w.set(withMore(pod, look));
  w.fake.exitContainer(w.idOf('c'), 0);
  await w.settle();
  assert.deepEqual(w.running(), []);
  assert.equal(w.phase('a'), 'Succeeded');
});

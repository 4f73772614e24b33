/** Garbage collection and the end of namespaces with a real API server, each with the rights of its own account. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '#agent/test/harness/until.ts';
import { controllersFor } from './runningControllers.ts';

const NS = '/api/v1/namespaces/default';
const WANTED = ['garbage-collector-controller', 'namespace-controller', 'pod-garbage-collector-controller'];

void describe('garbage collector and namespaces', () => {
  const controllers = controllersFor(WANTED);

  interface Object {
    readonly metadata: {
      readonly uid: string;
      readonly ownerReferences?: readonly object[];
      readonly deletionTimestamp?: string;
      readonly finalizers?: readonly string[];
    };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[] };
  }
  const get = async (path: string): Promise<Object> => (await controllers.client.get(path)).json as Object;
  const isGone = async (path: string): Promise<boolean> => (await controllers.client.get(path)).code === 404;
  const owner = (name: string, uid: string, blockOwnerDeletion = true) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    uid,
    blockOwnerDeletion,
  });
  const map = async (name: string, owners: readonly object[] = [], finalizers: readonly string[] = []): Promise<string> => {
    const answer = await controllers.client.post(`${NS}/configmaps`, { metadata: { name, ownerReferences: owners, finalizers } });
    assert.equal(answer.code, 201, answer.text);
    return (answer.json as Object).metadata.uid;
  };
  const remove = (name: string, propagationPolicy: string) =>
    controllers.client.delete(`${NS}/configmaps/${name}`, { body: { propagationPolicy } });
  const at = (name: string): string => `${NS}/configmaps/${name}`;

  test('in the background dependents go after their owner, of other kinds and of their own', async () => {
    const a = await map('a');
    const b = await map('b', [owner('a', a)]);
    await controllers.client.post(`${NS}/secrets`, { metadata: { name: 'c', ownerReferences: [owner('b', b)] } });
    await remove('a', 'Background');
    await until('all are gone', async () => (await isGone(at('a'))) && (await isGone(at('b'))) && isGone(`${NS}/secrets/c`));
  });

  test('who has another owner stays and loses the one that is gone; an owner that never was is no owner', async () => {
    const [a, b] = [await map('two-a'), await map('two-b')];
    await map('two', [owner('two-a', a), owner('two-b', b)]);
    await remove('two-a', 'Background');
    await until('one owner less', async () => (await get(at('two'))).metadata.ownerReferences?.length === 1);
    await map('stray', [owner('nobody', '00000000-0000-0000-0000-000000000000')]);
    await until('the stray is gone', () => isGone(at('stray')));
    // The same name is not the same object.
    await map('namesake', [owner('two-b', '00000000-0000-0000-0000-000000000001')]);
    await until('the namesake is gone', () => isGone(at('namesake')));
    assert.equal(await isGone(at('two')), false);
  });

  test('in the foreground the owner stays until those that block it are gone', async () => {
    const a = await map('front');
    await map('front-child', [owner('front', a)], ['example.com/hold']);
    await remove('front', 'Foreground');
    await until('the dependent is told to end', async () => (await get(at('front-child'))).metadata.deletionTimestamp !== undefined);
    assert.deepEqual((await get(at('front'))).metadata.finalizers, ['foregroundDeletion']);
    await controllers.client.patch(at('front-child'), 'merge-patch', { metadata: { finalizers: null } });
    await until('the owner is gone', () => isGone(at('front')));
  });

  test('orphans stay, without their owner', async () => {
    const a = await map('parent');
    await map('orphan', [owner('parent', a)]);
    await until('the collector knows it', async () => !(await isGone(at('orphan'))));
    await remove('parent', 'Orphan');
    await until('the parent is gone', () => isGone(at('parent')));
    assert.equal((await get(at('orphan'))).metadata.ownerReferences, undefined);
  });

  test('a circle ends in the foreground too', async () => {
    const a = await map('left');
    const b = await map('right', [owner('left', a)]);
    await controllers.client.patch(at('left'), 'merge-patch', { metadata: { ownerReferences: [owner('right', b)] } });
    await remove('left', 'Foreground');
    await until('both are gone', async () => (await isGone(at('left'))) && isGone(at('right')));
  });

  test('a namespace is emptied, pods first, says what keeps it, and goes', async () => {
    const ns = '/api/v1/namespaces/full';
    await controllers.client.post('/api/v1/namespaces', { metadata: { name: 'full' } });
    await until('its account', async () => !(await isGone(`${ns}/serviceaccounts/default`)));
    await controllers.client.post(`${ns}/configmaps`, { metadata: { name: 'kept', finalizers: ['example.com/hold'] } });
    await controllers.client.post(`${ns}/secrets`, { metadata: { name: 's' } });
    const pod = { metadata: { name: 'p', finalizers: ['example.com/pod'] }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    assert.equal((await controllers.client.post(`${ns}/pods`, pod)).code, 201);
    await controllers.client.delete(ns);
    const condition = async (type: string) => (await get(ns)).status?.conditions?.find((c) => c.type === type);
    await until(
      'it waits for the pod',
      async () =>
        (await condition('NamespaceContentRemaining'))?.message === 'Some resources are remaining: pods. has 1 resource instances',
    );
    assert.equal(await isGone(`${ns}/secrets/s`), false);
    await controllers.client.patch(`${ns}/pods/p`, 'merge-patch', { metadata: { finalizers: null } });
    await until(
      'it waits for what holds',
      async () => (await condition('NamespaceFinalizersRemaining'))?.message.includes('example.com/hold in 1 resource instances') ?? false,
    );
    assert.equal(await isGone(`${ns}/secrets/s`), true);
    await controllers.client.patch(`${ns}/configmaps/kept`, 'merge-patch', { metadata: { finalizers: null } });
    await until('it is gone', () => isGone(ns));
  });

  test('a pod that was deleted before it had a node, and held, goes', async () => {
    const pod = { metadata: { name: 'held', finalizers: ['example.com/hold'] }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    assert.equal((await controllers.client.post(`${NS}/pods`, pod)).code, 201);
    await controllers.client.delete(`${NS}/pods/held`);
    await until(
      'it is told that it is over',
      async () => ((await controllers.client.get(`${NS}/pods/held`)).json as { status: { phase: string } }).status.phase === 'Failed',
    );
  });

  test('nothing was refused, and nothing failed', () => {
    assert.deepEqual(controllers.complaints(), []);
  });
});

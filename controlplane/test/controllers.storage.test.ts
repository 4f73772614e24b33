/** Volumes, their protection and load balancers with a real API server, each with the rights of its own account. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { until } from '#agent/test/harness/until.ts';
import { controllersFor } from './runningControllers.ts';
import { mustTell } from './upstreamEvents.ts';

const NS = '/api/v1/namespaces/default';
const CLAIMS = `${NS}/persistentvolumeclaims`;
const VOLUMES = '/api/v1/persistentvolumes';
const WANTED = [
  'persistentvolume-binder-controller',
  'persistentvolumeclaim-protection-controller',
  'persistentvolume-protection-controller',
  'service-lb-controller',
  'ephemeral-volume-controller',
];

void describe('volumes and load balancers', () => {
  const controllers = controllersFor(WANTED, { loadBalancerPool: ['192.0.2.10-192.0.2.11'] });
  interface Storage {
    readonly metadata: { readonly name: string; readonly uid: string };
    readonly spec: { readonly volumeName?: string; readonly hostPath?: { readonly path: string } };
    readonly status: { readonly phase: string };
  }
  const get = async <T = Storage>(path: string): Promise<T> => (await controllers.client.get(path)).json as T;
  const phase = async (path: string): Promise<string | undefined> => (await get(path)).status?.phase;
  const isGone = async (path: string): Promise<boolean> => (await controllers.client.get(path)).code === 404;
  const claim = async (name: string, spec: object = {}): Promise<void> => {
    const body = { metadata: { name }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec } };
    const { code, text } = await controllers.client.post(CLAIMS, body);
    assert.equal(code, 201, text);
  };
  const reasons = async (name: string): Promise<readonly string[]> =>
    ((await get<{ items: { reason: string; involvedObject: { name: string } }[] }>(`${NS}/events`)).items ?? [])
      .filter((e) => e.involvedObject.name === name)
      .map(({ reason }) => reason);

  test('a claim gets the smallest volume that suffices; it stays while a pod uses it, and the volume is released afterwards', async () => {
    for (const [name, storage] of [
      ['large', '5Gi'],
      ['fits', '2Gi'],
      ['small', '100Mi'],
    ] as const) {
      const spec = { capacity: { storage }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, storageClassName: '' };
      assert.equal((await controllers.client.post(VOLUMES, { metadata: { name }, spec })).code, 201);
    }
    await claim('data', { storageClassName: '' });
    await until('both are bound', async () => (await phase(`${CLAIMS}/data`)) === 'Bound' && (await phase(`${VOLUMES}/fits`)) === 'Bound');
    assert.equal((await get(`${CLAIMS}/data`)).spec.volumeName, 'fits');
    const pod = {
      metadata: { name: 'p' },
      spec: {
        nodeName: 'n',
        containers: [{ name: 'c', image: 'x' }],
        volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }],
      },
    };
    assert.equal((await controllers.client.post(`${NS}/pods`, pod)).code, 201);
    await controllers.client.delete(`${CLAIMS}/data`);
    await controllers.client.delete(`${VOLUMES}/small`);
    await until('an unbound volume goes', () => isGone(`${VOLUMES}/small`));
    assert.equal(await isGone(`${CLAIMS}/data`), false);
    await controllers.client.delete(`${NS}/pods/p`, { body: { gracePeriodSeconds: 0 } });
    await until('the claim goes', () => isGone(`${CLAIMS}/data`));
    await until('the volume is released', async () => (await phase(`${VOLUMES}/fits`)) === 'Released');
    await claim('other', { storageClassName: '' });
    await until('another volume', async () => (await get(`${CLAIMS}/other`)).spec.volumeName === 'large');
  });

  test('a directory of the node that the scheduler chose; a pod removes it, and then the volume goes', async () => {
    await controllers.client.post('/api/v1/nodes', { metadata: { name: 'n', labels: { 'kubernetes.io/hostname': 'n' } } });
    const made = await controllers.client.post('/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'local' },
      provisioner: 'kijabi.io/local-path',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    assert.equal(made.code, 201, made.text);
    await claim('local', { storageClassName: 'local' });
    await until('it waits for a pod', async () => (await reasons('local')).includes('WaitForFirstConsumer'));
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'local' } }];
    const first = await controllers.client.post(`${NS}/pods`, {
      metadata: { name: 'first' },
      spec: { containers: [{ name: 'c', image: 'x' }], volumes },
    });
    assert.equal(first.code, 201, first.text);
    await until('it waits for that', async () => (await reasons('local')).includes('WaitForPodScheduled'));
    await controllers.client.delete(`${NS}/pods/first`);
    await controllers.client.patch(`${CLAIMS}/local`, 'merge-patch', {
      metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'n' } },
    });
    await until('it is bound', async () => (await phase(`${CLAIMS}/local`)) === 'Bound');
    assert.ok((await reasons('local')).includes('ProvisioningSucceeded'));
    const { uid } = (await get(`${CLAIMS}/local`)).metadata;
    const volume = `${VOLUMES}/pvc-${uid}`;
    assert.equal((await get(volume)).spec.hostPath?.path, `/var/lib/kijabi/local-path/pvc-${uid}`);
    await controllers.client.delete(`${CLAIMS}/local`);
    const cleaner = `/api/v1/namespaces/kube-system/pods/cleanup-pvc-${uid}`;
    await until('its cleaner', async () => !(await isGone(cleaner)));
    assert.equal(await isGone(volume), false);
    await controllers.client.patch(`${cleaner}/status`, 'merge-patch', { status: { phase: 'Succeeded' } });
    await until('the volume is gone', async () => (await isGone(volume)) && isGone(cleaner));
  });

  test('a volume that lives as long as its pod: a claim of the pod’s own, never one that was there before', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Mi' } } };
    await claim('taken-scratch', { storageClassName: '' });
    for (const name of ['mine', 'taken']) {
      const volumes = [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec } } }];
      const made = await controllers.client.post(`${NS}/pods`, {
        metadata: { name },
        spec: { containers: [{ name: 'c', image: 'x' }], volumes },
      });
      assert.equal(made.code, 201, made.text);
    }
    await until('it is made', async () => !(await isGone(`${CLAIMS}/mine-scratch`)));
    const { ownerReferences } = (
      await get<{ metadata: { ownerReferences: { name: string; controller: boolean }[] } }>(`${CLAIMS}/mine-scratch`)
    ).metadata;
    assert.deepEqual(
      ownerReferences.map(({ name, controller }) => [name, controller]),
      [['mine', true]],
    );
    await until('the other is told', async () => (await reasons('taken')).includes('FailedBinding'));
  });

  test('a load balancer has an address of the pool, and who waits gets it when it is free', async () => {
    const spec = { type: 'LoadBalancer', selector: { app: 'x' }, ports: [{ port: 80 }] };
    const ip = async (name: string): Promise<string | undefined> =>
      (await get<{ status: { loadBalancer: { ingress?: { ip: string }[] } } }>(`${NS}/services/${name}`)).status?.loadBalancer?.ingress?.[0]
        ?.ip;
    for (const name of ['one', 'two', 'three']) {
      assert.equal((await controllers.client.post(`${NS}/services`, { metadata: { name }, spec })).code, 201);
      if (name !== 'three') await until(`${name} has an address`, async () => (await ip(name)) !== undefined);
    }
    assert.deepEqual([await ip('one'), await ip('two')], ['192.0.2.10', '192.0.2.11']);
    await until('the third is told', async () => (await reasons('three')).includes('SyncLoadBalancerFailed'));
    await controllers.client.patch(`${NS}/services/one`, 'merge-patch', { spec: { type: 'ClusterIP' } });
    await until('it is given on', async () => (await ip('three')) === '192.0.2.10');
    assert.equal(await ip('one'), undefined);
  });

  test('all events are upstream’s', async () => {
    await until('the end of a load balancer is told', async () => (await reasons('one')).includes('DeletedLoadBalancer'));
    mustTell((await get<{ items: Event[] }>('/api/v1/events')).items, [
      ...['WaitForFirstConsumer', 'WaitForPodScheduled', 'ProvisioningSucceeded', 'FailedBinding'].map(
        (reason) => `persistentvolume-controller PersistentVolumeClaim ${reason}`,
      ),
      'ephemeral_volume Pod FailedBinding',
      ...['EnsuringLoadBalancer', 'EnsuredLoadBalancer', 'DeletingLoadBalancer', 'DeletedLoadBalancer', 'SyncLoadBalancerFailed'].map(
        (reason) => `service-controller Service ${reason}`,
      ),
    ]);
  });

  test('nothing was refused, and nothing failed', () => {
    assert.deepEqual(controllers.complaints(), []);
  });
});

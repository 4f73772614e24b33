/** Controllers with a real API server, in this process, each with the rights of its own service account. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '#agent/test/harness/until.ts';
import { controllersFor } from './runningControllers.ts';

const NS = '/api/v1/namespaces/default';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

void describe('controllers', () => {
  const controllers = controllersFor();

  interface Slice {
    readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
    readonly endpoints: readonly { readonly addresses: readonly string[] }[];
  }
  const slices = async (): Promise<readonly Slice[]> =>
    ((await controllers.client.get(SLICES)).json as { items: Slice[] }).items.filter(
      (s) => s.metadata.labels['kubernetes.io/service-name'] === 'web',
    );
  const addresses = async (): Promise<string> => (await slices()).flatMap((s) => s.endpoints.flatMap((e) => e.addresses)).join();
  const subsets = (ip: string): object => ({ subsets: [{ addresses: [{ ip }], ports: [{ port: 8080 }] }] });

  test('Endpoints that somebody wrote by hand are mirrored, follow edits, and go', async () => {
    assert.equal(
      (await controllers.client.post(`${NS}/services`, { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } })).code,
      201,
    );
    assert.equal((await controllers.client.post(`${NS}/endpoints`, { metadata: { name: 'web' }, ...subsets('10.1.0.1') })).code, 201);
    await until('the mirror', async () => (await addresses()) === '10.1.0.1');
    const [first] = await slices();
    assert.match(first?.metadata.name ?? '', /^web-\w+$/);
    await controllers.client.patch(`${NS}/endpoints/web`, 'merge-patch', subsets('10.1.0.2'));
    await until('the edit', async () => (await addresses()) === '10.1.0.2');
    assert.equal((await slices())[0]?.metadata.name, first?.metadata.name);
    await controllers.client.delete(`${SLICES}/${first?.metadata.name}`);
    await until(
      'another one',
      async () => (await addresses()) === '10.1.0.2' && (await slices())[0]?.metadata.name !== first?.metadata.name,
    );
    await controllers.client.delete(`${NS}/endpoints/web`);
    await until('none', async () => (await slices()).length === 0);
  });

  const named = async (name: string): Promise<readonly Slice[]> =>
    ((await controllers.client.get(SLICES)).json as { items: Slice[] }).items.filter(
      (s) => s.metadata.labels['kubernetes.io/service-name'] === name,
    );

  test('a service with a selector has slices and Endpoints; they follow its pods, and its Endpoints go with it', async () => {
    await controllers.client.post('/api/v1/nodes', { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'z' } } });
    const template = { nodeName: 'n1', containers: [{ name: 'c', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }] };
    const put = async (name: string, ip: string): Promise<void> => {
      assert.equal(
        (await controllers.client.post(`${NS}/pods`, { metadata: { name, labels: { app: 'shop' } }, spec: template })).code,
        201,
      );
      const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] };
      assert.equal((await controllers.client.patch(`${NS}/pods/${name}/status`, 'merge-patch', { status })).code, 200);
    };
    await put('shop-1', '10.2.0.1');
    const spec = { selector: { app: 'shop' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] };
    const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
    assert.equal((await controllers.client.post(`${NS}/services`, { metadata: { name: 'shop', annotations }, spec })).code, 201);
    const slicesAre = async (wanted: string): Promise<boolean> =>
      (await named('shop'))
        .flatMap((s) => s.endpoints.flatMap((e) => e.addresses))
        .toSorted()
        .join() === wanted;
    const endpointsAre = async (wanted: string): Promise<boolean> => {
      const found = (await controllers.client.get(`${NS}/endpoints/shop`)).json as { subsets?: { addresses: { ip: string }[] }[] };
      return (found.subsets ?? []).flatMap((s) => s.addresses.map(({ ip }) => ip)).join() === wanted;
    };
    await until('the slice', () => slicesAre('10.2.0.1'));
    await until('the Endpoints', () => endpointsAre('10.2.0.1'));
    await until('what is not done for it is told', async () =>
      ((await controllers.client.get(`${NS}/events`)).json as { items: { reason: string; message: string }[] }).items.some(
        ({ reason, message }) => reason === 'TopologyAwareHintsDisabled' && message.includes('trafficDistribution'),
      ),
    );
    await Promise.all([put('shop-2', '10.2.0.2'), put('shop-3', '10.2.0.3')]);
    await until('more in the slice', () => slicesAre('10.2.0.1,10.2.0.2,10.2.0.3'));
    await until('more Endpoints', () => endpointsAre('10.2.0.1,10.2.0.2,10.2.0.3'));
    assert.equal((await named('shop')).length, 1);
    await controllers.client.delete(`${NS}/pods/shop-1`, { body: { gracePeriodSeconds: 0 } });
    await until('fewer', async () => (await slicesAre('10.2.0.2,10.2.0.3')) && (await endpointsAre('10.2.0.2,10.2.0.3')));
    await controllers.client.delete(`${NS}/services/shop`);
    await until('no Endpoints', async () => (await controllers.client.get(`${NS}/endpoints/shop`)).code === 404);
  });

  test('nothing of this was refused, and nothing failed', () => {
    assert.deepEqual(controllers.complaints(), []);
  });
});

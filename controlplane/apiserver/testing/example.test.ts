/**
 * An example for those who write controllers: a test with a real API server, in process, and `@kubernetes/client-node`.
 * The controller keeps a copy of every ConfigMap labelled `mirror: "true"` in the namespace "mirror".
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { startApiServer, type TestApiServer } from 'kijabi/testing';

let api: TestApiServer;
let core: CoreV1Api;
let stopController: () => Promise<void>;

before(async () => {
  api = await startApiServer();
  const config = new KubeConfig();
  config.loadFromString(api.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
  await core.createNamespace({ body: { metadata: { name: 'mirror' } } });
  stopController = await startController(config, core);
});
after(async () => {
  await stopController();
  await api.stop();
});

async function startController(config: KubeConfig, core: CoreV1Api): Promise<() => Promise<void>> {
  const labelSelector = 'mirror=true';
  const list = (): ReturnType<CoreV1Api['listConfigMapForAllNamespaces']> => core.listConfigMapForAllNamespaces({ labelSelector });
  const informer = makeInformer<V1ConfigMap>(config, '/api/v1/configmaps', list, labelSelector);
  informer.on('add', ({ metadata, data }) => {
    const body: V1ConfigMap = {
      metadata: { name: metadata?.name ?? '', labels: { copy: 'true' } },
      ...(data === undefined ? {} : { data }),
    };
    void core.createNamespacedConfigMap({ namespace: 'mirror', body });
  });
  informer.on('delete', ({ metadata }) => void core.deleteNamespacedConfigMap({ namespace: 'mirror', name: metadata?.name ?? '' }));
  await informer.start();
  return () => informer.stop();
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setImmediate(resolve));
}

const mirrored = async (): Promise<string[]> =>
  (await core.listNamespacedConfigMap({ namespace: 'mirror', labelSelector: 'copy=true' })).items.map(
    ({ metadata, data }) => `${metadata?.name} ${data?.['colour']}`,
  );

test('a labelled ConfigMap is copied, and its copy goes with it', async () => {
  const body = { metadata: { name: 'paint', labels: { mirror: 'true' } }, data: { colour: 'red' } };
  await core.createNamespacedConfigMap({ namespace: 'default', body });
  await eventually(async () => (await mirrored()).length === 1);
  assert.deepEqual(await mirrored(), ['paint red']);
  await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'paint' });
  await eventually(async () => (await mirrored()).length === 0);
});

test('what nobody labelled is left alone, and what is wrong is refused as in a cluster', async () => {
  await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'plain' } } });
  const refused = core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'Not_A_Name' } } });
  await assert.rejects(refused, /metadata\.name: Invalid value/);
  assert.deepEqual(await mirrored(), []);
});

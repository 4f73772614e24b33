/**
 * Informers of `@kubernetes/client-node` against the API server through churn: they end with exactly what the server has, and were told
 * every object's additions, changes and removals in a possible order. KIJABI_CHURN_MINUTES=10 makes it long.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { SystemClock } from '#base/clock.ts';
import { chance } from '#client/testing/kit.ts';
import { startDevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';

const clock = new SystemClock();
const minutes = Number(process.env['KIJABI_CHURN_MINUTES'] ?? 0);
const SHORT_WRITES = 300;
const INFORMERS = 3;
const LABEL = 'churn=yes';

test('informers of client-node end equal to the server after churn, with watches that end all the time', async (t) => {
  // Watches last a second or two, so that the informers come back again and again.
  const server = await startDevServer({ overrides: { minWatchMs: minutes > 0 ? 5_000 : 500 } });
  const client = new TestClient(server);
  t.after(async () => {
    client.close();
    await server.stop();
  });
  const random = chance(7);
  const config = new KubeConfig();
  config.loadFromString(server.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const stories = await Promise.all(Array.from({ length: INFORMERS }, () => follow(config, core)));
  t.after(() => Promise.all(stories.map((story) => story.stop())));

  const endsAtMs = clock.monotonicMs() + minutes * 60_000;
  const there = new Set<string>();
  for (let i = 0; i < SHORT_WRITES || clock.monotonicMs() < endsAtMs; i++) {
    const name = `m${Math.floor(random() * 12)}`;
    const path = '/api/v1/namespaces/default/configmaps';
    const body = { metadata: { name, labels: { churn: 'yes' } }, data: { n: String(i) } };
    if (!there.has(name)) {
      assert.equal((await client.post(path, body)).code, 201);
      there.add(name);
    } else if (random() < 0.3) {
      assert.equal((await client.delete(`${path}/${name}`)).code, 200);
      there.delete(name);
    } else assert.equal((await client.put(`${path}/${name}`, body)).code, 200);
  }
  const wanted = (await core.listConfigMapForAllNamespaces({ labelSelector: LABEL })).items.map(shown).toSorted();
  for (const story of stories) {
    while (story.held().join() !== wanted.join()) await clock.sleep(20, t.signal);
    assert.deepEqual(story.problems, []);
    assert.ok(story.told() > SHORT_WRITES / 10);
  }
});

const shown = ({ metadata, data }: V1ConfigMap): string => `${metadata?.name}@${metadata?.resourceVersion}=${data?.['n']}`;

async function follow(config: KubeConfig, core: CoreV1Api) {
  const informer = makeInformer<V1ConfigMap>(
    config,
    '/api/v1/configmaps',
    () => core.listConfigMapForAllNamespaces({ labelSelector: LABEL }),
    LABEL,
  );
  const problems: string[] = [];
  const there = new Map<string, number>();
  let told = 0;
  let stopped = false;
  const step = (what: 'add' | 'update' | 'delete', { metadata }: V1ConfigMap): void => {
    told += 1;
    const name = metadata?.name ?? '';
    const version = Number(metadata?.resourceVersion);
    const before = there.get(name);
    if (what === 'add' ? before !== undefined : before === undefined) problems.push(`${what} of ${name} that was ${before ?? 'not there'}`);
    if (before !== undefined && what === 'update' && version <= before) problems.push(`${name} went from ${before} back to ${version}`);
    if (what === 'delete') there.delete(name);
    else there.set(name, version);
  };
  for (const what of ['add', 'update', 'delete'] as const) informer.on(what, (object) => step(what, object));
  // What it reports and then comes back from: the server ends watches, that is the point.
  informer.on('error', () => void (stopped ? undefined : setImmediate(() => void informer.start())));
  await informer.start();
  return {
    problems,
    told: () => told,
    held: () => informer.list().map(shown).toSorted(),
    stop: async () => {
      stopped = true;
      await informer.stop();
    },
  };
}

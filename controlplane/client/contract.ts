/** What a client may rely on, whichever server answers: the fake one and the real one both pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/kinds/core/config.ts';
import { codeOf } from '#base/errors.ts';
import { isAlreadyExists, isConflict, isFromTheFuture, isNotFound } from './errors.ts';
import type { ResourceType } from './query.ts';
import type { Client } from './rest.ts';
import type { WatchEvent } from './watchEvents.ts';

export const configMaps: ResourceType<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
  schema: ConfigMap,
};

const signal = new AbortController().signal;
/** A server may put something of its own into a namespace. */
const fieldSelector = 'metadata.name!=kube-root-ca.crt';
const map = (namespace: string, name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}): ConfigMap => ({
  metadata: { namespace, name, labels },
  data,
});

async function refused(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (err: unknown) => ({ err }),
  );
  if ('value' in outcome) assert.fail(`not refused: ${JSON.stringify(outcome.value)}`);
  return outcome.err;
}

async function take(events: AsyncIterable<WatchEvent<ConfigMap>>, count: number): Promise<string[]> {
  const out: string[] = [];
  for await (const event of events) {
    out.push(
      event.type === 'BOOKMARK' ? `BOOKMARK${event.endsInitialEvents ? ' end' : ''}` : `${event.type} ${event.object.metadata.name}`,
    );
    if (out.length === count) break;
  }
  return out;
}

/** namespace: one that is there and empty, another for each call. */
export function clientContract(name: string, open: () => { readonly client: Client; readonly namespace: () => Promise<string> }): void {
  const about = (what: string, run: (client: Client, namespace: string) => Promise<void>): void => {
    void test(`${name}: ${what}`, async () => {
      const { client, namespace } = open();
      await run(client, await namespace());
    });
  };

  about('what was created comes back, and once only', async (client, ns) => {
    const maps = client.resource(configMaps);
    const made = await maps.create(map(ns, 'a', { k: 'v' }), { signal });
    assert.ok(made.metadata.uid);
    assert.deepEqual(await maps.get({ namespace: ns, name: 'a' }, { signal }), made);
    assert.ok(isAlreadyExists(await refused(maps.create(map(ns, 'a'), { signal }))));
    assert.ok(isNotFound(await refused(maps.get({ namespace: ns, name: 'b' }, { signal }))));
  });

  about('an update of an old version is a conflict', async (client, ns) => {
    const maps = client.resource(configMaps);
    const first = await maps.create(map(ns, 'a'), { signal });
    const second = await maps.update({ ...first, data: { n: '2' } }, { signal });
    assert.deepEqual(second.data, { n: '2' });
    assert.ok(isConflict(await refused(maps.update({ ...first, data: { n: '3' } }, { signal }))));
  });

  about('a merge patch changes and removes fields', async (client, ns) => {
    const maps = client.resource(configMaps);
    await maps.create(map(ns, 'a', { keep: '1', gone: '2' }), { signal });
    const after = await maps.patch({ namespace: ns, name: 'a' }, { type: 'merge', body: { data: { gone: null, more: '3' } } }, { signal });
    assert.deepEqual(after.data, { keep: '1', more: '3' });
  });

  about('a deletion holds to its preconditions', async (client, ns) => {
    const maps = client.resource(configMaps);
    const { metadata } = await maps.create(map(ns, 'a'), { signal });
    const at = { namespace: ns, name: 'a' };
    assert.ok(isConflict(await refused(maps.delete(at, { signal, preconditions: { uid: 'another' } }))));
    await maps.delete(at, { signal, preconditions: { uid: metadata.uid ?? '' } });
    assert.ok(isNotFound(await refused(maps.delete(at, { signal }))));
  });

  about('a list in pages is the state of one moment', async (client, ns) => {
    const maps = client.resource(configMaps);
    for (const n of ['a', 'b', 'c', 'd', 'e']) await maps.create(map(ns, n), { signal });
    const names: string[] = [];
    for await (const page of maps.pages({ namespace: ns, limit: 2, fieldSelector }, { signal })) {
      names.push(...page.items.map((item) => item.metadata.name ?? ''));
      if (names.length === 2) {
        await maps.delete({ namespace: ns, name: 'd' }, { signal });
        await maps.create(map(ns, 'cc'), { signal });
      }
    }
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e']);
  });

  about('selectors choose', async (client, ns) => {
    const maps = client.resource(configMaps);
    for (const [n, app] of [
      ['a', 'x'],
      ['b', 'y'],
      ['c', 'x'],
    ] as const)
      await maps.create(map(ns, n, {}, { app }), { signal });
    const of = async (query: object): Promise<(string | undefined)[]> =>
      (await maps.list({ namespace: ns, ...query }, { signal })).items.map((item) => item.metadata.name);
    assert.deepEqual(await of({ labelSelector: 'app in (x)' }), ['a', 'c']);
    assert.deepEqual(await of({ fieldSelector: 'metadata.name=b' }), ['b']);
    assert.deepEqual(await of({ labelSelector: 'app=x', fieldSelector: 'metadata.name!=a' }), ['c']);
  });

  about('a watch goes on from a version, without gaps', async (client, ns) => {
    const maps = client.resource(configMaps);
    const { metadata } = await maps.list({ namespace: ns }, { signal });
    const a = await maps.create(map(ns, 'a'), { signal });
    await maps.update({ ...a, data: { x: 'y' } }, { signal });
    const watch = maps.watch({ namespace: ns, fieldSelector, resourceVersion: metadata.resourceVersion }, { signal });
    const seen = take(watch, 4);
    await maps.create(map(ns, 'b'), { signal });
    await maps.delete({ namespace: ns, name: 'a' }, { signal });
    assert.deepEqual(await seen, ['ADDED a', 'MODIFIED a', 'ADDED b', 'DELETED a']);
  });

  about('a selected object that no longer fits is deleted for the watcher', async (client, ns) => {
    const maps = client.resource(configMaps);
    const { metadata } = await maps.list({ namespace: ns }, { signal });
    const made = await maps.create(map(ns, 'a', {}, { app: 'x' }), { signal });
    await maps.update({ ...made, metadata: { ...made.metadata, labels: { app: 'y' } } }, { signal });
    const watch = maps.watch({ namespace: ns, labelSelector: 'app=x', resourceVersion: metadata.resourceVersion }, { signal });
    assert.deepEqual(await take(watch, 2), ['ADDED a', 'DELETED a']);
  });

  about('a streamed list ends with a mark, then come the changes', async (client, ns) => {
    const maps = client.resource(configMaps);
    await maps.create(map(ns, 'a'), { signal });
    await maps.create(map(ns, 'b'), { signal });
    const events = maps.watch({ namespace: ns, fieldSelector, sendInitialEvents: true }, { signal })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => (await take({ [Symbol.asyncIterator]: () => ({ next: () => events.next() }) }, 1))[0] ?? '';
    assert.deepEqual([await next(), await next()].toSorted(), ['ADDED a', 'ADDED b']);
    assert.equal(await next(), 'BOOKMARK end');
    await maps.delete({ namespace: ns, name: 'a' }, { signal });
    assert.equal(await next(), 'DELETED a');
    await events.return?.(undefined);
  });

  about('a version that has not come yet is told apart', async (client, ns) => {
    const watch = client.resource(configMaps).watch({ namespace: ns, resourceVersion: '900000000' }, { signal });
    const err = await refused(take(watch, 1));
    assert.equal(codeOf(err), 'Timeout');
    assert.ok(isFromTheFuture(err));
  });
}

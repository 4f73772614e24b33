/**
 * Two API servers over three etcd members: equal to each other, through the death of a member, the loss of the quorum and its return.
 * What works without a quorum: reads that do not ask for the newest state (resourceVersion=0) come out of the cache.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { EtcdStore } from '../apiserver/storage/etcd.ts';
import { noEtcd, TestEtcd } from '../apiserver/storage/etcd/testEtcd.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

const clock = new SystemClock();
const skip = noEtcd === undefined ? {} : { skip: noEtcd };
const MAPS = '/api/v1/namespaces/default/configmaps';

let etcd: TestEtcd;
let servers: DevServer[];
let clients: [TestClient, TestClient];

if (noEtcd === undefined) {
  before(async () => {
    etcd = await TestEtcd.start({ members: 3 });
    servers = [];
    for (let i = 0; i < 2; i++) {
      servers.push(await startDevServer({ store: await EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 10_000 }) }));
    }
    clients = [new TestClient(servers[0]!), new TestClient(servers[1]!)];
  });
  after(async () => {
    for (const client of clients) client.close();
    await Promise.all(servers.map((s) => s.stop()));
    await etcd.stop();
  });
}

function names({ json, text }: TestAnswer): string[] {
  const { items } = json as { items?: { metadata: { name: string } }[] };
  assert.ok(items !== undefined, text);
  return items.map((o) => o.metadata.name).filter((name) => name !== 'kube-root-ca.crt');
}
const reason = ({ json }: TestAnswer): string => (json as { reason?: string }).reason ?? '';

/** Writes until it is taken; says what the refusals were. */
async function insist(client: TestClient, name: string): Promise<readonly TestAnswer[]> {
  const refused: TestAnswer[] = [];
  for (;;) {
    const answer = await client.post(MAPS, { metadata: { name } });
    // A refusal of which nobody knows whether it was written.
    if (answer.code === 201 || (refused.length > 0 && reason(answer) === 'AlreadyExists')) return refused;
    refused.push(answer);
    await clock.sleep(50, new AbortController().signal);
  }
}

/** The newest state, as soon as it can be known again: a server may see the quorum a moment before its own watch has come back. */
async function read(client: TestClient): Promise<TestAnswer> {
  for (;;) {
    const answer = await client.get(MAPS);
    if (answer.code < 500) return answer;
    await clock.sleep(50, new AbortController().signal);
  }
}

test('what is written through one is read and watched through the other', skip, async () => {
  const [one, two] = clients;
  const watch = await two.watch(`${MAPS}?watch=true`);
  assert.equal((await one.post(MAPS, { metadata: { name: 'first' } })).code, 201);
  assert.deepEqual(names(await two.get(MAPS)), ['first']);
  for (let event = await watch.next(); event?.object.metadata.name !== 'first'; event = await watch.next()) assert.ok(event !== undefined);
  watch.close();
  // An update of what the other has changed is a conflict.
  const { json } = await one.get(`${MAPS}/first`);
  assert.equal((await two.patch(`${MAPS}/first`, 'merge-patch', { data: { by: 'two' } })).code, 200);
  assert.equal((await one.put(`${MAPS}/first`, json)).code, 409);
});

test('a member dies: both go on, and watches lose nothing', skip, async () => {
  const [one, two] = clients;
  const watches = await Promise.all(clients.map((c) => c.watch(`${MAPS}?watch=true&fieldSelector=metadata.name!=first`)));
  await etcd.kill(0);
  const wanted = Array.from({ length: 20 }, (_, i) => `survivor-${String(i).padStart(2, '0')}`);
  for (const [i, name] of wanted.entries()) await insist(i % 2 === 0 ? one : two, name);
  for (const watch of watches) {
    const seen: string[] = [];
    while (seen.length < wanted.length) {
      const event = await watch.next();
      assert.ok(event !== undefined, 'the watch ended');
      if (event.object.metadata.name.startsWith('survivor')) seen.push(event.object.metadata.name);
    }
    assert.deepEqual(seen, wanted);
    watch.close();
  }
  assert.deepEqual(names(await read(one)), names(await read(two)));
});

test('without a quorum the cache answers, writes fail with a clear error, and all comes back', skip, async () => {
  const [one, two] = clients;
  const known = names(await read(one));
  await etcd.kill(1);
  for (const client of clients) {
    assert.deepEqual(names(await client.get(`${MAPS}?resourceVersion=0`)), known);
    assert.equal((await client.get(`${MAPS}/first?resourceVersion=0`)).code, 200);
  }
  const write = await one.post(MAPS, { metadata: { name: 'lost' } });
  assert.ok(write.code === 503 || write.code === 504 || write.code === 500, `${write.code}`);
  assert.match(write.text, /etcd|store/i, write.text);
  assert.notEqual(reason(write), '');
  const newest = await two.get(MAPS);
  assert.ok(newest.code >= 500, 'the newest state cannot be known without a quorum');
  assert.equal((await two.get('/readyz')).code, 500);
  etcd.run(0);
  etcd.run(1);
  await insist(two, 'after');
  for (const client of clients) assert.ok(names(await read(client)).includes('after'));
  for (const client of clients) while ((await client.get('/readyz')).code !== 200) await clock.sleep(50, new AbortController().signal);
  assert.deepEqual(names(await read(one)), names(await read(two)));
});

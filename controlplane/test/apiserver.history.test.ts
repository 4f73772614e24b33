/** History over HTTP, from writes to what the command prints. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';
import { historyCommand } from '../cli/history.ts';

let server: DevServer;
let dir: string;
let client: TestClient;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kijabi-history-'));
  server = await startDevServer({ tokens: [{ token: 'reader', user: { name: 'reader', groups: [] } }] });
  client = new TestClient(server);
  writeFileSync(join(dir, 'kubeconfig'), server.kubeconfig);
});
after(async () => {
  client.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function run(...argv: readonly string[]): Promise<string> {
  let out = '';
  const { signal } = new AbortController();
  const code = await historyCommand([...argv, '--kubeconfig', join(dir, 'kubeconfig')], {
    out: (text) => void (out += text),
    err: () => undefined,
    env: {},
    clock: new SystemClock(),
    signal,
    hurry: signal,
    columns: { out: undefined, err: undefined },
  });
  assert.equal(code, 0);
  return out;
}

const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';
const MERGE = 'application/merge-patch+json';

async function versionOf(answer: Promise<TestAnswer>): Promise<string> {
  const { code, text, json } = await answer;
  assert.ok(code === 200 || code === 201, text);
  return (json as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

test('versions newest first, with who and what; as it was at one of them', async () => {
  const made = await versionOf(client.post(`${CONFIGMAPS}?fieldManager=maker`, { metadata: { name: 'a' }, data: { x: '1' } }));
  const changed = await versionOf(
    client.send('PATCH', `${CONFIGMAPS}/a?fieldManager=changer`, { body: { data: { x: '2', y: '3' } }, type: MERGE }),
  );
  await client.send('DELETE', `${CONFIGMAPS}/a`);
  const lines = (await run('cm', 'a')).split('\n');
  assert.match(lines[0] ?? '', /^\d+  20\d\d-\S+Z  deleted  by user kubernetes-admin$/);
  assert.match(lines[2] ?? '', new RegExp(`^${changed}  \\S+Z  updated  by changer, user kubernetes-admin$`));
  assert.deepEqual(lines.slice(3, 8), ['  .data.x', '    - "1"', '    + "2"', '  .data.y', '    + "3"']);
  assert.match(lines[9] ?? '', new RegExp(`^${made}  \\S+Z  created  by maker, user kubernetes-admin$`));
  assert.match(await run(`${CONFIGMAPS}/a`, '--at', made), /^data:\n {2}x: "1"$/m);
  const { versions } = JSON.parse(await run('configmap/a', '-o', 'json')) as { versions: { time: string }[] };
  assert.equal(versions.length, 3);
  assert.match(await run('cm', 'a', '--at', versions[1]?.time ?? ''), /x: "2"/);
  await assert.rejects(run('cm', 'a', '--at', String(Number(made) - 1)), { code: 'NOT_THERE', message: /it did not exist yet/ });
  await assert.rejects(run('cm', 'a', '--at', versions[0]?.time ?? ''), { code: 'NOT_THERE', message: /deleted/ });
});

test('a namespace has a history, too, and secrets are not shown', async () => {
  await versionOf(client.post('/api/v1/namespaces', { metadata: { name: 'past' } }));
  assert.match(await run('ns', 'past'), /created/);
  const secrets = '/api/v1/namespaces/past/secrets';
  await versionOf(client.post(secrets, { metadata: { name: 's' }, data: { word: 'aGVsbG8=' } }));
  await versionOf(client.send('PATCH', `${secrets}/s`, { body: { data: { word: 'd29ybGQ=' } }, type: MERGE }));
  const text = await run('secret', 's', '-n', 'past');
  assert.match(text, /\.data\.word\n {4}- \[hidden\]\n {4}\+ \[hidden\]/);
});

test('who may not get the history is refused, and what was never there is not found', async () => {
  await versionOf(client.post(CONFIGMAPS, { metadata: { name: 'b' } }));
  const { code, text } = await client.get(`${CONFIGMAPS}/b/history`, { token: 'reader' });
  assert.equal(code, 403);
  assert.match(text, /cannot get resource \\"configmaps\/history\\"/);
  assert.equal((await client.get(`${CONFIGMAPS}/never/history`)).code, 404);
  assert.equal((await client.send('PUT', `${CONFIGMAPS}/b/history`, { body: {} })).code, 405);
  await assert.rejects(run('cm', 'never'), { code: 'NotFound' });
});

test('words that name no object are refused', async () => {
  for (const words of [[], ['cm'], ['cm', 'a', 'b'], ['cmm', 'a'], ['cm', 'b', '--at', 'yesterday'], ['cm', 'b', '-o', 'wide']]) {
    await assert.rejects(run(...words), { code: 'USAGE' });
  }
});

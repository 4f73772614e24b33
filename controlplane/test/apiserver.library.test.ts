/** `kijabi/testing` as others meet it: by the package's name, side by side, installed. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { execa } from 'execa';
import { startApiServer, type TestApiServer } from 'kijabi/testing';
import type * as Written from '../apiserver/testing/startApiServer.ts';

/** The declaration others compile against and what there is are the same to the compiler. */
const declared: typeof Written.startApiServer = startApiServer;
void declared;

const root = new URL('../../', import.meta.url).pathname;

interface Answer {
  readonly code: number;
  readonly body: { readonly items?: readonly { readonly metadata: { readonly name: string } }[]; readonly message?: string };
}

function call(api: TestApiServer, path: string, { token = api.token, body }: { token?: string; body?: object } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const req = request(api.url + path, { method: body === undefined ? 'GET' : 'POST', headers, ca: api.ca, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      res.on('end', () => resolve({ code: res.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
    });
    req.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-library-'));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

const MAPS = '/api/v1/namespaces/default/configmaps';
const names = async (api: TestApiServer): Promise<string[]> =>
  (await call(api, MAPS)).body.items!.flatMap(({ metadata: { name } }) => (name === 'kube-root-ca.crt' ? [] : name));

test('several run side by side, each with its own store, and a stopped one is gone', async (t) => {
  const servers = await Promise.all([startApiServer(), startApiServer(), startApiServer()]);
  t.after(() => Promise.all(servers.map((s) => s.stop())));
  assert.equal(new Set(servers.map((s) => s.url)).size, 3);
  for (const [i, server] of servers.entries())
    assert.equal((await call(server, MAPS, { body: { metadata: { name: `only-${i}` } } })).code, 201);
  assert.deepEqual(await Promise.all(servers.map(names)), [['only-0'], ['only-1'], ['only-2']]);
  await Promise.all(servers.map((s) => s.stop()));
  await assert.rejects(call(servers[0], MAPS), /ECONNREFUSED/);
});

test('a server that is used is stopped at the end of its block', async () => {
  let url: TestApiServer;
  {
    await using api = await startApiServer();
    url = api;
    assert.equal((await call(api, MAPS)).code, 200);
  }
  await assert.rejects(call(url, MAPS), /ECONNREFUSED/);
});

test('a directory keeps the state for the next server', async (t) => {
  const directory = join(await scratch(t), 'state');
  const first = await startApiServer({ store: { directory } });
  t.after(() => first.stop());
  await call(first, MAPS, { body: { metadata: { name: 'kept' } } });
  await first.stop();
  await using second = await startApiServer({ store: { directory } });
  assert.deepEqual(await names(second), ['kept']);
});

test('other users may do what RBAC says, and the log can be listened to', async () => {
  const lines: string[] = [];
  await using api = await startApiServer({ users: [{ name: 'jane', token: 'janes-token' }], onLog: (line) => void lines.push(line) });
  const refused = await call(api, MAPS, { token: 'janes-token' });
  assert.equal(refused.code, 403);
  assert.match(refused.body.message!, /User "jane" cannot list resource "configmaps"/);
  assert.equal((await call(api, MAPS, { token: 'nobody' })).code, 401);
});

test('a pod can be created, because somebody makes the service account it needs', async () => {
  await using api = await startApiServer();
  const body = { metadata: { name: 'web' }, spec: { containers: [{ name: 'main', image: 'nginx' }] } };
  assert.equal((await call(api, '/api/v1/namespaces/default/pods', { body })).code, 201);
});

test('a start that fails leaves nothing that runs', async () => {
  await assert.rejects(startApiServer({ enableAdmission: ['Nope'] }), /Nope is unknown/);
});

test('it works where it is installed below node_modules', async (t) => {
  const dir = await scratch(t);
  const home = join(dir, 'node_modules', 'kijabi');
  await mkdir(home, { recursive: true });
  await Promise.all([
    cp(join(root, 'package.json'), join(home, 'package.json')),
    cp(join(root, 'controlplane'), join(home, 'controlplane'), { recursive: true }),
    symlink(join(root, 'node_modules'), join(home, 'node_modules')),
  ]);
  const script = `
    import { startApiServer } from 'kijabi/testing';
    const api = await startApiServer();
    process.stdout.write(api.url);
    await api.stop();
  `;
  await writeFile(join(dir, 'use.mjs'), script);
  const { stdout } = await execa(process.execPath, ['--disable-warning=ExperimentalWarning', 'use.mjs'], { cwd: dir });
  assert.match(stdout, /^https:\/\/127\.0\.0\.1:\d+$/);
});

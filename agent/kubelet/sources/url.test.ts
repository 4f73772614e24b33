import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { fetchManifests } from './http/fetch.ts';
import { ManifestSource } from './manifests.ts';
import { watchUrl } from './url.ts';

const pod = (name: string): object => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } });
const list = (...names: string[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'PodList', items: names.map(pod) });

interface World {
  readonly clock: ManualClock;
  readonly lines: string[];
  readonly wanted: () => string[] | undefined;
  readonly pods: () => ReadonlyMap<string, Pod> | undefined;
  answer: string | Error;
  kept: string | undefined;
  readonly source: ManifestSource;
  readonly stop: AbortController;
}

function start(over: { answer?: string | Error; kept?: string; sources?: readonly ('file' | 'http')[] } = {}): World {
  const clock = new ManualClock(1_000);
  const lines: string[] = [];
  const log = makeLogger({ clock, write: (line) => void lines.push(line) });
  let pods: ReadonlyMap<string, Pod> | undefined;
  const source = new ManifestSource({ nodeName: 'n', clock, log, sources: over.sources ?? ['http'], onPods: (p) => (pods = p) });
  const world: World = {
    clock,
    lines,
    source,
    stop: new AbortController(),
    answer: over.answer ?? list('a'),
    kept: over.kept,
    pods: () => pods,
    wanted: () => (pods === undefined ? undefined : [...pods.keys()].sort()),
  };
  void watchUrl(
    {
      url: { url: 'http://x/pods?secret', headers: {}, everyMs: 20_000 },
      clock,
      log,
      fetch: async () => {
        if (world.answer instanceof Error) throw world.answer;
        return Buffer.from(world.answer);
      },
      read: (file, bytes) => source.read(file, bytes, 'http'),
      onLook: (look) => source.take(look, 'http'),
      kept: { load: async () => world.kept, save: (text) => (world.kept = text) },
    },
    world.stop.signal,
  );
  return world;
}

test('watchUrl: pods come, change and go with what the URL gives; they carry where they are from', async () => {
  const w = start();
  await w.clock.advance(0);
  assert.deepEqual(w.wanted(), ['default/a-n']);
  assert.equal(w.pods()?.get('default/a-n')?.metadata.annotations?.['kubernetes.io/config.source'], 'http');
  w.answer = list('a', 'b');
  await w.clock.advance(20_000);
  assert.deepEqual(w.wanted(), ['default/a-n', 'default/b-n']);
  w.answer = list();
  await w.clock.advance(20_000);
  assert.deepEqual(w.wanted(), []);
  assert.deepEqual(w.lines, []);
  w.stop.abort();
});

test('watchUrl: what it cannot get, or cannot use, changes nothing, and is told once', async () => {
  const w = start();
  await w.clock.advance(0);
  for (const answer of [
    new AppError('STATIC_POD_URL', 'no'),
    '{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"A_"}}]}',
  ]) {
    w.answer = answer;
    await w.clock.advance(20_000);
    await w.clock.advance(20_000);
    assert.deepEqual(w.wanted(), ['default/a-n']);
  }
  assert.equal(w.lines.length, 4, w.lines.join('\n'));
  assert.match(
    w.lines[0] ?? '',
    /^<3>Cannot fetch static pods, those it gave before keep running url=http:\/\/x\/pods err=no code=STATIC_POD_URL$/,
  );
  assert.match(w.lines[1] ?? '', /^<6>Static pods can be fetched again url=http:\/\/x\/pods$/);
  assert.match(
    w.lines[2] ?? '',
    /^<3>Refused manifest file=http:\/\/x\/pods:1:\d+ err="items|<3>Refused manifest file=http:\/\/x\/pods:1:\d+ err=/,
  );
  w.stop.abort();
});

test('watchUrl: while the URL cannot be reached a new kubelet goes on with what was kept; without that it has nothing to wait for', async () => {
  const down = new AppError('STATIC_POD_URL', 'no');
  const kept = start({ answer: down, kept: list('a') });
  await kept.clock.advance(0);
  assert.deepEqual(kept.wanted(), ['default/a-n']);
  kept.stop.abort();
  const first = start({ answer: down });
  await first.clock.advance(0);
  assert.deepEqual(first.wanted(), []);
  first.stop.abort();
});

test('ManifestSource: nothing is handed on before directory and URL were both seen', async () => {
  const w = start({ sources: ['file', 'http'] });
  await w.clock.advance(0);
  assert.equal(w.wanted(), undefined);
  const file = '/m/b.yaml';
  w.source.take({
    readings: new Map([[file, w.source.read(file, Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod('b') })))]]),
    present: new Set([file]),
  });
  assert.deepEqual(w.wanted(), ['default/a-n', 'default/b-n']);
  w.stop.abort();
});

let server: Server;
let base = '';
before(async () => {
  server = createServer((req, res) => {
    if (req.url === '/moved') return void res.writeHead(302, { location: 'http://u:p@elsewhere/x?y' }).end();
    if (req.url === '/big') return void res.end(Buffer.alloc((10 << 20) + 1));
    if (req.url === '/cut') return void (res.writeHead(200, { 'content-length': '10' }), res.write('x'), res.destroy());
    if (req.headers['x-pass'] !== 'word') return void res.writeHead(403).end();
    res.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

test('fetchManifests: headers go along; anything but 200 and a whole answer is an error without secrets', async () => {
  const never = new AbortController().signal;
  const get = (path: string, headers: Record<string, string[]> = { 'x-pass': ['word'] }): Promise<Uint8Array> =>
    fetchManifests({ url: `${base}${path}`, headers }, never);
  assert.equal(Buffer.from(await get('/pods')).toString(), 'hello');
  const said = (path: string, headers?: Record<string, string[]>): Promise<string> => get(path, headers).then(() => 'ok', explain);
  assert.match(await said('/pods?key=secret', {}), /^Cannot get static pods from http:\/\/127\.0\.0\.1:\d+\/pods: it answered 403$/);
  assert.match(await said('/moved'), /it answered 302 to http:\/\/elsewhere\/x, which is not followed: set staticPodURL to it$/);
  assert.match(await said('/big'), /it gives more than 10485760 bytes/);
  assert.match(await said('/cut'), /it broke off|cannot be reached/);
  await assert.rejects(fetchManifests({ url: base, headers: {} }, AbortSignal.abort(new Error('stopping'))), /stopping/);
});

/**
 * A program: serves one OCI image layout as every repository and tag of a registry, read-only, on 127.0.0.1.
 * Run inside the network namespace of a test's containerd; prints "ready" when it listens.
 *
 * Repositories below private/ want the user puller with the password hunter2; of those below slow/ the layers end only once the file go lies
 * in the layout; of those below held/ tags are told only once the file open lies there, and a while after: asked has a line for each question
 * and each answer.
 *
 * Usage: node registryServer.ts LAYOUT_DIR PORT
 * Source: OCI distribution specification 1.0, pull.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [layout = '', port = ''] = process.argv.slice(2);
const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: { mediaType: string; digest: string }[] };
const [manifest] = index.manifests;
if (manifest === undefined) throw new Error(`${layout} holds no image`);
const top: { mediaType: string; digest: string } = manifest;

const AUTHORIZED = `Basic ${Buffer.from('puller:hunter2').toString('base64')}`;

createServer((req, res) => void serve(req, res)).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));

/** Long enough for others to come in meanwhile, if they may. */
const HELD_MS = 300;

async function hold(repository: string): Promise<void> {
  const note = (what: string): void => appendFileSync(join(layout, 'asked'), `${what} ${repository}\n`);
  note('+');
  while (!existsSync(join(layout, 'open'))) await sleep(50);
  await sleep(HELD_MS);
  note('-');
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url?.startsWith('/v2/private/') === true && req.headers.authorization !== AUTHORIZED) {
    res.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
    return;
  }
  const [, kind, reference = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(req.url ?? '') ?? [];
  const held = /^\/v2\/(held\/[^/]+)\/manifests\/(?!sha256:)/.exec(req.url ?? '')?.[1];
  if (held !== undefined) await hold(held);
  const digest = kind === 'manifests' && !reference.startsWith('sha256:') ? top.digest : reference;
  const path = join(layout, 'blobs', ...digest.split(':'));
  if (kind === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest) || !existsSync(path)) {
    res.writeHead(404).end();
    return;
  }
  const content = readFileSync(path);
  const type = digest === top.digest ? top.mediaType : 'application/octet-stream';
  res.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length, 'Docker-Content-Digest': digest });
  if (req.method === 'HEAD') return void res.end();
  if (req.url?.startsWith('/v2/slow/') !== true || kind !== 'blobs' || content.length < 10_000) return void res.end(content);
  res.write(content.subarray(0, content.length / 2));
  const rest = setInterval(() => {
    if (!existsSync(join(layout, 'go'))) return;
    clearInterval(rest);
    res.end(content.subarray(content.length / 2));
  }, 50);
}

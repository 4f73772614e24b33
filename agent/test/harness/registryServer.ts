/**
 * A program: serves one OCI image layout as every repository and tag of a registry, read-only, on 127.0.0.1.
 * Run inside the network namespace of a test's containerd; prints "ready" when it listens.
 *
 * Usage: node registryServer.ts LAYOUT_DIR PORT
 * Source: OCI distribution specification 1.0, pull.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [layout = '', port = ''] = process.argv.slice(2);
const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: { mediaType: string; digest: string }[] };
const [manifest] = index.manifests;
if (manifest === undefined) throw new Error(`${layout} holds no image`);

createServer((req, res) => {
  const [, kind, reference = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(req.url ?? '') ?? [];
  const digest = kind === 'manifests' && !reference.startsWith('sha256:') ? manifest.digest : reference;
  const path = join(layout, 'blobs', ...digest.split(':'));
  if (kind === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest) || !existsSync(path)) {
    res.writeHead(404).end();
    return;
  }
  const content = readFileSync(path);
  const type = digest === manifest.digest ? manifest.mediaType : 'application/octet-stream';
  res.writeHead(200, { 'Content-Type': type, 'Content-Length': content.length, 'Docker-Content-Digest': digest });
  res.end(req.method === 'HEAD' ? undefined : content);
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));

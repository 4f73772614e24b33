import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import fc from 'fast-check';
import { formatRef, parseRef, readOciArchive, writeOciArchive, type Compression, type OciImage } from './oci.ts';

const signal = new AbortController().signal;
const IMAGE: OciImage = {
  refs: ['docker.io/library/web:latest', 'docker.io/library/web:1.2'],
  architecture: 'arm64',
  config: { Cmd: ['web'], Env: ['A=b'] },
  entries: [{ kind: 'file', path: 'web', mode: 0o755, content: { kind: 'bytes', bytes: Buffer.from('#!'.repeat(5_000)) } }],
  createdSec: 86_400,
  compression: 'none',
};

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-oci-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Takes the archive apart with GNU tar and checks every digest and size on the way, as a registry would. */
async function write(image: OciImage) {
  return inFolder(async (dir) => {
    const archivePath = join(dir, 'a.tar');
    const written = await writeOciArchive({ image, archivePath, layerPath: join(dir, 'layer'), signal });
    const out = join(dir, 'out');
    await execa('mkdir', [out]);
    await execa('tar', ['-xf', archivePath, '-C', out]);
    const blob = ({ digest, size }: { readonly digest: string; readonly size: number }): Buffer => {
      const bytes = readFileSync(join(out, 'blobs', digest.replace(':', '/')));
      assert.equal(bytes.length, size);
      assert.equal(sha256(bytes), digest);
      return bytes;
    };
    const json = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
    const index = json(readFileSync(join(out, 'index.json')));
    const manifest = json(blob(index.manifests[0]));
    const layer = blob(manifest.layers[0]);
    return { ...written, index, manifest, config: json(blob(manifest.config)), layer, contents: await readOciArchive(archivePath) };
  });
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

for (const compression of ['none', 'gzip'] satisfies Compression[]) {
  test(`an archive holds what it names, by digest and size (${compression})`, async () => {
    const { digest, imageId, sizeBytes, index, manifest, config, layer, contents } = await write({ ...IMAGE, compression });
    const raw = compression === 'gzip' ? gunzipSync(layer) : layer;
    assert.equal(manifest.layers[0].mediaType, `application/vnd.oci.image.layer.v1.tar${compression === 'gzip' ? '+gzip' : ''}`);
    assert.deepEqual(config.rootfs, { type: 'layers', diff_ids: [sha256(raw)] });
    assert.equal(config.architecture, 'arm64');
    assert.equal(config.created, '1970-01-02T00:00:00Z');
    assert.deepEqual(config.config, IMAGE.config);
    assert.deepEqual(
      index.manifests.map((m: { annotations: Record<string, string> }) => m.annotations),
      [
        { 'io.containerd.image.name': 'docker.io/library/web:latest', 'org.opencontainers.image.ref.name': 'latest' },
        { 'io.containerd.image.name': 'docker.io/library/web:1.2', 'org.opencontainers.image.ref.name': '1.2' },
      ],
    );
    assert.deepEqual(
      index.manifests.map((m: { digest: string }) => m.digest),
      [digest, digest],
    );
    assert.equal(manifest.config.digest, imageId);
    assert.equal(sizeBytes % 10_240, 0);
    assert.deepEqual([contents.digest, contents.refs], [digest, IMAGE.refs]);
    assert.deepEqual(
      contents.blobs.map((b) => b.digest),
      [imageId, manifest.layers[0].digest],
    );
  });
}

test('compression changes the digest of the layer and not the id of the image', async () => {
  const [plain, gzip] = [await write(IMAGE), await write({ ...IMAGE, compression: 'gzip' })];
  assert.notEqual(plain.digest, gzip.digest);
  assert.notEqual(plain.config.rootfs.diff_ids[0], gzip.manifest.layers[0].digest);
  assert.equal(plain.imageId, gzip.imageId);
});

test('an archive of something else is refused', async () => {
  await inFolder(async (dir) => {
    const path = join(dir, 'a.tar');
    writeFileSync(path, 'nothing of the kind');
    await assert.rejects(readOciArchive(path), { code: 'IMAGES_ARCHIVE_DAMAGED', message: /kijabi images build/ });
    await execa('tar', ['-cf', path, '-C', dir, '--exclude=a.tar', '.']);
    await assert.rejects(readOciArchive(path), { code: 'IMAGES_ARCHIVE_DAMAGED' });
  });
});

test('references: what is left out is what Docker means', () => {
  const rows: [string, string][] = [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25'],
    ['curlimages/curl', 'docker.io/curlimages/curl:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/x/y:z', 'localhost:5000/x/y:z'],
  ];
  for (const [text, full] of rows) assert.equal(formatRef(parseRef(text)), full);
  for (const bad of ['', ':', 'Nginx', 'a b', 'nginx:', 'nginx@sha256:00', '/x', 'x/', 'a//b', '../x', './x/y', 'a.b:/x/y', 'nginx:-x']) {
    assert.throws(() => parseRef(bad), { code: 'IMAGES_REF_INVALID' }, JSON.stringify(bad));
  }
});

test('a full reference stays what it is, and nonsense throws nothing but its own error', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  fc.assert(
    fc.property(fc.constantFrom('docker.io', 'quay.io', 'host:5000'), word, word, word, (host, a, b, tag) => {
      const full = `${host}/${a}/${b}:${tag}`;
      assert.equal(formatRef(parseRef(full)), full);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const full = formatRef(parseRef(text));
        assert.equal(formatRef(parseRef(full)), full);
      } catch (err) {
        assert.ok(err instanceof Error && 'code' in err && err.code === 'IMAGES_REF_INVALID', String(err));
      }
    }),
  );
});

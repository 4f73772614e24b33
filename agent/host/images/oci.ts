/**
 * One-layer OCI images as archives (an OCI image layout in a tar file), the same bytes for the same input: sorted entries, one
 * time for everything, JSON with its keys in a fixed order. Several references may name the one image.
 *
 * The layer is a plain tar unless gzip is asked for: what deflate writes depends on the version of zlib that Node ships, so only
 * plain layers keep their digest when Node changes; they are also built and imported faster. gzip halves the archive.
 * Units: createdSec seconds since the epoch. Throws: what tar.ts throws, IMAGES_ARCHIVE_DAMAGED; the file system's own errors.
 * Source: OCI image-spec 1.1 (config, manifest, index, layout); io.containerd.image.name is what containerd's import looks for.
 */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { AppError } from '#base/errors.ts';
import { indexTar, writeTar, type TarEntry, type TarMember } from './tar.ts';

/** The part of an image's config that runtimes read. Names are OCI's. */
export interface ImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Readonly<Record<string, never>>>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

export type Compression = 'none' | 'gzip';

export interface OciImage {
  /** Full references, such as docker.io/library/nginx:latest. At least one. */
  readonly refs: readonly string[];
  /** In OCI's (Go's) words: amd64, arm64. */
  readonly architecture: string;
  readonly variant?: string;
  readonly config: ImageConfig;
  readonly entries: readonly TarEntry[];
  readonly createdSec: number;
  readonly compression: Compression;
}

export interface WrittenImage {
  /** Of the manifest: what a registry and containerd call the image's digest. */
  readonly digest: string;
  /** Of the config: what CRI calls the image id. */
  readonly imageId: string;
  readonly sizeBytes: number;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = { none: 'application/vnd.oci.image.layer.v1.tar', gzip: 'application/vnd.oci.image.layer.v1.tar+gzip' } as const;
const GZIP_LEVEL = 6;

export interface WriteOptions {
  readonly image: OciImage;
  /** Written as a whole and flushed to disk; rename it to where others look only then. */
  readonly archivePath: string;
  /** For the layer while its digest is not known. The caller removes it. */
  readonly layerPath: string;
  readonly signal: AbortSignal;
}

export async function writeOciArchive({ image, archivePath, layerPath, signal }: WriteOptions): Promise<WrittenImage> {
  const { layer, diffId } = await writeLayer(image, layerPath, signal);
  const config = jsonBlob(CONFIG_TYPE, configJson(image, diffId));
  const manifest = jsonBlob(MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: config.descriptor,
    layers: [layer],
  });
  const platform = { architecture: image.architecture, os: 'linux', ...(image.variant === undefined ? {} : { variant: image.variant }) };
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: image.refs.map((ref) => ({
      ...manifest.descriptor,
      platform,
      annotations: { 'io.containerd.image.name': ref, 'org.opencontainers.image.ref.name': parseRef(ref).tag },
    })),
  };
  const entries: TarEntry[] = [
    { kind: 'directory', path: 'blobs', mode: 0o755 },
    { kind: 'directory', path: 'blobs/sha256', mode: 0o755 },
    file(blobPath(config.descriptor.digest), config.bytes),
    file(blobPath(manifest.descriptor.digest), manifest.bytes),
    { kind: 'file', path: blobPath(layer.digest), mode: 0o644, content: { kind: 'disk', path: layerPath, sizeBytes: layer.size } },
    file('index.json', Buffer.from(JSON.stringify(index))),
    file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')),
  ];
  await pipeline(Readable.from(writeTar(entries, image.createdSec, signal)), createWriteStream(archivePath, { flush: true }), { signal });
  return { digest: manifest.descriptor.digest, imageId: config.descriptor.digest, sizeBytes: (await stat(archivePath)).size };
}

function configJson(image: OciImage, diffId: string): object {
  const created = new Date(image.createdSec * 1_000).toISOString().replace('.000Z', 'Z');
  return {
    created,
    architecture: image.architecture,
    ...(image.variant === undefined ? {} : { variant: image.variant }),
    os: 'linux',
    config: image.config,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, created_by: 'kijabi images build' }],
  };
}

async function writeLayer(image: OciImage, layerPath: string, signal: AbortSignal): Promise<{ layer: Descriptor; diffId: string }> {
  const raw = createHash('sha256');
  const stored = createHash('sha256');
  const tar = Readable.from(writeTar(image.entries, image.createdSec, signal));
  const out = createWriteStream(layerPath);
  switch (image.compression) {
    case 'none':
      await pipeline(tar, tap(raw), out, { signal });
      break;
    case 'gzip':
      await pipeline(tar, tap(raw), createGzip({ level: GZIP_LEVEL }), tap(stored), out, { signal });
      break;
  }
  const diffId = digestOf(raw);
  const digest = image.compression === 'none' ? diffId : digestOf(stored);
  return { diffId, layer: { mediaType: LAYER_TYPE[image.compression], digest, size: (await stat(layerPath)).size } };
}

function tap(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}

function jsonBlob(mediaType: string, value: object): { readonly descriptor: Descriptor; readonly bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, descriptor: { mediaType, digest: digestOf(createHash('sha256').update(bytes)), size: bytes.length } };
}

function file(path: string, bytes: Buffer): TarEntry {
  return { kind: 'file', path, mode: 0o644, content: { kind: 'bytes', bytes } };
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

export interface ImageRef {
  /** docker.io, registry.k8s.io, host:port */
  readonly registry: string;
  /** library/nginx */
  readonly repository: string;
  readonly tag: string;
}

/** Short names get what Docker and containerd's CRI add: docker.io, library/, :latest. */
export function parseRef(ref: string): ImageRef {
  const [, path = '', tag = 'latest'] = /^(.+?)(?::([\w][\w.-]{0,127}))?$/.exec(ref) ?? [];
  const slash = path.indexOf('/');
  const first = slash < 0 ? '' : path.slice(0, slash);
  const named = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = named ? first : 'docker.io';
  const rest = named ? path.slice(slash + 1) : path;
  const repository = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  const hostFits = /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:\d{1,5})?$/.test(registry);
  if (!hostFits || !/^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(repository)) {
    throw new AppError(
      'IMAGES_REF_INVALID',
      `Cannot use ${JSON.stringify(ref)} as an image reference: want [HOST/]NAME[:TAG] in small letters`,
      { ref },
    );
  }
  return { registry, repository, tag };
}

export function formatRef({ registry, repository, tag }: ImageRef): string {
  return `${registry}/${repository}:${tag}`;
}

export interface ArchiveBlob {
  readonly digest: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface ArchiveContents {
  readonly refs: readonly string[];
  readonly digest: string;
  readonly manifest: Buffer;
  /** Config and layers: what a registry wants before it takes the manifest. */
  readonly blobs: readonly ArchiveBlob[];
}

/** Of one of our own archives: what a push needs, with the big parts left in the file. */
export async function readOciArchive(archivePath: string): Promise<ArchiveContents> {
  const handle = await open(archivePath);
  try {
    const members = await indexTar(handle, archivePath);
    const member = (path: string): TarMember => {
      const found = members.get(path);
      if (found !== undefined) return found;
      throw new AppError(
        'IMAGES_ARCHIVE_DAMAGED',
        `Cannot read ${archivePath}: it holds no ${path}; remove it and run: kijabi images build`,
      );
    };
    const bytes = async (path: string): Promise<Buffer> => {
      const { offset, sizeBytes } = member(path);
      return (await handle.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset)).buffer;
    };
    const index = JSON.parse((await bytes('index.json')).toString()) as {
      readonly manifests: readonly (Descriptor & { readonly annotations: Readonly<Record<string, string>> })[];
    };
    const digest = index.manifests[0]?.digest ?? '';
    const manifest = await bytes(blobPath(digest));
    const { config, layers } = JSON.parse(manifest.toString()) as { readonly config: Descriptor; readonly layers: readonly Descriptor[] };
    return {
      refs: index.manifests.map((m) => m.annotations['io.containerd.image.name'] ?? ''),
      digest,
      manifest,
      blobs: [config, ...layers].map((d) => ({ digest: d.digest, offset: member(blobPath(d.digest)).offset, sizeBytes: d.size })),
    };
  } finally {
    await handle.close();
  }
}

/**
 * The smallest images that real containers need, made of two static Debian programs: an OCI archive with one layer each.
 * Needs the packages busybox-static and catatonit, and tar.
 *
 * Source: OCI image layout 1.0; containerd takes the name from the annotation io.containerd.image.name.
 */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';

export const PAUSE_IMAGE = 'registry.k8s.io/pause:test';
export const BUSYBOX_IMAGE = 'docker.io/library/busybox:test';
const APPLETS = [
  'sh',
  'cat',
  'date',
  'echo',
  'env',
  'false',
  'grep',
  'hostname',
  'httpd',
  'id',
  'kill',
  'ls',
  'nc',
  'ps',
  'seq',
  'sleep',
  'tail',
  'test',
  'touch',
  'true',
  'wget',
];

export interface ImageSpec {
  readonly reference: string;
  /** Path inside -> file of this machine, with the mode 0755. */
  readonly files: Readonly<Record<string, string>>;
  /** Path inside -> target. */
  readonly links?: Readonly<Record<string, string>>;
  /** Entrypoint, Cmd, User, Env, StopSignal, … as in the OCI image configuration. */
  readonly config: Readonly<Record<string, unknown>>;
}

export function pauseImage(reference: string = PAUSE_IMAGE): ImageSpec {
  return { reference, files: { pause: '/usr/bin/catatonit' }, config: { Entrypoint: ['/pause', '-P'], User: '65535:65535' } };
}

export function busyboxImage(reference: string = BUSYBOX_IMAGE): ImageSpec {
  return {
    reference,
    files: { 'bin/busybox': '/bin/busybox' },
    links: Object.fromEntries(APPLETS.map((a) => [`bin/${a}`, 'busybox'])),
    config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
  };
}

/** Writes the archive for `ctr images import`. */
export async function writeImage(spec: ImageSpec, archive: string): Promise<void> {
  const layout = mkdtempSync(join(tmpdir(), 'kijabi-image-'));
  try {
    await writeLayout(spec, layout);
    writeFileSync(archive, await tar(layout, ['oci-layout', 'index.json', 'blobs']));
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
}

/** Writes an OCI image layout: blobs/sha256/*, index.json, oci-layout. */
export async function writeLayout(spec: ImageSpec, dir: string): Promise<void> {
  const rootfs = join(dir, 'rootfs');
  layOut(spec, rootfs);
  const layer = await tar(rootfs, ['.']);
  rmSync(rootfs, { recursive: true });
  const blobs = join(dir, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, content: Uint8Array): object => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(blobs, hex), content);
    return { mediaType: `application/vnd.oci.image.${mediaType}`, digest: `sha256:${hex}`, size: content.length };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const layers = [put('layer.v1.tar', layer)];
  const image = { architecture: arch(), os: 'linux', config: spec.config, rootfs: { type: 'layers', diff_ids: [diffId] } };
  const config = put('config.v1+json', json(image));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = put('manifest.v1+json', json({ schemaVersion: 2, mediaType, config, layers }));
  const named = { ...manifest, annotations: { 'io.containerd.image.name': spec.reference } };
  writeFileSync(join(dir, 'index.json'), json({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(dir, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
}

function layOut({ files, links = {} }: ImageSpec, rootfs: string): void {
  for (const dir of ['dev', 'etc', 'proc', 'sys', 'tmp']) mkdirSync(join(rootfs, dir), { recursive: true });
  writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\n');
  for (const [inside, source] of Object.entries(files)) {
    const path = join(rootfs, inside);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(source, path);
    chmodSync(path, 0o755);
  }
  for (const [inside, target] of Object.entries(links)) symlinkSync(target, join(rootfs, inside));
}

/** Equal content gives equal bytes. */
async function tar(dir: string, names: readonly string[]): Promise<Uint8Array> {
  const stable = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  const { stdout } = await execa('tar', [...stable, '-C', dir, '-cf', '-', ...names], { encoding: 'buffer', maxBuffer: 1 << 30 });
  return stdout;
}

function arch(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

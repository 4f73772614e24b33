/**
 * Imports built images into a containerd, with its own client ctr, and only those that it does not have already.
 * Returns when CRI sees them too: containerd tells its CRI plugin of a new image only after the import has returned.
 *
 * Throws: IMAGES_NO_CTR, IMAGES_CONTAINERD_UNREACHABLE, IMAGES_IMPORT_FAILED, IMAGES_DISK_FULL, IMAGES_REF_INVALID, IMAGES_UNKNOWN.
 */
import { access } from 'node:fs/promises';
import { run } from '../../linux/exec.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import { HOST_CONTAINERD } from '../cri.ts';
import type { BuiltImage } from './cache.ts';
import { formatRef, parseRef } from './oci.ts';
import type { OnStep } from './steps.ts';

/** Another reference for a built image, such as nginx:1.14.2 for what a manifest asks for. */
export interface ImageTag {
  readonly name: string;
  readonly ref: string;
}

export interface LoadOptions {
  readonly images: readonly BuiltImage[];
  readonly tags?: readonly ImageTag[];
  /** The socket, with or without unix:// before it. */
  readonly containerdAddress?: string;
  /** CRI looks only into k8s.io. */
  readonly namespace?: string;
  readonly clock: Clock;
  readonly onStep?: OnStep;
  readonly signal: AbortSignal;
}

export interface LoadedImage {
  readonly name: string;
  readonly refs: readonly string[];
  readonly digest: string;
  readonly kind: 'imported' | 'present';
}

const CRI_NAMESPACE = 'k8s.io';
const IMPORT_TIMEOUT_MS = 10 * 60_000;
const CRI_LOOK_MS = 10;
/** It takes a few milliseconds; this long only where something is wrong. */
const CRI_SEES_WITHIN_MS = 30_000;

export async function loadImages(options: LoadOptions): Promise<LoadedImage[]> {
  const { images, clock, signal, onStep = () => undefined } = options;
  const address = (options.containerdAddress ?? HOST_CONTAINERD).replace(/^unix:\/\//, '');
  const namespace = options.namespace ?? CRI_NAMESPACE;
  const tags = checkTags(images, options.tags ?? []);
  await access(address).catch((err: unknown) => {
    throw unreachable(address, err);
  });
  const ctr = (args: readonly string[]): Promise<string> => runCtr({ address, namespace, args, signal });
  const before = parseImageList(await ctr(['images', 'list']));
  const loaded: LoadedImage[] = [];
  for (const image of images) {
    const startMs = clock.monotonicMs();
    const extra = tags.filter((tag) => tag.name === image.name).map((tag) => tag.ref);
    const refs = [...image.refs, ...extra];
    const present = refs.every((ref) => before.get(ref) === image.digest);
    if (image.refs.some((ref) => before.get(ref) !== image.digest)) await ctr(['images', 'import', image.archivePath]);
    for (const ref of extra) if (before.get(ref) !== image.digest) await ctr(['images', 'tag', '--force', image.ref, ref]);
    loaded.push({ name: image.name, refs, digest: image.digest, kind: present ? 'present' : 'imported' });
    onStep({ step: present ? 'present' : 'import', detail: refs.join(' '), tookMs: clock.monotonicMs() - startMs });
  }
  if (namespace === CRI_NAMESPACE) await seenByCri(address, loaded, images, { clock, signal });
  return loaded;
}

/** Full references of images that are among those given. */
export function checkTags(images: readonly BuiltImage[], tags: readonly ImageTag[]): ImageTag[] {
  return tags.map(({ name, ref }) => {
    if (images.some((image) => image.name === name)) return { name, ref: formatRef(parseRef(ref)) };
    throw new AppError('IMAGES_UNKNOWN', `Cannot tag ${JSON.stringify(name)}: it is not among ${images.map((i) => i.name).join(', ')}`, {
      name,
    });
  });
}

async function seenByCri(
  address: string,
  loaded: readonly LoadedImage[],
  images: readonly BuiltImage[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  const cri = new CriClient({ endpoint: `unix://${address}`, clock });
  const untilMs = clock.monotonicMs() + CRI_SEES_WITHIN_MS;
  const seen = async (ref: string, imageId: string | undefined): Promise<boolean> =>
    (await cri.image.imageStatus({ image: { image: ref } }, { signal })).image?.id === imageId;
  try {
    await cri.waitReady(signal);
    for (const { name, refs } of loaded) {
      const imageId = images.find((image) => image.name === name)?.imageId;
      for (const ref of refs) {
        while (!(await seen(ref, imageId))) {
          if (clock.monotonicMs() > untilMs) {
            throw new AppError('IMAGES_IMPORT_FAILED', `containerd imported ${ref}, but its CRI does not show it; look into its log`, {
              ref,
            });
          }
          await clock.sleep(CRI_LOOK_MS, signal);
        }
      }
    }
  } catch (err) {
    // A containerd whose CRI plugin is switched off: the images are there for whoever uses it otherwise.
    if (codeOf(err) !== 'CRI_UNIMPLEMENTED') throw err;
  } finally {
    cri.close();
  }
}

/** ctr prints a table: REF TYPE DIGEST SIZE PLATFORMS LABELS. */
export function parseImageList(text: string): ReadonlyMap<string, string> {
  const rows = [...text.matchAll(/^(\S+)\s+\S+\s+(sha256:[0-9a-f]{64})\s/gm)];
  return new Map(rows.map(([, ref = '', digest = '']) => [ref, digest]));
}

interface CtrCall {
  readonly address: string;
  readonly namespace: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
}

async function runCtr({ address, namespace, args, signal }: CtrCall): Promise<string> {
  try {
    const argv = ['ctr', '--address', address, '--namespace', namespace, ...args] as const;
    return (await run(argv, { signal, timeoutMs: IMPORT_TIMEOUT_MS })).stdout;
  } catch (err) {
    if (signal.aborted) throw signal.reason;
    throw ctrError(address, err);
  }
}

export function ctrError(address: string, err: unknown): AppError {
  if (codeOf(err) === 'EXEC_NOT_FOUND')
    return new AppError('IMAGES_NO_CTR', 'Cannot import images: ctr is not installed; apt-get install containerd', {}, err);
  const said = err instanceof Error ? err.message : String(err);
  if (/no space left on device/i.test(said))
    return new AppError('IMAGES_DISK_FULL', 'Cannot import images: no space is left on the disk of containerd', { address }, err);
  if (/failed to dial|connection refused|connection error|permission denied|no such file or directory.*sock/i.test(said))
    return unreachable(address, err);
  return new AppError('IMAGES_IMPORT_FAILED', 'containerd refused the image', { address }, err);
}

function unreachable(address: string, err: unknown): AppError {
  return new AppError(
    'IMAGES_CONTAINERD_UNREACHABLE',
    `Cannot reach containerd at ${address}; is it running, is this its socket (--address), and are you root?`,
    { address },
    err,
  );
}

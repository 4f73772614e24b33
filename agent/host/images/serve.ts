/**
 * Serves built images from a registry of our own, Debian's docker-registry, and points containerd's mirrors at it, so that an
 * ordinary `image: nginx` really is pulled. The program is taken from the machine, or from its package without installing it.
 *
 * The registry is filled over a unix socket and then served read-only: whoever reaches the address can pull and change nothing,
 * and a registry inside a network namespace is filled from outside. Filling again sends only what is missing.
 * Throws: IMAGES_REGISTRY_FAILED, IMAGES_ADDRESS_IN_USE, IMAGES_REF_CLASH, and what debs.ts, registryClient.ts, hostsToml.ts throw.
 */
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { Argv } from '../../linux/exec.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { DEFAULT_CACHE_DIR, withCacheLock, type BuiltImage } from './cache.ts';
import { Apt } from './debs.ts';
import { removeHosts, writeHosts } from './hostsToml.ts';
import { checkTags, type ImageTag } from './load.ts';
import { parseRef } from './oci.ts';
import { pushArchive } from './registryClient.ts';
import type { OnStep } from './steps.ts';

export interface ServeOptions {
  readonly images: readonly BuiltImage[];
  readonly tags?: readonly ImageTag[];
  /** The registry's storage and configuration; kept, so that the next start has nothing to send. */
  readonly directory: string;
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen?: string;
  /** Absent: no hosts.toml is written. */
  readonly certsDir?: string;
  /** The file of a network namespace to listen in, such as /run/netns/node1. */
  readonly netns?: string;
  /** Default: docker-registry as installed, or from its package when it is not. */
  readonly program?: 'fromPackage';
  /** Where docker-registry is kept when this machine has none installed. */
  readonly cacheDir?: string;
  readonly clock: Clock;
  readonly onStep?: OnStep;
  readonly signal: AbortSignal;
}

export interface ServedImages {
  readonly address: string;
  readonly pid: number;
  readonly hostsFiles: readonly string[];
  /** Rejects when the registry ends by itself, resolves after stop. */
  readonly ended: Promise<void>;
  /** Ends the registry and removes the hosts.toml files that point to it. */
  stop(): Promise<void>;
}

export const DEFAULT_LISTEN = '127.0.0.1:5000';
const MIRRORED = ['docker.io', 'registry.k8s.io'];
const LAST_LINES = 4;

export async function serveImages(options: ServeOptions): Promise<ServedImages> {
  const { clock, signal, onStep = () => undefined } = options;
  const { argv } = await prepareRegistry(options);
  const startMs = clock.monotonicMs();
  const registry = await startRegistry(argv, signal);
  try {
    const hostsFiles =
      options.certsDir === undefined ? [] : await writeHosts(options.certsDir, mirroredRegistries(options), registry.address);
    onStep({ step: 'serve', detail: registry.address, tookMs: clock.monotonicMs() - startMs });
    const stop = async (): Promise<void> => {
      await removeHosts(hostsFiles, registry.address);
      await registry.stop();
    };
    return { address: registry.address, pid: registry.pid, hostsFiles, ended: registry.ended, stop };
  } catch (err) {
    await registry.stop();
    throw err;
  }
}

export function mirroredRegistries({ images, tags = [] }: Pick<ServeOptions, 'images' | 'tags'>): string[] {
  const refs = [...images.flatMap((image) => image.refs), ...tags.map((tag) => tag.ref)];
  return [...new Set([...MIRRORED, ...refs.map((ref) => parseRef(ref).registry)])];
}

/**
 * Fills the registry's storage and says how to start it, for callers that keep daemons running themselves.
 * The server, started so, only reads: any number of them may run on the one directory.
 */
export async function prepareRegistry(options: ServeOptions): Promise<{ readonly argv: Argv }> {
  const { directory, clock, signal, onStep = () => undefined, listen = DEFAULT_LISTEN } = options;
  const tags = checkTags(options.images, options.tags ?? []);
  const wanted = options.images.map((image) => {
    const refs = [...image.refs, ...tags.filter((tag) => tag.name === image.name).map((tag) => tag.ref)];
    return { image, refs: refs.map(parseRef) };
  });
  checkClashes(wanted);
  const program = await findRegistry(options);
  await mkdir(directory, { recursive: true });
  // Not in the directory: a socket's path has at most 107 bytes.
  const workDir = await mkdtemp(join(tmpdir(), 'kijabi-registry-'));
  try {
    const socketPath = join(workDir, 'socket');
    const config = join(workDir, 'config.yml');
    await writeFile(config, registryConfig(directory, { kind: 'fill', socketPath }));
    const filling = await startRegistry([program, 'serve', config], signal);
    try {
      for (const { image, refs } of wanted) {
        const startMs = clock.monotonicMs();
        const { sentBytes } = await pushArchive(image.archivePath, refs, { socketPath, signal });
        onStep({
          step: sentBytes === 0 ? 'present' : 'push',
          detail: refs.map((r) => `${r.repository}:${r.tag}`).join(' '),
          tookMs: clock.monotonicMs() - startMs,
        });
      }
    } finally {
      await filling.stop();
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  // One for each address: a server that is started again reads it again.
  const config = join(directory, `config-${listen.replaceAll(/[^\w.]/g, '-')}.yml`);
  await writeFile(config, registryConfig(directory, { kind: 'serve', listen }));
  const serve: Argv = [program, 'serve', config];
  return { argv: options.netns === undefined ? serve : ['nsenter', `--net=${options.netns}`, ...serve] };
}

interface Wanted {
  readonly image: BuiltImage;
  readonly refs: readonly { readonly repository: string; readonly tag: string }[];
}

/** One registry stands for several: what differs only in the registry's name would be one and the same here. */
function checkClashes(wanted: readonly Wanted[]): void {
  const seen = new Map<string, BuiltImage>();
  for (const { image, refs } of wanted) {
    for (const { repository, tag } of refs) {
      const key = `${repository}:${tag}`;
      const other = seen.get(key);
      if (other !== undefined && other.digest !== image.digest) {
        throw new AppError('IMAGES_REF_CLASH', `Cannot serve both ${other.name} and ${image.name} as ${key}; drop one of the tags`, {
          ref: key,
        });
      }
      seen.set(key, image);
    }
  }
}

type RegistryUse = { readonly kind: 'fill'; readonly socketPath: string } | { readonly kind: 'serve'; readonly listen: string };

/** JSON is YAML too. */
function registryConfig(directory: string, use: RegistryUse): string {
  const http = use.kind === 'fill' ? { net: 'unix', addr: use.socketPath } : { addr: use.listen };
  const storage = {
    filesystem: { rootdirectory: join(directory, 'data') },
    maintenance: { uploadpurging: { enabled: false }, readonly: { enabled: use.kind === 'serve' } },
  };
  // Any secret does: uploads never move from one server to another.
  const config = {
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: true } },
    storage,
    http: { ...http, relativeurls: true, secret: 'local' },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

interface RunningRegistry {
  readonly address: string;
  readonly pid: number;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Returns once it listens. It ends with us, because it writes into our pipe. */
async function startRegistry(argv: Argv, signal: AbortSignal): Promise<RunningRegistry> {
  signal.throwIfAborted();
  const [program, ...args] = argv;
  // Only these: REGISTRY_… in the environment would change the configuration.
  const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' };
  const child = execa(program, args, { stdin: 'ignore', stdout: 'ignore', reject: false, buffer: false, env, extendEnv: false });
  const said: string[] = [];
  let stopping = false;
  const ended = child.then(() => {
    if (!stopping) throw registryError(said);
  });
  ended.catch(() => undefined); // whoever is interested awaits it
  const stop = async (): Promise<void> => {
    stopping = true;
    child.kill('SIGTERM');
    await child;
  };
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.splice(0, said.length - LAST_LINES + 1);
      said.push(line);
      const address = /msg="listening on ([^" ,]+)/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
  try {
    const address = await Promise.race([listening, aborted, ended.then(() => Promise.reject(registryError(said)))]);
    return { address, pid: child.pid ?? 0, ended, stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

function registryError(said: readonly string[]): AppError {
  const tail = said.join(' | ');
  if (tail.includes('address already in use')) {
    return new AppError(
      'IMAGES_ADDRESS_IN_USE',
      'Cannot serve images: something else listens on that address; choose another one (--listen)',
      { said: tail },
    );
  }
  return new AppError('IMAGES_REGISTRY_FAILED', `docker-registry ended by itself: ${tail || 'it said nothing'}`, { said: tail });
}

const INSTALLED = '/usr/bin/docker-registry';
const PACKAGE = 'docker-registry';

/** The installed one, one taken from its package before, or one taken from its package now. */
async function findRegistry({
  program,
  cacheDir = DEFAULT_CACHE_DIR,
  clock,
  onStep = () => undefined,
  signal,
}: ServeOptions): Promise<string> {
  if (program === undefined && (await exists(INSTALLED))) return INSTALLED;
  return withCacheLock({ cacheDir, clock, onStep, signal }, async () => {
    const toolsDir = join(cacheDir, 'tools');
    await mkdir(toolsDir, { recursive: true });
    const kept = (await readdir(toolsDir)).find((name) => name.startsWith(`${PACKAGE}_`));
    if (kept !== undefined) return join(toolsDir, kept, INSTALLED);
    const startMs = clock.monotonicMs();
    const apt = new Apt({ cacheDir, clock, onStep });
    const scratchDir = await mkdtemp(join(cacheDir, `scratch-${process.pid}-`));
    try {
      const [unpacked] = await apt.unpack(await apt.resolve([PACKAGE], signal), scratchDir, signal);
      if (unpacked === undefined) throw new AppError('IMAGES_PACKAGE_NOT_FOUND', `apt has no ${PACKAGE}`);
      const home = join(toolsDir, `${PACKAGE}_${unpacked.version}_${unpacked.architecture}`);
      await rename(unpacked.root, home);
      onStep({ step: 'unpack', detail: `${PACKAGE} ${unpacked.version}`, tookMs: clock.monotonicMs() - startMs });
      return join(home, INSTALLED);
    } finally {
      await rm(scratchDir, { recursive: true, force: true });
    }
  });
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

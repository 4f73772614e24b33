/**
 * Where a node's images come from: the registries they name when those can be reached from inside the node; otherwise they are
 * built here from Debian packages and served by a registry inside the node that containerd takes for the real ones. Either way
 * `image: nginx` is pulled by the rules of its pull policy.
 *
 * Throws: what building and serving throw (IMAGES_*).
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Clock } from '#base/clock.ts';
import { run, type Argv } from '../linux/exec.ts';
import { netnsPath } from '../linux/netns.ts';
import { PAUSE_IMAGE } from './containerd.ts';
import type { HostNode } from './hostNode.ts';
import { buildImages } from './images/build.ts';
import { withCacheLock, type BuiltImage } from './images/cache.ts';
import { writeHosts } from './images/hostsToml.ts';
import { parseRef } from './images/oci.ts';
import { RECIPES } from './images/recipes.ts';
import { mirroredRegistries, prepareRegistry } from './images/serve.ts';
import type { Step } from './images/steps.ts';
import { CACHE_DIR } from './paths.ts';

export type ImageSource =
  | { readonly kind: 'registries'; readonly hosts: readonly string[] }
  | {
      readonly kind: 'built';
      readonly unreachable: string;
      readonly names: readonly string[];
      /** Images that can neither be pulled nor built. */
      readonly notBuildable: readonly string[];
      /** Builds and serves what nobody has asked for yet, so that the next manifest finds it. */
      readonly buildRest: (signal: AbortSignal) => Promise<void>;
    };

export interface ImageSourceOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
  /** never: do not even try the registries. */
  readonly registries?: 'try' | 'never';
}

const PROBE_WITHIN_MS = 3_000;
const PORT = 5_000;
const MANIFEST = /^[^.].*\.(ya?ml|json)$/;

export async function prepareImages(node: HostNode, wanted: readonly string[], options: ImageSourceOptions): Promise<ImageSource> {
  const refs = [...new Set([...wanted, PAUSE_IMAGE])];
  const hosts = [...new Set(refs.flatMap((ref) => registryHost(ref) ?? []))];
  const unreachable = options.registries === 'never' ? hosts[0] : await firstUnreachable(node, hosts, options.signal);
  if (unreachable === undefined) return { kind: 'registries', hosts };
  const names = namesOf(refs);
  const images = await build(names, options);
  const registry = await fill(node, images, options);
  await serve(node, registry.argv, options.clock);
  for (const one of [node, ...node.further]) await writeHosts(one.paths.certsDir, registry.mirrored, listenOf(node));
  const known = new Set(RECIPES.flatMap((recipe) => recipe.refs));
  const buildRest = async (signal: AbortSignal): Promise<void> => {
    const later = { ...options, signal, onNote: () => undefined };
    await fill(node, await build([], later), later);
  };
  return { kind: 'built', unreachable, names, notBuildable: wanted.filter((ref) => !known.has(fullName(ref))), buildRest };
}

/** Further nodes pull from it too. */
const listenOf = (node: HostNode): string => `${node.subnets.nodes === undefined ? '127.0.0.1' : node.address}:${PORT}`;

/** Names of the recipes that make these images. */
function namesOf(refs: readonly string[]): string[] {
  const full = new Set(refs.map(fullName));
  return RECIPES.filter((recipe) => recipe.refs.some((ref) => full.has(ref))).map((recipe) => recipe.name);
}

function build(names: readonly string[], { clock, signal, onNote }: ImageSourceOptions): Promise<BuiltImage[]> {
  return buildImages({ names, clock, signal, onStep: ({ step, detail }) => onNote(`${step} ${detail}`) });
}

interface FilledRegistry {
  readonly argv: Argv;
  readonly mirrored: readonly string[];
}

/** The registry's storage is shared by all nodes, which only read it; whoever fills it does so alone. */
async function fill(node: HostNode, images: readonly BuiltImage[], { clock, signal, onNote }: ImageSourceOptions): Promise<FilledRegistry> {
  const directory = join(CACHE_DIR, 'registry');
  const onStep = ({ step, detail }: Step): void => onNote(`${step} ${detail}`);
  const options = { images, listen: listenOf(node), directory, netns: netnsPath(node.paths.netns), clock, signal, onStep };
  const { argv } = await withCacheLock({ cacheDir: directory, clock, signal, onStep }, () => prepareRegistry(options));
  return { argv, mirrored: mirroredRegistries(options) };
}

async function serve(node: HostNode, argv: Argv, clock: Clock): Promise<void> {
  const logFile = node.paths.logs.registry;
  const registry = node.supervise({ role: 'registry', argv: () => node.inGroup(argv), logFile });
  const ready = async (signal: AbortSignal): Promise<void> => {
    while (!existsSync(logFile) || !readFileSync(logFile, 'utf8').includes('listening on')) await clock.sleep(5, signal);
  };
  await node.waitFor(registry, { what: 'The image registry of the node', logFile, ready });
}

/** Where the API of the image's registry is reached; undefined for what is no image name. */
export function registryHost(ref: string): string | undefined {
  try {
    const { registry } = parseRef(ref);
    return registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  } catch {
    return undefined;
  }
}

function fullName(ref: string): string {
  try {
    const { registry, repository, tag } = parseRef(ref);
    return `${registry}/${repository}:${tag}`;
  } catch {
    return ref;
  }
}

/** Any answer will do: an unknown user is told 401. */
const PROBE_SCRIPT = `
const asked = process.argv.slice(1).map(async (host) => {
  try { await fetch('https://' + host + '/v2/', { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(${PROBE_WITHIN_MS}) }); }
  catch { console.log(host); }
});
Promise.all(asked).then(() => process.exit(0));
`;

/** Asked from where containerd will ask: inside the node. */
async function firstUnreachable(node: HostNode, hosts: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const argv = node.enter([process.execPath, '-e', PROBE_SCRIPT, ...hosts]);
  const { stdout } = await run(argv, { signal, env: { NODE_USE_ENV_PROXY: '1', NODE_OPTIONS: '' }, timeoutMs: PROBE_WITHIN_MS * 2 });
  return stdout.split('\n').find((line) => line !== '');
}

/** Names of images in the manifests of a directory. What cannot be read is the kubelet's to refuse. */
export function imagesIn(directory: string): string[] {
  const files = readdirSync(directory).filter((name) => MANIFEST.test(name));
  return [...new Set(files.flatMap((name) => imagesOf(readFileSync(join(directory, name), 'utf8'))))];
}

/** Pure. */
export function imagesOf(text: string): string[] {
  try {
    return parseAllDocuments(text).flatMap((document) => collect(document.toJS({ maxAliasCount: 0 })));
  } catch {
    return [];
  }
}

function collect(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key !== 'containers' && key !== 'initContainers') return collect(inner);
    return (Array.isArray(inner) ? (inner as unknown[]) : []).flatMap((container) => {
      const image = typeof container === 'object' && container !== null && 'image' in container ? container.image : undefined;
      return typeof image === 'string' ? [image] : [];
    });
  });
}

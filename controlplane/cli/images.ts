/** `kijabi images`: builds images from Debian packages, imports them into containerd, serves them as a mirror of the registries. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '#api/print/table.ts';
import { buildImages, builtImages, chooseRecipes } from '#agent/host/images/build.ts';
import { DEFAULT_CACHE_DIR, type BuiltImage } from '#agent/host/images/cache.ts';
import { HOST_CONTAINERD } from '#agent/host/cri.ts';
import { loadImages, type ImageTag } from '#agent/host/images/load.ts';
import type { Compression } from '#agent/host/images/oci.ts';
import { BASIC_IMAGES, RECIPES } from '#agent/host/images/recipes.ts';
import { DEFAULT_LISTEN, serveImages } from '#agent/host/images/serve.ts';
import type { Step } from '#agent/host/images/steps.ts';
import { AppError } from '#base/errors.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi images build [NAME...]    make OCI archives from Debian packages; without names: all
       kijabi images list               what can be built, and what is
       kijabi images load [NAME...]     build what is missing and import it into a containerd
       kijabi images serve [NAME...]    build what is missing and serve it as a mirror, until Ctrl-C

Names: ${RECIPES.map((recipe) => recipe.name).join(', ')}. Without names, load and serve take what is built, or ${BASIC_IMAGES.join(', ')}.
Needs apt and its servers once; a cache directory copied to another machine of the same architecture needs neither.

  --cache-dir DIR       where archives and packages are kept (KIJABI_IMAGES_CACHE, default ${DEFAULT_CACHE_DIR})
  --compression KIND    of layers: none (default) or gzip
  -o, --output json     build, list, load: facts for scripts
  --tag NAME=REF        load, serve: another reference for an image, such as nginx=nginx:1.14.2; may be repeated
  --address SOCKET      load: containerd's socket (CONTAINER_RUNTIME_ENDPOINT, CONTAINERD_ADDRESS, default ${HOST_CONTAINERD})
  --namespace NS        load: containerd's namespace, default k8s.io
  --listen HOST:PORT    serve: default ${DEFAULT_LISTEN}; port 0 takes a free one
  --directory DIR       serve: the registry's storage, default registry in the cache directory
  --certs-dir DIR       serve: where hosts.toml files are written for containerd, default certs.d in the storage
  --netns NAME          serve: listen in this network namespace (a name of ip netns, or a path)

SOURCE_DATE_EPOCH sets the time of every file in the images; without it that is 1970-01-01.
`;

const OPTIONS = {
  'cache-dir': { type: 'string' },
  compression: { type: 'string' },
  output: { type: 'string', short: 'o' },
  tag: { type: 'string', multiple: true },
  address: { type: 'string' },
  namespace: { type: 'string' },
  listen: { type: 'string' },
  directory: { type: 'string' },
  'certs-dir': { type: 'string' },
  netns: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Flag = Exclude<keyof typeof OPTIONS, 'help'>;
const COMMON = ['cache-dir', 'compression'] as const;
/** A flag that a sub-command has no use for is refused, not ignored. */
const FLAGS: Readonly<Record<Verb, readonly Flag[]>> = {
  build: [...COMMON, 'output'],
  list: ['cache-dir', 'output'],
  load: [...COMMON, 'output', 'tag', 'address', 'namespace'],
  serve: [...COMMON, 'tag', 'listen', 'directory', 'certs-dir', 'netns'],
};
type Verb = 'build' | 'list' | 'load' | 'serve';
type Values = ReturnType<typeof parse>['values'];

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}

export const imagesCommand: Command = async (argv, io) => {
  const { values, positionals } = parse(argv);
  if (values.help === true) return (io.out(USAGE), 0);
  const [verb, ...names] = positionals;
  switch (verb) {
    case 'build':
    case 'list':
    case 'load':
    case 'serve':
      checkFlags(verb, values);
      return RUN[verb](names, values, io);
    default:
      throw new AppError(
        'USAGE',
        `${verb === undefined ? 'say what to do' : `cannot ${JSON.stringify(verb)}`}: build, list, load or serve\n${USAGE}`,
      );
  }
};

function checkFlags(verb: Verb, values: Values): void {
  for (const flag of Object.keys(values)) {
    if (!FLAGS[verb].includes(flag as Flag))
      throw new AppError('USAGE', `images ${verb} has no --${flag}; it has ${FLAGS[verb].map((f) => `--${f}`).join(' ')}`);
  }
  if (values.output !== undefined && values.output !== 'json')
    throw new AppError('USAGE', `-o: want json, got ${JSON.stringify(values.output)}`);
}

const RUN: Readonly<Record<Verb, (names: readonly string[], values: Values, io: Io) => Promise<number>>> = {
  async build(names, values, io) {
    const images = await build(names, values, io);
    printImages(images, values, io);
    return 0;
  },

  async list(names, values, io) {
    const built = await builtImages(cacheDirOf(values, io));
    const recipes = chooseRecipes(names);
    if (values.output === 'json') {
      io.out(
        `${JSON.stringify(
          recipes.map((r) => ({ name: r.name, about: r.about, built: built.find((b) => b.name === r.name) })),
          undefined,
          2,
        )}\n`,
      );
      return 0;
    }
    const rows = recipes.map((recipe) => {
      const image = built.find((b) => b.name === recipe.name);
      return [
        recipe.name,
        image === undefined ? 'no' : 'yes',
        image === undefined ? '' : megabytes(image.sizeBytes),
        image?.ref ?? recipe.refs[0] ?? '',
        recipe.about,
      ];
    });
    io.out(formatTable(['NAME', 'BUILT', 'SIZE', 'REFERENCE', 'WHAT IT IS'], rows));
    return 0;
  },

  async load(names, values, io) {
    const images = await buildOrBuilt(names, values, io);
    const { CONTAINER_RUNTIME_ENDPOINT, CONTAINERD_ADDRESS } = io.env;
    const containerdAddress = values.address ?? CONTAINER_RUNTIME_ENDPOINT ?? CONTAINERD_ADDRESS ?? HOST_CONTAINERD;
    const namespace = values.namespace === undefined ? {} : { namespace: values.namespace };
    const loaded = await loadImages({ images, tags: tagsOf(values), containerdAddress, ...namespace, ...progress(io) });
    if (values.output === 'json') io.out(`${JSON.stringify(loaded, undefined, 2)}\n`);
    else
      io.out(
        formatTable(
          ['NAME', 'RESULT', 'REFERENCES'],
          loaded.map((l) => [l.name, l.kind, l.refs.join(' ')]),
        ),
      );
    return 0;
  },

  async serve(names, values, io) {
    const images = await buildOrBuilt(names, values, io);
    const cacheDir = cacheDirOf(values, io);
    const directory = resolve(values.directory ?? join(cacheDir, 'registry'));
    const certsDir = resolve(values['certs-dir'] ?? join(directory, 'certs.d'));
    const netns = values.netns === undefined ? {} : { netns: values.netns.includes('/') ? values.netns : `/run/netns/${values.netns}` };
    const listen = values.listen ?? DEFAULT_LISTEN;
    const served = await serveImages({ images, tags: tagsOf(values), directory, listen, certsDir, ...netns, cacheDir, ...progress(io) });
    io.out(howToUse(served.address, certsDir));
    try {
      await Promise.race([served.ended, untilAborted(io.signal)]);
    } finally {
      await served.stop();
    }
    return 0;
  },
};

function howToUse(address: string, certsDir: string): string {
  return `Serving on http://${address}, read-only. Ctrl-C ends it.

To make a containerd pull from here, give it this directory in its config.toml and restart it:

  containerd 1.x    [plugins."io.containerd.grpc.v1.cri".registry]
                      config_path = ${JSON.stringify(certsDir)}
  containerd 2.x    [plugins."io.containerd.cri.v1.images".registry]
                      config_path = ${JSON.stringify(certsDir)}

A containerd that has a config_path already: start this with --certs-dir THAT_DIRECTORY; no restart is needed.
`;
}

function build(names: readonly string[], values: Values, io: Io): Promise<BuiltImage[]> {
  return buildImages({
    names,
    cacheDir: cacheDirOf(values, io),
    compression: compressionOf(values),
    createdSec: epochOf(io),
    ...progress(io),
  });
}

/** Without names: what the cache holds, brought up to date. */
async function buildOrBuilt(names: readonly string[], values: Values, io: Io): Promise<BuiltImage[]> {
  if (names.length > 0) return build(names, values, io);
  const built = await builtImages(cacheDirOf(values, io));
  return build(built.length > 0 ? built.map((image) => image.name) : BASIC_IMAGES, values, io);
}

function printImages(images: readonly BuiltImage[], values: Values, io: Io): void {
  if (values.output === 'json') io.out(`${JSON.stringify(images, undefined, 2)}\n`);
  else
    io.out(
      formatTable(
        ['NAME', 'SIZE', 'DIGEST', 'ARCHIVE'],
        images.map((i) => [i.name, megabytes(i.sizeBytes), i.digest.slice(0, 19), i.archivePath]),
      ),
    );
}

function progress(io: Io) {
  const onStep = ({ step, detail, tookMs }: Step): void => io.err(`${step.padEnd(8)} ${detail} (${(tookMs / 1_000).toFixed(2)} s)\n`);
  return { onStep, clock: io.clock, signal: io.signal };
}

function cacheDirOf(values: Values, io: Io): string {
  return resolve(values['cache-dir'] ?? io.env['KIJABI_IMAGES_CACHE'] ?? DEFAULT_CACHE_DIR);
}

function compressionOf({ compression = 'none' }: Values): Compression {
  if (compression === 'none' || compression === 'gzip') return compression;
  throw new AppError('USAGE', `--compression: want none or gzip, got ${JSON.stringify(compression)}`);
}

/** The largest time a tar header holds in octal. */
const LAST_SECOND = 0o77_777_777_777;

function epochOf(io: Io): number {
  const text = io.env['SOURCE_DATE_EPOCH'] ?? '0';
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds <= LAST_SECOND) return seconds;
  throw new AppError('USAGE', `SOURCE_DATE_EPOCH: want whole seconds since 1970, at most ${LAST_SECOND}, got ${JSON.stringify(text)}`);
}

function tagsOf({ tag = [] }: Values): ImageTag[] {
  return tag.map((text) => {
    const [, name, ref] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || ref === undefined)
      throw new AppError('USAGE', `--tag: want NAME=REFERENCE, such as nginx=nginx:1.14.2, got ${JSON.stringify(text)}`);
    return { name, ref };
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Watches one directory of YAML and JSON files, for the kubelet's manifests and the proxy's services: chokidar says when to look,
 * a slow full look catches what it misses. Every look lists the whole directory and reads the files whose identity (inode, size,
 * times) changed; the list is complete or it throws.
 * A file is read only when nobody has it open for writing.
 */
import { watch, type FSWatcher } from 'chokidar';
import { constants, statSync, type BigIntStats, type Stats } from 'node:fs';
import { open, readFile, readdir, readlink, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { openWriters, WriterProbe } from './openWriters.ts';

/** The largest file we read: 10 MiB, as upstream's kubelet. */
export const MAX_FILE_BYTES = 10 << 20;
const RETRY_MISSING_MS = 1_000;
const RETRY_BUSY_MS = 20;
const LONGEST_RETRY_BUSY_MS = 1_000;

export interface DirectoryLook<R> {
  /** Files that are new or changed since the last look. */
  readonly readings: ReadonlyMap<string, R>;
  readonly present: ReadonlySet<string>;
}

export interface WatchOptions<R> {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The slow full look. */
  readonly everyMs: number;
  readonly read: (file: string, bytes: Uint8Array) => R;
  /** The reading of a file that cannot be read at all. */
  readonly refuse: (message: string) => R;
  readonly onLook: (look: DirectoryLook<R>) => void;
  readonly words: WatchWords;
}

/** How the log speaks of the files; each is a whole line. */
export interface WatchWords {
  readonly cannotWatch: string;
  readonly cannotRead: string;
  readonly passedOver: string;
  readonly stillWritten: string;
  /** "manifests", in "is a directory: manifests are read from …". */
  readonly plural: string;
  /** Code of the error when the directory does not exist. */
  readonly missingCode: string;
}

/** Runs until signal aborts. onLook is called for the first complete look even when it found nothing. */
export async function watchDirectory<R>(options: WatchOptions<R>, signal: AbortSignal): Promise<void> {
  const { clock, log, directory, everyMs } = options;
  const looker = new Looker(options, await WriterProbe.open());
  const bell = new Bell();
  let watcher: FSWatcher | undefined;
  let watched: bigint | undefined;
  try {
    while (!signal.aborted) {
      let again = everyMs;
      try {
        const inode = await inodeOf(directory);
        if (watched !== inode) {
          await watcher?.close();
          watcher = ring(directory, bell, (err) => log.warn(options.words.cannotWatch, { directory, err }));
          watched = inode;
        }
        again = Math.min(everyMs, (await looker.look()) ?? everyMs);
        looker.missing = false;
        if (looker.inode !== watched) bell.ring(); // another directory got the name in between
      } catch (err) {
        // Not a list: everything goes on as it is.
        if (!looker.missing)
          log.error(options.words.cannotRead, {
            directory,
            err: missingDirectory(err, options),
          });
        looker.missing = true;
        watched = undefined;
        again = RETRY_MISSING_MS;
      }
      await bell.wait(clock, again, signal);
    }
  } finally {
    await watcher?.close();
  }
}

function missingDirectory<R>(err: unknown, { directory, words }: WatchOptions<R>): unknown {
  if (codeOf(err) !== 'ENOENT') return err;
  return Object.assign(new Error(`${directory} does not exist: create it (mkdir -p ${directory})`), { code: words.missingCode });
}

/** The watch of the directory tells of the files in it; one for each would cost a look at each and tell the same. Links lead elsewhere. */
function isFile(_path: string, stats?: Stats): boolean {
  return stats?.isFile() === true;
}

function ring(directory: string, bell: Bell, onError: (err: unknown) => void): FSWatcher {
  return watch(directory, { depth: 0, ignoreInitial: true, ignored: isFile })
    .on('ready', () => bell.ring()) // what came while the watch was being set up
    .on('raw', () => bell.ring())
    .on('all', () => bell.ring())
    .on('error', onError);
}

/** Wakes the loop; rings that come while it works are kept as one. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async wait(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      const rung = Promise.withResolvers<void>();
      const wake = (): void => rung.resolve();
      this.#wake = wake;
      const stopTimer = clock.after(timeoutMs, wake);
      signal.addEventListener('abort', wake, { once: true });
      if (!signal.aborted) await rung.promise;
      signal.removeEventListener('abort', wake);
      stopTimer();
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}

interface Known {
  readonly identity: string;
}

class Looker<R> {
  missing = false;
  /** Of the directory that was looked at last. */
  inode: bigint | undefined;
  readonly #options: WatchOptions<R>;
  readonly #writers: WriterProbe;
  readonly #known = new Map<string, Known>();
  readonly #passedOver = new Set<string>();
  readonly #busy = new Map<string, { retryMs: number; told: boolean }>();
  #first = true;

  constructor(options: WatchOptions<R>, writers: WriterProbe) {
    this.#options = options;
    this.#writers = writers;
  }

  /** Returns how soon to look again because a file is still being written. */
  async look(): Promise<number | undefined> {
    // Held, it is one and the same directory all the time, also when it is renamed away and back meanwhile.
    const held = await open(this.#options.directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      return await this.#lookAt(held);
    } finally {
      await held.close();
    }
  }

  async #lookAt(held: FileHandle): Promise<number | undefined> {
    const { directory } = this.#options;
    const inside = `/proc/self/fd/${held.fd}`;
    const entries = await readdir(inside);
    const readings = new Map<string, R>();
    const present = new Set<string>();
    for (const name of entries.sort()) {
      const file = join(directory, name);
      if (this.#isWanted(name, file) && (await this.#readIfChanged(file, join(inside, name), readings))) present.add(file);
    }
    if (!(await this.#isStill(held, readings))) return this.look();
    for (const file of this.#known.keys()) if (!present.has(file)) this.#known.delete(file);
    for (const file of this.#busy.keys()) if (!present.has(file)) this.#busy.delete(file);
    for (const file of this.#passedOver) if (!entries.includes(file.slice(directory.length + 1))) this.#passedOver.delete(file);
    if (this.#first || readings.size > 0 || this.#gone(present)) this.#options.onLook({ readings, present });
    this.#first = false;
    this.#last = present;
    return this.#busy.size === 0 ? undefined : Math.min(...[...this.#busy.values()].map((b) => b.retryMs));
  }

  /** When another directory has the name now, what was read counts for nothing. Throws when there is none. */
  async #isStill(held: FileHandle, readings: ReadonlyMap<string, R>): Promise<boolean> {
    let isSame = false;
    try {
      const [was, is] = await Promise.all([held.stat({ bigint: true }), stat(this.#options.directory, { bigint: true })]);
      this.inode = was.ino;
      return (isSame = was.ino === is.ino && was.dev === is.dev);
    } finally {
      if (!isSame) for (const file of readings.keys()) this.#known.delete(file);
    }
  }

  #last: ReadonlySet<string> = new Set();
  #gone(present: ReadonlySet<string>): boolean {
    return [...this.#last].some((file) => !present.has(file));
  }

  #isWanted(name: string, file: string): boolean {
    if (/\.(ya?ml|json)$/.test(name) && !name.startsWith('.')) return true;
    if (!this.#passedOver.has(file)) {
      this.#passedOver.add(file);
      this.#options.log.info(this.#options.words.passedOver, { file, want: '*.yaml, *.yml or *.json, not starting with a dot' });
    }
    return false;
  }

  /** at: where the file is reached. False when it went away while we looked. */
  async #readIfChanged(file: string, at: string, readings: Map<string, R>): Promise<boolean> {
    try {
      // At once: this is asked of every file at every look, and the directory was just read.
      const before = statSync(at, { bigint: true });
      const identity = identityOf(before);
      if (this.#known.get(file)?.identity === identity) {
        this.#busy.delete(file);
        return true;
      }
      if (!before.isFile()) {
        this.#set(
          file,
          identity,
          readings,
          this.#options.refuse(
            before.isDirectory()
              ? `is a directory: ${this.#options.words.plural} are read from the directory itself, not from those below it`
              : 'is no regular file',
          ),
        );
        return true;
      }
      if (before.size > MAX_FILE_BYTES) {
        this.#set(file, identity, readings, this.#options.refuse(`has ${before.size} bytes, at most ${MAX_FILE_BYTES} are read`));
        return true;
      }
      if (await this.#isBeingWritten(file, at)) return true;
      const bytes = await readFile(at);
      const after = statSync(at, { bigint: true });
      if (identityOf(after) !== identity) return (this.#wait(file), true);
      this.#set(file, identity, readings, this.#options.read(file, bytes));
      return true;
    } catch (err) {
      if (codeOf(err) === 'ENOENT') {
        const target = await readlink(at).catch(() => undefined);
        if (target === undefined) return false;
        this.#set(file, `link to ${target}`, readings, this.#options.refuse(`is a link to ${target}, which does not exist`));
        return true;
      }
      this.#set(file, `unreadable ${codeOf(err)}`, readings, this.#options.refuse(`cannot be read: ${explain(err).replaceAll(at, file)}`));
      return true;
    }
  }

  #set(file: string, identity: string, readings: Map<string, R>, reading: R): void {
    this.#busy.delete(file);
    if (this.#known.get(file)?.identity === identity) return;
    this.#known.set(file, { identity });
    readings.set(file, reading);
  }

  async #isBeingWritten(file: string, at: string): Promise<boolean> {
    if (!(await this.#writers.isBeingWritten(at))) return false;
    const busy = this.#wait(file);
    if (busy.retryMs >= LONGEST_RETRY_BUSY_MS && !busy.told) {
      busy.told = true;
      this.#options.log.info(this.#options.words.stillWritten, { file, pid: (await openWriters(at))[0] });
    }
    return true;
  }

  #wait(file: string): { retryMs: number; told: boolean } {
    const busy = this.#busy.get(file) ?? { retryMs: RETRY_BUSY_MS / 2, told: false };
    busy.retryMs = Math.min(busy.retryMs * 2, LONGEST_RETRY_BUSY_MS);
    this.#busy.set(file, busy);
    return busy;
  }
}

async function inodeOf(path: string): Promise<bigint> {
  return (await stat(path, { bigint: true })).ino;
}

function identityOf(s: BigIntStats): string {
  return `${s.dev} ${s.ino} ${s.size} ${s.mtimeNs} ${s.ctimeNs}`;
}

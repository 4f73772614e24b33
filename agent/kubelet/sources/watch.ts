/**
 * Watches one manifest directory: chokidar says when to look, a slow full look catches what it misses. Every look
 * lists the whole directory and reads the files whose identity (inode, size, times) changed; the list is complete or it throws.
 *
 * A file is read only when nobody has it open for writing. A change of the content sets mtime and ctime together, so a
 * file whose ctime is later was renamed into place after its last write and needs no such check.
 */
import { watch, type FSWatcher } from 'chokidar';
import type { BigIntStats } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { openWriters } from '../../linux/openWriters.ts';
import type { FileReading } from './fileSet.ts';

/** The largest manifest we read: 10 MiB, as upstream. */
export const MAX_MANIFEST_BYTES = 10 << 20;
const RETRY_MISSING_MS = 1_000;
const RETRY_BUSY_MS = 20;
const LONGEST_RETRY_BUSY_MS = 1_000;

export interface DirectoryLook {
  /** Files that are new or changed since the last look. */
  readonly readings: ReadonlyMap<string, FileReading>;
  readonly present: ReadonlySet<string>;
}

export interface WatchOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The slow full look. */
  readonly everyMs: number;
  readonly read: (file: string, bytes: Uint8Array) => FileReading;
  readonly onLook: (look: DirectoryLook) => void;
}

/** Runs until signal aborts. onLook is called for the first complete look even when it found nothing. */
export async function watchDirectory(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, directory, everyMs } = options;
  const looker = new Looker(options);
  const bell = new Bell();
  let watcher: FSWatcher | undefined;
  let watched: bigint | undefined;
  try {
    while (!signal.aborted) {
      let again = everyMs;
      try {
        const inode = (await stat(directory, { bigint: true })).ino;
        if (watched !== inode) {
          await watcher?.close();
          watcher = ring(directory, bell, (err) =>
            log.warn('Cannot watch manifest directory, it is read now and then instead', { directory, err }),
          );
          watched = inode;
        }
        again = Math.min(everyMs, (await looker.look()) ?? everyMs);
        looker.missing = false;
      } catch (err) {
        // Not a list: pods go on as they are.
        if (!looker.missing)
          log.error('Cannot read manifest directory, its pods keep running as they are', {
            directory,
            err: missingDirectory(err, directory),
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

function missingDirectory(err: unknown, directory: string): unknown {
  if (codeOf(err) !== 'ENOENT') return err;
  return Object.assign(new Error(`${directory} does not exist: create it (mkdir -p ${directory})`), { code: 'MANIFEST_DIR_MISSING' });
}

function ring(directory: string, bell: Bell, onError: (err: unknown) => void): FSWatcher {
  return watch(directory, { depth: 0, ignoreInitial: true })
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
      const stop = new AbortController();
      const both = AbortSignal.any([signal, stop.signal]);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), clock.sleep(timeoutMs, both).catch(() => undefined)]);
      stop.abort();
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}

interface Known {
  readonly identity: string;
}

class Looker {
  missing = false;
  readonly #options: WatchOptions;
  readonly #known = new Map<string, Known>();
  readonly #passedOver = new Set<string>();
  readonly #busy = new Map<string, { retryMs: number; told: boolean }>();
  #first = true;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Returns how soon to look again because a file is still being written. */
  async look(): Promise<number | undefined> {
    const { directory } = this.#options;
    const entries = await readdir(directory);
    const readings = new Map<string, FileReading>();
    const present = new Set<string>();
    for (const name of entries.sort()) {
      const file = join(directory, name);
      if (!this.#isManifest(name, file)) continue;
      const found = await this.#readIfChanged(file, readings);
      if (found) present.add(file);
    }
    for (const file of this.#known.keys()) if (!present.has(file)) this.#known.delete(file);
    for (const file of this.#busy.keys()) if (!present.has(file)) this.#busy.delete(file);
    for (const file of this.#passedOver) if (!entries.includes(file.slice(directory.length + 1))) this.#passedOver.delete(file);
    if (this.#first || readings.size > 0 || this.#gone(present)) this.#options.onLook({ readings, present });
    this.#first = false;
    this.#last = present;
    return this.#busy.size === 0 ? undefined : Math.min(...[...this.#busy.values()].map((b) => b.retryMs));
  }

  #last: ReadonlySet<string> = new Set();
  #gone(present: ReadonlySet<string>): boolean {
    return [...this.#last].some((file) => !present.has(file));
  }

  #isManifest(name: string, file: string): boolean {
    if (/\.(ya?ml|json)$/.test(name) && !name.startsWith('.')) return true;
    if (!this.#passedOver.has(file)) {
      this.#passedOver.add(file);
      this.#options.log.info('Passed over a file that is no manifest', { file, want: '*.yaml, *.yml or *.json, not starting with a dot' });
    }
    return false;
  }

  /** False when the file went away while we looked. */
  async #readIfChanged(file: string, readings: Map<string, FileReading>): Promise<boolean> {
    try {
      const before = await stat(file, { bigint: true });
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
          refuse(
            before.isDirectory()
              ? 'is a directory: manifests are read from the directory itself, not from those below it'
              : 'is no regular file',
          ),
        );
        return true;
      }
      if (before.size > MAX_MANIFEST_BYTES) {
        this.#set(file, identity, readings, refuse(`has ${before.size} bytes, at most ${MAX_MANIFEST_BYTES} are read`));
        return true;
      }
      if (before.mtimeNs === before.ctimeNs && (await this.#isBeingWritten(file))) return true;
      const bytes = await readFile(file);
      const after = await stat(file, { bigint: true });
      if (identityOf(after) !== identity) return (this.#wait(file), true);
      this.#set(file, identity, readings, this.#options.read(file, bytes));
      return true;
    } catch (err) {
      if (codeOf(err) === 'ENOENT') return false;
      this.#set(file, `unreadable ${codeOf(err)}`, readings, refuse(`cannot be read: ${explain(err)}`));
      return true;
    }
  }

  #set(file: string, identity: string, readings: Map<string, FileReading>, reading: FileReading): void {
    this.#busy.delete(file);
    if (this.#known.get(file)?.identity === identity) return;
    this.#known.set(file, { identity });
    readings.set(file, reading);
  }

  async #isBeingWritten(file: string): Promise<boolean> {
    const pids = await openWriters(file);
    if (pids.length === 0) return false;
    const busy = this.#wait(file);
    if (busy.retryMs >= LONGEST_RETRY_BUSY_MS && !busy.told) {
      busy.told = true;
      this.#options.log.info('Manifest is still being written, it is read when its writer closes it', { file, pid: pids[0] });
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

function identityOf(s: BigIntStats): string {
  return `${s.dev} ${s.ino} ${s.size} ${s.mtimeNs} ${s.ctimeNs}`;
}

function refuse(message: string): FileReading {
  return { kind: 'refused', problems: [{ code: 'MANIFEST_UNREADABLE', message }] };
}

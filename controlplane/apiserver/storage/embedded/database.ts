/**
 * The LMDB file of an embedded store: its trees, and one durable transaction at a time. Reads within one turn of the event loop see
 * one state. A commit is on disk (data pages, fdatasync, then the meta page with O_DSYNC) before commit() resolves.
 * Throws: STORE_FULL, STORE_CORRUPT, STORE_UNAVAILABLE.
 */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import { codeOf, explain } from '#base/errors.ts';
import { StoreError } from '../errors.ts';

export type Tree = Database<Buffer, Buffer>;

/** Objects are 1 to 8 KiB: with 4 KiB pages each would fill pages of its own by half. */
const PAGE_BYTES = 16_384;

export interface DatabaseOptions {
  readonly file: string;
  readonly readOnly?: boolean;
  /** Commits that add data are refused when the file system has less than this left, so that deletes still find room. */
  readonly minFreeBytes?: number;
}

const MIN_FREE_BYTES = 32 * 1_024 * 1_024;
/** How much may be written before the free space is looked at again. */
const SPACE_CHECK_BYTES = 4 * 1_024 * 1_024;

export class LmdbFile {
  readonly log: Tree;
  readonly head: Tree;
  readonly past: Tree;
  readonly due: Tree;
  readonly meta: Tree;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #file: string;
  readonly #minFreeBytes: number;
  #uncheckedBytes = Number.POSITIVE_INFINITY;

  constructor({ file, readOnly = false, minFreeBytes = MIN_FREE_BYTES }: DatabaseOptions) {
    this.#file = file;
    this.#minFreeBytes = minFreeBytes;
    let root: RootDatabase<Buffer, Buffer> | undefined;
    try {
      this.#root = root = open<Buffer, Buffer>(file, {
        noSubdir: true,
        readOnly,
        pageSize: PAGE_BYTES,
        encoding: 'binary',
        keyEncoding: 'binary',
        // Commit means synced, as LMDB itself does it; the library's default makes data visible before they are.
        overlappingSync: false,
        // Only what is inside batch() is one transaction. The library's batching by turn leaves a rejected promise nobody can catch.
        eventTurnBatching: false,
      });
      const made = root;
      const tree = (name: string): Tree => made.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' });
      this.log = tree('log');
      this.head = tree('head');
      this.past = tree('past');
      this.due = tree('due');
      this.meta = tree('meta');
    } catch (err) {
      void root?.close();
      throw readFailure(err, file);
    }
  }

  /** The writes of fn happen together or not at all. addsBytes: about how much; 0 for a commit that only frees space. */
  async commit(addsBytes: number, fn: () => void): Promise<void> {
    if (addsBytes > 0) await this.#assertSpace(addsBytes);
    try {
      await this.#root.batch(fn);
    } catch (err) {
      throw await this.#commitFailure(err);
    }
  }

  /** Runs a read; damage that LMDB notices becomes STORE_CORRUPT. */
  read<T>(fn: () => T): T {
    try {
      return fn();
    } catch (err) {
      throw readFailure(err, this.#file);
    }
  }

  usage(): { readonly sizeBytes: number; readonly usedBytes: number } {
    const trees = [this.log, this.head, this.past, this.due, this.meta];
    const pages = trees.map((tree) => pagesOf(stats(tree.getStats()))).reduce((a, b) => a + b, 0);
    const { pageSize, lastPageNumber } = stats(this.#root.getStats());
    return { sizeBytes: (lastPageNumber + 1) * pageSize, usedBytes: pages * pageSize };
  }

  copyTo(file: string): Promise<void> {
    return this.#root.backup(file, true);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  async #assertSpace(addsBytes: number): Promise<void> {
    this.#uncheckedBytes += addsBytes;
    if (this.#uncheckedBytes < SPACE_CHECK_BYTES) return;
    const freeBytes = await this.#freeBytes();
    if (freeBytes < this.#minFreeBytes) throw this.#full(freeBytes, undefined);
    this.#uncheckedBytes = 0;
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(dirname(this.#file));
    return bavail * bsize;
  }

  /** LMDB reports a write that came out short as EIO, whatever the reason. */
  async #commitFailure(failure: unknown): Promise<StoreError> {
    const cause = await causeOf(failure);
    const freeBytes = await this.#freeBytes().catch(() => Number.POSITIVE_INFINITY);
    this.#uncheckedBytes = Number.POSITIVE_INFINITY;
    if (freeBytes < Math.max(this.#minFreeBytes, SPACE_CHECK_BYTES) || /ENOSPC|No space|quota/i.test(explain(cause))) {
      return this.#full(freeBytes, cause);
    }
    const message = `Cannot write to store ${this.#file}: ${explain(cause)}; check the disk, then restart`;
    return new StoreError('STORE_UNAVAILABLE', message, { facts: { file: this.#file }, cause });
  }

  #full(freeBytes: number, cause: unknown): StoreError {
    const facts = { file: this.#file, freeBytes, minFreeBytes: this.#minFreeBytes };
    return new StoreError('STORE_FULL', `Cannot write to store ${this.#file}: the file system is full; free some space`, { facts, cause });
  }
}

/** What really went wrong is behind a promise; left alone it would end the process as an unhandled rejection. */
async function causeOf(failure: unknown): Promise<unknown> {
  if (!(failure instanceof Error && 'commitError' in failure)) return failure;
  try {
    await failure.commitError;
    return failure;
  } catch (cause) {
    return cause;
  }
}

function readFailure(err: unknown, file: string): Error {
  if (err instanceof StoreError) return err;
  const text = explain(err);
  if (/MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|VERSION_MISMATCH|BAD_|INCOMPATIBLE)|Database not found/.test(text)) {
    const message = `Cannot read store ${file}: it is damaged or not ours; restore a snapshot`;
    return new StoreError('STORE_CORRUPT', message, { facts: { file }, cause: err });
  }
  const message = `Cannot read store ${file}: check the disk and the rights of the file`;
  return new StoreError('STORE_UNAVAILABLE', message, { facts: { file, errno: codeOf(err) ?? '' }, cause: err });
}

interface TreeStats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function stats(found: object): TreeStats {
  return found as TreeStats;
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreeStats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

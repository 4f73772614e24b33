/**
 * The directory of an embedded store: made, locked, and its data file looked over before LMDB maps it into memory.
 * Throws: STORE_LOCKED, STORE_CORRUPT, STORE_UNAVAILABLE.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf } from '#base/errors.ts';
import { StoreError } from '../errors.ts';

export const DATA_FILE = 'data.mdb';
/** Its presence says that data.mdb was complete once: if that is gone, something took it. */
export const MADE_FILE = 'made';
const LOCK_FILE = 'lock';
const OWNER_FILE = 'owner';
const SQLITE_BUSY = 5;

export interface StoreDirectory {
  readonly dataFile: string;
  /** No store was here before. */
  readonly empty: boolean;
  /** The new store is complete on disk. */
  markMade(): void;
  release(): void;
}

export function claimDirectory(dir: string): StoreDirectory {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const lock = takeLock(dir);
    try {
      const dataFile = join(dir, DATA_FILE);
      const empty = checkDataFile(dir, dataFile);
      // Made here because LMDB would let everyone read it, and the directory may be older and open.
      if (empty) writeFileSync(dataFile, '', { mode: 0o600 });
      writeFileSync(join(dir, OWNER_FILE), `${process.pid} ${process.title}\n`, { mode: 0o600 });
      const markMade = (): void => writeFileSync(join(dir, MADE_FILE), '', { mode: 0o600, flush: true });
      return { dataFile, empty, markMade, release: () => lock.close() };
    } catch (err) {
      lock.close();
      throw err;
    }
  } catch (err) {
    if (err instanceof StoreError) throw err;
    const facts = { dir, errno: codeOf(err) ?? '' };
    throw new StoreError('STORE_UNAVAILABLE', `Cannot use store directory ${dir}: check that it is a writable directory`, {
      facts,
      cause: err,
    });
  }
}

/**
 * The kernel drops this lock when the process dies, however it dies. SQLite is used for nothing but its lock on an empty file:
 * Node has no flock(2) of its own, and a file with a process id in it is stale after kill -9.
 */
function takeLock(dir: string): DatabaseSync {
  const lock = new DatabaseSync(join(dir, LOCK_FILE), { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode=MEMORY; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (err) {
    lock.close();
    if (!(err instanceof Error && 'errcode' in err && err.errcode === SQLITE_BUSY)) throw err;
    const owner = ownerOf(dir);
    const message = `Cannot open store ${dir}: process ${owner} has it open; stop that one first, or use another directory`;
    throw new StoreError('STORE_LOCKED', message, { facts: { dir, owner } });
  }
}

function ownerOf(dir: string): string {
  try {
    return readFileSync(join(dir, OWNER_FILE), 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

/** Returns whether there is no store yet. */
function checkDataFile(dir: string, dataFile: string): boolean {
  const size = sizeOf(dataFile);
  if (size === undefined || size === 0) {
    if (sizeOf(join(dir, MADE_FILE)) === undefined) return true;
    throw new StoreError(
      'STORE_CORRUPT',
      `Cannot open store ${dir}: its ${DATA_FILE} is ${size === 0 ? 'empty' : 'gone'}; restore a snapshot`,
      {
        facts: { dir },
      },
    );
  }
  const wanted = wantedBytes(dataFile);
  if (wanted === undefined) {
    throw new StoreError('STORE_CORRUPT', `Cannot open store ${dir}: ${DATA_FILE} is not a store's file, or damaged; restore a snapshot`, {
      facts: { dir, sizeBytes: size },
    });
  }
  // LMDB may leave free pages at the end unwritten, so a short file can be sound. Reading past the end of a mapped file would kill the
  // process with SIGBUS; a page of zeros is an error we can report.
  if (size < wanted) {
    const fd = openSync(dataFile, 'r+');
    ftruncateSync(fd, wanted);
    closeSync(fd);
  }
  return false;
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

const META_MAGIC = 0xbeefc0de;
/** Within a meta page, after its header of 24 bytes. Source: the structures MDB_page_header, MDB_meta and MDB_db of LMDB. */
const META = { magic: 24, pageSize: 48, lastPage: 144, txnId: 152, end: 160 } as const;

/** How long the newer of the two meta pages wants the file to be; undefined when this is no LMDB file. */
export function wantedBytes(dataFile: string): number | undefined {
  const fd = openSync(dataFile, 'r');
  try {
    const meta = (at: number): Buffer | undefined => {
      const bytes = Buffer.alloc(META.end);
      return readSync(fd, bytes, 0, META.end, at) === META.end && bytes.readUInt32LE(META.magic) === META_MAGIC ? bytes : undefined;
    };
    const first = meta(0);
    const pageSize = first?.readUInt32LE(META.pageSize) ?? 0;
    if (first === undefined || pageSize < 512 || pageSize > 65_536) return undefined;
    const second = meta(pageSize);
    if (second === undefined) return undefined;
    const newer = first.readBigUInt64LE(META.txnId) > second.readBigUInt64LE(META.txnId) ? first : second;
    return (Number(newer.readBigUInt64LE(META.lastPage)) + 1) * pageSize;
  } finally {
    closeSync(fd);
  }
}

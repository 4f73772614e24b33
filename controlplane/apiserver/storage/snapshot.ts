/**
 * Snapshots of embedded stores: a compact copy of the LMDB file with its SHA-256 behind it, so that a copy that was cut short or
 * changed is found out before it is restored. Works on files only; a running store makes one through Store.snapshot().
 * Throws: STORE_CORRUPT, STORE_UNAVAILABLE, STORE_INVALID, and the signal's reason.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, chmod, constants, copyFile, mkdtemp, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { LmdbFile } from './embedded/database.ts';
import { claimDirectory, DATA_FILE, wantedBytes } from './embedded/files.ts';
import { encodeState, STATE_KEY } from './embedded/layout.ts';
import { findNow, readRecord, readState } from './embedded/reads.ts';
import { StoreError } from './errors.ts';

const HASH_BYTES = 32;

export interface SnapshotStatus {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The file appears complete or not at all; one that is there is replaced. copyTo writes the bare LMDB file. */
export async function sealSnapshot(file: string, copyTo: (file: string) => Promise<void>, signal?: AbortSignal): Promise<void> {
  // A directory of our own, because LMDB makes the copy readable for everyone, and it holds every secret.
  await inTemporary(dirname(resolve(file)), async (dir) => {
    const part = join(dir, DATA_FILE);
    await copyTo(part);
    signal?.throwIfAborted();
    await chmod(part, 0o600);
    await appendFile(part, await hashOf(part, undefined));
    signal?.throwIfAborted();
    await sync(part);
    await rename(part, file);
    await sync(dirname(resolve(file)));
  }).catch((err: unknown) => {
    throw fileTrouble(err, 'write', file);
  });
}

/** Checks the hash, then every record. */
export async function snapshotStatus(file: string): Promise<SnapshotStatus> {
  const { sha256, sizeBytes } = await checkSeal(file);
  return inTemporary(dirname(resolve(file)), async (dir) => {
    const copy = join(dir, DATA_FILE);
    await unsealTo(file, copy);
    const db = new LmdbFile({ file: copy, readOnly: true });
    try {
      const { revision, compacted } = db.read(() => readState(db));
      return { revision, compactedRevision: compacted, entries: db.read(() => checkRecords(db)), sizeBytes, sha256 };
    } finally {
      await db.close();
    }
  });
}

export interface RestoreOptions {
  readonly file: string;
  /** Must not hold a store yet. */
  readonly dir: string;
  /** How far the revision jumps ahead. */
  readonly bumpRevision?: number;
}

/**
 * More than any store writes between a snapshot and the accident.
 * Differs: etcdctl does not jump unless told to. Without the jump, revisions that clients have seen come a second time with other
 * contents, and an informer that resumes from one of them misses changes for ever; with it, it is told to list anew.
 */
const BUMP_REVISION = 1_000_000_000;

export async function restoreSnapshot({ file, dir, bumpRevision = BUMP_REVISION }: RestoreOptions): Promise<{ readonly revision: number }> {
  await checkSeal(file);
  const directory = claimDirectory(dir);
  try {
    if (!directory.empty) {
      throw new StoreError('STORE_INVALID', `Cannot restore into ${dir}: it holds a store; name an empty directory`, { facts: { dir } });
    }
    const part = `${directory.dataFile}.part`;
    await unsealTo(file, part);
    await sync(part);
    await rename(part, directory.dataFile);
    const db = new LmdbFile({ file: directory.dataFile });
    try {
      const state = db.read(() => readState(db));
      const revision = state.revision + bumpRevision;
      const compacted = bumpRevision > 0 ? revision : state.compacted;
      await db.commit(1, () => void db.meta.put(STATE_KEY, encodeState({ ...state, revision, compacted })));
      directory.markMade();
      return { revision };
    } finally {
      await db.close();
    }
  } finally {
    directory.release();
  }
}

/** Reads everything there is once. Returns how many entries there are now. */
function checkRecords(db: LmdbFile): number {
  for (const { key, value } of db.past.getRange({})) {
    readRecord(db, Buffer.from(key.subarray(key.length - 8)));
    readRecord(db, Buffer.from(value));
  }
  let entries = 0;
  for (const { key } of db.head.getRange({})) {
    const name = key.toString();
    if (findNow(db, name)?.entry.key !== name) {
      throw new StoreError('STORE_CORRUPT', 'Cannot read the snapshot: a record is not where it belongs', { facts: { key: name } });
    }
    entries += 1;
  }
  return entries;
}

async function checkSeal(file: string): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  try {
    const sizeBytes = (await stat(file)).size;
    const bare = sizeBytes - HASH_BYTES;
    const wanted = await readTail(file, Math.max(0, bare));
    const found = bare > 0 && wantedBytes(file) !== undefined ? await hashOf(file, bare - 1) : undefined;
    if (found?.equals(wanted) === true) return { sha256: found.toString('hex'), sizeBytes };
    const message = `Cannot use snapshot ${file}: it is no snapshot of an embedded store, or was cut short or changed`;
    throw new StoreError('STORE_CORRUPT', message, { facts: { file, sizeBytes } });
  } catch (err) {
    throw fileTrouble(err, 'read', file);
  }
}

async function readTail(file: string, from: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HASH_BYTES), 0, HASH_BYTES, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Of the bytes up to and with the last one named. */
async function hashOf(file: string, last: number | undefined): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, last === undefined ? {} : { end: last })) hash.update(chunk as Buffer);
  return hash.digest();
}

async function unsealTo(file: string, to: string): Promise<void> {
  await copyFile(file, to, constants.COPYFILE_FICLONE);
  await chmod(to, 0o600);
  await truncate(to, (await stat(file)).size - HASH_BYTES);
}

async function inTemporary<T>(parent: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(parent, '.kijabi-snapshot-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fileTrouble(err: unknown, verb: 'read' | 'write', file: string): unknown {
  const errno = codeOf(err);
  if (err instanceof StoreError || errno === undefined || !/^E[A-Z]+$/.test(errno)) return err;
  return new StoreError('STORE_UNAVAILABLE', `Cannot ${verb} snapshot ${file}: ${errno}; check the path and its rights`, {
    facts: { file, errno },
    cause: err,
  });
}

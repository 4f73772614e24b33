/**
 * Turns the transactions that are waiting into one batch for one commit: each is checked against the store as the ones before it in
 * the batch leave it, and gets its revision. Reads the store, writes nothing.
 */
import type { ChangeSet } from '../feed.ts';
import type { Change, Write } from '../store.ts';
import { assertHolds } from '../writes.ts';
import type { LmdbFile } from './database.ts';
import { dueKey, encodeRecord, pastKey, stampOf } from './layout.ts';
import { findNow, type Found } from './reads.ts';

export type Outcome = { readonly kind: 'done'; readonly revision: number } | { readonly kind: 'refused'; readonly error: unknown };

export interface Batch {
  readonly revision: number;
  /** One per transaction, in their order. True only once the batch is committed. */
  readonly outcomes: readonly Outcome[];
  readonly sets: readonly ChangeSet[];
  readonly addsBytes: number;
  readonly firstDueMs: number | undefined;
  /** To be called inside a commit. */
  apply(): void;
}

export function formBatch(
  db: LmdbFile,
  transactions: readonly (readonly Write[])[],
  start: { readonly revision: number; readonly nowMs: number },
): Batch {
  const former = new Former(db, start);
  const outcomes = transactions.map((writes) => former.add(writes));
  return { ...former.result(), outcomes };
}

class Former {
  readonly #db: LmdbFile;
  readonly #nowMs: number;
  /** What the transactions before this one have done to keys. */
  readonly #overlay = new Map<string, Found | undefined>();
  readonly #sets: ChangeSet[] = [];
  readonly #steps: (() => void)[] = [];
  #revision: number;
  #addsBytes = 0;
  #firstDueMs: number | undefined;

  constructor(db: LmdbFile, { revision, nowMs }: { readonly revision: number; readonly nowMs: number }) {
    this.#db = db;
    this.#revision = revision;
    this.#nowMs = nowMs;
  }

  add(writes: readonly Write[]): Outcome {
    let before: readonly (Found | undefined)[];
    try {
      before = writes.map((write) => this.#check(write));
    } catch (error) {
      return { kind: 'refused', error };
    }
    this.#revision += 1;
    const changes: Change[] = [];
    for (const [i, write] of writes.entries()) {
      if (write.kind !== 'check') changes.push(this.#write(write, stampOf(this.#revision, i), before[i]));
    }
    this.#sets.push({ revision: this.#revision, changes });
    return { kind: 'done', revision: this.#revision };
  }

  result(): Omit<Batch, 'outcomes'> {
    const steps = this.#steps;
    const apply = (): void => {
      for (const step of steps) step();
    };
    return { revision: this.#revision, sets: this.#sets, addsBytes: this.#addsBytes, firstDueMs: this.#firstDueMs, apply };
  }

  #check(write: Write): Found | undefined {
    const { key } = write;
    const found = this.#overlay.has(key) ? this.#overlay.get(key) : this.#db.read(() => findNow(this.#db, key));
    assertHolds(write, found?.entry);
    return found;
  }

  #write(write: Exclude<Write, { kind: 'check' }>, stamp: Buffer, before: Found | undefined): Change {
    const { log, head, past, due } = this.#db;
    const { key } = write;
    const deleted = write.kind === 'delete';
    const createRevision = before?.entry.createRevision ?? this.#revision;
    const bytes = encodeRecord({
      key,
      deleted,
      createRevision,
      atMs: this.#nowMs,
      previous: before?.stamp,
      by: write.by,
      value: deleted ? new Uint8Array() : write.value,
    });
    const keyBytes = Buffer.from(key);
    this.#steps.push(() => {
      void log.put(stamp, bytes);
      if (before !== undefined) void past.put(pastKey(key, before.stamp), stamp);
      if (deleted) void head.remove(keyBytes);
      else void head.put(keyBytes, stamp);
    });
    if (!deleted) this.#addsBytes += bytes.length + 4 * keyBytes.length;
    if (!deleted && write.ttlMs !== undefined) {
      const atMs = this.#nowMs + write.ttlMs;
      this.#firstDueMs = Math.min(this.#firstDueMs ?? atMs, atMs);
      this.#steps.push(() => void due.put(dueKey(atMs, key), stamp));
    }
    const entry = deleted
      ? undefined
      : { key, value: bytes.subarray(bytes.length - write.value.length), createRevision, modRevision: this.#revision };
    this.#overlay.set(key, entry === undefined ? undefined : { stamp, entry });
    return { key, revision: this.#revision, entry, previous: before?.entry };
  }
}

/** What every store asks of keys and transactions before it looks at its data. Pure. Throws: STORE_INVALID, STORE_EXISTS, STORE_CONFLICT. */
import { conflict, exists, StoreError } from './errors.ts';
import { MAX_KEY_BYTES, MAX_TRANSACTION_BYTES, MAX_TRANSACTION_WRITES, type Entry, type Write } from './store.ts';

export function checkKey(key: string): void {
  if (key.length > 0 && !key.includes('\0') && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  const facts = { key: key.slice(0, 100), keyLength: key.length };
  throw new StoreError('STORE_INVALID', `Cannot use key: want 1 to ${MAX_KEY_BYTES} bytes of UTF-8 without NUL`, { facts });
}

export function checkRevision(revision: number): void {
  if (Number.isSafeInteger(revision) && revision >= 0) return;
  throw new StoreError('STORE_INVALID', 'Cannot use revision: want a whole number from 0 on', { facts: { revision } });
}

/** Reading at 0 would mean "now" to etcd. */
export function checkReadRevision(revision: number): void {
  checkRevision(revision);
  if (revision === 0) throw new StoreError('STORE_INVALID', 'Cannot read at revision 0: leave it out to read the present');
}

export function checkWrites(writes: readonly Write[]): void {
  let bytes = 0;
  const keys = new Set<string>();
  for (const write of writes) {
    checkKey(write.key);
    if (keys.has(write.key))
      throw new StoreError('STORE_INVALID', 'Cannot write the same key twice in one transaction', { facts: { key: write.key } });
    keys.add(write.key);
    bytes += 2 * Buffer.byteLength(write.key);
    if (write.kind !== 'create') checkRevision(write.ifRevision);
    if (write.kind === 'create' || write.kind === 'update') bytes += write.value.length + checkTtl(write.key, write.ttlMs);
  }
  if (bytes > MAX_TRANSACTION_BYTES) {
    const facts = { key: writes[0]?.key ?? '', bytes };
    throw new StoreError('STORE_INVALID', `Cannot write more than ${MAX_TRANSACTION_BYTES} bytes in one transaction`, { facts });
  }
  if (writes.length > MAX_TRANSACTION_WRITES || writes.every((w) => w.kind === 'check')) {
    const facts = { writes: writes.length };
    throw new StoreError('STORE_INVALID', `Cannot run transaction: want 1 to ${MAX_TRANSACTION_WRITES} writes`, { facts });
  }
}

/** Returns 0: a time to live adds no bytes worth counting. */
function checkTtl(key: string, ttlMs: number | undefined): 0 {
  if (ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs > 0)) return 0;
  throw new StoreError('STORE_INVALID', 'Cannot use time to live: want more than 0 ms', { facts: { key, ttlMs } });
}

/** Throws unless the write's comparison holds for what is there now. */
export function assertHolds(write: Write, current: Entry | undefined): void {
  if (write.kind === 'create') {
    if (current !== undefined) throw exists(current);
  } else if (write.ifRevision !== (current?.modRevision ?? 0) || (write.ifRevision === 0 && write.kind !== 'check')) {
    throw conflict(write.key, write.ifRevision, current);
  }
}

/** The first key behind all keys with this prefix, as bytes; undefined: there is no end. */
export function prefixEnd(prefix: string): Buffer | undefined {
  const bytes = Buffer.from(prefix);
  const last = bytes.findLastIndex((b) => b < 0xff);
  if (last < 0) return undefined;
  const end = Buffer.from(bytes.subarray(0, last + 1));
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

/** Orders keys by their UTF-8 bytes, as every store does. JavaScript's own order differs from U+E000 on. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (/[\ud800-\uffff]/.test(a) || /[\ud800-\uffff]/.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

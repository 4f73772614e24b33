/** The errors of every store. The table in README.md is kept in step by a test. */
import { AppError, type Facts } from '#base/errors.ts';
import type { Entry } from './store.ts';

export const STORE_CODES = {
  STORE_EXISTS: 'create: the key is there already',
  STORE_CONFLICT: 'update, delete, check: the entry has another modRevision, or is gone; `current` holds it',
  STORE_COMPACTED: 'that revision has been compacted: list anew and watch from there',
  STORE_FUTURE: 'that revision has not happened yet',
  STORE_INVALID: 'a key, value or transaction no store would take: a bug of the caller',
  STORE_UNAVAILABLE: 'no answer in time (no quorum, no connection, an I/O error): a write may or may not have happened',
  STORE_FULL: 'no space; nothing was written; reads and deletes go on',
  STORE_CORRUPT: 'the data on disk are damaged or not ours: restore a snapshot',
  STORE_LOCKED: 'another process has the directory open',
  STORE_CLOSED: 'the store was closed',
} as const;

export type StoreCode = keyof typeof STORE_CODES;

export class StoreError extends AppError {
  override readonly name = 'StoreError';
  /** With STORE_CONFLICT and STORE_EXISTS: what is there now, so that nobody has to read it again. */
  readonly current: Entry | undefined;

  constructor(
    code: StoreCode,
    message: string,
    detail: { readonly facts?: Facts; readonly cause?: unknown; readonly current?: Entry | undefined } = {},
  ) {
    super(code, message, detail.facts, detail.cause);
    this.current = detail.current;
  }
}

export function exists(current: Entry): StoreError {
  return new StoreError('STORE_EXISTS', 'Cannot create entry: the key exists', {
    facts: { key: current.key, revision: current.modRevision },
    current,
  });
}

export function conflict(key: string, ifRevision: number, current: Entry | undefined): StoreError {
  const what = current === undefined ? 'it is gone' : ifRevision === 0 ? 'it exists' : 'it changed meanwhile';
  const facts = { key, ifRevision, revision: current?.modRevision ?? 0 };
  return new StoreError('STORE_CONFLICT', `Cannot write entry: ${what}`, { facts, current });
}

export function compacted(revision: number, compactedRevision: number): StoreError {
  const facts = { revision, compactedRevision };
  return new StoreError('STORE_COMPACTED', 'Cannot read the past: that revision has been compacted; list anew', { facts });
}

export function future(revision: number, currentRevision: number): StoreError {
  return new StoreError('STORE_FUTURE', 'Cannot read a revision that has not happened yet', { facts: { revision, currentRevision } });
}

export function closed(): StoreError {
  return new StoreError('STORE_CLOSED', 'Cannot use the store: it was closed');
}

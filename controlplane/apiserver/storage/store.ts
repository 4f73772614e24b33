/**
 * The one thing the API server asks of a database. Shaped by what Kubernetes needs, not by what etcd offers.
 *
 * Keys: non-empty, no NUL, at most MAX_KEY_BYTES of UTF-8, ordered by their bytes. Values: bytes nobody here looks into.
 * Revisions: one counter for the whole store; every transaction takes a greater one than all before it, and all its writes share it.
 * They are integers below 2^48, so a number holds them. An empty store is at FIRST_REVISION; 0 stands for "no such entry".
 * Throws: AppError with one of the codes of errors.ts. Not found is undefined, not an error.
 */
export interface Entry {
  readonly key: string;
  /** Owned by the store and shared between readers: never to be changed. */
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
}

/** What one transaction does to one key. ifRevision is the modRevision the caller saw; by: who wants it, kept for the history where times are. */
export type Write =
  | { readonly kind: 'create'; readonly key: string; readonly value: Uint8Array; readonly ttlMs?: number; readonly by?: string }
  | {
      readonly kind: 'update';
      readonly key: string;
      readonly value: Uint8Array;
      readonly ifRevision: number;
      readonly ttlMs?: number;
      readonly by?: string;
    }
  | { readonly kind: 'delete'; readonly key: string; readonly ifRevision: number; readonly by?: string }
  /** Writes nothing; the transaction holds only if the key is still at ifRevision (0: absent). */
  | { readonly kind: 'check'; readonly key: string; readonly ifRevision: number };

export interface ReadOptions {
  /** Read the past. Absent: the present, which includes every write that was acknowledged before the call. */
  readonly revision?: number;
  readonly signal?: AbortSignal;
}

export interface ListOptions extends ReadOptions {
  /** '' is the whole store. */
  readonly prefix: string;
  /** Only keys after this one: the next of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

export interface Page {
  /** In the order of their keys. */
  readonly entries: readonly Entry[];
  /** What the list is true for. Ask for the following pages at this revision and they fit together. */
  readonly revision: number;
  /** There is more: pass it as after. */
  readonly next?: string;
  /** How many entries follow after this page, where the store knows without reading them. */
  readonly remaining?: number;
}

/** entry is absent when the key was deleted; previous is absent when it was created. */
export interface Change {
  readonly key: string;
  readonly revision: number;
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
}

/** All changes up to revision have been delivered with this batch or before it. No changes: a bookmark. */
export interface WatchBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}

export interface WatchOptions {
  readonly prefix: string;
  /** The first change delivered is the first one after this revision. */
  readonly afterRevision: number;
  /** Ends the iteration, quietly. */
  readonly signal: AbortSignal;
}

/**
 * Every change once, in order, complete, the writes of one transaction in one batch. Holds no changes back for a slow reader:
 * it reads the store's log at its own pace, and gets STORE_COMPACTED when that part of the log is gone.
 */
export interface Watch extends AsyncIterable<WatchBatch> {
  /** Have a batch delivered, if need be an empty one, as soon as the watch has come to this revision. */
  progressTo(revision: number): void;
}

/** One state an object was in, since revision. entry is absent while it was deleted. atMs and by where the store keeps times. */
export interface Version {
  readonly revision: number;
  readonly entry: Entry | undefined;
  readonly atMs?: number;
  /** As the write that made it said, at most MAX_BY_BYTES of it. */
  readonly by?: string;
}

export interface StoreStatus {
  readonly revision: number;
  /** Reads and watches reach back to here; absent where the store does not tell. */
  readonly compactedRevision?: number;
  /** On disk, or in memory, all in all, and the part of it that holds data. */
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

export interface Store {
  /** The newest revision; covers every write acknowledged before the call, by whichever API server. */
  revision(signal?: AbortSignal): Promise<number>;
  get(key: string, options?: ReadOptions): Promise<Entry | undefined>;
  list(options: ListOptions): Promise<Page>;
  /**
   * All writes or none; resolves with their revision once they would survive a power cut. The bytes handed in must not change before.
   * After STORE_UNAVAILABLE the outcome is unknown: read before trying again.
   */
  transact(writes: readonly Write[]): Promise<number>;
  watch(options: WatchOptions): Watch;
  /** Gives up the past before this revision: afterwards reads and watches from before it get STORE_COMPACTED. */
  compact(revision: number): Promise<void>;
  /** The versions of one key that are still there, newest first; may reach back behind compaction (see README). */
  history(key: string, signal?: AbortSignal): Promise<readonly Version[]>;
  /** When each entry that has a time to live will be deleted, in milliseconds since 1970. */
  expirations(signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  status(signal?: AbortSignal): Promise<StoreStatus>;
  /** A consistent copy of everything into a new file, while writes go on. */
  snapshot(file: string, signal?: AbortSignal): Promise<void>;
  /** Ends all watches and waits for writes that have begun. A second call waits for the first. */
  close(): Promise<void>;
}

/** As etcd's; also keeps resourceVersion "0" free for what Kubernetes means by it. */
export const FIRST_REVISION = 1;
export const MAX_KEY_BYTES = 1_024;
export const MAX_BY_BYTES = 255;
/** What one transaction may carry, keys and values together: below etcd's default request limit of 1.5 MiB, so that every store can be moved to etcd. */
export const MAX_TRANSACTION_BYTES = 1_500_000;
/** etcd's default for the writes of one transaction. */
export const MAX_TRANSACTION_WRITES = 128;

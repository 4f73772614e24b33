/**
 * Fans the changes of one store out to its watches. The newest changes are kept in a ring that all watches share; a watch that
 * fell behind the ring (or starts behind it) reads the store's own log through `older` until it has caught up. So a slow reader
 * costs nothing but its own time, and no change is held twice.
 * Throws, out of the iteration: STORE_COMPACTED, STORE_CLOSED, and whatever `older` throws.
 */
import { closed, compacted } from './errors.ts';
import type { Change, Watch, WatchBatch, WatchOptions } from './store.ts';

/** The changes of one transaction. */
export interface ChangeSet {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** Everything after one revision up to `through`, which must be greater. */
export interface OlderChanges {
  readonly sets: readonly ChangeSet[];
  readonly through: number;
}

export interface FeedOptions {
  /** Called only while after is not compacted and behind the ring, whose oldest change is the one after ringStart. */
  readonly older: (after: number, ringStart: number, signal: AbortSignal) => Promise<OlderChanges>;
  readonly revision: number;
  readonly compactedRevision: number;
  readonly maxChanges?: number;
  readonly maxBytes?: number;
}

/** Enough for readers that pause for a second under full load, little enough not to be seen in the resident size. */
const RING_CHANGES = 4_096;
const RING_BYTES = 8 * 1_024 * 1_024;
const DROP_AT = 256;
const BATCH_CHANGES = 1_000;

export class ChangeFeed {
  readonly #options: FeedOptions;
  readonly #followers = new Set<Follower>();
  /** Sets from #first on are in the ring; those before are dropped now and then. */
  #sets: ChangeSet[] = [];
  #first = 0;
  #ringStart: number;
  #ringChanges = 0;
  #ringBytes = 0;
  #revision: number;
  #compacted: number;
  #failure: Error | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#revision = options.revision;
    this.#ringStart = options.revision;
    this.#compacted = options.compactedRevision;
  }

  /** What has been published so far. */
  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  publish(sets: readonly ChangeSet[]): void {
    const from = this.#sets.length;
    for (const set of sets) {
      this.#sets.push(set);
      this.#ringChanges += set.changes.length;
      this.#ringBytes += bytesOf(set);
      this.#revision = set.revision;
    }
    const fresh = this.#sets.slice(from);
    this.#trim();
    for (const follower of this.#followers) follower.published(this.#revision, fresh);
  }

  /** Nothing changed up to this revision. */
  advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    for (const follower of this.#followers) follower.published(revision, []);
  }

  /** Watches may no longer start before this revision; those that run go on as long as the ring reaches. */
  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  /** Changes up to this revision were missed for good: whoever has not come so far gets STORE_COMPACTED. */
  skipTo(revision: number): void {
    this.#sets = [];
    this.#first = this.#ringChanges = this.#ringBytes = 0;
    this.#ringStart = this.#revision = revision;
    this.compact(revision);
    for (const follower of this.#followers) follower.wake();
  }

  close(): void {
    this.#failure = closed();
    for (const follower of this.#followers) follower.wake();
  }

  watch(options: WatchOptions): Watch {
    const follower = new Follower(options);
    return {
      progressTo: (revision) => follower.progressTo(revision),
      [Symbol.asyncIterator]: () => this.#follow(follower, options.signal),
    };
  }

  async *#follow(follower: Follower, signal: AbortSignal): AsyncGenerator<WatchBatch, void, undefined> {
    const onAbort = (): void => follower.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#followers.add(follower);
    try {
      if (follower.position < this.#compacted) throw compacted(follower.position, this.#compacted);
      while (!signal.aborted) {
        if (this.#failure !== undefined) throw this.#failure;
        const sets = follower.position < this.#ringStart ? await this.#catchUp(follower, signal) : this.#take(follower);
        const changes = follower.matching(sets);
        if (changes.length > 0 || follower.owesProgress()) yield follower.batch(changes);
        else if (follower.position >= this.#revision) await follower.parked();
      }
    } catch (err) {
      if (!signal.aborted) throw err;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#followers.delete(follower);
    }
  }

  async #catchUp(follower: Follower, signal: AbortSignal): Promise<readonly ChangeSet[]> {
    if (follower.position < this.#compacted) throw compacted(follower.position, this.#compacted);
    const { sets, through } = await this.#options.older(follower.position, this.#ringStart, signal);
    follower.position = through;
    return sets;
  }

  /** The next sets out of the ring, whole transactions, about a batch of them. */
  #take(follower: Follower): readonly ChangeSet[] {
    const from = this.#indexAfter(follower.position);
    let to = from;
    for (let n = 0; to < this.#sets.length && n < BATCH_CHANGES; to++) n += this.#sets[to]?.changes.length ?? 0;
    follower.position =
      to < this.#sets.length ? (this.#sets[to - 1]?.revision ?? follower.position) : Math.max(this.#revision, follower.position);
    return this.#sets.slice(from, to);
  }

  #indexAfter(revision: number): number {
    let low = this.#first;
    let high = this.#sets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sets[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim(): void {
    const { maxChanges = RING_CHANGES, maxBytes = RING_BYTES } = this.#options;
    while (this.#ringChanges > maxChanges || this.#ringBytes > maxBytes) {
      const set = this.#sets[this.#first];
      if (set === undefined) break;
      this.#ringChanges -= set.changes.length;
      this.#ringBytes -= bytesOf(set);
      this.#ringStart = set.revision;
      this.#first += 1;
    }
    // Dropped in bulk: removing one by one would move the whole array each time. Until then the dropped ones still hold memory.
    if (this.#first > DROP_AT) {
      this.#sets = this.#sets.slice(this.#first);
      this.#first = 0;
    }
  }
}

function bytesOf(set: ChangeSet): number {
  let bytes = 0;
  for (const { entry, previous } of set.changes) bytes += 200 + (entry?.value.length ?? 0) + (previous?.value.length ?? 0);
  return bytes;
}

class Follower {
  readonly #prefix: string;
  position: number;
  #progressTo = 0;
  #wake: (() => void) | undefined;

  constructor({ prefix, afterRevision }: WatchOptions) {
    this.#prefix = prefix;
    this.position = afterRevision;
  }

  progressTo(revision: number): void {
    this.#progressTo = Math.max(this.#progressTo, revision);
    this.wake();
  }

  owesProgress(): boolean {
    return this.#progressTo > 0 && this.position >= this.#progressTo;
  }

  batch(changes: readonly Change[]): WatchBatch {
    if (this.owesProgress()) this.#progressTo = 0;
    return { revision: this.position, changes };
  }

  matching(sets: readonly ChangeSet[]): readonly Change[] {
    const changes: Change[] = [];
    for (const set of sets) for (const change of set.changes) if (change.key.startsWith(this.#prefix)) changes.push(change);
    return changes;
  }

  /** A watch that sleeps because it has seen everything is woken only for something it wants; otherwise it moves on in its sleep. */
  published(revision: number, sets: readonly ChangeSet[]): void {
    if (this.#wake === undefined) return;
    if (sets.some((set) => set.revision > this.position && set.changes.some((change) => change.key.startsWith(this.#prefix))))
      return this.wake();
    this.position = Math.max(this.position, revision);
    if (this.owesProgress()) this.wake();
  }

  parked(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** What the store is compared with: a list of all versions, the watches on it, and what both look like side by side. Pure. */
import assert from 'node:assert/strict';
import type { Batches, OpenedStore } from './contractKit.ts';
import type { Change, Entry } from './store.ts';

export interface ModelVersion {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly createRevision: number;
}

export interface ModelWatch {
  readonly prefix: string;
  position: number;
}

export class Model {
  versions: ModelVersion[] = [];
  compacted = 0;
  /** What reads at "now" are true for. */
  revision = 0;
  readonly watches = new Map<number, ModelWatch>();
  readonly due = new Map<string, number>();
  nowMs = 0;

  at(revision: number): ReadonlyMap<string, ModelVersion> {
    const found = new Map<string, ModelVersion>();
    for (const version of this.versions) {
      if (version.revision > revision) break;
      if (version.value === undefined) found.delete(version.key);
      else found.set(version.key, version);
    }
    return found;
  }

  write(revision: number, key: string, value: string | undefined): void {
    const before = this.at(this.revision).get(key);
    this.versions.push({ revision, key, value, createRevision: before?.createRevision ?? revision });
    this.due.delete(key);
  }

  /** A revision that can be read, somewhere between the compaction and now. */
  pick(share: number): number {
    const oldest = Math.max(this.compacted, 1);
    return oldest + Math.floor(share * (this.revision - oldest));
  }
}

/** How often what happened, over all runs: a property that never met a case proves nothing about it. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  met(what: string): boolean {
    return this.#counts.has(what);
  }

  assertMet(all: readonly string[]): void {
    const never = all.filter((what) => !this.#counts.has(what));
    assert.deepEqual(never, [], `never met, among ${JSON.stringify(Object.fromEntries(this.#counts))}`);
  }
}

export interface Real {
  opened: OpenedStore;
  readonly tally: Tally;
  readonly watches: Map<number, { readonly batches: Batches; readonly stop: AbortController }>;
}

export function modelChanges(model: Model, { prefix, position }: ModelWatch, to: number): unknown[] {
  return model.versions
    .filter((v) => v.revision > position && v.revision <= to && v.key.startsWith(prefix))
    .map((v) => [v.revision, v.key, v.value, model.at(v.revision - 1).get(v.key)?.value]);
}

export function plainChange({ revision, key, entry, previous }: Change): unknown {
  const text = (found: Entry | undefined): string | undefined => (found === undefined ? undefined : Buffer.from(found.value).toString());
  return [revision, key, text(entry), text(previous)];
}

/** Within one revision the order is the store's. */
export function sorted(changes: unknown[]): string[] {
  return changes.map((c) => JSON.stringify(c)).toSorted();
}

export function plain({ key, value: bytes, createRevision, modRevision }: Entry): unknown {
  return { key, value: Buffer.from(bytes).toString(), createRevision, modRevision };
}

export function plainModel(version: ModelVersion | undefined): unknown {
  if (version === undefined) return undefined;
  return { key: version.key, value: version.value, createRevision: version.createRevision, modRevision: version.revision };
}

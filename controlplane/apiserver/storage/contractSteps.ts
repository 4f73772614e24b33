/** The steps that a store and its model take together, each with what must be the same afterwards. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { codeOf } from '#base/errors.ts';
import { must, watchFrom } from './contractKit.ts';
import { type Model, type ModelWatch, type Real, modelChanges, plainChange, sorted, plain, plainModel } from './contractModel.ts';
import type { Change, Entry, WatchBatch, Write } from './store.ts';

export interface WriteIdea {
  /** put: create or update, flip: create or delete, as it fits; the others as they are, fit or not. */
  readonly kind: Write['kind'] | 'put' | 'flip';
  readonly name: string;
  readonly value: string;
  readonly stale: boolean;
  readonly ttlMs: number | undefined;
}

export async function write(model: Model, { opened: { store, root, advance }, tally }: Real, ideas: readonly WriteIdea[]): Promise<void> {
  const before = model.at(model.revision);
  const writes = ideas.map((one): Write => {
    const key = root + one.name;
    const now = before.get(key)?.revision ?? 0;
    const there = now > 0;
    const kind = one.kind === 'put' ? (there ? 'update' : 'create') : one.kind === 'flip' ? (there ? 'delete' : 'create') : one.kind;
    const ifRevision = one.stale ? now + 1 : now;
    const ttl = one.ttlMs === undefined || advance === undefined ? {} : { ttlMs: one.ttlMs };
    if (kind === 'create') return { kind: 'create', key, value: Buffer.from(one.value), ...ttl };
    if (kind === 'update') return { kind: 'update', key, value: Buffer.from(one.value), ifRevision, ...ttl };
    return { kind, key, ifRevision };
  });
  const got = await store.transact(writes).catch((err: unknown) => codeOf(err) ?? Promise.reject(err));
  const wrong = writes.map((w, i) => {
    const there = before.has(w.key);
    if (w.kind === 'create') return there ? 'STORE_EXISTS' : undefined;
    return ideas[i]?.stale === true || (!there && w.kind !== 'check') ? 'STORE_CONFLICT' : undefined;
  });
  if (writes.every((w) => w.kind === 'check')) return assert.equal(got, 'STORE_INVALID');
  const refusal = wrong.find((code) => code !== undefined);
  tally.count(refusal ?? 'written');
  if (refusal !== undefined) return assert.equal(got, refusal);
  assert.ok(typeof got === 'number', String(got));
  assert.ok(got > model.revision, 'the revision did not grow');
  for (const w of writes) {
    if (w.kind === 'check') continue;
    model.write(got, w.key, w.kind === 'delete' ? undefined : Buffer.from(w.value).toString());
    if (w.kind !== 'delete' && w.ttlMs !== undefined) model.due.set(w.key, model.nowMs + w.ttlMs);
  }
  model.revision = got;
}

export async function get(model: Model, { opened: { store, root }, tally }: Real, of: string, past: number | null): Promise<void> {
  const revision = past === null ? undefined : model.pick(past);
  if (revision !== undefined && revision < model.revision) tally.count('read the past');
  const got = await store.get(root + of, revision === undefined ? {} : { revision });
  assert.deepEqual(got && plain(got), plainModel(model.at(revision ?? model.revision).get(root + of)));
}

interface ListIdea {
  readonly prefix: string;
  readonly past: number | null;
  readonly limit: number;
}

export async function list(model: Model, { opened: { store, root }, tally }: Real, { prefix, past, limit }: ListIdea): Promise<void> {
  const at = past === null ? model.revision : model.pick(past);
  const wanted = [...model.at(at).values()]
    .filter((v) => v.key.startsWith(root + prefix))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const got: Entry[] = [];
  let page = await store.list({ prefix: root + prefix, limit, ...(past === null ? {} : { revision: at }) });
  for (;;) {
    got.push(...page.entries);
    assert.ok(page.entries.length <= limit && got.length <= wanted.length, 'entries too many or twice');
    assert.equal(page.revision >= at, true);
    if (past !== null) assert.equal(page.revision, at);
    if (page.remaining !== undefined) assert.equal(page.remaining, wanted.length - got.length);
    if (page.next === undefined) break;
    tally.count(page.revision < model.revision ? 'second page of the past' : 'second page');
    page = await store.list({ prefix: root + prefix, limit, after: page.next, revision: page.revision });
  }
  assert.deepEqual(got.map(plain), wanted.map(plainModel));
}

export async function watch(
  model: Model,
  real: Real,
  idea: { readonly id: number; readonly prefix: string; readonly from: number },
): Promise<void> {
  real.watches.get(idea.id)?.stop.abort();
  const found = { prefix: real.opened.root + idea.prefix, position: model.pick(idea.from) };
  model.watches.set(idea.id, found);
  start(real, idea.id, found);
}

function start(real: Real, id: number, { prefix, position }: ModelWatch): void {
  const stop = new AbortController();
  real.watches.set(id, { stop, batches: watchFrom(real.opened.store, prefix, position, stop.signal) });
}

/** Reads the watch up to now. */
export async function see(model: Model, real: Real, id: number): Promise<void> {
  const wanted = model.watches.get(id);
  const watching = real.watches.get(id);
  if (wanted === undefined || watching === undefined || wanted.position >= model.revision) return;
  const seen: Change[] = [];
  watching.batches.progressTo(model.revision);
  let { position } = wanted;
  while (position < model.revision) {
    const next: WatchBatch | string | undefined = await watching.batches.next().catch((err: unknown) => codeOf(err) ?? Promise.reject(err));
    // Either it lives on what it still finds, complete, or it is told that it came too late.
    if (next === 'STORE_COMPACTED' && wanted.position < model.compacted) {
      real.tally.count('watch cut by compaction');
      real.watches.delete(id);
      model.watches.delete(id);
      return;
    }
    assert.ok(typeof next === 'object', `watch ended: ${typeof next === 'string' ? next : 'quietly'}`);
    assert.ok(next.revision > position || next.changes.length === 0, 'revisions go back');
    position = next.revision;
    seen.push(...next.changes);
  }
  assert.deepEqual(sorted(seen.map(plainChange)), sorted(modelChanges(model, wanted, position)));
  assert.deepEqual(
    seen.map((c) => c.revision),
    seen.map((c) => c.revision).toSorted((a, b) => a - b),
  );
  wanted.position = position;
  if (seen.length > 1) real.tally.count('several changes seen');
}

export async function resume(model: Model, real: Real, id: number): Promise<void> {
  const wanted = model.watches.get(id);
  if (wanted === undefined) return;
  real.watches.get(id)?.stop.abort();
  start(real, id, wanted);
  real.tally.count(wanted.position >= model.compacted ? 'watch resumed' : 'resume refused');
  if (wanted.position >= model.compacted) return see(model, real, id);
  const refused = await must(real.watches.get(id)).batches.next().catch(codeOf);
  assert.equal(refused, 'STORE_COMPACTED');
  model.watches.delete(id);
}

export async function compact(model: Model, real: Real, to: number): Promise<void> {
  const revision = model.pick(to);
  await real.opened.store.compact(revision);
  model.compacted = Math.max(model.compacted, revision);
  const { store } = real.opened;
  if (model.compacted > 1) assert.equal(await store.list({ prefix: '', revision: model.compacted - 1 }).catch(codeOf), 'STORE_COMPACTED');
  assert.equal(await store.list({ prefix: '', revision: model.revision + 1_000 }).catch(codeOf), 'STORE_FUTURE');
}

/** Everything since the compaction, and what it found; more is allowed as long as it is true. */
export async function history(model: Model, { opened: { store, root }, tally }: Real, of: string): Promise<void> {
  const all = model.versions.filter((v) => v.key === root + of).toReversed();
  const got = (await store.history(root + of)).map((v) => [
    v.revision,
    v.entry === undefined ? undefined : Buffer.from(v.entry.value).toString(),
  ]);
  assert.deepEqual(
    got,
    all.slice(0, got.length).map((v) => [v.revision, v.value]),
  );
  assert.ok(got.length >= all.filter((v) => v.revision > model.compacted).length, 'versions are missing');
  if (got.some(([, text]) => text === undefined)) tally.count('history with a deletion');
  const alive = model.at(model.compacted).get(root + of);
  if (alive !== undefined)
    assert.ok(
      got.some(([revision]) => revision === alive.revision),
      'the version the compaction found is missing',
    );
}

/** Lets time pass. Each entry that is due must go; at which revision, only the store can tell. */
export async function wait(model: Model, real: Real, byMs: number): Promise<void> {
  const { store, root, advance } = real.opened;
  if (advance === undefined) return;
  model.nowMs += byMs;
  const due = [...model.due].filter(([, atMs]) => atMs <= model.nowMs).map(([key]) => key);
  await advance(byMs);
  for (const key of due) while ((await store.get(key)) !== undefined) await turn();
  if (due.length === 0) return;
  real.tally.count('expired');
  const after = model.revision;
  const now = await store.revision();
  const batches = watchFrom(store, root, after, new AbortController().signal);
  batches.progressTo(now);
  for (let at = after; at < now;) {
    const batch = must(await batches.next());
    at = batch.revision;
    for (const { key, entry, revision } of batch.changes) {
      assert.equal(entry, undefined);
      assert.ok(due.includes(key), `${key} went before its time`);
      model.write(revision, key, undefined);
      model.revision = revision;
    }
  }
  await batches.return();
  assert.deepEqual(
    due.filter((key) => model.at(now).has(key)),
    [],
  );
}

export async function restart(model: Model, real: Real): Promise<void> {
  if (real.opened.reopen === undefined) return;
  for (const { stop } of real.watches.values()) stop.abort();
  real.opened = await real.opened.reopen();
  assert.equal(await real.opened.store.revision(), model.revision);
  for (const [id, wanted] of model.watches) start(real, id, wanted);
  if (model.watches.size > 0) real.tally.count('restarted with watches');
}

/**
 * The store against a model that is nothing but the list of all versions. fast-check makes up sequences of reads, writes,
 * transactions, compactions, restarts, clock moves and watches that break off and resume, and shrinks what fails.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { codeOf } from '#base/errors.ts';
import { must, watchFrom, type Batches, type ContractOptions, type OpenedStore } from './contractKit.ts';
import type { Change, Entry, WatchBatch, Write } from './store.ts';

interface ModelVersion {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly createRevision: number;
}

interface ModelWatch {
  readonly prefix: string;
  position: number;
}

class Model {
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
class Tally {
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

interface Real {
  opened: OpenedStore;
  readonly tally: Tally;
  readonly watches: Map<number, { readonly batches: Batches; readonly stop: AbortController }>;
}

type Command = fc.AsyncCommand<Model, Real>;

const NAMES = ['a', 'a/b', 'a/b/c', 'a0', 'ab', 'b', 'ä', '\uffee', '😀'];
const PREFIXES = ['', 'a', 'a/', 'b', 'zz'];
const name = fc.constantFrom(...NAMES);
const value = fc.oneof(
  fc.nat(9).map(String),
  fc.nat(9).map((n) => String(n).repeat(5_000)),
  fc.nat(9).map((n) => String(n).repeat(40_000)),
);
/** Not a real number: fast-check would make nearly all of them 0. */
const share = fc.constantFrom(0, 0.2, 0.4, 0.6, 0.8, 0.9, 1);
const stale = fc.integer({ min: 0, max: 9 }).map((n) => n === 0);

interface WriteIdea {
  /** put: create or update, flip: create or delete, as it fits; the others as they are, fit or not. */
  readonly kind: Write['kind'] | 'put' | 'flip';
  readonly name: string;
  readonly value: string;
  readonly stale: boolean;
  readonly ttlMs: number | undefined;
}

const idea: fc.Arbitrary<WriteIdea> = fc.record({
  kind: fc.constantFrom<WriteIdea['kind'][]>('put', 'put', 'put', 'put', 'flip', 'flip', 'create', 'update', 'delete', 'check'),
  name,
  value,
  stale,
  ttlMs: fc.option(fc.constantFrom(1_000, 5_000), { nil: undefined, freq: 6 }),
});

const commands: fc.Arbitrary<Command>[] = [
  // Often, so that there is something to read.
  ...Array.from({ length: 5 }, () => idea.map((one) => command(`write ${brief(one)}`, (m, r) => write(m, r, [one])))),
  fc
    .uniqueArray(idea, { selector: (one) => one.name, minLength: 2, maxLength: 5 })
    .map((all) => command(`transact ${all.map(brief).join(', ')}`, (m, r) => write(m, r, all))),
  fc.tuple(name, fc.option(share)).map(([at, past]) => command(`get ${at} ${past ?? 'now'}`, (m, r) => get(m, r, at, past))),
  fc
    .tuple(fc.constantFrom(...PREFIXES), fc.option(share), fc.constantFrom(1, 2, 3, 100))
    .map(([prefix, past, limit]) => command(`list ${prefix} ${past ?? 'now'} by ${limit}`, (m, r) => list(m, r, { prefix, past, limit }))),
  fc
    .tuple(fc.nat(3), fc.constantFrom(...PREFIXES), share)
    .map(([id, prefix, from]) => command(`watch ${id} ${prefix} ${from}`, (m, r) => watch(m, r, { id, prefix, from }))),
  fc.nat(3).map((id) => command(`see ${id}`, (m, r) => see(m, r, id))),
  fc.nat(3).map((id) => command(`see ${id}`, (m, r) => see(m, r, id))),
  fc.nat(3).map((id) => command(`resume ${id}`, (m, r) => resume(m, r, id))),
  share.map((to) => command(`compact ${to}`, (m, r) => compact(m, r, to))),
  name.map((of) => command(`history ${of}`, (m, r) => history(m, r, of))),
  fc.constantFrom(500, 5_000).map((byMs) => command(`wait ${byMs}`, (m, r) => wait(m, r, byMs))),
  fc.constant(command('restart', restart)),
];

/** With fewer, a rare case may be missing by chance. */
const RUNS_THAT_MEET_ALL = 50;

export function testModel(title: string, { open, modelRuns }: ContractOptions): void {
  void test(`${title}: behaves like a list of versions`, async () => {
    const seed = process.env['STORE_SEED'];
    const tally = new Tally();
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 150, size: 'max' }), async (sequence) => {
        const real: Real = { opened: await open(), tally, watches: new Map() };
        try {
          const model = new Model();
          model.revision = await real.opened.store.revision();
          model.compacted = model.revision;
          await fc.asyncModelRun(() => ({ model, real }), sequence);
          for (const id of model.watches.keys()) await see(model, real, id);
          if (real.opened.advance !== undefined) tally.count('a clock to move');
          if (real.opened.reopen !== undefined) tally.count('a restart');
        } finally {
          for (const { stop } of real.watches.values()) stop.abort();
          await real.opened.close();
        }
      }),
      { numRuns: modelRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
    if (modelRuns < RUNS_THAT_MEET_ALL) return;
    tally.assertMet([
      'written',
      'STORE_EXISTS',
      'STORE_CONFLICT',
      'read the past',
      'second page of the past',
      'second page',
      'several changes seen',
      'watch cut by compaction',
      'watch resumed',
      'resume refused',
      'history with a deletion',
    ]);
    if (tally.met('a clock to move')) tally.assertMet(['expired']);
    if (tally.met('a restart')) tally.assertMet(['restarted with watches']);
  });
}

async function write(model: Model, { opened: { store, root, advance }, tally }: Real, ideas: readonly WriteIdea[]): Promise<void> {
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

async function get(model: Model, { opened: { store, root }, tally }: Real, of: string, past: number | null): Promise<void> {
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

async function list(model: Model, { opened: { store, root }, tally }: Real, { prefix, past, limit }: ListIdea): Promise<void> {
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

async function watch(
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
async function see(model: Model, real: Real, id: number): Promise<void> {
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

async function resume(model: Model, real: Real, id: number): Promise<void> {
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

async function compact(model: Model, real: Real, to: number): Promise<void> {
  const revision = model.pick(to);
  await real.opened.store.compact(revision);
  model.compacted = Math.max(model.compacted, revision);
  const { store } = real.opened;
  if (model.compacted > 1) assert.equal(await store.list({ prefix: '', revision: model.compacted - 1 }).catch(codeOf), 'STORE_COMPACTED');
  assert.equal(await store.list({ prefix: '', revision: model.revision + 1_000 }).catch(codeOf), 'STORE_FUTURE');
}

/** Everything since the compaction, and what it found; more is allowed as long as it is true. */
async function history(model: Model, { opened: { store, root }, tally }: Real, of: string): Promise<void> {
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
async function wait(model: Model, real: Real, byMs: number): Promise<void> {
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

async function restart(model: Model, real: Real): Promise<void> {
  if (real.opened.reopen === undefined) return;
  for (const { stop } of real.watches.values()) stop.abort();
  real.opened = await real.opened.reopen();
  assert.equal(await real.opened.store.revision(), model.revision);
  for (const [id, wanted] of model.watches) start(real, id, wanted);
  if (model.watches.size > 0) real.tally.count('restarted with watches');
}

function modelChanges(model: Model, { prefix, position }: ModelWatch, to: number): unknown[] {
  return model.versions
    .filter((v) => v.revision > position && v.revision <= to && v.key.startsWith(prefix))
    .map((v) => [v.revision, v.key, v.value, model.at(v.revision - 1).get(v.key)?.value]);
}

function plainChange({ revision, key, entry, previous }: Change): unknown {
  const text = (found: Entry | undefined): string | undefined => (found === undefined ? undefined : Buffer.from(found.value).toString());
  return [revision, key, text(entry), text(previous)];
}

/** Within one revision the order is the store's. */
function sorted(changes: unknown[]): string[] {
  return changes.map((c) => JSON.stringify(c)).toSorted();
}

function plain({ key, value: bytes, createRevision, modRevision }: Entry): unknown {
  return { key, value: Buffer.from(bytes).toString(), createRevision, modRevision };
}

function plainModel(version: ModelVersion | undefined): unknown {
  if (version === undefined) return undefined;
  return { key: version.key, value: version.value, createRevision: version.createRevision, modRevision: version.revision };
}

function brief({ kind, name: of, stale: old, ttlMs }: WriteIdea): string {
  return `${kind} ${of}${old ? ' (stale)' : ''}${ttlMs === undefined ? '' : ` ttl=${ttlMs}`}`;
}

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text };
}

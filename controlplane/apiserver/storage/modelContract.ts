/**
 * The store against a model that is nothing but the list of all versions. fast-check makes up sequences of reads, writes,
 * transactions, compactions, restarts, clock moves and watches that break off and resume, and shrinks what fails.
 */
import { test } from 'node:test';
import fc from 'fast-check';
import type { ContractOptions } from './contractKit.ts';
import { Model, Tally, type Real } from './contractModel.ts';
import { write, get, list, watch, see, resume, compact, history, wait, restart, type WriteIdea } from './contractSteps.ts';

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

function brief({ kind, name: of, stale: old, ttlMs }: WriteIdea): string {
  return `${kind} ${of}${old ? ' (stale)' : ''}${ttlMs === undefined ? '' : ` ttl=${ttlMs}`}`;
}

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text };
}

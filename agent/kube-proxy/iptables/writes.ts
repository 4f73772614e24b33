/**
 * Writes to iptables tables, and their text for iptables-restore --noflush. Pure.
 *
 * Order: what is jumped to comes before what jumps to it, and goes after it. New refusals (filter) come before the address
 * translation (nat) goes away, old refusals go after it is there, so that no packet meets a service that is neither.
 *
 * A transaction of the nft back end costs more than in proportion to its size (10,000 services at once: 29 s, in pieces of 1,000
 * lines: 3.5 s), so large writes are cut. Every piece leaves the tables consistent; a chain is never cut.
 */
import type { TableName } from './names.ts';
import { Rewrites, declare } from './rewrites.ts';

export interface ChainRule {
  readonly chain: string;
  readonly rule: string;
}

export interface TableWrites {
  /** Chains made when missing, and left alone otherwise. */
  readonly make: string[];
  /** Chains made or emptied, then filled. */
  readonly rewrite: Rewrites;
  /** At the head of the chain, the last one first. */
  readonly insert: ChainRule[];
  /** By their text; a rule that is not there makes the table's transaction fail. */
  readonly remove: ChainRule[];
  readonly drop: string[];
}

export function emptyWrites(): TableWrites {
  return { make: [], rewrite: new Rewrites(), insert: [], remove: [], drop: [] };
}

export function isEmpty({ make, rewrite, insert, remove, drop }: TableWrites): boolean {
  return make.length + rewrite.size + insert.length + remove.length + drop.length === 0;
}

export function linesOf({ make, rewrite, insert, remove, drop }: TableWrites): number {
  return make.length + rewrite.lines + insert.length + remove.length + drop.length;
}

/** One run of iptables-restore. */
export interface Batch {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly lines: number;
  readonly transactions: number;
}

export interface RenderOptions {
  /** Lines of a transaction; Infinity where the price is per transaction (the legacy back end). */
  readonly linesPerBatch: number;
}

export const NFT_LINES_PER_BATCH = 1_000;

export function renderBatches(writes: Readonly<Record<TableName, TableWrites>>, { linesPerBatch }: RenderOptions): Batch[] {
  const batches: Batch[] = [];
  let parts: Buffer[] = [];
  let lines = 0;
  let transactions = 0;
  const close = (): void => {
    if (lines > 0) batches.push({ parts, bytes: parts.reduce((sum, part) => sum + part.length, 0), lines, transactions });
    parts = [];
    lines = 0;
    transactions = 0;
  };
  for (const { table, steps } of sections(writes, linesPerBatch)) {
    for (const piece of cut(steps, linesPerBatch)) {
      if (lines + piece.lines + 2 > linesPerBatch) close();
      parts.push(Buffer.from(`*${table}\n`), ...piece.parts, COMMIT);
      lines += piece.lines + 2;
      transactions += 1;
    }
  }
  close();
  return batches;
}

const COMMIT = Buffer.from('COMMIT\n');

/** What must be in one transaction. iptables-restore wants the lines that declare chains before all others. */
interface Step {
  readonly declared: readonly Buffer[];
  readonly rules: readonly Buffer[];
  readonly lines: number;
}

interface Section {
  readonly table: TableName;
  readonly steps: readonly Step[];
}

function sections({ nat, filter, mangle }: Readonly<Record<TableName, TableWrites>>, linesPerBatch: number): Section[] {
  const one = (table: TableName, steps: readonly Step[]): Section[] => (steps.length === 0 ? [] : [{ table, steps }]);
  return [
    ...one('mangle', [...adding(mangle, linesPerBatch), ...removing(mangle)]),
    ...one('filter', adding(filter, linesPerBatch)),
    ...one('nat', whole(nat, linesPerBatch)),
    ...one('filter', removing(filter)),
  ];
}

/** A service that moves from one chain to another does so in one step. */
function whole(writes: TableWrites, linesPerBatch: number): Step[] {
  const { make, rewrite, insert, remove, drop } = writes;
  if (rewrite.size > 0 && insert.length + remove.length > 0) {
    const moves = ruleStep([...insert.map(inserted), ...remove.map(removed)]);
    return [...made(make), ...rewrite.pieces(linesPerBatch), moves, ...dropped(drop)];
  }
  return [...adding(writes, linesPerBatch), ...removing(writes)];
}

function adding({ make, rewrite, insert }: TableWrites, linesPerBatch: number): Step[] {
  return [...made(make), ...rewrite.pieces(linesPerBatch), ...insert.map((i) => ruleStep([inserted(i)]))];
}

function removing({ remove, drop }: TableWrites): Step[] {
  return [...remove.map((r) => ruleStep([removed(r)])), ...dropped(drop)];
}

/** What others jump to goes last. */
const ORDER = ['KUBE-MARK-MASQ', 'KUBE-SEP-', 'KUBE-SVL-', 'KUBE-SVC-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-NODEPORTS'];

function rank(chain: string): number {
  const at = ORDER.findIndex((prefix) => chain.startsWith(prefix));
  return at === -1 ? ORDER.length : at;
}
function dropped(chains: readonly string[]): Step[] {
  const ranked: string[][] = Array.from({ length: ORDER.length + 1 }, () => []);
  for (const chain of chains) ranked[rank(chain)]?.push(chain);
  const ordered = ranked.toReversed().flat();
  return ordered.map((chain) => ({ declared: [Buffer.from(declare(chain))], rules: [Buffer.from(`-X ${chain}\n`)], lines: 2 }));
}
function made(chains: readonly string[]): Step[] {
  return chains.map((chain) => ({ declared: [Buffer.from(declare(chain))], rules: [], lines: 1 }));
}
function ruleStep(lines: readonly string[]): Step {
  return { declared: [], rules: [Buffer.from(lines.map((line) => `${line}\n`).join(''))], lines: lines.length };
}
function inserted({ chain, rule }: ChainRule): string {
  return `-I ${chain} ${rule}`;
}
function removed({ chain, rule }: ChainRule): string {
  return `-D ${chain} ${rule}`;
}

interface Piece {
  readonly parts: readonly Buffer[];
  readonly lines: number;
}

function cut(steps: readonly Step[], linesPerBatch: number): Piece[] {
  const pieces: Piece[] = [];
  let declared: Buffer[] = [];
  let rules: Buffer[] = [];
  let lines = 0;
  const close = (): void => {
    if (lines > 0) pieces.push({ parts: [...declared, ...rules], lines });
    declared = [];
    rules = [];
    lines = 0;
  };
  for (const step of steps) {
    if (lines > 0 && lines + step.lines > linesPerBatch) close();
    declared.push(...step.declared);
    rules.push(...step.rules);
    lines += step.lines;
  }
  close();
  return pieces;
}

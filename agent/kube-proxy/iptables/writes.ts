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

export interface ChainRule {
  readonly chain: string;
  readonly rule: string;
}

export interface TableWrites {
  /** Chains made when missing, and left alone otherwise. */
  readonly make: string[];
  /** Chains made or emptied, then filled. */
  readonly rewrite: Map<string, readonly string[]>;
  /** At the head of the chain, the last one first. */
  readonly insert: ChainRule[];
  /** By their text; a rule that is not there makes the table's transaction fail. */
  readonly remove: ChainRule[];
  readonly drop: string[];
}

export function emptyWrites(): TableWrites {
  return { make: [], rewrite: new Map(), insert: [], remove: [], drop: [] };
}

export function isEmpty({ make, rewrite, insert, remove, drop }: TableWrites): boolean {
  return make.length + rewrite.size + insert.length + remove.length + drop.length === 0;
}

/** One run of iptables-restore. */
export interface Batch {
  readonly text: string;
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
  let text = '';
  let lines = 0;
  let transactions = 0;
  const close = (): void => {
    if (lines > 0) batches.push({ text, lines, transactions });
    text = '';
    lines = 0;
    transactions = 0;
  };
  for (const { table, steps } of sections(writes)) {
    for (const piece of cut(steps, linesPerBatch)) {
      if (lines + piece.lines + 2 > linesPerBatch) close();
      text += `*${table}\n${piece.text}COMMIT\n`;
      lines += piece.lines + 2;
      transactions += 1;
    }
  }
  close();
  return batches;
}

/** What must be in one transaction. iptables-restore wants the lines that declare chains before all others. */
interface Step {
  readonly declared: string;
  readonly rules: string;
  readonly lines: number;
}

interface Section {
  readonly table: TableName;
  readonly steps: readonly Step[];
}

function sections({ nat, filter, mangle }: Readonly<Record<TableName, TableWrites>>): Section[] {
  const one = (table: TableName, steps: readonly Step[]): Section[] => (steps.length === 0 ? [] : [{ table, steps }]);
  return [
    ...one('mangle', [...adding(mangle), ...removing(mangle)]),
    ...one('filter', adding(filter)),
    ...one('nat', whole(nat)),
    ...one('filter', removing(filter)),
  ];
}

/** A service that moves from one chain to another does so in one step. */
function whole(writes: TableWrites): Step[] {
  const { make, rewrite, insert, remove, drop } = writes;
  if (rewrite.size > 0 && insert.length + remove.length > 0) {
    const moves = ruleStep([...insert.map(inserted), ...remove.map(removed)]);
    return [...made(make), ...inOrder(rewrite).map(rewriteStep), moves, ...dropped(drop)];
  }
  return [...adding(writes), ...removing(writes)];
}

function adding({ make, rewrite, insert }: TableWrites): Step[] {
  return [...made(make), ...inOrder(rewrite).map(rewriteStep), ...insert.map((i) => ruleStep([inserted(i)]))];
}

function removing({ remove, drop }: TableWrites): Step[] {
  return [...remove.map((r) => ruleStep([removed(r)])), ...dropped(drop)];
}

/** What others jump to first. */
const ORDER = ['KUBE-MARK-MASQ', 'KUBE-SEP-', 'KUBE-SVL-', 'KUBE-SVC-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-NODEPORTS'];

function rank(chain: string): number {
  const at = ORDER.findIndex((prefix) => chain.startsWith(prefix));
  return at === -1 ? ORDER.length : at;
}
function byRank<T>(items: Iterable<T>, chainOf: (item: T) => string): T[][] {
  const ranked: T[][] = Array.from({ length: ORDER.length + 1 }, () => []);
  for (const item of items) ranked[rank(chainOf(item))]?.push(item);
  return ranked;
}
function inOrder(rewrite: ReadonlyMap<string, readonly string[]>): [string, readonly string[]][] {
  return byRank(rewrite, ([chain]) => chain).flat();
}
function dropped(chains: readonly string[]): Step[] {
  const ordered = byRank(chains, (chain) => chain)
    .toReversed()
    .flat();
  return ordered.map((chain) => ({ declared: declare(chain), rules: `-X ${chain}\n`, lines: 2 }));
}
function made(chains: readonly string[]): Step[] {
  return chains.map((chain) => ({ declared: declare(chain), rules: '', lines: 1 }));
}
function rewriteStep([chain, rules]: [string, readonly string[]]): Step {
  let text = '';
  for (const rule of rules) text += `-A ${chain} ${rule}\n`;
  return { declared: declare(chain), rules: text, lines: rules.length + 1 };
}
function ruleStep(lines: readonly string[]): Step {
  return { declared: '', rules: lines.map((line) => `${line}\n`).join(''), lines: lines.length };
}
function declare(chain: string): string {
  return `:${chain} - [0:0]\n`;
}
function inserted({ chain, rule }: ChainRule): string {
  return `-I ${chain} ${rule}`;
}
function removed({ chain, rule }: ChainRule): string {
  return `-D ${chain} ${rule}`;
}

interface Piece {
  readonly text: string;
  readonly lines: number;
}

function cut(steps: readonly Step[], linesPerBatch: number): Piece[] {
  const pieces: Piece[] = [];
  let declared = '';
  let rules = '';
  let lines = 0;
  const close = (): void => {
    if (lines > 0) pieces.push({ text: declared + rules, lines });
    declared = '';
    rules = '';
    lines = 0;
  };
  for (const step of steps) {
    if (lines + step.lines > linesPerBatch) close();
    declared += step.declared;
    rules += step.rules;
    lines += step.lines;
  }
  close();
  return pieces;
}

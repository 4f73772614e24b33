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
  let open: string[] = [];
  let transactions = 0;
  const close = (): void => {
    if (open.length > 0) batches.push({ text: `${open.join('\n')}\n`, lines: open.length, transactions });
    open = [];
    transactions = 0;
  };
  for (const section of sections(writes)) {
    for (const piece of cut(section.steps, linesPerBatch)) {
      if (open.length + piece.length + 2 > linesPerBatch) close();
      open.push(`*${section.table}`, ...piece, 'COMMIT');
      transactions += 1;
    }
  }
  close();
  return batches;
}

/** What must be in one transaction. */
type Step = readonly string[];

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
    const chains = inOrder(rewrite);
    return [...made(make), ...chains.map(rewriteStep), [...insert.map(inserted), ...remove.map(removed)], ...dropped(drop)];
  }
  return [...adding(writes), ...removing(writes)];
}

function adding({ make, rewrite, insert }: TableWrites): Step[] {
  return [...made(make), ...inOrder(rewrite).map(rewriteStep), ...insert.map((i) => [inserted(i)])];
}

function removing({ remove, drop }: TableWrites): Step[] {
  return [...remove.map((r) => [removed(r)]), ...dropped(drop)];
}

/** What others jump to first. */
const ORDER = ['KUBE-MARK-MASQ', 'KUBE-SEP-', 'KUBE-SVL-', 'KUBE-SVC-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-NODEPORTS'];

function rank(chain: string): number {
  const at = ORDER.findIndex((prefix) => chain.startsWith(prefix));
  return at === -1 ? ORDER.length : at;
}
function inOrder(rewrite: ReadonlyMap<string, readonly string[]>): [string, readonly string[]][] {
  return [...rewrite].sort(([a], [b]) => rank(a) - rank(b));
}
function dropped(chains: readonly string[]): Step[] {
  return chains.toSorted((a, b) => rank(b) - rank(a)).map((chain) => [`:${chain} - [0:0]`, `-X ${chain}`]);
}
function made(chains: readonly string[]): Step[] {
  return chains.map((chain) => [`:${chain} - [0:0]`]);
}
function rewriteStep([chain, rules]: [string, readonly string[]]): Step {
  return [`:${chain} - [0:0]`, ...rules.map((rule) => `-A ${chain} ${rule}`)];
}
function inserted({ chain, rule }: ChainRule): string {
  return `-I ${chain} ${rule}`;
}
function removed({ chain, rule }: ChainRule): string {
  return `-D ${chain} ${rule}`;
}
/** Pieces of at most so many lines, chain declarations first as iptables-restore wants them. */
function cut(steps: readonly Step[], linesPerBatch: number): string[][] {
  const pieces: string[][] = [];
  let chains: string[] = [];
  let rest: string[] = [];
  const close = (): void => {
    if (chains.length + rest.length > 0) pieces.push([...chains, ...rest]);
    chains = [];
    rest = [];
  };
  for (const step of steps) {
    if (chains.length + rest.length + step.length > linesPerBatch) close();
    for (const line of step) (line.startsWith(':') ? chains : rest).push(line);
  }
  close();
  return pieces;
}

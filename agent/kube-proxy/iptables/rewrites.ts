/**
 * Chains that are written anew, as the two parts of the text for iptables-restore: the lines that declare them, and their rules. Pure.
 *
 * Kept as bytes: at 10,000 services these are 120,000 lines, and a string for each costs more than everything else in a full sync.
 */

const BLOCK_BYTES = 1 << 18;
const FIRST_BYTES = 1 << 12;

interface Block {
  /** Where it begins in the whole text. */
  readonly start: number;
  readonly buffer: Buffer;
}

/** A text that grows, as UTF-8, in blocks: nothing is copied, and no memory is asked for twice. */
class Bytes {
  #last: Block = { start: 0, buffer: Buffer.allocUnsafe(FIRST_BYTES) };
  readonly #blocks: Block[] = [this.#last];
  length = 0;

  add(text: string): void {
    const most = text.length * 3; // of UTF-8, for a unit of UTF-16
    if (this.length - this.#last.start + most > this.#last.buffer.length) {
      this.#last = { start: this.length, buffer: Buffer.allocUnsafe(Math.max(BLOCK_BYTES, most)) };
      this.#blocks.push(this.#last);
    }
    const { start, buffer } = this.#last;
    this.length += buffer.write(text, this.length - start);
  }

  part(from: number, to: number): Buffer[] {
    const parts: Buffer[] = [];
    for (const [i, { start, buffer }] of this.#blocks.entries()) {
      const end = Math.min(to, this.#blocks[i + 1]?.start ?? this.length);
      if (start < to && end > from) parts.push(buffer.subarray(Math.max(from, start) - start, end - start));
    }
    return parts;
  }
}

interface Chain {
  readonly name: string;
  readonly lines: number;
  /** Where its parts end; they begin where those of the chain before end. */
  readonly declaredEnd: number;
  readonly rulesEnd: number;
}

/** In the order they are put in. What other chains jump to has to come first, because a large write is cut. */
export class Rewrites {
  readonly #declared = new Bytes();
  readonly #rules = new Bytes();
  readonly #chains: Chain[] = [];
  #lines = 0;

  /** Rules and chains. */
  get lines(): number {
    return this.#lines;
  }

  get size(): number {
    return this.#chains.length;
  }

  /** Made or emptied, then filled. To be called once for each chain. */
  put(name: string, rules: readonly string[]): void {
    this.#declared.add(declare(name));
    let text = '';
    for (const rule of rules) text += `-A ${name} ${rule}\n`;
    this.#rules.add(text);
    this.#lines += rules.length + 1;
    this.#chains.push({ name, lines: rules.length + 1, declaredEnd: this.#declared.length, rulesEnd: this.#rules.length });
  }

  /** The rules of each chain, read back out of the text. */
  *chains(): Generator<[name: string, rules: string[]]> {
    let from = 0;
    for (const { name, rulesEnd } of this.#chains) {
      const lines = Buffer.concat(this.#rules.part(from, rulesEnd)).toString().split('\n').slice(0, -1);
      yield [name, lines.map((line) => line.slice(`-A ${name} `.length))];
      from = rulesEnd;
    }
  }

  /** Pieces of at most so many lines each; a chain is never cut. */
  *pieces(
    linesPerPiece: number,
  ): Generator<{ readonly declared: readonly Buffer[]; readonly rules: readonly Buffer[]; readonly lines: number }> {
    let from = { declaredEnd: 0, rulesEnd: 0 };
    let to = from;
    let lines = 0;
    const piece = () => ({
      declared: this.#declared.part(from.declaredEnd, to.declaredEnd),
      rules: this.#rules.part(from.rulesEnd, to.rulesEnd),
      lines,
    });
    for (const chain of this.#chains) {
      if (lines > 0 && lines + chain.lines > linesPerPiece) {
        yield piece();
        from = to;
        lines = 0;
      }
      to = chain;
      lines += chain.lines;
    }
    if (lines > 0) yield piece();
  }
}

/** The line that makes or empties a chain. */
export function declare(chain: string): string {
  return `:${chain} - [0:0]\n`;
}

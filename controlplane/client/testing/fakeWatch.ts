/** One watch of the fake API server: lines on their way to the client, in the pieces and with the accidents a network has. */
import type { ResourceType } from '../query.ts';
import type { FakeEvent, Stored } from './fakeApi.ts';

export interface FakeWatchOptions {
  readonly passes: (object: Stored) => boolean;
  readonly kind: ResourceType;
  readonly signal: AbortSignal;
  readonly random: (() => number) | undefined;
}

export class FakeWatch {
  readonly kind: ResourceType;
  readonly #options: FakeWatchOptions;
  #pieces: Buffer[] = [];
  readonly #told: string[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  constructor(options: FakeWatchOptions) {
    this.kind = options.kind;
    this.#options = options;
  }

  tell({ revision, before, after }: FakeEvent): void {
    const { passes, random } = this.#options;
    const [was, is] = [before !== undefined && passes(before), after !== undefined && passes(after)];
    if (!was && !is) return;
    const object = is ? after : { ...before, metadata: { ...before?.metadata, resourceVersion: String(revision) } };
    const line = `${JSON.stringify({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object })}\n`;
    this.#send(line);
    this.#told.push(line);
    if (random !== undefined && random() < 0.1) this.#send(this.#told[Math.floor(random() * this.#told.length)] ?? line);
  }

  bookmark(revision: number, annotations?: Readonly<Record<string, string>>): void {
    const { apiVersion, kind } = this.kind;
    const metadata = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) };
    this.#send(`${JSON.stringify({ type: 'BOOKMARK', object: { apiVersion, kind, metadata } })}\n`);
  }

  end(how: 'clean' | 'midLine'): void {
    const last = this.#pieces.at(-1);
    if (how === 'midLine' && last !== undefined) this.#pieces[this.#pieces.length - 1] = last.subarray(0, last.length >> 1);
    this.#ended = true;
    this.#wake();
  }

  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const piece = this.#pieces.shift();
        if (piece !== undefined) yield piece;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #send(line: string): void {
    const bytes = Buffer.from(line);
    const { random } = this.#options;
    const cut = random === undefined ? bytes.length : Math.floor(random() * bytes.length);
    this.#pieces.push(...[bytes.subarray(0, cut), bytes.subarray(cut)].filter((piece) => piece.length > 0));
    this.#wake();
  }
}

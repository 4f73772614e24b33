/**
 * The nft tool: one resident `nft -i` session for small transactions, and processes of their own for everything else. A session knows
 * the tables already (1 ms a change where a new process needs 10 ms and more); it reads its input slowly, so above SESSION_BYTES a
 * process that reads a file is faster.
 *
 * Every call is one at a time, in order. Input is bounded; answers above OUTPUT_BYTES are refused.
 * Throws: NFT_MISSING (not installed), NFT_FAILED (refused; facts: rule, the part nft points at), NFT_TIMEOUT (the session is ended and
 * started anew with the next call), STOPPING.
 * Kernel: nf_tables. Source: nft(8), libnftables-json(5).
 */
import { StringDecoder } from 'node:string_decoder';
import { execa } from 'execa';
import { AppError } from '#base/errors.ts';
import type { MemoryFile } from './memoryFile.ts';
import { ToolShell, type RunOptions } from './toolShell.ts';

/** Where the tool is, and through what it is run (tests: nsenter into a namespace). */
export interface NftLocation {
  readonly via?: readonly string[];
  readonly timeoutMs?: number;
}

export type NftFamily = 'ip' | 'ip6';

export interface NftSetName {
  readonly family: NftFamily;
  readonly table: string;
  readonly kind: 'set' | 'map';
  readonly name: string;
}

export interface Nft {
  readonly version: string;
  /** The commands as one transaction: all or nothing. */
  write(commands: readonly string[], signal: AbortSignal): Promise<void>;
  /** As write, but changes nothing: would it be accepted? */
  check(commands: readonly string[], signal: AbortSignal): Promise<void>;
  /** Tables, chains, rules and sets of a family, without the elements of the sets: the objects of nft's JSON. */
  structure(family: NftFamily, signal: AbortSignal): Promise<readonly unknown[]>;
  /** A whole table as nft prints it, elements of its sets without their counters. Throws NFT_FAILED when there is none. */
  table(family: NftFamily, name: string, signal: AbortSignal): Promise<string>;
  /** A set with its elements, as nft prints it. Throws NFT_FAILED when there is none. */
  elements(set: NftSetName, counters: 'with' | 'without', signal: AbortSignal): Promise<string>;
  /** Ends the session. Rules stay. */
  close(): Promise<void>;
}

const SESSION_BYTES = 16 << 10;
const OUTPUT_BYTES = 256 << 20;
/** 40,000 services take seconds; longer is a hang. */
const TIMEOUT_MS = 120_000;

export async function openNft({ via = [], timeoutMs = TIMEOUT_MS }: NftLocation, signal: AbortSignal): Promise<Nft> {
  const shell = new ToolShell(via);
  const text = await runOnce(shell, ['nft', '--version'], { signal, timeoutMs });
  return new Tool({ via, shell, timeoutMs, version: /v(\d+(\.\d+)+)/.exec(text)?.[1] ?? text.trim() });
}

interface ToolOptions {
  readonly via: readonly string[];
  readonly shell: ToolShell;
  readonly timeoutMs: number;
  readonly version: string;
}

class Tool implements Nft {
  readonly version: string;
  readonly #via: readonly string[];
  readonly #shell: ToolShell;
  readonly #timeoutMs: number;
  #session: Session | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ via, shell, timeoutMs, version }: ToolOptions) {
    this.#via = via;
    this.#shell = shell;
    this.#timeoutMs = timeoutMs;
    this.version = version;
  }

  write(commands: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      if (commands.length === 0) return;
      const bytes = commands.reduce((sum, c) => sum + c.length + 2, 0);
      if (bytes > SESSION_BYTES) {
        await this.#runFile(['-f', '-'], commands, signal);
        return;
      }
      const problem = parseProblem(await this.#ask(commands.join('; '), signal));
      if (problem !== undefined) throw refused(problem);
    });
  }

  check(commands: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#runFile(['-c', '-f', '-'], commands, signal));
  }

  structure(family: NftFamily, signal: AbortSignal): Promise<readonly unknown[]> {
    return this.#inTurn(async () => {
      const answer = await this.#run(['-j', '-t', 'list', 'ruleset', family], { signal });
      if (!answer.startsWith('{"nftables"')) throw refused({ reason: `it answered ${JSON.stringify(answer.slice(0, 200))}` });
      return (JSON.parse(answer) as { readonly nftables: readonly unknown[] }).nftables;
    });
  }

  elements({ family, table, kind, name }: NftSetName, counters: 'with' | 'without', signal: AbortSignal): Promise<string> {
    const flags = counters === 'with' ? [] : ['-s'];
    return this.#inTurn(() => this.#run([...flags, 'list', kind, family, table, name], { signal }));
  }

  table(family: NftFamily, name: string, signal: AbortSignal): Promise<string> {
    return this.#inTurn(() => this.#run(['-s', 'list', 'table', family, name], { signal }));
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#session?.end();
    this.#session = undefined;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #runFile(flags: readonly string[], commands: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#run(flags, { signal, input: `${commands.join('\n')}\n` });
  }

  #run(args: readonly string[], options: Pick<RunOptions, 'signal' | 'input'>): Promise<string> {
    return runOnce(this.#shell, ['nft', ...args], { ...options, timeoutMs: this.#timeoutMs });
  }

  async #ask(line: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    if (this.#session?.isOver !== false) this.#session = new Session(this.#via);
    const session = this.#session;
    try {
      return await session.ask(line, { signal, timeoutMs: this.#timeoutMs });
    } catch (err) {
      // What it was doing when it was given up is unknown.
      await session.end();
      if (this.#session === session) this.#session = undefined;
      throw err;
    }
  }
}

interface AskOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** No command of nft: its refusal marks the end of the answer before it. */
const MARK = 'end-of-answer';

function startSession(via: readonly string[]) {
  // One pipe for answers and refusals, so that they come in order.
  const argv = [...via, 'sh', '-c', 'exec nft -i 2>&1'];
  return execa(argv[0] ?? 'sh', argv.slice(1), { reject: false, buffer: false, stdin: 'pipe', stderr: 'ignore' });
}

class Session {
  readonly #child: ReturnType<typeof startSession>;
  readonly #decoder = new StringDecoder('utf8');
  #asked = 0;
  #text = '';
  #onText: () => void = () => undefined;
  isOver = false;

  constructor(via: readonly string[]) {
    this.#child = startSession(via);
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#text += this.#decoder.write(chunk);
      this.#onText();
    });
    this.#child.stdin.on('error', () => undefined); // it ended: told by its exit
    const over = (): void => {
      this.isOver = true;
      this.#onText();
    };
    void this.#child.then(over, over);
  }

  ask(line: string, { signal, timeoutMs }: AskOptions): Promise<string> {
    this.#asked += 1;
    const mark = `${MARK}-${this.#asked}`;
    const marked = new RegExp(`(?:^|\\n)[^\\n]*\\n${mark}\\n *\\^+\\n*$`);
    this.#text = '';
    return new Promise((resolve, reject) => {
      const timeout = AbortSignal.timeout(timeoutMs);
      const finish = (settle: () => void): void => {
        this.#onText = () => undefined;
        signal.removeEventListener('abort', onAbort);
        timeout.removeEventListener('abort', onTimeout);
        settle();
      };
      const onAbort = (): void => finish(() => reject(signal.reason));
      const onTimeout = (): void => finish(() => reject(new AppError('NFT_TIMEOUT', 'nft did not answer in time', { timeoutMs })));
      this.#onText = () => {
        if (this.#text.length > OUTPUT_BYTES) {
          return finish(() => reject(new AppError('NFT_FAILED', 'nft answered more than we can hold', { bytes: this.#text.length })));
        }
        // The mark stands near the end: a long answer is not searched again and again.
        const at = this.#text.indexOf(mark, Math.max(0, this.#text.length - 65_536 - mark.length));
        const found = at === -1 ? null : marked.exec(this.#text);
        if (found !== null) return finish(() => resolve(this.#text.slice(0, found.index)));
        if (this.isOver) finish(() => reject(ended(this.#text)));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      timeout.addEventListener('abort', onTimeout, { once: true });
      this.#child.stdin.write(`${line}\n${mark}\n`);
      if (this.isOver) this.#onText();
    });
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
    await this.#child.catch(() => undefined);
  }
}

function ended(text: string): AppError {
  if (/not found|No such file/.test(text)) return missing();
  return new AppError('NFT_FAILED', `nft ended before it answered${text.trim() === '' ? '' : `: ${text.trim().slice(-200)}`}`);
}

function missing(): AppError {
  return new AppError('NFT_MISSING', 'Cannot run nft: install the package nftables');
}

async function runOnce(shell: ToolShell, argv: readonly string[], options: RunOptions): Promise<string> {
  let bytes = 0;
  let text = '';
  const onOutput = (printed: MemoryFile): void => {
    bytes = printed.bytes;
    if (bytes <= OUTPUT_BYTES) text = printed.text();
  };
  const { exitCode, stderr, timedOut, isCanceled } = await shell.run(argv, { ...options, onOutput });
  if (exitCode === 0 && bytes > OUTPUT_BYTES) throw new AppError('NFT_FAILED', 'nft answered more than we can hold', { bytes });
  if (exitCode === 0) return text;
  if (isCanceled) throw new AppError('STOPPING', 'Stopped while running nft');
  if (timedOut) throw new AppError('NFT_TIMEOUT', 'nft did not end in time', { timeoutMs: options.timeoutMs });
  if (exitCode === 127) throw missing();
  throw refused(parseProblem(stderr) ?? { reason: stderr.trim().slice(-200) || `exit code ${exitCode ?? 'unknown'}` });
}

export interface NftProblem {
  readonly reason: string;
  /** The part of the command that nft points at. */
  readonly rule?: string;
}

const LONGEST_RULE = 200;

/** Pure. The first problem nft complains about; undefined when it does not. */
export function parseProblem(text: string): NftProblem | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => /(?:^|: )Error: /.test(line));
  if (at === -1) return undefined;
  const reason = (lines[at] ?? '').replace(/^.*?Error: /, '').trim();
  const echo = lines[at + 1] ?? '';
  const pointer = lines[at + 2] ?? '';
  const from = pointer.indexOf('^');
  if (from === -1 || pointer.trim().replaceAll(/[\^~]/g, '') !== '') return { reason };
  const to = pointer.lastIndexOf('^') + 1;
  // What it points at says little without the command around it.
  const start = echo.lastIndexOf('; ', from) + 1;
  const verb = /^\s*\w+ \w+ \w+ \S+ \S+/.exec(echo.slice(start))?.[0].trim() ?? '';
  const part = echo.slice(from, to);
  const rule = verb.includes(part) ? verb : `${verb} ${part}`.trim();
  return { reason, rule: rule.slice(0, LONGEST_RULE) };
}

function refused({ reason, rule }: NftProblem): AppError {
  return new AppError(
    'NFT_FAILED',
    `nft refused: ${reason}${rule === undefined ? '' : `, at: ${rule}`}`,
    rule === undefined ? {} : { rule },
  );
}

/**
 * Runs tools of the host one after the other through a shell that stays: to start a program out of a Node process of 200 MB costs ten
 * milliseconds of its CPU and more (its page tables are copied), out of a shell of one MB it costs less than one.
 *
 * Input and output go through files in memory (memoryFile.ts); output is handed over line by line, because a table of 40,000 services is
 * 60 MB. The shell ends with us, and does not keep us alive while it has nothing to do.
 *
 * Units: timeoutMs milliseconds.
 * Throws: never for what the program does; the caller knows what its exit codes mean (127: it was not found, or the shell was not).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import { execa } from 'execa';
import { memoryFile, type Input, type MemoryFile } from './memoryFile.ts';

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly input?: Input;
  readonly onLine?: (line: string) => void;
  /** Instead of lines; the file lives as long as the call. */
  readonly onOutput?: (printed: MemoryFile) => void;
}

export interface RunResult {
  /** Undefined: it was ended. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
}

const STDERR_BYTES = 1 << 20;
const ENDED = { exitCode: undefined, stderr: '', timedOut: false, isCanceled: false } as const;

export class ToolShell {
  readonly #via: readonly string[];
  #resident: Resident | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** via: through what the shell is run (tests: nsenter into a namespace). */
  constructor(via: readonly string[] = []) {
    this.#via = via;
  }

  run(argv: readonly string[], options: RunOptions): Promise<RunResult> {
    const mine = this.#last.then(() => this.#run(argv, options));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #run(argv: readonly string[], { signal, timeoutMs, input, onLine, onOutput }: RunOptions): Promise<RunResult> {
    if (signal.aborted) return { ...ENDED, isCanceled: true };
    if (this.#resident?.isOver === true) await this.#end();
    const resident = (this.#resident ??= new Resident(this.#via));
    const { given, printed, complained } = resident;
    if (input !== undefined) given.replace(input);
    const command = `${argv.map(quoted).join(' ')} <${input === undefined ? '/dev/null' : GIVEN} >${PRINTED} 2>${COMPLAINED} ${CLOSED}; echo $?`;
    const timeout = AbortSignal.timeout(timeoutMs);
    const exitCode = await resident.ask(command, AbortSignal.any([signal, timeout]));
    const stderr = complained.text(STDERR_BYTES);
    if (exitCode === undefined) {
      await this.#end();
      const { notStarted } = resident;
      if (notStarted !== undefined) return { ...ENDED, ...notStarted };
      return { ...ENDED, stderr, timedOut: timeout.aborted, isCanceled: signal.aborted };
    }
    if (onLine !== undefined) await eachLine(printed, onLine);
    onOutput?.(printed);
    // A large table is not held for longer than it is read.
    for (const file of [given, printed, complained]) file.replace();
    return { exitCode, stderr, timedOut: false, isCanceled: false };
  }

  async #end(): Promise<void> {
    const resident = this.#resident;
    this.#resident = undefined;
    await resident?.end();
  }
}

/** As the shell sees its files. Opened anew, each has an offset of its own. */
const [GIVEN, PRINTED, COMPLAINED] = ['/proc/self/fd/3', '/proc/self/fd/4', '/proc/self/fd/5'];
const CLOSED = '3<&- 4<&- 5<&-';

function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function startShell(via: readonly string[], files: readonly [MemoryFile, MemoryFile, MemoryFile]) {
  const [program, ...args] = [...via, '/bin/sh'];
  const [given, printed, complained] = files.map(({ fd }) => fd) as [3, 3, 3];
  return execa(program, args, {
    reject: false,
    buffer: false,
    // A group of its own, to be ended with what it runs. It ends by itself when its input does.
    detached: true,
    cleanup: false,
    stdio: ['pipe', 'pipe', complained, given, printed, complained],
  });
}

class Resident {
  readonly given = memoryFile();
  readonly printed = memoryFile();
  readonly complained = memoryFile();
  readonly #child: ReturnType<typeof startShell>;
  #answer = '';
  #onChange: () => void = () => undefined;
  isOver = false;
  /** Why there never was a shell. */
  notStarted: Pick<RunResult, 'exitCode' | 'stderr'> | undefined;

  constructor(via: readonly string[]) {
    this.#child = startShell(via, [this.given, this.printed, this.complained]);
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#answer += chunk.toString();
      this.#onChange();
    });
    this.#child.stdin.on('error', () => undefined); // it ended: told by its exit
    void this.#child.then((result) => {
      this.isOver = true;
      if (this.#child.pid === undefined)
        this.notStarted = { exitCode: result.code === 'ENOENT' ? 127 : undefined, stderr: result.shortMessage ?? '' };
      // At once, while nobody else can have its number: when the shell alone was ended, what it ran goes on.
      this.#killGroup();
      this.#onChange();
    });
    this.#hold('unref');
  }

  /** What the command says on standard output, as a number; undefined when it was ended, or the shell is no more. */
  ask(command: string, signal: AbortSignal): Promise<number | undefined> {
    this.#answer = '';
    this.#hold('ref');
    return new Promise<number | undefined>((resolve) => {
      const finish = (exitCode: number | undefined): void => {
        this.#onChange = () => undefined;
        signal.removeEventListener('abort', onAbort);
        this.#hold('unref');
        resolve(exitCode);
      };
      const onAbort = (): void => finish(undefined);
      this.#onChange = () => {
        if (this.#answer.endsWith('\n')) finish(Number(this.#answer));
        else if (this.isOver) finish(undefined);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#child.stdin.write(`${command}\n`);
      if (this.isOver) this.#onChange();
    });
  }

  #hold(how: 'ref' | 'unref'): void {
    const { nodeChildProcess, stdin, stdout } = this.#child;
    for (const handle of [nodeChildProcess, stdin as Socket, stdout as Socket]) handle[how]();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // nothing is left of it
    }
  }

  async end(): Promise<void> {
    if (!this.isOver) this.#killGroup();
    await this.#child;
    for (const file of [this.given, this.printed, this.complained]) file.close();
  }
}

const CHUNK_BYTES = 1 << 18;

async function eachLine(file: MemoryFile, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (const chunk of file.chunks(CHUNK_BYTES)) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (chunk.length === CHUNK_BYTES) await nextTurn();
  }
  if (rest !== '') onLine(rest);
}

/**
 * Runs a program and hands over its output line by line: for tools whose output is larger than one wants to hold as one text.
 * Units: timeoutMs milliseconds. Throws: never for what the program does; the caller knows what its exit codes mean.
 */
import { StringDecoder } from 'node:string_decoder';
import { execa } from 'execa';
import { memoryFile, type Input } from './memoryFile.ts';

export interface RunLinesOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly input?: Input;
  readonly onLine?: (line: string) => void;
}

export interface RunLinesResult {
  readonly exitCode: number | undefined;
  readonly stderr: string;
  readonly code: string | undefined;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
}

export async function runLines(argv: readonly string[], { signal, timeoutMs, input, onLine }: RunLinesOptions): Promise<RunLinesResult> {
  const [program = '', ...args] = argv;
  const file = input === undefined ? undefined : memoryFile(input);
  const child = execa(program, args, {
    reject: false,
    cancelSignal: signal,
    timeout: timeoutMs,
    stdin: file === undefined ? 'ignore' : file.fd,
    buffer: { stdout: false },
    maxBuffer: 1 << 20,
  });
  file?.close();
  const decoder = new StringDecoder('utf8');
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (onLine !== undefined) for (const line of lines) onLine(line);
  });
  const { exitCode, stderr, code, timedOut, isCanceled } = await child;
  if (rest !== '') onLine?.(rest);
  return { exitCode, stderr, code, timedOut, isCanceled };
}

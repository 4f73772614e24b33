/**
 * Log files as the runtime writes them: "<time> <stream> <F|P> <text>", P for a part of a longer line. Pure.
 * Source: "CRI log format" (kubernetes/community, contributors/design-proposals/node/kubelet-cri-logging.md): the fields only.
 */
export interface LogOptions {
  readonly timestamps: boolean;
  /** Only what was written at or after this time. */
  readonly sinceMs: number | undefined;
  readonly stream: 'stdout' | 'stderr' | undefined;
}

/** What a reader gets for one line of the file; undefined: left out by the options. A line that is not of this format is given as it is. */
export function formatLogLine(line: string, { timestamps, sinceMs, stream }: LogOptions): string | undefined {
  const match = /^(\S+) (stdout|stderr) ([FP])(?::\S+)? ?(.*)$/s.exec(line);
  if (match === null) return line === '' ? undefined : `${line}\n`;
  const [, time = '', from, tag, text = ''] = match;
  if (stream !== undefined && from !== stream) return undefined;
  if (sinceMs !== undefined && Date.parse(time) < sinceMs) return undefined;
  return `${timestamps ? `${time} ` : ''}${text}${tag === 'P' ? '' : '\n'}`;
}

/** Where the last n lines of a buffer begin (lines end with a newline; what follows the last newline is a line too). */
export function tailOffset(bytes: Uint8Array, lines: number): number {
  if (lines <= 0) return bytes.length;
  let left = lines;
  for (let i = bytes.length - 2; i >= 0; i--) if (bytes[i] === 10 && --left === 0) return i + 1;
  return 0;
}

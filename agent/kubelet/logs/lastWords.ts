/**
 * The end of a log as a termination message. Pure.
 * Source: FallbackToLogsOnError in the Kubernetes docs: the last 2048 bytes or 80 lines, whichever is less.
 */
import { formatLogLine, tailOffset } from './format.ts';

const LINES = 80;
const BYTES = 2_048;

export function lastWords(log: Uint8Array): string {
  const tail = Buffer.from(log).subarray(tailOffset(log, LINES)).toString('utf8');
  const text = tail
    .split('\n')
    .map((line) => formatLogLine(line, { timestamps: false, sinceMs: undefined, stream: undefined }) ?? '')
    .join('');
  const bytes = Buffer.from(text);
  return bytes.subarray(Math.max(0, bytes.length - BYTES)).toString('utf8');
}

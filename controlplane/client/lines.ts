/**
 * A stream of bytes cut into lines, whatever the pieces it comes in. A last line without its end is half read and left out.
 * Throws: API_ANSWER_INVALID for a line that does not end.
 */
import { badAnswer } from './errors.ts';

const NEWLINE = 10;
/** An object of etcd has up to 1.5 MiB; managed fields and a Table around it do not make it ten times as long. */
const LONGEST_LINE = 16 << 20;

export async function* readLines(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const last = chunk.subarray(from, end);
      const line = held.length === 0 ? Buffer.from(last.buffer, last.byteOffset, last.length) : Buffer.concat([...held, last]);
      held = [];
      heldBytes = 0;
      from = end + 1;
      if (line.length > 0) yield line.toString();
    }
    if (from === chunk.length) continue;
    held.push(chunk.subarray(from));
    heldBytes += chunk.length - from;
    if (heldBytes > LONGEST_LINE) throw badAnswer('a watch', `a line is longer than ${LONGEST_LINE} bytes`);
  }
}

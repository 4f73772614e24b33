/** The chunks of which an HTTP answer without a length consists. Pure. Source: RFC 9112 section 7.1. */
import type { Chunk } from '../call.ts';

const LINE_END = Buffer.from('\r\n');
const NEWLINE = 0x0a;

/** One chunk that holds the pieces one behind the other. They are copied; without any bytes it would end the answer, so there must be some. */
export function chunkOf(pieces: readonly Uint8Array[]): Chunk {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return Buffer.concat([Buffer.from(`${length.toString(16)}\r\n`, 'latin1'), ...pieces, LINE_END]) as Uint8Array as Chunk;
}

export function contentOf(chunk: Chunk): Uint8Array {
  return chunk.subarray(chunk.indexOf(NEWLINE) + 1, -LINE_END.length);
}

/**
 * The side of a container runtime in SPDY/3.1, for tests: a command that answers on stdout what it reads on stdin, and says "bye" on stderr
 * and exit code 3 at the end of stdin. Frames are made and read here by themselves, so that ours are not their own judge.
 */
import type { Duplex } from 'node:stream';
import { constants, inflateSync } from 'node:zlib';

export const STATUS = JSON.stringify({
  status: 'Failure',
  reason: 'NonZeroExitCode',
  details: { causes: [{ reason: 'ExitCode', message: '3' }] },
});

export interface Spoken {
  /** By the header streamType, in the order in which they were opened. */
  readonly streams: Map<string, number>;
  readonly resized: string[];
  /** Of stdin. */
  bytes: number;
}

export interface FakeOptions {
  /** Instead of an answer to stdin: so many bytes on stdout at once, and then the end. */
  readonly floodBytes?: number;
  /** The connection goes without a Status. */
  readonly breaksOff?: boolean;
}

export function speakSpdy(socket: Duplex, { floodBytes, breaksOff = false }: FakeOptions = {}): Spoken {
  const spoken: Spoken = { streams: new Map(), resized: [], bytes: 0 };
  const ids = (name: string): number => spoken.streams.get(name) ?? 0;
  const packed: Buffer[] = [];
  let unpacked = 0;
  let rest = Buffer.alloc(0);

  const frame = (first: number, flags: number, body: Buffer): void => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(first, 0);
    head.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
    socket.write(Buffer.concat([head, body]));
  };
  const say = (name: string, text: Buffer | string, isLast = false): void => frame(ids(name), isLast ? 1 : 0, Buffer.from(text));
  const end = (): void => {
    say('stderr', 'bye');
    say('error', STATUS);
    // As runtimes do: streams are reset, and then the connection stays until the other side goes.
    for (const id of spoken.streams.values()) frame(0x80_03_00_03, 0, Buffer.of(0, 0, 0, id, 0, 0, 0, 5));
    frame(0x80_03_00_07, 0, Buffer.alloc(8));
  };
  const opened = (body: Buffer): void => {
    packed.push(body.subarray(10));
    const text = inflateSync(Buffer.concat(packed), { finishFlush: constants.Z_SYNC_FLUSH });
    const block = text.subarray(unpacked);
    unpacked = text.length;
    const words = [];
    for (let at = 4; at < block.length; at += 4 + block.readUInt32BE(at))
      words.push(block.subarray(at + 4, at + 4 + block.readUInt32BE(at)).toString());
    if (words[0] !== 'streamtype') throw new Error(`streams are named by streamtype, got ${words.join(' ')}`);
    spoken.streams.set(words[1] ?? '', body.readUInt32BE(0));
    frame(0x80_03_00_02, 0, Buffer.concat([body.subarray(0, 4), Buffer.alloc(4)]));
    if (words[1] !== 'stderr') return;
    if (breaksOff) socket.destroy();
    if (floodBytes === undefined) return;
    for (let left = floodBytes; left > 0; left -= 1 << 20) say('stdout', Buffer.alloc(Math.min(left, 1 << 20), 'x'));
    end();
  };

  socket.on('error', () => undefined);
  // A ping, settings and a window first: nothing of a command, and nothing may be made of it.
  frame(0x80_03_00_06, 0, Buffer.of(0, 0, 0, 2));
  frame(0x80_03_00_04, 0, Buffer.of(0, 0, 0, 0));
  frame(0x80_03_00_09, 0, Buffer.of(0, 0, 0, 1, 0, 1, 0, 0));
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const length = rest.length < 8 ? Infinity : rest.readUIntBE(5, 3);
      if (rest.length < 8 + length) return;
      const [first, flags, body] = [rest.readUInt32BE(0), rest[4] ?? 0, rest.subarray(8, 8 + length)];
      rest = rest.subarray(8 + length);
      if (first === 0x80_03_00_01) opened(body);
      else if (first === ids('resize')) spoken.resized.push(body.toString());
      else if (first === ids('stdin')) {
        spoken.bytes += body.length;
        if (body.length > 0) say('stdout', body);
        if ((flags & 1) !== 0) end();
      }
    }
  });
  return spoken;
}

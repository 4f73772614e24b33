/**
 * As much of SPDY/3.1 as the one who opens streams to a kubelet or a container runtime needs: streams with headers, their bytes and ends.
 * No library: those that exist keep to the windows of SPDY/3.1, and the servers of Kubernetes never open one, so that a library waits for
 * ever behind the first 64 KB.
 * Source: the SPDY protocol, draft 3.1 (frames, name/value block); Kubernetes' servers ignore windows, priorities and settings.
 */
import type { Duplex } from 'node:stream';
import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { AppError } from './errors.ts';

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const HEADERS = 8;
const CONTROL = 0x80_03;
const FIN = 1;
const HEAD_BYTES = 8;
/** The longest frame of data, and what one is cut into so that streams take turns. */
const PIECE_BYTES = 32 << 10;
/** Of a frame that is not data: answers to what we open have a few bytes. */
const LONGEST_CONTROL_BYTES = 64 << 10;

export interface SpdyEvents {
  data(bytes: Buffer): void;
  /** The other side says no more on it; once. */
  end(): void;
}

export interface SpdyStream {
  /** false: the connection is full; its 'drain' says when it is not. */
  write(bytes: Uint8Array): boolean;
  end(): void;
}

export class SpdyClient {
  readonly #socket: Duplex;
  readonly #open = new Map<number, SpdyEvents>();
  #lastId = -1;
  /** What came of a frame that is not whole. */
  #rest: Buffer = Buffer.alloc(0);
  /** Of the frame of data that is being read. */
  #reading: { readonly id: number; left: number; readonly isLast: boolean } | undefined;

  /** The socket is the connection behind the answer 101. It is read by hand: push() is given what comes. */
  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  open(headers: Readonly<Record<string, string>>, events: SpdyEvents): SpdyStream {
    const id = (this.#lastId += 2);
    this.#open.set(id, events);
    const fixed = Buffer.alloc(10);
    fixed.writeUInt32BE(id, 0);
    this.#control(SYN_STREAM, Buffer.concat([fixed, compressed(headers, id === 1)]));
    return { write: (bytes) => this.#data(id, bytes), end: () => void this.#frame(id, Buffer.alloc(0), FIN) };
  }

  /** Throws SPDY for what is no frame; the connection is of no use then. */
  push(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = Buffer.alloc(0);
    while (bytes.length > 0) {
      const used = this.#reading === undefined ? this.#frameFrom(bytes) : this.#dataFrom(bytes, this.#reading);
      if (used === 0) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  /** The connection is gone, and every stream with it. */
  closed(): void {
    for (const id of this.#open.keys()) this.#ended(id);
  }

  #frameFrom(bytes: Buffer): number {
    if (bytes.length < HEAD_BYTES) return 0;
    const [first, second] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    const [flags, length] = [second >>> 24, second & 0xff_ff_ff];
    if (first >>> 31 === 0) {
      this.#reading = { id: first, left: length, isLast: (flags & FIN) !== 0 };
      if (length === 0) this.#dataFrom(bytes.subarray(HEAD_BYTES, HEAD_BYTES), this.#reading);
      return HEAD_BYTES;
    }
    if (first >>> 16 !== CONTROL) throw new AppError('SPDY', `The other side does not speak SPDY/3.1: a frame begins with ${first}`);
    if (length > LONGEST_CONTROL_BYTES) throw new AppError('SPDY', `A frame of ${length} bytes that is not data`);
    if (bytes.length < HEAD_BYTES + length) return 0;
    this.#told(first & 0xff_ff, flags, bytes.subarray(HEAD_BYTES, HEAD_BYTES + length));
    return HEAD_BYTES + length;
  }

  #dataFrom(bytes: Buffer, reading: { readonly id: number; left: number; readonly isLast: boolean }): number {
    const piece = bytes.subarray(0, reading.left);
    reading.left -= piece.length;
    if (reading.left === 0) this.#reading = undefined;
    if (piece.length > 0) this.#open.get(reading.id)?.data(piece);
    if (reading.left === 0 && reading.isLast) this.#ended(reading.id);
    return piece.length;
  }

  #told(type: number, flags: number, body: Buffer): void {
    const id = body.length < 4 ? 0 : body.readUInt32BE(0) & 0x7f_ff_ff_ff;
    switch (type) {
      case SYN_STREAM:
        // Nobody opens streams to us.
        this.#control(RST_STREAM, Buffer.of(...body.subarray(0, 4), 0, 0, 0, 3));
        return;
      case PING:
        if (id % 2 === 0) this.#control(PING, body);
        return;
      case RST_STREAM:
        this.#ended(id);
        return;
      case GOAWAY:
        return;
      default:
        // A reply, more headers: their text is for nobody, their end counts. Settings and windows have no such flag.
        if ((type === SYN_REPLY || type === HEADERS) && (flags & FIN) !== 0) this.#ended(id);
    }
  }

  #ended(id: number): void {
    const events = this.#open.get(id);
    this.#open.delete(id);
    events?.end();
  }

  #data(id: number, bytes: Uint8Array): boolean {
    let more = true;
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) more = this.#frame(id, bytes.subarray(at, at + PIECE_BYTES), 0);
    return more;
  }

  #frame(id: number, bytes: Uint8Array, flags: number): boolean {
    if (!this.#socket.writable) return true;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32BE(id, 0);
    head.writeUInt32BE(((flags << 24) | bytes.length) >>> 0, 4);
    return this.#socket.write(Buffer.concat([head, bytes]));
  }

  #control(type: number, body: Buffer): void {
    if (!this.#socket.writable) return;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt16BE(CONTROL, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(body.length, 4);
    this.#socket.write(Buffer.concat([head, body]));
  }
}

/**
 * A name/value block as a piece of the connection's one zlib stream. Pieces that end at a byte and refer to nothing before them are such a
 * stream when they follow each other; without the dictionary, which a reader asks for only where the stream says that it needs one.
 */
function compressed(headers: Readonly<Record<string, string>>, isFirst: boolean): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const entries = Object.entries(headers);
  const count = Buffer.alloc(4);
  count.writeUInt32BE(entries.length);
  const block = Buffer.concat([count, ...entries.flatMap(([name, value]) => [text(name.toLowerCase()), text(value)])]);
  const flush = { finishFlush: constants.Z_SYNC_FLUSH };
  return isFirst ? deflateSync(block, flush) : deflateRawSync(block, flush);
}

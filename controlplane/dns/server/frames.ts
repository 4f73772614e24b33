/** DNS over TCP: each message behind its length in two bytes. Pure. Source: RFC 1035 (4.2.2). */

export function framed(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(message.length + 2);
  out.writeUInt16BE(message.length, 0);
  message.copy(out, 2);
  return out;
}

/** Cuts what comes into messages. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  /** Whole messages, in order; a beginning is kept. */
  *take(chunk: Buffer): Iterable<Buffer> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      const message = this.#rest.subarray(2, end);
      this.#rest = this.#rest.subarray(end);
      yield message;
    }
  }

  /** Of the message that has begun. */
  get expectedBytes(): number | undefined {
    return this.#rest.length < 2 ? undefined : this.#rest.readUInt16BE(0);
  }
}

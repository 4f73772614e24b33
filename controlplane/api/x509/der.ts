/**
 * The little of DER (X.690) that certificates of our own need: written, and read back where one certificate is made out of another. Pure.
 * A library that knows all of X.509 takes 200 modules; loading them was a quarter of the start of an API server.
 * Throws RangeError: what is read is no DER, or ends too early.
 */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A tag of our own number: primitive, or around others. */
export const context = (number: number, kind: 'primitive' | 'around'): number => (kind === 'around' ? 0xa0 : 0x80) | number;

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const hex = content.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(TAG.sequence, ...parts);

/** "2.5.29.17" */
export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return tlv(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): readonly number[] {
  const out = [value & 0x7f];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) out.unshift(0x80 | (left & 0x7f));
  return out;
}

export const bitString = (bytes: Uint8Array): Buffer => tlv(TAG.bitString, Buffer.from([0]), bytes);

/** Bit 0 is the leftmost. Zero bits at the end are left out, as DER wants it of named bits. */
export function namedBits(...bits: readonly number[]): Buffer {
  let value = 0;
  for (const bit of bits) value |= 0x80 >> bit;
  const unused = 7 - Math.max(...bits);
  return tlv(TAG.bitString, Buffer.from([unused, value]));
}

/** Source: RFC 5280 section 4.1.2.5: two digits of the year until 2049. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-T:]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? tlv(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : tlv(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

/** The elements that stand one behind the other. */
export function elements(bytes: Buffer): readonly Element[] {
  const out: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at + 1] ?? Number.NaN;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (!(first < 0x80 || (lengthBytes > 0 && lengthBytes <= 4 && at + 2 + lengthBytes <= bytes.length))) throw new RangeError('no DER');
    const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes);
    const from = at + 2 + lengthBytes;
    const end = from + length;
    if (end > bytes.length) throw new RangeError('no DER: it ends too early');
    out.push({ tag: bytes[at] ?? 0, content: bytes.subarray(from, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return out;
}

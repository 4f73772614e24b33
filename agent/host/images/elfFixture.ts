/** Makes small ELF files for tests: just what a dynamic linker reads, in any word size and byte order. Pure. */

export interface ElfSpec {
  readonly bits?: 32 | 64;
  readonly littleEndian?: boolean;
  readonly machine?: number;
  readonly interpreter?: string;
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  readonly rpath?: string;
}

/** Where the file is loaded; anything but 0 shows that addresses are translated to offsets. */
const BASE = 0x40_0000;

export function makeElf(spec: ElfSpec): Buffer {
  const { bits = 64, littleEndian = true, machine = 62 } = spec;
  const wordBytes = bits / 8;
  const headerBytes = bits === 64 ? 64 : 52;
  const segmentBytes = bits === 64 ? 56 : 32;
  const dynamic = hasDynamic(spec);
  const segmentCount = 1 + Number(spec.interpreter !== undefined) + Number(dynamic);

  const strings = new Strings();
  const interpreterAt = spec.interpreter === undefined ? 0 : strings.add(spec.interpreter);
  const tags: [number, number][] = [];
  for (const name of spec.needed ?? []) tags.push([1, strings.add(name)]);
  if (spec.soname !== undefined) tags.push([14, strings.add(spec.soname)]);
  if (spec.rpath !== undefined) tags.push([15, strings.add(spec.rpath)]);
  if (spec.runpath !== undefined) tags.push([29, strings.add(spec.runpath)]);

  const stringsAt = headerBytes + segmentCount * segmentBytes;
  const dynamicAt = stringsAt + strings.bytes.length;
  const table: [number, number][] = [...tags, [5, BASE + stringsAt], [10, strings.bytes.length], [0, 0]];
  const totalBytes = dynamicAt + (dynamic ? table.length * 2 * wordBytes : 0);

  const out = Buffer.alloc(totalBytes);
  const u16 = (value: number, at: number): number => (littleEndian ? out.writeUInt16LE(value, at) : out.writeUInt16BE(value, at));
  const u32 = (value: number, at: number): number => (littleEndian ? out.writeUInt32LE(value, at) : out.writeUInt32BE(value, at));
  const word = (value: number, at: number): number => {
    if (bits === 32) return u32(value, at);
    return littleEndian ? out.writeBigUInt64LE(BigInt(value), at) : out.writeBigUInt64BE(BigInt(value), at);
  };
  out.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, littleEndian ? 1 : 2, 1]);
  u16(3, 16);
  u16(machine, 18);
  word(headerBytes, bits === 64 ? 32 : 28);
  u16(segmentBytes, bits === 64 ? 54 : 42);
  u16(segmentCount, bits === 64 ? 56 : 44);
  const segments = [{ type: 1, offset: 0, size: totalBytes }];
  if (spec.interpreter !== undefined) segments.push({ type: 3, offset: stringsAt + interpreterAt, size: spec.interpreter.length + 1 });
  if (dynamic) segments.push({ type: 2, offset: dynamicAt, size: totalBytes - dynamicAt });
  for (const [i, { type, offset, size }] of segments.entries()) {
    const at = headerBytes + i * segmentBytes;
    u32(type, at);
    word(offset, at + (bits === 64 ? 8 : 4));
    word(BASE + offset, at + (bits === 64 ? 16 : 8));
    word(size, at + (bits === 64 ? 32 : 16));
  }
  out.set(strings.bytes, stringsAt);
  if (dynamic) {
    for (const [i, [tag, value]] of table.entries()) {
      word(tag, dynamicAt + i * 2 * wordBytes);
      word(value, dynamicAt + i * 2 * wordBytes + wordBytes);
    }
  }
  return out;
}

function hasDynamic({ needed = [], soname, runpath, rpath }: ElfSpec): boolean {
  return needed.length > 0 || [soname, runpath, rpath].some((text) => text !== undefined);
}

class Strings {
  bytes: Buffer = Buffer.from('\0');

  add(text: string): number {
    const at = this.bytes.length;
    this.bytes = Buffer.concat([this.bytes, Buffer.from(`${text}\0`)]);
    return at;
  }
}

/**
 * Reads what the dynamic linker would read from an ELF file: machine, interpreter, needed libraries, search paths. Pure.
 * Works from the program headers (section headers may be stripped), for both word sizes and both byte orders.
 *
 * Throws: AppError IMAGES_ELF_INVALID when the bytes start like ELF and then contradict themselves; never anything else.
 * Source: System V ABI, chapters 4 and 5 (ELF header, program header, dynamic section).
 */
import { AppError } from '#base/errors.ts';

export interface ElfFile {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  /** e_machine: 62 is x86-64, 183 is AArch64. Two files fit together when bits, byte order and machine agree. */
  readonly machine: number;
  /** Absent in static programs and in most libraries. */
  readonly interpreter: string | undefined;
  readonly soname: string | undefined;
  readonly needed: readonly string[];
  /** DT_RUNPATH, or DT_RPATH where there is none; may hold $ORIGIN. */
  readonly runpath: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** undefined: not an ELF file at all. */
export function readElf(bytes: Uint8Array): ElfFile | undefined {
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) return undefined;
  const reader = openReader(bytes);
  const segments = readSegments(reader);
  const interp = segments.find((s) => s.type === PT_INTERP);
  const base = { bits: reader.bits, littleEndian: reader.littleEndian, machine: reader.u16(18) };
  const interpreter = interp === undefined ? undefined : reader.text(interp.offset, interp.sizeBytes);
  return { ...base, interpreter, ...readDynamic(reader, segments) };
}

export function isStatic(elf: ElfFile): boolean {
  return elf.interpreter === undefined && elf.needed.length === 0;
}

export function fitsTogether(a: ElfFile, b: ElfFile): boolean {
  return a.bits === b.bits && a.littleEndian === b.littleEndian && a.machine === b.machine;
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly virtualAddress: number;
  readonly sizeBytes: number;
}

function readSegments(r: Reader): Segment[] {
  const wide = r.bits === 64;
  const tableAt = r.word(wide ? 32 : 28);
  const entryBytes = r.u16(wide ? 54 : 42);
  const count = r.u16(wide ? 56 : 44);
  if (count > 0 && entryBytes < (wide ? 56 : 32)) throw invalid(`a program header has ${entryBytes} bytes`);
  return Array.from({ length: count }, (_, i) => {
    const at = tableAt + i * entryBytes;
    return {
      type: r.u32(at),
      offset: r.word(at + (wide ? 8 : 4)),
      virtualAddress: r.word(at + (wide ? 16 : 8)),
      sizeBytes: r.word(at + (wide ? 32 : 16)),
    };
  });
}

function readDynamic(r: Reader, segments: readonly Segment[]): Pick<ElfFile, 'soname' | 'needed' | 'runpath'> {
  const dynamic = segments.find((s) => s.type === PT_DYNAMIC);
  if (dynamic === undefined) return { soname: undefined, needed: [], runpath: [] };
  const step = r.bits / 4;
  const tags: { readonly tag: number; readonly value: number }[] = [];
  for (let at = dynamic.offset; at + step <= dynamic.offset + dynamic.sizeBytes; at += step) {
    const tag = r.word(at);
    if (tag === DT_NULL) break;
    tags.push({ tag, value: r.word(at + step / 2) });
  }
  const valueOf = (tag: number): number | undefined => tags.find((t) => t.tag === tag)?.value;
  const table = valueOf(DT_STRTAB);
  const tableBytes = valueOf(DT_STRSZ);
  const texts = (tag: number): string[] =>
    tags
      .filter((t) => t.tag === tag)
      .map(({ value }) => {
        if (table === undefined || tableBytes === undefined || value >= tableBytes) throw invalid('a name lies outside the string table');
        return r.text(fileOffset(segments, table) + value, tableBytes - value);
      });
  const runpath = texts(DT_RUNPATH).concat(valueOf(DT_RUNPATH) === undefined ? texts(DT_RPATH) : []);
  return { soname: texts(DT_SONAME)[0], needed: texts(DT_NEEDED), runpath: runpath.flatMap((p) => p.split(':')).filter((p) => p !== '') };
}

function fileOffset(segments: readonly Segment[], address: number): number {
  const home = segments.find((s) => s.type === PT_LOAD && address >= s.virtualAddress && address < s.virtualAddress + s.sizeBytes);
  if (home === undefined) throw invalid('the string table is in no loaded segment');
  return home.offset + (address - home.virtualAddress);
}

interface Reader {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  u16(at: number): number;
  u32(at: number): number;
  /** An address, an offset or a size: 4 or 8 bytes. */
  word(at: number): number;
  /** Up to the first NUL, which must come within maxBytes. */
  text(at: number, maxBytes: number): string;
}

function openReader(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = bytes[4];
  const order = bytes[5];
  if ((kind !== 1 && kind !== 2) || (order !== 1 && order !== 2)) throw invalid('unknown word size or byte order');
  const bits = kind === 2 ? 64 : 32;
  const littleEndian = order === 1;
  const inside = (at: number, length: number): number => {
    if (!Number.isSafeInteger(at) || at < 0 || at + length > bytes.length) throw invalid(`it ends before byte ${at + length}`);
    return at;
  };
  const u16 = (at: number): number => view.getUint16(inside(at, 2), littleEndian);
  const u32 = (at: number): number => view.getUint32(inside(at, 4), littleEndian);
  // Larger than 2^53 loses digits, and is then far outside of any file: the next access refuses it.
  const word = (at: number): number => (bits === 64 ? Number(view.getBigUint64(inside(at, 8), littleEndian)) : u32(at));
  const text = (at: number, maxBytes: number): string => {
    const end = bytes.indexOf(0, inside(at, 1));
    if (end < 0 || end >= at + maxBytes) throw invalid('a name has no end');
    return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('utf8');
  };
  return { bits, littleEndian, u16, u32, word, text };
}

function invalid(why: string): AppError {
  return new AppError('IMAGES_ELF_INVALID', `Cannot read the ELF file: ${why}`);
}

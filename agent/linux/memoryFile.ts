/**
 * Files in memory as standard input and output of programs. A program has all of its input at once, and reading it cannot be
 * interrupted: iptables-restore of the legacy back end takes an interrupted read of a pipe for the end of its input, and its own alarm
 * for the xtables lock (-w) interrupts one five seconds after its start. What a program prints line by line (nft: 45,000 lines at
 * 10,000 services) wakes nobody until it is whole.
 *
 * Throws: the error of the kernel where memory has run out.
 * Kernel: memfd_create (3.17). Node has no call for it, so libc's is called directly.
 */
import { closeSync, fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { dlopen } from 'node:ffi';

export type Input = string | Uint8Array | readonly Uint8Array[];

export interface MemoryFile {
  /** Any number: execa takes it as well, its types know the small ones only. */
  readonly fd: 3;
  readonly bytes: number;
  /** All of it, or the beginning. */
  text(mostBytes?: number): string;
  /** One piece after the other; each is overwritten by the next. */
  chunks(bytes: number): Generator<Buffer>;
  /** Nothing, if nothing is given. */
  replace(content?: Input): void;
  /** A program that was started with it has a descriptor of its own. */
  close(): void;
}

const MFD_CLOEXEC = 1;
const { functions: libc } = dlopen(null, { memfd_create: { arguments: ['buffer', 'u32'], return: 'i32' } });

export function memoryFile(content: Input = []): MemoryFile {
  const fd = libc.memfd_create(Buffer.from('kijabi\0'), MFD_CLOEXEC);
  if (fd < 0) throw new Error('memfd_create failed');
  const file = new File(fd);
  try {
    file.replace(content);
  } catch (err) {
    closeSync(fd);
    throw err;
  }
  return file;
}

class File implements MemoryFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): 3 {
    return this.#fd as 3;
  }

  get bytes(): number {
    return fstatSync(this.#fd).size;
  }

  text(mostBytes = Infinity): string {
    const all = Buffer.allocUnsafe(Math.min(mostBytes, this.bytes));
    return all.toString('utf8', 0, readAt(this.#fd, all, 0));
  }

  *chunks(bytes: number): Generator<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes);
    for (let at = 0; ;) {
      const got = readAt(this.#fd, buffer, at);
      if (got > 0) yield buffer.subarray(0, got);
      if (got < bytes) return;
      at += got;
    }
  }

  replace(content: Input = []): void {
    ftruncateSync(this.#fd, 0);
    let at = 0;
    for (const part of partsOf(content)) at += writeAll(this.#fd, part, at);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Fills the buffer as far as there is something from that position on. */
function readAt(fd: number, buffer: Buffer, position: number): number {
  for (let done = 0; done < buffer.length;) {
    const got = readSync(fd, buffer, done, buffer.length - done, position + done);
    if (got === 0) return done;
    done += got;
  }
  return buffer.length;
}

/** Writing at a position leaves the offset that a program reads from at the start. */
function writeAll(fd: number, part: Uint8Array, at: number): number {
  for (let done = 0; done < part.length;) done += writeSync(fd, part, done, part.length - done, at + done);
  return part.length;
}

function partsOf(input: Input): readonly Uint8Array[] {
  if (typeof input === 'string') return [Buffer.from(input)];
  return input instanceof Uint8Array ? [input] : input;
}

export function textOf(input: Input): string {
  return typeof input === 'string' ? input : Buffer.concat(partsOf(input)).toString();
}

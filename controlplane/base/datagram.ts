/**
 * Sends datagrams to a unix socket. Node has no unix datagram sockets, so three libc calls are made directly.
 * Source: unix(7) (sun_family, then 108 bytes of path; a leading @ stands for the NUL of an abstract name).
 * Throws: RangeError (the path is too long), Error (nobody listens, or it does not fit into one datagram).
 */
import type * as Ffi from 'node:ffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2_000_000;
/** A reader that does not read is no reason to stand still. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SUN_PATH_BYTES = 108;

export function datagramSender(ffi: typeof Ffi, path: string): (bytes: Buffer) => void {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
  if (name.length >= SUN_PATH_BYTES) throw new RangeError(`Cannot use socket ${path}: ${name.length} bytes, at most ${SUN_PATH_BYTES - 1}`);
  const { functions: libc } = ffi.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
    close: { arguments: ['i32'], return: 'i32' },
  });
  const address = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return (bytes) => {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) throw new Error(`Cannot open a datagram socket for ${path}`);
    try {
      const sent = libc.sendto(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
      if (Number(sent) !== bytes.length) throw new Error(`Cannot send to ${path}`);
    } finally {
      libc.close(fd);
    }
  };
}

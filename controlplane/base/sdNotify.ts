/**
 * Tells systemd how the daemon is: READY, STATUS, WATCHDOG, STOPPING, as datagrams on $NOTIFY_SOCKET.
 * Node has no unix datagram sockets, so three libc calls are made directly. Without a socket every call does nothing.
 *
 * Throws: never. A daemon must not die because systemd cannot be told; the first failure is handed to onError.
 * Source: sd_notify(3), unix(7) (sun_family, then 108 bytes of path; a leading @ stands for the NUL of an abstract name).
 */
import type * as Ffi from 'node:ffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2_000_000;
const SUN_PATH_BYTES = 108;

export interface Notifier {
  send(state: Readonly<Record<string, string | number>>): void;
  /** How often WATCHDOG=1 is due, or undefined when the unit has no watchdog for this process. */
  readonly watchdogMs: number | undefined;
}

export interface NotifyEnv {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

export async function openNotifier(env: NotifyEnv, pid: number, onError: (err: unknown) => void): Promise<Notifier> {
  const path = env.NOTIFY_SOCKET;
  if (path === undefined || path === '') return { send: () => undefined, watchdogMs: undefined };
  const forUs = env.WATCHDOG_PID === undefined || Number(env.WATCHDOG_PID) === pid;
  const usec = Number(env.WATCHDOG_USEC ?? 0);
  // Half of what systemd allows, as sd_watchdog_enabled(3) advises.
  const watchdogMs = forUs && usec > 0 ? usec / 2_000 : undefined;
  try {
    const sendTo = datagramSender(await import('node:ffi'), path);
    return {
      watchdogMs,
      send(state) {
        try {
          sendTo(
            Object.entries(state)
              .map(([k, v]) => `${k}=${String(v).replaceAll('\n', ' ')}`)
              .join('\n'),
          );
        } catch (err) {
          onError(err);
        }
      },
    };
  } catch (err) {
    onError(err);
    return { send: () => undefined, watchdogMs };
  }
}

function datagramSender(ffi: typeof Ffi, path: string): (text: string) => void {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
  if (name.length >= SUN_PATH_BYTES) throw new RangeError(`Cannot use NOTIFY_SOCKET: ${name.length} bytes, at most ${SUN_PATH_BYTES - 1}`);
  const { functions: libc } = ffi.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
    close: { arguments: ['i32'], return: 'i32' },
  });
  const address = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return (text) => {
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) throw new Error('Cannot open a datagram socket for NOTIFY_SOCKET');
    try {
      const bytes = Buffer.from(text);
      if (Number(libc.sendto(fd, bytes, BigInt(bytes.length), 0, address, address.length)) !== bytes.length)
        throw new Error(`Cannot send to NOTIFY_SOCKET ${path}`);
    } finally {
      libc.close(fd);
    }
  };
}

/**
 * Tells systemd how the daemon is: READY, STATUS, WATCHDOG, STOPPING, as datagrams on $NOTIFY_SOCKET.
 * Without a socket every call does nothing.
 *
 * Throws: never. A daemon must not die because systemd cannot be told; the first failure is handed to onError.
 * Source: sd_notify(3).
 */
import { datagramSender } from '#base/datagram.ts';

export interface Notifier {
  send(state: Readonly<Record<string, string | number>>): void;
  /** How often WATCHDOG=1 is due, or undefined when the unit has no watchdog for this process. */
  readonly watchdogMs: number | undefined;
}

export const NOTIFY_VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;
export type NotifyEnv = Readonly<Partial<Record<(typeof NOTIFY_VARIABLES)[number], string>>>;

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
          const lines = Object.entries(state).map(([k, v]) => `${k}=${String(v).replaceAll('\n', ' ')}`);
          sendTo(Buffer.from(lines.join('\n')));
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

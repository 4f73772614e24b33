/** Opens a TCP connection, and says in upstream's words why that did not work. */
import { connect } from 'node:net';
import { AppError, codeOf, explain } from '#base/errors.ts';

/** Throws AppError PROBE_FAILED, or the reason of signal. */
export function dial(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    socket.once('connect', () => end(resolve));
    socket.once('error', (err) => end(() => reject(new AppError('PROBE_FAILED', dialTrouble(err, hostPort(host, port))))));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

export function dialTrouble(err: unknown, address: string): string {
  const code = codeOf(err) ?? '';
  if (WORDS[code] !== undefined) return `dial tcp ${address}: ${WORDS[code]}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${address.replace(/:\d+$/, '')}: no such host`;
  if (code === 'ECONNRESET') return `read tcp ${address}: read: connection reset by peer`;
  return explain(err);
}

/**
 * Joins a caller who asked for an upgrade (SPDY or WebSocket) with the runtime's streaming server: the request's head is passed on, then
 * bytes both ways, untouched. Nothing of the protocols inside is known here. The URL is good for one use and expires by itself.
 * The caller's credentials stay here.
 */
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { joinDuplex } from '#base/duplex.ts';

export interface TunnelOptions {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the caller sent already behind the head. */
  readonly head: Buffer;
  readonly url: URL;
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** Not for the runtime: whom the request was for, and who sent it. */
const KEPT_BACK = new Set(['host', 'authorization', 'cookie', 'proxy-authorization']);
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The head of the request as the runtime gets it. Pure. */
export function requestHead({ method, rawHeaders }: Pick<IncomingMessage, 'method' | 'rawHeaders'>, url: URL): string {
  const lines = [`${method ?? 'GET'} ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
    const lower = name.toLowerCase();
    if (KEPT_BACK.has(lower)) continue;
    if (lower !== 'sec-websocket-protocol') lines.push(`${name}: ${value}`);
    else {
      const protocols = value.split(',').filter((protocol) => !protocol.trim().startsWith(TOKEN_PROTOCOL));
      if (protocols.length > 0) lines.push(`${name}: ${protocols.join(',').trim()}`);
    }
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Returns when both sides are closed. Before the runtime answered, what fails is told to the caller as 502. */
export function tunnel({ request, socket, head, url, idleMs, signal }: TunnelOptions): Promise<void> {
  return new Promise((resolve) => {
    const secure = url.protocol === 'https:';
    const port = Number(url.port) || (secure ? 443 : 80);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // The runtime's own certificate, on this host: there is nothing to check it against.
    const upstream = secure ? connectTls({ host, port, rejectUnauthorized: false }) : connectTcp({ host, port, allowHalfOpen: true });
    let answered = false;
    const stop = (): void => {
      socket.destroy();
      upstream.destroy();
    };
    // Each side alone may be silent; idle is when nothing passes either way, and bytes from upstream reset its timer both ways.
    upstream.setTimeout(idleMs, stop);
    upstream.once('data', () => (answered = true));
    upstream.on('error', (err) => {
      if (!answered && socket.writable)
        socket.end(
          `HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nCannot reach the streaming server of the runtime: ${err.message}\n`,
        );
    });
    void joinDuplex(socket, upstream, signal).then(resolve);
    upstream.write(requestHead(request, url));
    if (head.length > 0) upstream.write(head);
  });
}

/**
 * The server's side of a WebSocket on a connection whose request for an upgrade somebody else has read.
 * ws is loaded with the first of them: most daemons never meet one.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { AppError } from './errors.ts';

/** Clients cut what they send into pieces of some 32 KB; one that sends a file as one message is met by its end. */
const LONGEST_MESSAGE_BYTES = 16 << 20;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What the client offers, in its order; empty when it asks for no WebSocket. Pure. */
export function offeredProtocols(headers: Headers): readonly string[] {
  if (String(headers['upgrade'] ?? '').toLowerCase() !== 'websocket') return [];
  return String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Before a connection is taken: what is wrong with the request. Pure. */
export function handshakeProblem(method: string, headers: Headers): string | undefined {
  if (method !== 'GET') return `a WebSocket begins with a GET, not with a ${method}`;
  if (!['13', '8'].includes(String(headers['sec-websocket-version'] ?? ''))) return 'Sec-WebSocket-Version: want 13';
  if (!/^[+/0-9A-Za-z]{22}==$/.test(String(headers['sec-websocket-key'] ?? ''))) return 'Sec-WebSocket-Key: want 16 bytes in base64';
  return undefined;
}

/** Answers the handshake; what is behind it is paused. Throws WEBSOCKET when the client has gone meanwhile. */
export async function acceptWebSocket(socket: Duplex, headers: Headers, protocol: string): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws');
  // The protocol is chosen already, and the parser of ws does not take the slash that the one for tunnels has in its name.
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
    handleProtocols: () => protocol,
  });
  let accepted: WebSocket | undefined;
  const request = { method: 'GET', headers: { ...headers, 'sec-websocket-protocol': 'chosen' } } as unknown as IncomingMessage;
  server.handleUpgrade(request, socket, Buffer.alloc(0), (ws) => (accepted = ws));
  if (accepted === undefined) throw new AppError('WEBSOCKET', 'The client has gone before its WebSocket was open');
  // Nobody listens yet, and messages wait for nobody.
  accepted.pause();
  // Its close says it all.
  accepted.on('error', () => undefined);
  return accepted;
}

/** The bytes of its messages, one after the other; what is written to it becomes messages. */
export async function asDuplex(client: WebSocket): Promise<Duplex> {
  const { createWebSocketStream } = await import('ws');
  return createWebSocketStream(client);
}

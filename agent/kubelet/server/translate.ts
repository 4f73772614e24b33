/**
 * exec and attach for callers that speak the newest WebSocket subprotocol, which runtimes do not know: the runtime is asked by SPDY, which
 * all of them speak. Throws STREAM_URL when the runtime refuses or is not there.
 */
import type { Duplex } from 'node:stream';
import { AppError } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { BACKEND_HEADERS, CLIENT_PROTOCOL, translateCommand, type CommandStreams } from '#base/remoteCommand.ts';
import { acceptWebSocket, handshakeProblem, offeredProtocols } from '#base/webSocket.ts';
import { tunnel, type TunnelOptions } from './tunnel.ts';

/** Joined as it is where the runtime understands it. */
export async function translateOrTunnel(options: TunnelOptions, wanted: CommandStreams): Promise<void> {
  const { request, socket, head, url, idleMs, signal } = options;
  if (url.protocol !== 'http:' || !offeredProtocols(request.headers).includes(CLIENT_PROTOCOL)) return tunnel(options);
  const problem = handshakeProblem(request.method ?? '', request.headers);
  if (problem !== undefined) throw new AppError('BAD_REQUEST', problem);
  const { backend, first } = await toRuntime(url, signal);
  backend.on('error', () => undefined);
  (backend as Duplex & { setTimeout(ms: number, then: () => void): void }).setTimeout(idleMs, () => backend.destroy());
  if (head.length > 0) socket.unshift(head);
  const client = await acceptWebSocket(socket, request.headers, CLIENT_PROTOCOL).catch((err: unknown) => {
    backend.destroy();
    throw err;
  });
  await translateCommand({ client, backend, first, wanted, signal });
}

function toRuntime(url: URL, signal: AbortSignal): Promise<{ readonly backend: Duplex; readonly first: Buffer }> {
  return new Promise((resolve, reject) => {
    const fail = (text: string, cause?: unknown): void => reject(new AppError('STREAM_URL', text, {}, cause));
    const request = http.request(url, { method: 'POST', headers: { ...BACKEND_HEADERS }, signal });
    request.on('upgrade', (_, backend, first) => resolve({ backend, first }));
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text = (text + piece).slice(0, 4_096)));
      response.on('close', () => fail(`The streaming server of the runtime refused: ${response.statusCode} ${text.trim()}`));
    });
    request.on('error', (err) => fail('Cannot reach the streaming server of the runtime', err));
    request.end();
  });
}

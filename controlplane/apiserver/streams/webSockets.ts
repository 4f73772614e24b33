/**
 * Clients that speak WebSocket, and kubelets that speak SPDY: exec and attach are translated, the SPDY of a port-forward goes through the
 * WebSocket as it is. So every kubelet serves them, however old.
 * Source: KEP 4006 (Kubernetes 1.36); v5.channel.k8s.io, SPDY/3.1+portforward.k8s.io.
 */
import type { WebSocket } from 'ws';
import { joinDuplex } from '#base/duplex.ts';
import { BACKEND_HEADERS, CLIENT_PROTOCOL, refuseCommand, translateCommand, type CommandStreams } from '#base/remoteCommand.ts';
import { acceptWebSocket, asDuplex, handshakeProblem, offeredProtocols } from '#base/webSocket.ts';
import type { Answer, ApiCall } from '../call.ts';
import type { Backends, Target, UpgradeAnswer } from '../http/backend.ts';
import { ApiError, badRequest } from '../status.ts';
import { unreached, wholeAnswerFrom } from './answers.ts';

export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
const TUNNEL_HEADERS = { ...BACKEND_HEADERS, 'x-stream-protocol-version': 'portforward.k8s.io' };

export function speaks({ upgrade, headers }: ApiCall, protocol: string): boolean {
  return upgrade !== undefined && offeredProtocols(headers).includes(protocol);
}

export interface Translated {
  readonly backends: Backends;
  readonly target: Target;
  readonly wanted: CommandStreams;
}

/** As upstream's, a kubelet that refuses or cannot be reached is told on the WebSocket: a client that is refused one asks again by SPDY. */
export async function translated(call: ApiCall, { backends, target, wanted }: Translated): Promise<Answer> {
  checkHandshake(call);
  const answer = await toKubelet(call, backends, { target, headers: BACKEND_HEADERS }).catch((err: unknown) => {
    if (err instanceof ApiError) return err;
    throw err;
  });
  if (answer instanceof ApiError || answer.kind === 'response') {
    const why = answer instanceof ApiError ? answer.message : await refusal(answer);
    return taken(call, CLIENT_PROTOCOL, { use: (client) => refuseCommand(client, why), failed: () => undefined });
  }
  const { socket: backend, first } = answer;
  return taken(call, CLIENT_PROTOCOL, {
    use: (client) => void translateCommand({ client, backend, first, wanted, signal: call.signal }),
    failed: () => backend.destroy(),
  });
}

export async function tunnelled(call: ApiCall, backends: Backends, target: Target): Promise<Answer> {
  checkHandshake(call);
  const answer = await toKubelet(call, backends, { target, headers: TUNNEL_HEADERS });
  if (answer.kind === 'response') return wholeAnswerFrom(answer.response);
  const { socket: backend, first } = answer;
  const use = async (client: WebSocket): Promise<void> => {
    const near = await asDuplex(client);
    if (first.length > 0) near.write(first);
    await joinDuplex(near, backend, call.signal);
  };
  return taken(call, TUNNEL_PROTOCOL, { use: (client) => void use(client), failed: () => backend.destroy() });
}

interface Taking {
  readonly use: (client: WebSocket) => void;
  readonly failed: () => void;
}

async function taken({ upgrade, headers }: ApiCall, protocol: string, { use, failed }: Taking): Promise<Answer> {
  if (upgrade === undefined) throw badRequest('Upgrade request required');
  try {
    const client = await acceptWebSocket(upgrade.take(), headers, protocol);
    client.once('close', () => upgrade.drop());
    use(client);
  } catch {
    failed();
    upgrade.drop();
  }
  return { kind: 'taken' };
}

function checkHandshake({ method, headers }: ApiCall): void {
  const problem = handshakeProblem(method, headers);
  if (problem !== undefined) throw badRequest(problem);
}

function toKubelet(
  { signal }: ApiCall,
  backends: Backends,
  { target, headers }: { readonly target: Target; readonly headers: Readonly<Record<string, string>> },
): Promise<UpgradeAnswer> {
  return backends.upgrade(target, { method: 'POST', headers: { ...headers }, signal }).catch((err: unknown) => {
    throw unreached(err, 'error dialing backend: ');
  });
}

/** Source: the words of upstream's client of SPDY. */
async function refusal({ response }: UpgradeAnswer & { readonly kind: 'response' }): Promise<string> {
  return `unable to upgrade connection: ${(await wholeAnswerFrom(response)).text.trim()}`;
}

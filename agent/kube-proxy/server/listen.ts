/** An HTTP server that ends with the signal and bounds what a client may cost. Throws: LISTEN_FAILED, PROXY_RUNNING. */
import { chmod, rename, rm } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, type ListenOptions as NetListenOptions } from 'node:net';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Route = (url: URL) => Promise<Answer> | Answer;

export type At = { readonly host: string; readonly port: number } | { readonly socket: string };

export type ListenOptions = At & {
  readonly what: string;
  readonly route: Route;
};

export interface Listening {
  readonly port: number;
  close(): void;
}

export async function listen({ what, route, ...at }: ListenOptions, signal: AbortSignal): Promise<Listening> {
  const server = http.createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 },
    (req, res) => void serve(req, res, route),
  );
  try {
    await ('socket' in at ? listenOnSocket(server, at.socket) : listenOn(server, { ...at, exclusive: true }));
  } catch (err) {
    if (codeOf(err) === 'PROXY_RUNNING') throw err;
    const next = codeOf(err) === 'EADDRINUSE' && 'port' in at ? 'another process has the port, find it with ss -lptn' : explain(err);
    const where = 'socket' in at ? at.socket : `${at.host} port ${at.port}`;
    throw new AppError('LISTEN_FAILED', `Cannot serve ${what} on ${where}: ${next}`, { ...at });
  }
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener('abort', close, { once: true });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () => {
      signal.removeEventListener('abort', close);
      close();
    },
  };
}

function listenOn(server: Server, options: NetListenOptions): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(options, resolve));
}

/** Root alone may ask, from the first moment on: it is made under a name of its own and renamed. What an ended proxy left is replaced. */
async function listenOnSocket(server: Server, path: string): Promise<void> {
  await refuseSecond(path);
  const making = `${path}.${process.pid}`;
  await rm(making, { force: true });
  await listenOn(server, { path: making });
  await chmod(making, 0o600);
  await rename(making, path);
}

/** Throws PROXY_RUNNING when somebody answers on the socket. */
export async function refuseSecond(path: string): Promise<void> {
  if (!(await answers(path))) return;
  throw new AppError('PROXY_RUNNING', `Another kube-proxy serves on ${path}: stop it first, or give this one another --socket`, {
    socket: path,
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function serve(req: IncomingMessage, res: ServerResponse, route: Route): Promise<void> {
  let answer: Answer;
  try {
    answer =
      req.method === 'GET' || req.method === 'HEAD'
        ? await route(new URL(req.url ?? '/', 'http://proxy'))
        : { status: 405, body: 'only GET is served here\n' };
  } catch (err) {
    const code = codeOf(err) ?? 'INTERNAL';
    const malformed = err instanceof URIError || code === 'ERR_INVALID_URL';
    const status = malformed ? 400 : ({ NOT_FOUND: 404, BAD_REQUEST: 400 }[code] ?? 500);
    answer = { status, body: `${JSON.stringify({ error: { code, message: explain(err) } })}\n`, type: 'application/json' };
  }
  res
    .writeHead(answer.status, {
      'content-type': answer.type ?? 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      ...answer.headers,
    })
    .end(answer.body);
}

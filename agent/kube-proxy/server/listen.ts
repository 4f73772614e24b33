/** An HTTP server that ends with the signal and bounds what a client may cost. Throws: LISTEN_FAILED. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { AppError, codeOf, explain } from '#base/errors.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Route = (url: URL) => Promise<Answer> | Answer;

export interface ListenOptions {
  readonly what: string;
  readonly host: string;
  readonly port: number;
  readonly route: Route;
}

export interface Listening {
  readonly port: number;
  close(): void;
}

export async function listen({ what, host, port, route }: ListenOptions, signal: AbortSignal): Promise<Listening> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 },
    (req, res) => void serve(req, res, route),
  );
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host, port, exclusive: true }, resolve));
  } catch (err) {
    const next = codeOf(err) === 'EADDRINUSE' ? 'another process has the port, find it with ss -lptn' : explain(err);
    throw new AppError('LISTEN_FAILED', `Cannot serve ${what} on ${host} port ${port}: ${next}`, { host, port });
  }
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  signal.addEventListener('abort', close, { once: true });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => {
      signal.removeEventListener('abort', close);
      close();
    },
  };
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
    const status = { NOT_FOUND: 404, BAD_REQUEST: 400 }[code] ?? 500;
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

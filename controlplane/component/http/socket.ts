/**
 * The same paths on a unix socket, for root on this machine and nobody else. Throws: AppError SERVER_FAILED.
 */
import { chmod, rename, rm } from 'node:fs/promises';
import { AppError, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';
import type { Answer } from './serve.ts';

const LIMITS = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16 << 10 } as const;

export type Route = (path: string, query: URLSearchParams, signal: AbortSignal) => Promise<Answer | undefined>;

/** Listens until the signal aborts; a socket that another process has left is replaced. */
export async function serveSocket(
  { socket, route }: { readonly socket: string; readonly route: Route },
  signal: AbortSignal,
): Promise<void> {
  const server = http.createServer(LIMITS, (req, res) => {
    const [path = '', query = ''] = (req.url ?? '').split('?');
    route(path, new URLSearchParams(query), signal).then(
      (answer) => {
        const { code, type, text } = answer ?? { code: 404, type: 'text/plain', text: '404 page not found\n' };
        res.writeHead(code, { 'content-type': type }).end(text);
      },
      (err: unknown) => res.writeHead(500, { 'content-type': 'text/plain' }).end(`${explain(err)}\n`),
    );
  });
  // Under its name only when nobody else may use it.
  const aside = `${socket}.${process.pid}`;
  try {
    await rm(aside, { force: true });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(aside, resolve));
    await chmod(aside, 0o600);
    await rename(aside, socket);
  } catch (err) {
    server.close();
    throw new AppError(
      'SERVER_FAILED',
      `Cannot listen on ${socket} (--socket): check that its directory is there and writable`,
      { socket },
      err,
    );
  }
  signal.addEventListener(
    'abort',
    () => {
      server.close();
      server.closeAllConnections();
      void rm(socket, { force: true });
    },
    { once: true },
  );
}

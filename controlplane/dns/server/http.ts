/** The servers for probes and for whoever collects metrics. Throws: LISTEN_FAILED. */
import { http } from '#base/http.ts';
import { listenFailed, type ListenAt, type Listening } from './udp.ts';

export interface Page {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** undefined: there is no such page. */
export type Pages = (path: string) => Page | undefined;

export async function listenHttp(at: ListenAt, pages: Pages): Promise<Listening> {
  const server = http.createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 }, (req, res) => {
    const path = (req.url ?? '/').split('?')[0] ?? '/';
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    const {
      status,
      body,
      type = 'text/plain; charset=utf-8',
    } = isRead ? (pages(path) ?? { status: 404, body: '404 page not found\n' }) : { status: 405, body: 'only GET is served here\n' };
    res.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(body);
  });
  server.maxConnections = 100;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => reject(listenFailed(err, 'TCP', at)));
    server.listen({ host: at.address, port: at.port, exclusive: true }, resolve);
  });
  server.removeAllListeners('error');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

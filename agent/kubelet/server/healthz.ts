/** The /healthz that load balancers and tools ask: plain HTTP on healthzBindAddress:healthzPort, loopback by default. */
import { AppError, codeOf } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { parseTarget } from './access.ts';
import { refuseAsText } from './api.ts';
import { serveHealth, type HealthDeps } from './health.ts';

export async function serveHealthz(
  at: { readonly host: string; readonly port: number },
  health: HealthDeps,
  signal: AbortSignal,
): Promise<void> {
  const server = http.createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 }, (req, res) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') return void res.writeHead(405).end();
    const target = parseTarget(req.url ?? '');
    if (target?.segments[0] !== 'healthz') return void res.writeHead(404).end();
    serveHealth(health, target, res).catch((err: unknown) => refuseAsText(res, err));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => {
      const taken = codeOf(err) === 'EADDRINUSE';
      const message = taken
        ? `Port ${at.port} on ${at.host} is taken: another kubelet runs on this node, or set healthzPort`
        : `Cannot listen on ${at.host}:${at.port}`;
      reject(new AppError(taken ? 'HEALTHZ_PORT_TAKEN' : 'HEALTHZ_FAILED', message, { port: at.port }, err));
    });
    server.listen(at.port, at.host, resolve);
  });
  signal.addEventListener('abort', () => (server.close(), server.closeAllConnections()), { once: true });
}

/** Asks a running proxy, on its metrics address. Throws: PROXY_UNREACHABLE, or the error the proxy answered with. */
import { request } from 'node:http';
import { AppError, explain } from '#base/errors.ts';
import type { HostPort } from '../config/load.ts';

const TIMEOUT_MS = 30_000;

/** path: "/explain/service/default/web?output=json". */
export function askProxy({ host, port }: HostPort, path: string): Promise<string> {
  const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new Promise((resolve, reject) => {
    const unreachable = (err: unknown): void =>
      reject(
        new AppError(
          'PROXY_UNREACHABLE',
          `No kube-proxy answers on ${target} port ${port} (${explain(err)}): is it running, and is this its metricsBindAddress?`,
        ),
      );
    const req = request({ host: target, port, path, timeout: TIMEOUT_MS }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', unreachable);
      res.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        if (res.statusCode === 200) resolve(body);
        else reject(errorOf(body, res.statusCode ?? 0));
      });
    });
    req.on('timeout', () => req.destroy(new Error('no answer in time')));
    req.on('error', unreachable);
    req.end();
  });
}

function errorOf(body: string, status: number): AppError {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string; message?: string } };
    return new AppError(error?.code ?? 'INTERNAL', error?.message ?? body.trim());
  } catch {
    return new AppError('INTERNAL', `the proxy answered ${status}: ${body.trim()}`);
  }
}

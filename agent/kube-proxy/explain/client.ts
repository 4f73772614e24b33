/** Asks a running proxy, on its metrics address. Throws: PROXY_UNREACHABLE, or the error the proxy answered with. */
import { AppError, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';
import type { HostPort } from '../config/load.ts';

const TIMEOUT_MS = 30_000;

export type Output = 'text' | 'json';

/** service: "namespace/name". */
export function servicePath(service: string, output: Output): string {
  return `/explain/service/${service.split('/').map(encodeURIComponent).join('/')}?output=${output}`;
}

export function packetPath(packet: { readonly from: string; readonly to: string; readonly proto: string }, output: Output): string {
  return `/explain/packet?${new URLSearchParams({ ...packet, output }).toString()}`;
}

export function driftPath(output: Output): string {
  return `/explain/drift?output=${output}`;
}

export type ProxyAddress = HostPort | { readonly socket: string };

/** path: "/explain/service/default/web?output=json". */
export function askProxy(at: ProxyAddress, path: string): Promise<string> {
  const target = 'socket' in at ? { socketPath: at.socket } : { host: hereOf(at.host), port: at.port };
  const where = 'socket' in at ? at.socket : `${hereOf(at.host)} port ${at.port}`;
  return new Promise((resolve, reject) => {
    const unreachable = (err: unknown): void =>
      reject(
        new AppError(
          'PROXY_UNREACHABLE',
          `No kube-proxy answers on ${where} (${explain(err)}): is it running, and is this its ${'socket' in at ? '--socket' : 'metricsBindAddress'}?`,
        ),
      );
    const req = http.request({ ...target, path, timeout: TIMEOUT_MS, agent: false }, (res) => {
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

/** What listens everywhere listens here. */
function hereOf(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

function errorOf(body: string, status: number): AppError {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string; message?: string } };
    return new AppError(error?.code ?? 'INTERNAL', error?.message ?? body.trim());
  } catch {
    return new AppError('INTERNAL', `the proxy answered ${status}: ${body.trim()}`);
  }
}

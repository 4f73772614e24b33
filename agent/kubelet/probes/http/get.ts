/**
 * One HTTP GET as probes and hooks send it: no certificate is checked, nothing is kept open, redirects are followed on the same host.
 *
 * Throws: AppError PROBE_FAILED when there is no answer, in the words people know from upstream.
 * Source: "HTTP probes" in the Kubernetes docs.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HTTPHeader } from '#api/kinds/core/probes.ts';
import { AppError } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { dialTrouble } from './dial.ts';

export interface HttpGet {
  readonly url: URL;
  readonly headers: readonly HTTPHeader[];
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** The beginning of it. */
  readonly body: string;
}

export const PROBE_USER_AGENT = 'kube-probe/1.36';
const BODY_BYTES = 10 << 10;
const MOST_REDIRECTS = 10;

/** Of a redirect to another host, the redirect itself. */
export async function httpGet({ url, headers, signal }: HttpGet): Promise<HttpAnswer> {
  let at = url;
  for (let hops = 0; ; hops++) {
    const { status, body, location } = await once({ url: at, headers, signal });
    const next = status >= 300 && status < 400 && location !== undefined ? parse(location, at) : undefined;
    if (next === undefined || next.hostname !== url.hostname) return { status, body };
    if (hops === MOST_REDIRECTS)
      throw new AppError('PROBE_FAILED', `Get ${JSON.stringify(next.href)}: stopped after ${MOST_REDIRECTS} redirects`);
    at = next;
  }
}

function once({ url, headers, signal }: HttpGet): Promise<HttpAnswer & { location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : http.request;
    const options = { agent: false, rejectUnauthorized: false, headers: headersOf(url, headers), signal, setHost: false } as const;
    const fail = (err: unknown): void => {
      if (signal.aborted) return reject(signal.reason as Error);
      reject(new AppError('PROBE_FAILED', `Get ${JSON.stringify(url.href)}: ${dialTrouble(err, url.host)}`));
    };
    const req = send(url, options, (res) => {
      read(res).then((body) => resolve({ status: res.statusCode ?? 0, body, location: res.headers.location }), fail);
    });
    req.once('error', fail).end();
  });
}

/** Lowercase names, because a header given twice under two spellings is one header with two values. */
function headersOf(url: URL, headers: readonly HTTPHeader[]): Record<string, string | string[]> {
  const all = new Map<string, string[]>();
  for (const { name, value } of headers) all.set(name.toLowerCase(), [...(all.get(name.toLowerCase()) ?? []), value]);
  const defaults = { 'user-agent': PROBE_USER_AGENT, accept: '*/*', host: url.host };
  for (const [name, value] of Object.entries(defaults)) if (!all.has(name)) all.set(name, [value]);
  // An empty one takes the default away, as upstream.
  const kept = [...all].filter(([name, values]) => name === 'host' || values.some((v) => v !== ''));
  return {
    ...Object.fromEntries(kept.map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values])),
    connection: 'close',
  };
}

async function read(res: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of res as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= BODY_BYTES) break; // leaving the loop closes the connection
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES).toString('utf8');
}

function parse(location: string, base: URL): URL | undefined {
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

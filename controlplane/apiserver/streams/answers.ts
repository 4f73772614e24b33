/** From the answer of a kubelet or a pod to ours: its bytes at the pace of the client, or a Status of what it says. */
import type { Answer, ApiCall, Sink } from '../call.ts';
import { DialError, type BackendResponse } from '../http/backend.ts';
import { ApiError, badRequest, internalError, type About } from '../status.ts';

/** Headers that are about one connection, or about us. Source: RFC 9110 section 7.6.1. */
const NOT_HANDED_ON = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'host',
  'authorization',
  'impersonate-user',
  'impersonate-group',
  'impersonate-uid',
  'x-remote-user',
  'x-remote-group',
  'x-remote-uid',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-uri',
]);
const PREFIXES = ['impersonate-extra-', 'x-remote-extra-'];

/** The client's headers without its credentials. */
export function handedOn(call: ApiCall): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  const listed = String(call.headers['connection'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  for (const name in call.headers) {
    if (NOT_HANDED_ON.has(name) || listed.includes(name) || PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    const values = call.headerValues(name);
    out[name] = values.length === 1 ? (values[0] ?? '') : [...values];
  }
  return out;
}

const OURS = new Set(['audit-id', 'content-type', 'content-length', 'warning', 'cache-control']);

/** contentType: where the other side says none. */
export function answerFrom(response: BackendResponse, contentType: string): Answer {
  const headers: string[] = [];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = response.rawHeaders.slice(i, i + 2);
    if (!NOT_HANDED_ON.has(name.toLowerCase()) && !OURS.has(name.toLowerCase())) headers.push(name, value);
  }
  return {
    kind: 'stream',
    code: response.statusCode ?? 502,
    contentType: response.headers['content-type'] ?? contentType,
    headers,
    run: (sink) => copy(response, sink),
  };
}

async function copy(response: BackendResponse, sink: Sink): Promise<void> {
  try {
    for await (const chunk of response) {
      if (sink.signal.aborted) break;
      if (!sink.write(chunk as Buffer)) await sink.drained();
    }
  } finally {
    response.destroy();
  }
}

/** Source: upstream reads no more of an error. */
const LONGEST_ERROR = 50_000;

async function textOf(response: BackendResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > LONGEST_ERROR) break;
  }
  response.destroy();
  return Buffer.concat(chunks).subarray(0, LONGEST_ERROR).toString();
}

/** What refused to upgrade, as it said it. A connection that asked for an upgrade is never streamed to. */
export async function wholeAnswerFrom(response: BackendResponse): Promise<Answer & { readonly kind: 'text' }> {
  const text = await textOf(response);
  return { kind: 'text', code: response.statusCode ?? 502, contentType: response.headers['content-type'] ?? 'text/plain', text };
}

/** An error of the kubelet as a Status. */
export async function errorFrom(response: BackendResponse, about: About, name: string): Promise<ApiError> {
  const text = (await textOf(response)).trim();
  switch (response.statusCode) {
    case 400:
      return badRequest(text);
    case 500:
      return internalError(text);
    case 404:
      return new ApiError('NotFound', `the server could not find the requested resource ( ${about.resource} ${name})`, {
        details: { name, kind: about.resource, causes: [{ reason: 'UnexpectedServerResponse', message: text }] },
      });
    default:
      return ApiError.plain(text === '' ? `the kubelet answered ${response.statusCode}` : text);
  }
}

/** Differs from other errors by upstream's hand: 500 without a reason, so that kubectl prints the text alone. */
export function unreached(err: unknown, prefix: string): unknown {
  if (!(err instanceof DialError)) return err;
  return ApiError.plain(`${prefix}${err.message}`, err);
}

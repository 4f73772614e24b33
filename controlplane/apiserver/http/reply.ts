/**
 * Writes answers. Bodies come as pieces of stored JSON and go out as they are; only YAML and pretty-printing decode them.
 * Long bodies are joined into chunks of a fixed size at the pace of the client, so that a list of 20 MB does not stand in memory twice.
 */
import type { ServerResponse } from 'node:http';
import type { Answer, JsonBytes } from '../call.ts';
import { CONTENT_TYPES, type Wanted } from '../negotiate.ts';

/** Above this a body is written in chunks. */
const CHUNK_BYTES = 512 * 1024;

export interface ReplyContext {
  readonly id: string;
  readonly warnings: readonly string[];
  readonly wanted: Wanted;
  readonly isHead: boolean;
  /** Seconds after which the client should try again. */
  readonly retryAfterSeconds?: number;
}

type Whole = Exclude<Answer, { kind: 'stream' | 'taken' }>;

export async function writeWhole(res: ServerResponse, answer: Whole, context: ReplyContext): Promise<void> {
  switch (answer.kind) {
    case 'text': {
      const bytes = Buffer.from(answer.text);
      head(res, answer.code, context, ['Content-Type', answer.contentType, ...Object.entries(answer.headers ?? {}).flat()], bytes.length);
      return finish(res, bytes, context);
    }
    case 'value': {
      const { wanted } = context;
      const bytes = Buffer.from(await encode(answer.value, wanted));
      head(res, answer.code, context, ['Content-Type', answer.contentType ?? CONTENT_TYPES[wanted.encoding]], bytes.length);
      return finish(res, bytes, context);
    }
    default:
      return writeJson(res, answer, context);
  }
}

async function writeJson(res: ServerResponse, answer: Extract<Answer, { kind: 'json' }>, context: ReplyContext): Promise<void> {
  const { wanted } = context;
  if (wanted.encoding !== 'json' || wanted.pretty) {
    const bytes = Buffer.from(await encode(JSON.parse(Buffer.concat(answer.body).toString()), wanted));
    head(res, answer.code, context, ['Content-Type', CONTENT_TYPES[wanted.encoding]], bytes.length);
    return finish(res, bytes, context);
  }
  let length = 0;
  for (const piece of answer.body) length += piece.length;
  head(res, answer.code, context, ['Content-Type', 'application/json'], length);
  const [only] = answer.body;
  if (answer.body.length === 1 && only !== undefined && length <= CHUNK_BYTES) return finish(res, only, context);
  if (length <= CHUNK_BYTES) return finish(res, Buffer.concat(answer.body, length), context);
  if (context.isHead) return finish(res, Buffer.alloc(0), context);
  await writeChunks(res, answer.body, length);
}

async function encode(value: unknown, { encoding, pretty }: Wanted): Promise<string> {
  if (encoding === 'json') return pretty ? `${JSON.stringify(value, undefined, 2)}\n` : JSON.stringify(value);
  const { stringify } = await import('yaml');
  return stringify(value, { aliasDuplicateObjects: false });
}

function head(res: ServerResponse, code: number, context: ReplyContext, headers: readonly string[], length: number): void {
  res.writeHead(code, [...common(context), ...headers, 'Content-Length', String(length)]);
}

export function common({ id, warnings, retryAfterSeconds }: ReplyContext): string[] {
  const out = ['Audit-Id', id, 'Cache-Control', 'no-cache, private'];
  for (const text of warnings) out.push('Warning', `299 - ${quote(text)}`);
  if (retryAfterSeconds !== undefined && retryAfterSeconds > 0) out.push('Retry-After', String(retryAfterSeconds));
  return out;
}

/** A quoted-string of HTTP: what cannot stand in a header is left out. Source: RFC 9110 section 5.6.4. */
function quote(text: string): string {
  return `"${text.replaceAll(/[^\t\x20-\x7e]/g, '?').replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function finish(res: ServerResponse, bytes: Uint8Array, { isHead }: ReplyContext): void {
  if (isHead) res.end();
  else res.end(bytes);
}

async function writeChunks(res: ServerResponse, pieces: JsonBytes, length: number): Promise<void> {
  let chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, length));
  let used = 0;
  let left = length;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const part = Math.min(piece.length - from, chunk.length - used);
      chunk.set(part === piece.length ? piece : piece.subarray(from, from + part), used);
      used += part;
      from += part;
      left -= part;
      if (used < chunk.length) continue;
      if (!res.write(chunk) && left > 0) await drained(res);
      if (left === 0) break;
      chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left));
      used = 0;
    }
  }
  res.end();
}

/** Resolves when more may be written, to the answer or past it to its connection; rejects when the client has gone. */
export function drained(res: ServerResponse): Promise<void> {
  const { socket } = res;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket?.removeListener('drain', settle);
      res.removeListener('drain', settle);
      res.removeListener('close', settle);
      if (res.closed || res.destroyed) reject(new Error('The client has gone'));
      else resolve();
    };
    if (res.closed || res.destroyed) return settle();
    socket?.on('drain', settle);
    res.on('drain', settle).on('close', settle);
  });
}

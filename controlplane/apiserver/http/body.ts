/**
 * Reads a request's body, with a limit. Throws: RequestEntityTooLarge, UnsupportedMediaType (compressed bodies, which upstream does not
 * take either: a small body could grow without bounds), BadRequest (it broke off).
 */
import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge, unsupportedMediaType } from '../status.ts';

/** Upstream's limit for bodies of resource requests. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

export function readBody(req: IncomingMessage, limitBytes = MAX_BODY_BYTES): Promise<Buffer> {
  const { 'content-encoding': encoding, 'content-length': length } = req.headers;
  if (encoding !== undefined && encoding !== 'identity' && encoding !== '') {
    return Promise.reject(unsupportedMediaType(['application/json without a Content-Encoding']));
  }
  if (Number(length ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limitBytes) {
        req.removeAllListeners('data');
        reject(tooLarge(limitBytes));
      } else if (first === undefined) first = chunk;
      else if (rest === undefined) rest = [first, chunk];
      else rest.push(chunk);
    });
    req.on('end', () => resolve(rest === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(rest, bytes)));
    req.on('error', (err) => reject(badRequest('the body of the request broke off', err)));
    // An error, with its stack, is dear, and most requests close after they have ended.
    req.on('close', () => {
      if (!req.readableEnded) reject(badRequest('the body of the request broke off'));
    });
  });
}

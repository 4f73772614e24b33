/**
 * One GET of staticPodURL. Bounded in time and size; certificates are checked against the system's authorities (NODE_EXTRA_CA_CERTS adds
 * one); redirects are not followed, because the headers may hold a password.
 * Throws: AppError STATIC_POD_URL.
 */
import { request as requestTls } from 'node:https';
import { AppError } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { MAX_FILE_BYTES } from '../../../linux/watchDirectory.ts';

export interface UrlToFetch {
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** As upstream. */
const WITHIN_MS = 10_000;

export function fetchManifests({ url, headers }: UrlToFetch, signal: AbortSignal): Promise<Uint8Array> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void => {
      if (signal.aborted) return reject(signal.reason as Error);
      reject(new AppError('STATIC_POD_URL', `Cannot get static pods from ${shown(url)}: ${why}`, {}, stop.aborted ? undefined : cause));
    };
    const request = url.startsWith('https:') ? requestTls : http.request;
    const req = request(
      url,
      { signal: stop, agent: false, headers: { accept: 'application/json, application/yaml', ...unfrozen(headers) } },
      (res) => {
        const { statusCode = 0 } = res;
        if (statusCode !== 200) {
          res.destroy();
          const to =
            res.headers.location === undefined ? '' : ` to ${shown(res.headers.location)}, which is not followed: set staticPodURL to it`;
          return fail(`it answered ${statusCode}${to}`);
        }
        const parts: Buffer[] = [];
        let bytes = 0;
        res.on('data', (part: Buffer) => {
          parts.push(part);
          bytes += part.length;
          if (bytes > MAX_FILE_BYTES) {
            res.destroy();
            fail(`it gives more than ${MAX_FILE_BYTES} bytes`);
          }
        });
        res.on('end', () => (res.complete ? resolve(Buffer.concat(parts)) : fail('it broke off')));
        res.on('error', (err) => fail('it broke off', err));
      },
    );
    req.on('error', (err) => fail(stop.aborted ? `no answer within ${WITHIN_MS / 1_000} s` : 'it cannot be reached', err));
    req.end();
  });
}

const unfrozen = (headers: UrlToFetch['headers']): Record<string, string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));

/** Without what may be a password in it. */
export function shown(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

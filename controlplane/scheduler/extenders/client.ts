/**
 * Speaks with extenders over HTTP: a POST of JSON for each verb, connections that are kept.
 * Units: milliseconds.
 * Throws: EXTENDER_FAILED, EXTENDER_INVALID.
 * Differs: HTTPS without a CA asks the system's authorities; upstream takes any certificate then. tlsConfig.insecure says so here.
 */
import { readFile } from 'node:fs/promises';
import type { Agent as PlainAgent } from 'node:http';
import { Agent, request } from 'node:https';
import { durationMs } from '#api/formats.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { Extender, type ExtenderConfig, type Send } from './extender.ts';

/** Source: upstream's DefaultExtenderTimeout. */
const TIMEOUT_MS = 5_000;
const MOST_BYTES = 64 << 20;

/** In the order in which they are asked: those that may be missing come last. */
export async function openExtenders(configs: readonly ExtenderConfig[]): Promise<readonly Extender[]> {
  const all = await Promise.all(configs.map(async (config) => new Extender(config, await senderTo(config))));
  return [...all.filter((e) => !e.ignorable), ...all.filter((e) => e.ignorable)];
}

async function senderTo(config: ExtenderConfig): Promise<Send> {
  const { urlPrefix, tlsConfig = {}, httpTimeout = '' } = config;
  const timeoutMs = durationMs(httpTimeout) || TIMEOUT_MS;
  const isPlain = urlPrefix.startsWith('http:');
  const text = async (data: string | undefined, file: string | undefined): Promise<string | undefined> => {
    if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString();
    if (file === undefined || file === '') return undefined;
    return readFile(file, 'utf8').catch((err: unknown) => {
      throw new AppError('EXTENDER_INVALID', `Cannot read ${file} (tlsConfig of the extender ${urlPrefix})`, { file }, err);
    });
  };
  const [ca, cert, key] = await Promise.all([
    text(tlsConfig.caData, tlsConfig.caFile),
    text(tlsConfig.certData, tlsConfig.certFile),
    text(tlsConfig.keyData, tlsConfig.keyFile),
  ]);
  const agent = isPlain
    ? new http.Agent({ keepAlive: true })
    : new Agent({
        keepAlive: true,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(tlsConfig.serverName === undefined || tlsConfig.serverName === '' ? {} : { servername: tlsConfig.serverName }),
        // As Go's clients do it: what is trusted is trusted as it is, also where it is no root.
        allowPartialTrustChain: true,
        rejectUnauthorized: tlsConfig.insecure !== true,
      });
  return async (verb, args, signal) => {
    const url = `${urlPrefix.replace(/\/+$/, '')}/${verb}`;
    const failed = (why: string, err?: unknown): AppError =>
      new AppError('EXTENDER_FAILED', `failed ${verb} with extender at URL ${url}${why}`, { url }, err);
    const ends = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const posting = { url, body: Buffer.from(JSON.stringify(args)), agent, signal: ends };
    const { code, text } = await post(posting)
      .catch((err: unknown) => {
        if (err instanceof Stale) return post(posting);
        throw err;
      })
      .catch((err: unknown) => {
        signal.throwIfAborted();
        throw ends.aborted ? failed(`: no answer within ${timeoutMs} ms`) : failed(`: ${explain(err)}`, err);
      });
    if (code !== 200) throw failed(`, code ${code}`);
    try {
      return JSON.parse(text) as unknown;
    } catch (err) {
      throw failed(': its answer is no JSON', err);
    }
  };
}

interface Posting {
  readonly url: string;
  readonly body: Buffer;
  readonly agent: Agent | PlainAgent;
  readonly signal: AbortSignal;
}

function post({ url, body, agent, signal }: Posting): Promise<{ readonly code: number | undefined; readonly text: string }> {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
  return new Promise((resolve, reject) => {
    const out = (agent instanceof Agent ? request : http.request)(url, { method: 'POST', headers, agent, signal }, (res) => {
      const chunks: Buffer[] = [];
      let size = 0;
      res.on('error', reject);
      res.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST_BYTES) res.destroy(new Error(`the answer is longer than ${MOST_BYTES} bytes`));
        else chunks.push(chunk);
      });
      res.on('end', () => resolve({ code: res.statusCode, text: Buffer.concat(chunks).toString() }));
    });
    out.on('error', (err) => reject(out.reusedSocket && codeOf(err) === 'ECONNRESET' ? new Stale(err) : err));
    out.end(body);
  });
}

/** A kept connection turned out to be closed. */
class Stale extends Error {
  constructor(cause: unknown) {
    super('the connection was closed', { cause });
  }
}

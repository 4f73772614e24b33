/**
 * Speaks with extenders over HTTP: a POST of JSON for each verb, connections that are kept.
 * Units: milliseconds.
 * Throws: EXTENDER_FAILED, EXTENDER_INVALID.
 * Differs: HTTPS without a CA asks the system's authorities; upstream takes any certificate then. tlsConfig.insecure says so here.
 */
import { readFile } from 'node:fs/promises';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { durationMs } from '#api/formats.ts';
import { AppError, explain } from '#base/errors.ts';
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
    ? new PlainAgent({ keepAlive: true })
    : new Agent({
        keepAlive: true,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(tlsConfig.serverName === undefined || tlsConfig.serverName === '' ? {} : { servername: tlsConfig.serverName }),
        rejectUnauthorized: tlsConfig.insecure !== true,
      });
  return (verb, args, signal) => {
    const url = `${urlPrefix.replace(/\/+$/, '')}/${verb}`;
    const failed = (why: string, err?: unknown): AppError =>
      new AppError('EXTENDER_FAILED', `failed ${verb} with extender at URL ${url}${why}`, { url }, err);
    const body = Buffer.from(JSON.stringify(args));
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    return new Promise((resolve, reject) => {
      const ends = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const fail = (err: unknown): void =>
        reject(
          signal.aborted ? signal.reason : ends.aborted ? failed(`: no answer within ${timeoutMs} ms`) : failed(`: ${explain(err)}`, err),
        );
      const out = (isPlain ? plainRequest : request)(url, { method: 'POST', headers, agent, signal: ends }, (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        res.on('error', fail);
        res.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MOST_BYTES) res.destroy(new Error(`the answer is longer than ${MOST_BYTES} bytes`));
          else chunks.push(chunk);
        });
        res.on('end', () => {
          if (res.statusCode !== 200) return reject(failed(`, code ${res.statusCode}`));
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString()) as unknown);
          } catch (err) {
            reject(failed(': its answer is no JSON', err));
          }
        });
      });
      out.on('error', fail);
      out.end(body);
    });
  };
}

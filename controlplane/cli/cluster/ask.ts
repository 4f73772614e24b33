/** What init, join and token ask of an API server. */
import { request } from 'node:https';
import type { Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import type { ClientConfig } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { isAlreadyExists } from '#client/errors.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import type { ApiObject } from './objects.ts';

export async function clientOf(kubeconfig: string, clock: Clock): Promise<Client> {
  return clientFor(await loadKubeconfig(kubeconfig), clock);
}

export function clientFor(config: ClientConfig, clock: Clock): Client {
  const log = makeLogger({ write: () => undefined, clock });
  return connect({ config, clock, log, userAgent: 'kijabi', qps: -1 });
}

/** Made, or made what it should be. */
export async function put(client: Client, { path, body }: ApiObject, signal: AbortSignal): Promise<void> {
  try {
    await client.json('POST', path, { body, signal });
  } catch (err) {
    if (!isAlreadyExists(err)) throw err;
    await client.json('PUT', `${path}/${body.metadata.name}`, { body, signal });
  }
}

export interface Waiting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly withinMs: number;
}

export const waiting = ({ clock, signal }: Omit<Waiting, 'withinMs'>, withinMs: number): Waiting => ({ clock, signal, withinMs });

const LOOK_MS = 200;

/** Until it gives something, and throws nothing. Throws AppError CLUSTER_TIMEOUT with the last reason. */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>, { clock, signal, withinMs }: Waiting): Promise<T> {
  const untilMs = clock.monotonicMs() + withinMs;
  for (;;) {
    let last: unknown;
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (err) {
      last = err;
    }
    signal.throwIfAborted();
    if (clock.monotonicMs() > untilMs) {
      const why = last === undefined ? '' : `: ${explain(last)}`;
      throw new AppError('CLUSTER_TIMEOUT', `Waited ${withinMs / 1_000} s in vain until ${what}${why}`, {}, last);
    }
    await clock.sleep(LOOK_MS, signal);
  }
}

const ASK_WITHIN_MS = 20_000;
const MOST_BYTES = 1 << 20;

export interface Unverified {
  readonly data: Readonly<Record<string, string>>;
  /** Of ours, by which the server was reached. */
  readonly localAddress: string;
}

/** From a server that is not believed yet: nothing of this is used before it is verified (discovery.ts). Throws AppError DISCOVERY_FAILED. */
export async function askClusterInfo(endpoint: string, signal: AbortSignal): Promise<Unverified> {
  const url = `https://${endpoint}/api/v1/namespaces/kube-public/configmaps/cluster-info`;
  const fail = (why: string, cause?: unknown): AppError =>
    new AppError('DISCOVERY_FAILED', `Cannot get cluster-info from ${endpoint}: ${why}`, { endpoint }, cause);
  const { text, localAddress } = await new Promise<{ readonly text: string; readonly localAddress: string }>((resolve, reject) => {
    const asked = request(url, { agent: false, rejectUnauthorized: false, timeout: ASK_WITHIN_MS, signal }, (answer) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        parts.push(part);
        if ((bytes += part.length) > MOST_BYTES) asked.destroy(fail('the answer is larger than 1 MiB'));
      });
      answer.on('error', (err) => reject(fail(explain(err), err)));
      answer.on('end', () => {
        if (answer.statusCode !== 200) reject(fail(`it answers ${answer.statusCode}, want 200`));
        else resolve({ text: Buffer.concat(parts).toString(), localAddress });
      });
    });
    let localAddress = '';
    asked.on('socket', (socket) => socket.on('connect', () => (localAddress = socket.localAddress ?? '')));
    asked.on('timeout', () => asked.destroy(fail(`no answer within ${ASK_WITHIN_MS / 1_000} s`)));
    asked.on('error', (err) => reject(err instanceof AppError ? err : fail(explain(err), err)));
    asked.end();
  });
  try {
    return { data: (JSON.parse(text) as Partial<Unverified>).data ?? {}, localAddress };
  } catch (err) {
    throw fail('the answer is no JSON', err);
  }
}

/**
 * Tokens of service accounts for the pods of this node, bound to them, from the API server. Kept in memory only, and asked for anew when
 * four fifths of their life are over or a day is; while the server does not answer an old one serves to its end.
 * Units: milliseconds. Source: the refresh rule of projected tokens in the Kubernetes docs.
 */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Client } from '#client/rest.ts';
import type { ServiceToken, TokenRequest, TokenSource } from './source.ts';

const SHARE = 0.8;
const LONGEST_MS = 24 * 3_600_000;

export class ApiTokens implements TokenSource {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #kept = new Map<string, ServiceToken>();

  constructor({ client, clock, log }: { readonly client: Client; readonly clock: Clock; readonly log: Logger }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  async token(request: TokenRequest, signal: AbortSignal): Promise<ServiceToken> {
    const key = JSON.stringify(request);
    const kept = this.#kept.get(key);
    const nowMs = this.#clock.nowMs();
    if (kept !== undefined && nowMs < kept.refreshAtMs) return kept;
    this.#forgetExpired(nowMs);
    try {
      const made = await this.#ask(request, nowMs, signal);
      this.#kept.set(key, made);
      return made;
    } catch (err) {
      if (signal.aborted || kept === undefined || nowMs >= kept.expiresAtMs) throw err;
      const { namespace, pod } = request;
      this.#log.warn('Cannot renew a token, the old one serves on', { pod: `${namespace}/${pod.name}`, err });
      return kept;
    }
  }

  /** UIDs of pods with a token whose time has come. */
  due(): Set<string> {
    const nowMs = this.#clock.nowMs();
    return new Set(
      [...this.#kept].flatMap(([key, { refreshAtMs }]) => (refreshAtMs <= nowMs ? [(JSON.parse(key) as TokenRequest).pod.uid] : [])),
    );
  }

  /** The pod is gone. */
  forget(uid: string): void {
    for (const key of this.#kept.keys()) if ((JSON.parse(key) as TokenRequest).pod.uid === uid) this.#kept.delete(key);
  }

  async #ask(
    { namespace, serviceAccount, audience, expirationSeconds, pod }: TokenRequest,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<ServiceToken> {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
      },
    };
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`;
    const answer = (await this.#client.json('POST', path, { body, signal })) as {
      readonly status?: { readonly token?: unknown; readonly expirationTimestamp?: unknown };
    } | null;
    const { token, expirationTimestamp } = answer?.status ?? {};
    const expiresAtMs = Date.parse(String(expirationTimestamp));
    if (typeof token !== 'string' || Number.isNaN(expiresAtMs))
      throw new AppError('OBJECT_UNREADABLE', `The API server's answer to a TokenRequest for ${namespace}/${serviceAccount} has no token`);
    return { token, expiresAtMs, refreshAtMs: nowMs + Math.min((expiresAtMs - nowMs) * SHARE, LONGEST_MS) };
  }

  #forgetExpired(nowMs: number): void {
    for (const [key, { expiresAtMs }] of this.#kept) if (expiresAtMs <= nowMs) this.#kept.delete(key);
  }
}

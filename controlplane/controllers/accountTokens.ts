/**
 * Tokens of the service accounts that controllers work as: each has its own rights and no others. An account that is not there is made.
 * Tokens live in memory alone, and a new one is asked for when a fifth of the life is left, or when the server refuses one.
 * Units: milliseconds, seconds where the API has them. Throws: what #client throws.
 * Source: --use-service-account-credentials of upstream's controller manager.
 */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { TokenMaker } from '#client/config.ts';
import { isAlreadyExists, isNotFound } from '#client/errors.ts';
import type { Client } from '#client/rest.ts';
import { SERVICE_ACCOUNTS } from '../component/kinds.ts';

const NAMESPACE = 'kube-system';
const LIFE_SECONDS = 3_600;
const RENEW_SHARE = 0.8;

export class AccountTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  /** client: one that may make service accounts and their tokens in kube-system. */
  constructor(client: Client, clock: Clock, signal: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  of(account: string): TokenMaker {
    let kept: { readonly token: string; readonly renewAtMs: number } | undefined;
    return {
      kind: 'made',
      make: async (why) => {
        if (why === 'due' && kept !== undefined && this.#clock.monotonicMs() < kept.renewAtMs) return kept.token;
        const askedAtMs = this.#clock.monotonicMs();
        const token = await this.#ask(account);
        kept = { token, renewAtMs: askedAtMs + LIFE_SECONDS * 1_000 * RENEW_SHARE };
        return token;
      },
    };
  }

  async #ask(name: string): Promise<string> {
    const accounts = this.#client.resource(SERVICE_ACCOUNTS);
    const at = { namespace: NAMESPACE, name };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { expirationSeconds: LIFE_SECONDS } };
    const request = (): Promise<unknown> => accounts.post(at, 'token', { body, signal: this.#signal });
    const answer = await request().catch(async (err: unknown) => {
      if (!isNotFound(err)) throw err;
      await accounts.create({ metadata: at }, { signal: this.#signal }).catch((other: unknown) => {
        if (!isAlreadyExists(other)) throw other;
      });
      return request();
    });
    const token = (answer as { readonly status?: { readonly token?: unknown } } | null)?.status?.token;
    if (typeof token !== 'string' || token === '') throw new AppError('NO_TOKEN', `The API server gave no token for ${NAMESPACE}/${name}`);
    return token;
  }
}

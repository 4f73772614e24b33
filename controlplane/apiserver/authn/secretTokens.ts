/**
 * Believes tokens that lie in secrets of type kubernetes.io/service-account-token, for as long as the secret holds this very token and its
 * account is there. Which key signed is remembered; whether the secret still holds the token is asked each time, in the cache.
 * Differs: the day of the last use is not written to the secret (kubernetes.io/legacy-token-last-used): nobody here cleans up by it.
 */
import { timingSafeEqual } from 'node:crypto';
import { SECRET_TOKENS } from '#api/secretTokens.ts';
import type { Clock } from '#base/clock.ts';
import type { VerifyingKey } from '../../pki/signingKeys.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { TokenAuthenticator, TokenOwner } from './authenticator.ts';
import { SignedTokens } from './jwt.ts';

export interface SecretTokenOptions {
  readonly keys: readonly VerifyingKey[];
  readonly clock: Clock;
  readonly caches: { readonly serviceAccounts: ResourceCache; readonly secrets: ResourceCache };
}

interface Named {
  readonly namespace: string;
  readonly secret: string;
  readonly account: string;
  readonly uid: string;
}

interface SecretLike {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly metadata: { readonly deletionTimestamp?: string; readonly labels?: Readonly<Record<string, string>> };
}

const { claims: CLAIMS, issuer: ISSUER, invalidLabel: INVALID, type: TYPE } = SECRET_TOKENS;

export class SecretTokens implements TokenAuthenticator {
  readonly name = 'service account token in a secret';
  readonly #options: SecretTokenOptions;
  readonly #signed: SignedTokens<Named>;

  constructor(options: SecretTokenOptions) {
    this.#options = options;
    this.#signed = new SignedTokens({ ...options, issuers: [ISSUER], read: namedBy });
  }

  async authenticate(token: string): Promise<TokenOwner | undefined> {
    const named = await this.#signed.claims(token);
    return named !== undefined && this.#isKept(named, token) ? { user: userOf(named) } : undefined;
  }

  #isKept({ namespace, secret: name, account, uid }: Named, token: string): boolean {
    const { secrets, serviceAccounts } = this.#options.caches;
    const secret: SecretLike | undefined = secrets.get(`${namespace}/${name}`)?.decode();
    if (secret?.type !== TYPE || secret.metadata.deletionTimestamp !== undefined) return false;
    if (secret.metadata.labels?.[INVALID] !== undefined) return false;
    const [kept, shown] = [Buffer.from(secret.data?.['token'] ?? '', 'base64'), Buffer.from(token)];
    if (kept.length !== shown.length || !timingSafeEqual(kept, shown)) return false;
    const found = serviceAccounts.get(`${namespace}/${account}`)?.decode();
    return found !== undefined && found.metadata.uid === uid && found.metadata.deletionTimestamp === undefined;
  }
}

function namedBy(payload: Readonly<Record<string, unknown>>): Named | undefined {
  const [namespace, secret, account, uid] = [CLAIMS.namespace, CLAIMS.secret, CLAIMS.account, CLAIMS.uid].map((claim) => payload[claim]);
  if (typeof namespace !== 'string' || typeof secret !== 'string' || typeof account !== 'string' || typeof uid !== 'string')
    return undefined;
  return payload['sub'] === `system:serviceaccount:${namespace}:${account}` ? { namespace, secret, account, uid } : undefined;
}

const userOf = ({ namespace, account, uid }: Named): TokenOwner['user'] => ({
  name: `system:serviceaccount:${namespace}:${account}`,
  uid,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
});

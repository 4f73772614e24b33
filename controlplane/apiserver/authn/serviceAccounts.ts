/**
 * Service account tokens: making them (TokenRequest), and believing them while the account, and the pod or secret they are bound to, still exist.
 * Whether a signature is good is remembered; whether what the token is bound to is there is asked each time, in the cache.
 * Source: the private claims of service account tokens and the names in extra, Kubernetes 1.36; OpenID Connect Discovery 1.0.
 */
import type { Clock } from '#base/clock.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { TokenAuthenticator, TokenOwner } from './authenticator.ts';
import { LEEWAY_SECONDS, SignedTokens } from './jwt.ts';
import type { SigningKey, VerifyingKey } from '../../pki/signingKeys.ts';

export interface ServiceAccountOptions {
  /** The first one signs. */
  readonly issuers: readonly string[];
  readonly keys: readonly VerifyingKey[];
  readonly signingKey: SigningKey | undefined;
  readonly clock: Clock;
  readonly caches: {
    readonly serviceAccounts: ResourceCache;
    readonly pods: ResourceCache;
    readonly secrets: ResourceCache;
    readonly nodes: ResourceCache;
  };
}

interface Ref {
  readonly name: string;
  readonly uid: string;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: Ref;
    readonly pod?: Ref;
    readonly secret?: Ref;
    readonly node?: Ref;
    readonly warnafter?: number;
  };
}

export interface NewToken {
  readonly namespace: string;
  readonly account: Ref;
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly id: string;
  readonly pod?: Ref;
  readonly secret?: Ref;
  readonly node?: Ref;
}

export class ServiceAccountTokens implements TokenAuthenticator {
  readonly name = 'service account token';
  readonly #options: ServiceAccountOptions;
  readonly #signed: SignedTokens<Claims>;
  readonly #owners = new WeakMap<Claims, TokenOwner['user']>();

  constructor(options: ServiceAccountOptions) {
    this.#options = options;
    this.#signed = new SignedTokens({ ...options, read: (payload) => (isClaims(payload) ? payload : undefined) });
  }

  get issuer(): string {
    return this.#options.issuers[0] ?? '';
  }

  get canSign(): boolean {
    return this.#options.signingKey !== undefined;
  }

  async authenticate(token: string, audiences: readonly string[]): Promise<TokenOwner | undefined> {
    const claims = await this.#signed.claims(token);
    if (claims === undefined || !this.#isTimely(claims) || !this.#isBound(claims)) return undefined;
    const own = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
    const good = audiences.filter((audience) => own.includes(audience));
    return good.length === 0 ? undefined : { user: this.#userOf(claims), audiences: good };
  }

  async sign({ namespace, account, audiences, seconds, id, pod, secret, node }: NewToken): Promise<string> {
    const { signingKey, clock } = this.#options;
    if (signingKey === undefined) throw new TypeError('Cannot sign service account tokens: there is no signing key');
    const { SignJWT } = await import('jose');
    const nowSeconds = Math.floor(clock.nowMs() / 1_000);
    const bound = {
      ...(pod === undefined ? {} : { pod }),
      ...(secret === undefined ? {} : { secret }),
      ...(node === undefined ? {} : { node }),
    };
    return new SignJWT({ 'kubernetes.io': { namespace, serviceaccount: account, ...bound } })
      .setProtectedHeader({ alg: signingKey.algorithm, kid: signingKey.id })
      .setIssuer(this.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${account.name}`)
      .setAudience([...audiences])
      .setJti(id)
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(nowSeconds + seconds)
      .sign(signingKey.privateKey);
  }

  /** What others need to check our tokens. */
  async jwks(): Promise<{ readonly keys: readonly object[] }> {
    const { exportJWK } = await import('jose');
    const keys = await Promise.all(
      this.#options.keys.map(async ({ key, id, algorithm }) => ({ use: 'sig', kid: id, alg: algorithm, ...(await exportJWK(key)) })),
    );
    return { keys };
  }

  discovery(jwksUri: string): object {
    return {
      issuer: this.issuer,
      jwks_uri: jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(this.#options.keys.map(({ algorithm }) => algorithm))],
    };
  }

  #isTimely({ exp, nbf }: Claims): boolean {
    const nowSeconds = this.#options.clock.nowMs() / 1_000;
    return exp > nowSeconds - LEEWAY_SECONDS && nbf <= nowSeconds + LEEWAY_SECONDS;
  }

  /** The account, and what the token is bound to, must be there, be the same, and not be long in deletion. */
  #isBound({ sub, 'kubernetes.io': bound }: Claims): boolean {
    const { serviceAccounts, pods, secrets, nodes } = this.#options.caches;
    const { namespace, serviceaccount, pod, secret, node } = bound;
    if (sub !== `system:serviceaccount:${namespace}:${serviceaccount.name}`) return false;
    if (!this.#isThere(serviceAccounts, `${namespace}/${serviceaccount.name}`, serviceaccount.uid)) return false;
    if (pod !== undefined && !this.#isThere(pods, `${namespace}/${pod.name}`, pod.uid)) return false;
    if (secret !== undefined && !this.#isThere(secrets, `${namespace}/${secret.name}`, secret.uid)) return false;
    // With a pod the node is only told; without, the token ends with the node.
    return pod !== undefined || node === undefined || this.#isThere(nodes, node.name, node.uid);
  }

  #isThere(cache: ResourceCache, key: string, uid: string): boolean {
    const object = cache.get(key);
    if (object === undefined) return false;
    const { metadata } = object.decode();
    if (metadata.uid !== uid) return false;
    // A terminating pod keeps its identity until a minute after its time.
    return metadata.deletionTimestamp === undefined || Date.parse(metadata.deletionTimestamp) + GRACE_MS > this.#options.clock.nowMs();
  }

  /** The same object each time, so that what is worked out for a user is worked out once. */
  #userOf(claims: Claims): TokenOwner['user'] {
    let user = this.#owners.get(claims);
    if (user === undefined) this.#owners.set(claims, (user = userOf(claims)));
    return user;
  }
}

const GRACE_MS = 60_000;

function userOf({ sub, jti, 'kubernetes.io': { namespace, serviceaccount, pod, node } }: Claims): TokenOwner['user'] {
  const extra: Record<string, readonly string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] };
  if (pod !== undefined) {
    extra['authentication.kubernetes.io/pod-name'] = [pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
  }
  if (node !== undefined) {
    extra['authentication.kubernetes.io/node-name'] = [node.name];
    extra['authentication.kubernetes.io/node-uid'] = [node.uid];
  }
  return { name: sub, uid: serviceaccount.uid, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`], extra };
}

function isClaims(payload: unknown): payload is Claims {
  const { sub, exp, nbf, aud, jti, 'kubernetes.io': bound } = payload as Partial<Claims>;
  const isRef = (ref: Ref | undefined): boolean => ref === undefined || (typeof ref.name === 'string' && typeof ref.uid === 'string');
  return (
    typeof sub === 'string' &&
    typeof exp === 'number' &&
    typeof nbf === 'number' &&
    typeof jti === 'string' &&
    (typeof aud === 'string' || Array.isArray(aud)) &&
    typeof bound?.namespace === 'string' &&
    bound.serviceaccount !== undefined &&
    [bound.serviceaccount, bound.pod, bound.secret, bound.node].every(isRef)
  );
}

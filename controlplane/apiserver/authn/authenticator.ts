/**
 * Who is asking: a client certificate, a bearer token, or nobody. Credentials that are shown and do not hold are refused, even where
 * anonymous requests are allowed. Throws: Unauthorized.
 */
import type { ApiCall, UserInfo } from '../call.ts';
import { unauthorized } from '../status.ts';
import { healthPathOf } from '../health.ts';

export interface TokenAuthenticator {
  readonly name: string;
  /** undefined: no token of this kind, or not a good one, or for none of these audiences. */
  authenticate(token: string, audiences: readonly string[]): TokenOwner | undefined | Promise<TokenOwner | undefined>;
}

export interface TokenOwner {
  readonly user: UserInfo;
  /** For which of the audiences the token is; undefined: tokens of this kind are for this server, whoever asks. */
  readonly audiences?: readonly string[];
}

export interface Authenticator {
  authenticate(call: ApiCall): UserInfo | Promise<UserInfo>;
  /** For TokenReview. */
  authenticateToken(token: string, audiences: readonly string[]): Promise<Required<TokenOwner> | undefined>;
}

export const AUTHENTICATED = 'system:authenticated';
export const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Where requests without credentials get in: nowhere, at the health checks, or everywhere. */
export type AnonymousAccess = 'none' | 'health' | 'all';

export interface AuthenticatorOptions {
  readonly tokens: readonly TokenAuthenticator[];
  readonly anonymous: AnonymousAccess;
  /** Whom a token must be for that opens this server. */
  readonly apiAudiences: readonly string[];
  readonly onAttempt: (result: 'success' | 'failure' | 'error') => void;
}

/** Source: the longest header a token may fill; anything longer is no token of ours. */
const LONGEST_TOKEN = 16 * 1024;
const REMEMBERED_CERTIFICATES = 10_000;

export class RequestAuthenticator implements Authenticator {
  readonly #options: AuthenticatorOptions;
  /** By fingerprint: the same object for the same client, so that what is worked out for a user is worked out once. */
  readonly #byCertificate = new Map<string, UserInfo>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  authenticate(call: ApiCall): UserInfo | Promise<UserInfo> {
    const header = call.headers['authorization'] as string | undefined;
    const byCertificate = this.#certificate(call);
    if (byCertificate !== undefined) {
      this.#options.onAttempt('success');
      return byCertificate;
    }
    const token = bearerOf(header);
    if (token !== undefined) return this.#token(token);
    if (header !== undefined && header !== '') throw this.#refuse();
    if (call.peer.certificateProblem !== undefined) throw this.#refuse();
    return this.#anonymous(call);
  }

  async authenticateToken(token: string, audiences: readonly string[]): Promise<Required<TokenOwner> | undefined> {
    if (token === '' || token.length > LONGEST_TOKEN) return undefined;
    for (const authenticator of this.#options.tokens) {
      const pending = authenticator.authenticate(token, audiences);
      const found = pending instanceof Promise ? await pending : pending;
      if (found === undefined) continue;
      const good = found.audiences ?? audiences.filter((audience) => this.#options.apiAudiences.includes(audience));
      return good.length === 0 ? undefined : { user: withAuthenticated(found.user), audiences: good };
    }
    return undefined;
  }

  #certificate({ peer: { certificate } }: ApiCall): UserInfo | undefined {
    if (certificate === undefined || certificate.commonName === '') return undefined;
    const known = this.#byCertificate.get(certificate.fingerprint);
    if (known !== undefined) return known;
    const user = withAuthenticated({
      name: certificate.commonName,
      groups: certificate.organizations,
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${certificate.fingerprint}`] },
    });
    if (this.#byCertificate.size >= REMEMBERED_CERTIFICATES) this.#byCertificate.clear();
    this.#byCertificate.set(certificate.fingerprint, user);
    return user;
  }

  async #token(token: string): Promise<UserInfo> {
    const found = await this.authenticateToken(token, this.#options.apiAudiences);
    if (found === undefined) throw this.#refuse();
    this.#options.onAttempt('success');
    return found.user;
  }

  #anonymous(call: ApiCall): UserInfo {
    const { anonymous } = this.#options;
    if (anonymous === 'all' || (anonymous === 'health' && healthPathOf(call.path) !== undefined)) return ANONYMOUS;
    throw this.#refuse();
  }

  #refuse(): Error {
    this.#options.onAttempt('failure');
    return unauthorized();
  }
}

const complete = new WeakMap<UserInfo, UserInfo>();

/** The same object each time for the same object. */
export function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes(AUTHENTICATED)) return user;
  let made = complete.get(user);
  if (made === undefined) complete.set(user, (made = { ...user, groups: [...user.groups, AUTHENTICATED] }));
  return made;
}

function bearerOf(header: string | undefined): string | undefined {
  const found = /^bearer +(\S+) *$/i.exec(header ?? '');
  return found?.[1];
}

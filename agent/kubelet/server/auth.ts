/**
 * Who calls the kubelet's HTTP API and whether they may. Effects only through the two reviewers (an API server, when there is one).
 *
 * Who: the certificate of the connection (signed by clientCAFile), else the bearer token as the API server knows it, else system:anonymous
 * if that is allowed. A credential that was shown and is bad is refused, also where anonymous callers are welcome.
 * May they: AlwaysAllow, or the API server's word. Without an API server there is nobody to ask, and the group system:masters alone may.
 * Answers are kept for as long as the configuration says, in bounded memory; of a token only its hash is kept.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { Peer } from '#base/peer.ts';
import type { ServerSettings } from '../config/serverFields.ts';
import { Answers } from '#client/answers.ts';
import type { Reviewer, User } from '#client/reviews.ts';
import type { Asked } from './access.ts';

export interface AuthOptions {
  readonly settings: Pick<ServerSettings, 'authn' | 'authz'>;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly reviewer: Reviewer | undefined;
}

export type Identified = { readonly user: User } | { readonly problem: string };
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
const MASTERS = 'system:masters';

export class Auth {
  readonly #options: AuthOptions;
  readonly #tokens: Answers<User | undefined>;
  readonly #verdicts: Answers<Verdict>;

  constructor(options: AuthOptions) {
    this.#options = options;
    this.#tokens = new Answers(options.clock);
    this.#verdicts = new Answers(options.clock);
  }

  async identify(peer: Peer, authorization: string | undefined, signal: AbortSignal): Promise<Identified> {
    const { authn } = this.#options.settings;
    if (peer.certificate !== undefined) {
      const { commonName, organizations } = peer.certificate;
      return { user: { name: commonName, groups: [...organizations, 'system:authenticated'] } };
    }
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token !== undefined) return this.#ofToken(token, signal);
    if (peer.certificateProblem !== undefined) return { problem: `the client certificate is refused: ${peer.certificateProblem}` };
    if (authorization !== undefined) return { problem: 'want a client certificate or a bearer token' };
    if (authn.anonymous) return { user: ANONYMOUS };
    return { problem: this.#howToCome() };
  }

  async allow(user: User, { verb, subresources }: Asked, signal: AbortSignal): Promise<Verdict> {
    const { settings, reviewer, nodeName } = this.#options;
    if (settings.authz.mode === 'AlwaysAllow') return { allowed: true };
    if (reviewer === undefined)
      return user.groups.includes(MASTERS)
        ? { allowed: true }
        : { allowed: false, reason: `without an API server only the group ${MASTERS} may use this API` };
    let last: Verdict = { allowed: false, reason: '' };
    for (const subresource of subresources) {
      const key = JSON.stringify([user, verb, subresource]);
      const { yesMs, noMs } = settings.authz;
      last = await this.#verdicts.get(
        key,
        async () => {
          const { allowed, reason = '' } = await reviewer.access(
            user,
            { resource: { verb, group: '', version: 'v1', resource: 'nodes', subresource, name: nodeName } },
            signal,
          );
          return allowed ? { allowed } : { allowed, reason };
        },
        ({ allowed }) => (allowed ? yesMs : noMs),
      );
      if (last.allowed) return last;
    }
    return last;
  }

  async #ofToken(token: string, signal: AbortSignal): Promise<Identified> {
    const { settings, reviewer } = this.#options;
    if (!settings.authn.webhook || reviewer === undefined)
      return { problem: 'bearer tokens are not accepted: there is no API server to check them' };
    const key = createHash('sha256').update(token).digest('base64');
    const user = await this.#tokens.get(
      key,
      () => reviewer.token(token, signal),
      () => settings.authn.cacheMs,
    );
    return user === undefined ? { problem: 'the bearer token is not good' } : { user };
  }

  #howToCome(): string {
    const ways = [
      ...(this.#options.settings.authn.clientCaFile === undefined ? [] : ['a certificate signed by clientCAFile']),
      ...(this.#options.reviewer === undefined || !this.#options.settings.authn.webhook ? [] : ['a bearer token']),
    ];
    return ways.length > 0
      ? `show ${ways.join(' or ')}`
      : 'nobody can be identified here: set authentication.x509.clientCAFile, or as root use the local socket';
  }
}

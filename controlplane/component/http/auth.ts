/**
 * Who asks a daemon for its metrics, and whether they may: a client certificate, or a bearer token that the API server knows; the API server
 * also says whether they may get the path. Paths that are open need neither. Without an API server to ask, system:masters alone may.
 * Throws: what #client throws, where it gives no answer.
 * Source: delegated authentication and authorization of upstream's scheduler and controller manager.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { Peer } from '#base/peer.ts';
import { Answers } from '#client/answers.ts';
import type { Reviewer, User } from '#client/reviews.ts';

export interface DelegatedOptions {
  readonly clock: Clock;
  readonly authentication: Reviewer | undefined;
  readonly authorization: Reviewer | undefined;
  readonly openPaths: readonly string[];
  readonly tokenMs: number;
  readonly yesMs: number;
  readonly noMs: number;
}

export type Refusal = { readonly code: 401 | 403; readonly why: string };

const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
const MASTERS = 'system:masters';

export class DelegatedAuth {
  readonly #options: DelegatedOptions;
  readonly #tokens: Answers<User | undefined>;
  readonly #verdicts: Answers<boolean>;

  constructor(options: DelegatedOptions) {
    this.#options = options;
    this.#tokens = new Answers(options.clock);
    this.#verdicts = new Answers(options.clock);
  }

  /** undefined: they may. */
  async refuse(
    peer: Peer,
    { method, path, authorization }: { readonly method: string; readonly path: string; readonly authorization: string | undefined },
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    if (this.#isOpen(path)) return undefined;
    const user = await this.#identify(peer, authorization, signal);
    if (user === undefined) return { code: 401, why: 'Unauthorized' };
    if (user.groups.includes(MASTERS)) return undefined;
    const verb = method === 'HEAD' || method === 'GET' ? 'get' : method.toLowerCase();
    const { authorization: reviewer, yesMs, noMs } = this.#options;
    const may =
      reviewer !== undefined &&
      (await this.#verdicts.get(
        JSON.stringify([user, verb, path]),
        async () => (await reviewer.access(user, { path, verb }, signal)).allowed,
        (allowed) => (allowed ? yesMs : noMs),
      ));
    return may ? undefined : { code: 403, why: `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}` };
  }

  #isOpen(path: string): boolean {
    return this.#options.openPaths.some((open) =>
      open.endsWith('*') ? path.startsWith(open.slice(0, -1)) : path === open || path.startsWith(`${open}/`),
    );
  }

  /** undefined: what was shown is not good. */
  async #identify(peer: Peer, authorization: string | undefined, signal: AbortSignal): Promise<User | undefined> {
    if (peer.certificate !== undefined) {
      const { commonName, organizations } = peer.certificate;
      return { name: commonName, groups: [...organizations, 'system:authenticated'] };
    }
    const token = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return peer.certificateProblem !== undefined || authorization !== undefined ? undefined : ANONYMOUS;
    const { authentication, tokenMs } = this.#options;
    if (authentication === undefined) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    return this.#tokens.get(
      key,
      () => authentication.token(token, signal),
      () => tokenMs,
    );
  }
}

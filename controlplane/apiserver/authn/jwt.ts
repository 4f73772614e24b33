/**
 * Tokens that one of the keys signed for one of the issuers: what they claim, as long as it is their time. That a signature was good is
 * remembered, so that a token is checked once.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { VerifyingKey } from '../../pki/signingKeys.ts';
import { digest } from './secretTable.ts';

export interface SignedTokensOptions<T> {
  readonly issuers: readonly string[];
  readonly keys: readonly VerifyingKey[];
  readonly clock: Clock;
  /** undefined: these claims are not what we sign. */
  readonly read: (payload: Readonly<Record<string, unknown>>) => T | undefined;
}

const REMEMBERED = 10_000;
/** Clocks of machines differ. */
export const LEEWAY_SECONDS = 10;

export class SignedTokens<T> {
  readonly #options: SignedTokensOptions<T>;
  /** By digest of the token; only good ones. */
  readonly #verified = new Map<string, T>();

  constructor(options: SignedTokensOptions<T>) {
    this.#options = options;
  }

  /** Whether it is a token's time is asked when it is checked first, and not again. The same object each time. */
  async claims(token: string): Promise<T | undefined> {
    if (token.split('.').length !== 3) return undefined;
    const key = digest(token);
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    const claims = await this.#verify(token);
    if (claims === undefined) return undefined;
    if (this.#verified.size >= REMEMBERED) this.#verified.clear();
    this.#verified.set(key, claims);
    return claims;
  }

  async #verify(token: string): Promise<T | undefined> {
    const { decodeJwt, decodeProtectedHeader, jwtVerify } = await import('jose');
    const { issuers, keys, clock, read } = this.#options;
    const told = await ofToken(() => ({ issuer: decodeJwt(token).iss, id: decodeProtectedHeader(token).kid }));
    // There are tokens of several kinds: those of another one need not be checked.
    if (told?.issuer === undefined || !issuers.includes(told.issuer)) return undefined;
    // Old tokens name no key: any of them may fit.
    for (const { key, algorithm } of keys.filter(({ id }) => told.id === undefined || told.id === id)) {
      const payload = await ofToken(async () => {
        const verified = await jwtVerify(token, key, {
          // The key says which algorithm, never the token.
          algorithms: [algorithm],
          issuer: [...issuers],
          currentDate: new Date(clock.nowMs()),
          clockTolerance: LEEWAY_SECONDS,
        });
        return verified.payload;
      });
      if (payload !== undefined) return read(payload);
    }
    return undefined;
  }
}

/** undefined: the token is at fault. Everything jose throws about a token has a code of its own; anything else is a bug. */
async function ofToken<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (err) {
    if (codeOf(err)?.startsWith('ERR_J') !== true && !(err instanceof TypeError)) throw err;
    return undefined;
  }
}

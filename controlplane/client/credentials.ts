/**
 * The secrets of a client, held in memory and read again from their files when those change: tokens are renewed within the hour,
 * certificates are rotated. A file that cannot be read keeps what was read before.
 * Units: milliseconds. Throws: CREDENTIALS_UNREADABLE.
 * Differs: upstream looks once a minute at tokens and every five minutes at certificates, and not again at the CA; here all are looked
 * at (a stat, and a read when something changed) every ten seconds while requests are made, and at once after a 401.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig, TextSource, TokenMaker } from './config.ts';

const LOOK_MS = 10_000;

export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Current {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The same object for as long as nothing changed. */
  readonly tls: TlsTexts;
}

type Name = 'ca' | 'certificate' | 'key' | 'token';

export class Credentials {
  readonly #config: ClientConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  #current: Current | undefined;
  #readAtMs = 0;
  #reading: Promise<Current> | undefined;

  constructor({ config, clock, log }: { readonly config: ClientConfig; readonly clock: Clock; readonly log: Logger }) {
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
  }

  /** 'now': also when the last look was a moment ago. */
  async get(look: 'when due' | 'now' = 'when due'): Promise<Current> {
    const isDue = look === 'now' || this.#clock.monotonicMs() - this.#readAtMs >= LOOK_MS;
    if (this.#current !== undefined && !isDue) return this.#current;
    this.#reading ??= this.#read(look === 'now' ? 'refused' : 'due').finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(why: 'due' | 'refused'): Promise<Current> {
    const names: Name[] = ['ca', 'certificate', 'key', 'token'];
    let texts: (string | undefined)[];
    try {
      texts = await Promise.all(names.map((name) => textOf(this.#config[name], why)));
      const [, cert, key] = texts;
      // Half of a pair that is being replaced: the other half is a moment away.
      if (this.#current !== undefined && (cert === '' || key === '')) return this.#current;
    } catch (err) {
      if (this.#current === undefined) throw err;
      this.#log.warn('Cannot read credentials again, going on with the old ones', { err });
      this.#readAtMs = this.#clock.monotonicMs();
      return this.#current;
    }
    this.#readAtMs = this.#clock.monotonicMs();
    const [ca, cert, key, token] = texts;
    const tls = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
    const before = this.#current;
    const isSame = before !== undefined && before.tls.ca === ca && before.tls.cert === cert && before.tls.key === key;
    return (this.#current = { headers: headersOf(this.#config, token), tls: isSame ? before.tls : tls });
  }
}

async function textOf(source: TextSource | TokenMaker | undefined, why: 'due' | 'refused'): Promise<string | undefined> {
  if (source?.kind === 'made') return source.make(why);
  if (source === undefined || source.kind === 'text') return source?.text;
  try {
    return await readFile(source.path, 'utf8');
  } catch (err) {
    throw new AppError('CREDENTIALS_UNREADABLE', `Cannot read credentials from ${source.path}`, { file: source.path }, err);
  }
}

function headersOf({ basic, impersonate }: ClientConfig, token: string | undefined): Current['headers'] {
  const trimmed = token?.trim() ?? '';
  const auth =
    trimmed !== ''
      ? { Authorization: `Bearer ${trimmed}` }
      : basic === undefined
        ? {}
        : { Authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}` };
  if (impersonate === undefined) return auth;
  return {
    ...auth,
    'Impersonate-User': impersonate.user,
    ...(impersonate.uid === undefined ? {} : { 'Impersonate-Uid': impersonate.uid }),
    ...(impersonate.groups.length === 0 ? {} : { 'Impersonate-Group': impersonate.groups }),
    ...Object.fromEntries(
      Object.entries(impersonate.extra).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values]),
    ),
  };
}

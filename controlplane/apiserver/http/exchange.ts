/** One HTTP request as the rest of the server sees it. */
import type { IncomingMessage } from 'node:http';
import type { AuditRecord } from '../audit/audit.ts';
import type { ApiCall, Headers, Upgrade, UserInfo } from '../call.ts';
import type { Negotiator, Wanted } from '../negotiate.ts';
import { Query } from '../query.ts';
import { isTrue, requestInfo, type RequestInfo } from '../requestInfo.ts';
import { readBody } from './body.ts';
import { peerOf, type Peer } from '#base/peer.ts';

export interface ExchangeOptions {
  readonly id: string;
  readonly startedAtMs: number;
  readonly negotiator: Negotiator;
  readonly upgrade?: Upgrade | undefined;
}

/** More of them would not fit in the head of an answer that every client reads. Source: upstream's limit for warnings, 4 KB. */
const MOST_WARNING_BYTES = 4_096;

/** Who asks is not known until authentication has said so. */
export const NOBODY: UserInfo = { name: '', groups: [] };

/** People look at these clients' answers. Source: upstream's rule for pretty-printing. */
const FOR_PEOPLE = /^(curl|Wget|Mozilla\/5\.0)/;

export class Exchange implements ApiCall {
  readonly id: string;
  readonly startedAtMs: number;
  readonly method: string;
  readonly path: string;
  readonly query: Query;
  readonly info: RequestInfo;
  readonly warnings: string[] = [];
  readonly upgrade?: Upgrade;
  user: UserInfo = NOBODY;
  /** Authentication found somebody else first; audit tells both. */
  impersonator: UserInfo | undefined;
  record: AuditRecord | undefined;
  readonly #req: IncomingMessage;
  readonly #negotiator: Negotiator;
  #wanted: Wanted | undefined;
  #onAbort: ((reason: Error) => void) | undefined;
  #abort: AbortController | undefined;
  #abortReason: Error | undefined;
  #warningBytes = 0;
  #peer: Peer | undefined;

  constructor(req: IncomingMessage, { id, negotiator, startedAtMs, upgrade }: ExchangeOptions) {
    this.startedAtMs = startedAtMs;
    this.#req = req;
    this.#negotiator = negotiator;
    this.id = id;
    this.method = req.method ?? 'GET';
    const url = req.url ?? '/';
    const question = url.indexOf('?');
    this.path = question < 0 ? url : url.slice(0, question);
    this.query = question < 0 ? Query.none : new Query(url.slice(question + 1));
    this.info = requestInfo(this.method, this.path, this.query);
    if (upgrade !== undefined) this.upgrade = upgrade;
  }

  get headers(): Headers {
    return this.#req.headers;
  }

  headerValues(name: string): readonly string[] {
    return this.#req.headersDistinct[name] ?? [];
  }

  get peer(): Peer {
    this.#peer ??= peerOf(this.#req.socket);
    return this.#peer;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  /** A second call changes nothing. */
  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#abort?.abort(reason);
    this.#onAbort?.(reason);
  }

  onAbort(fn: (reason: Error) => void): void {
    this.#onAbort = fn;
  }

  wanted(forms: 'forms' | 'plain'): Wanted {
    this.#wanted ??= this.#negotiator.wanted(this.#req.headers.accept, { forms: forms === 'forms', pretty: this.#isForPeople() });
    return this.#wanted;
  }

  /** How to encode what is no answer to what was asked: errors, health. Never fails. */
  get encoding(): Wanted {
    try {
      return this.wanted('plain');
    } catch {
      return { encoding: 'json', form: { kind: 'object' }, pretty: this.#isForPeople() };
    }
  }

  #isForPeople(): boolean {
    const asked = this.query.get('pretty');
    return asked === undefined ? FOR_PEOPLE.test(this.#req.headers['user-agent'] ?? '') : isTrue(asked);
  }

  get bodyStream(): IncomingMessage {
    return this.#req;
  }

  body(): Promise<Buffer> {
    return readBody(this.#req);
  }

  warn(text: string): void {
    this.#warningBytes += text.length;
    if (this.#warningBytes <= MOST_WARNING_BYTES && !this.warnings.includes(text)) this.warnings.push(text);
  }
}

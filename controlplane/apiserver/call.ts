/** One request on its way through the server, and what may become of it. Types only: http/ makes calls and writes answers, the rest handles them. */
import type { Duplex, Readable } from 'node:stream';
import type { Peer } from '#base/peer.ts';
import type { AuditRecord } from './audit/audit.ts';
import type { Wanted } from './negotiate.ts';
import type { RequestInfo } from './requestInfo.ts';
import type { Query } from './query.ts';

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** Header names in small letters. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface ApiCall {
  /** The audit id. */
  readonly id: string;
  /** Wall-clock time of its arrival. */
  readonly startedAtMs: number;
  readonly method: string;
  readonly path: string;
  readonly query: Query;
  readonly headers: Headers;
  /** Every value of a header that may come several times. */
  headerValues(name: string): readonly string[];
  readonly info: RequestInfo;
  readonly peer: Peer;
  readonly user: UserInfo;
  /** The body as it comes, without a limit; only for what is handed on. */
  readonly bodyStream: Readable;
  /** Reads the body, once. Throws: RequestEntityTooLarge, UnsupportedMediaType. */
  body(): Promise<Buffer>;
  /** Aborted when the client has gone or the time is over. Made when first asked for, because most requests never look. */
  readonly signal: AbortSignal;
  /** The form of answer the client asks for. Throws NotAcceptable. forms: this answer can also be a Table or metadata alone. */
  wanted(forms: 'forms' | 'plain'): Wanted;
  /** Told to the client in a Warning header. */
  warn(text: string): void;
  /** undefined: no policy wants this request recorded. */
  readonly record: AuditRecord | undefined;
  /** Takes the connection away from HTTP; only for requests that ask for an upgrade. */
  readonly upgrade?: Upgrade;
}

/** A connection whose client wants to speak another protocol on it. */
export interface Upgrade {
  readonly protocol: string;
  /** The raw stream behind the request's head. */
  take(): Duplex;
  /** Ends what was taken, whatever state it is in. */
  drop(): void;
}

/** Bytes as a chunked answer carries them, with their length before and a line end behind. Made by http/chunk.ts. */
export type Chunk = Uint8Array & { readonly chunk: unique symbol };

/** Bytes to a client that reads for as long as it likes. */
export interface Sink {
  /** false: the client does not keep up; write no more before drained() resolves. */
  write(bytes: Uint8Array): boolean;
  /** The same for what many clients get: packed once, and written to each as it is. */
  writeChunk(chunk: Chunk): boolean;
  /** Rejects when the client has gone. */
  drained(): Promise<void>;
  end(): void;
  /** Aborted when the client has gone, the time is over or the server stops. */
  readonly signal: AbortSignal;
}

/** A text of JSON, in pieces; the whole is the concatenation. */
export type JsonBytes = readonly Uint8Array[];

export type Answer =
  | { readonly kind: 'json'; readonly code: number; readonly body: JsonBytes }
  /** Serialised when it is written. */
  | { readonly kind: 'value'; readonly code: number; readonly value: unknown; readonly contentType?: string }
  | {
      readonly kind: 'text';
      readonly code: number;
      readonly contentType: string;
      readonly text: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'stream';
      readonly contentType: string;
      /** Default 200. */
      readonly code?: number;
      /** Names and values in turn. */
      readonly headers?: readonly string[];
      readonly run: (sink: Sink) => Promise<void>;
    }
  /** The handler has taken the connection. */
  | { readonly kind: 'taken' };

export type Handler = (call: ApiCall) => Promise<Answer>;

/** The boundary to upstream servers: one message there, one back. server/exchange.ts has sockets behind it, tests have none. */
import type { Received } from './read.ts';
import type { Upstream } from './upstreams.ts';

/** Strays are waited over. */
export type Read = (bytes: Buffer) => Received;
export type Settled = Exclude<Received, { readonly kind: 'stray' }>;
/** Rejects when nothing can be sent or the connection breaks, and with the signal's reason. */
export type Send = (to: Upstream, message: Buffer, read: Read, signal: AbortSignal) => Promise<Settled>;

export interface Exchange {
  readonly udp: Send;
  readonly tcp: Send;
}

/** A client out of a configuration: what a daemon's main calls. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig } from './config.ts';
import { Credentials } from './credentials.ts';
import { HttpTransport } from './http.ts';
import { TokenBucket, unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';

export interface ConnectOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly userAgent: string;
  /** Requests a second; 0 means the default, a negative number no limit, as in the configuration files of upstream. */
  readonly qps?: number;
  readonly burst?: number;
  readonly timeoutMs?: number;
}

/** Nothing is sent before the first request. */
export function connect({ config, clock, log, userAgent, qps = 0, burst = 0, timeoutMs }: ConnectOptions): Client {
  const limits = { ...(qps === 0 ? {} : { qps }), ...(burst <= 0 ? {} : { burst }), clock };
  return new Client({
    transport: new HttpTransport(config, new Credentials({ config, clock, log })),
    clock,
    limiter: qps < 0 ? unlimited : new TokenBucket(limits),
    userAgent,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

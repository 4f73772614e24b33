/** A client out of a configuration: what a daemon's main calls. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig } from './config.ts';
import { Credentials } from './credentials.ts';
import { HttpTransport } from './http.ts';
import { TokenBucket, unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import type { Transport } from './transport.ts';

export interface ConnectOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly userAgent: string;
  /** Requests a second; 0 means the default, a negative number no limit, as in the configuration files of upstream. */
  readonly qps?: number;
  readonly burst?: number;
  readonly timeoutMs?: number;
  /** Told of every request once its answer began, or failed (status undefined). */
  readonly onAnswer?: (sent: Answered) => void;
}

export interface Answered {
  readonly method: string;
  readonly host: string;
  readonly status: number | undefined;
  readonly tookMs: number;
}

/** Nothing is sent before the first request. */
export function connect({ config, clock, log, userAgent, qps = 0, burst = 0, timeoutMs, onAnswer }: ConnectOptions): Client {
  const limits = { ...(qps === 0 ? {} : { qps }), ...(burst <= 0 ? {} : { burst }), clock };
  const transport = new HttpTransport(config, new Credentials({ config, clock, log }));
  return new Client({
    transport: onAnswer === undefined ? transport : measured(transport, clock, onAnswer),
    clock,
    limiter: qps < 0 ? unlimited : new TokenBucket(limits),
    userAgent,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

function measured(transport: Transport, clock: Clock, onAnswer: (sent: Answered) => void): Transport {
  const { host } = new URL(transport.server);
  return {
    server: transport.server,
    async send(request) {
      const startedMs = clock.monotonicMs();
      let status: number | undefined;
      try {
        const response = await transport.send(request);
        ({ status } = response);
        return response;
      } finally {
        onAnswer({ method: request.method, host, status, tookMs: clock.monotonicMs() - startedMs });
      }
    },
    close: () => transport.close(),
  };
}

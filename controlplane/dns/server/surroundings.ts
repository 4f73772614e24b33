/** Chance, sockets and usage as a server that really runs has them. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { DnsOptions } from '../run.ts';
import { socketExchange } from './exchange.ts';

export function surroundings(clock: Clock): Pick<DnsOptions, 'exchange' | 'random' | 'newId' | 'secret' | 'usage'> {
  const startSeconds = clock.nowMs() / 1_000 - process.uptime();
  return {
    exchange: socketExchange,
    random: Math.random, // which server is asked first is no secret
    newId: () => randomInt(65_536),
    secret: () => randomBytes(16).toString('hex'),
    usage: () => {
      const { user, system } = process.cpuUsage();
      return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startSeconds };
    },
  };
}

/** Chance and sockets as a server that really runs has them. */
import { randomBytes, randomInt } from 'node:crypto';
import type { DnsOptions } from '../run.ts';
import { socketExchange } from './exchange.ts';

export const surroundings: Pick<DnsOptions, 'exchange' | 'random' | 'newId' | 'secret'> = {
  exchange: socketExchange,
  random: Math.random, // which server is asked first is no secret
  newId: () => randomInt(65_536),
  secret: () => randomBytes(16).toString('hex'),
};

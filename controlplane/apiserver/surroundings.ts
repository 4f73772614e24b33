/** Chance and usage as a server that really runs has them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Chance } from './apiServer.ts';
import type { ProcessUsage } from './metrics.ts';

/** Source: the characters of upstream's generated names: no vowels and no look-alikes. */
const NAME_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789';

export const systemChance: Chance = {
  newUid: () => randomUUID(),
  random: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  randomText: (characters) => Array.from(randomBytes(characters), (byte) => NAME_CHARACTERS[byte % NAME_CHARACTERS.length]).join(''),
};

const startedAt = performance.timeOrigin / 1_000;

export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startSeconds: startedAt };
}

/** Chance and usage as a server that really runs has them. */
import { randomFillSync, randomUUID } from 'node:crypto';
import type { Chance } from './apiServer.ts';
import type { ProcessUsage } from './metrics.ts';

/** Source: the characters of upstream's generated names: no vowels and no look-alikes. */
const NAME_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Random bytes in stock: asking for five costs as much as asking for a thousand. Each is handed out once. */
class Stock {
  readonly #bytes = Buffer.alloc(1_024);
  #used = this.#bytes.length;

  next(): number {
    if (this.#used === this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#used = 0;
    }
    return this.#bytes[this.#used++] ?? 0;
  }
}

const stock = new Stock();

export const systemChance: Chance = {
  newUid: () => randomUUID(),
  random: () => (stock.next() + (stock.next() + (stock.next() + stock.next() / 256) / 256) / 256) / 256,
  randomText: (characters) => {
    let text = '';
    for (let i = 0; i < characters; i++) text += NAME_CHARACTERS[stock.next() % NAME_CHARACTERS.length];
    return text;
  },
};

const startedAt = performance.timeOrigin / 1_000;

export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startSeconds: startedAt };
}

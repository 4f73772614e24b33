/** At most so many at once; the others wait in their order. */
export class Semaphore {
  #slots: number;
  /** Below 0: so many have to end before another one begins. */
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    if (!(slots >= 1)) throw new RangeError(`Cannot make a semaphore with ${slots} slots: want at least 1`);
    this.#free = slots;
    this.#slots = slots;
  }

  /** Another number from now on; who works already ends its work. */
  resize(slots: number): void {
    if (!(slots >= 1)) throw new RangeError(`Cannot make a semaphore with ${slots} slots: want at least 1`);
    this.#free += slots - this.#slots;
    this.#slots = slots;
    for (let next = this.#waiting[0]; next !== undefined && this.#free > 0; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= 1;
      next();
    }
  }

  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(turn);
    });
  }

  #give(): void {
    this.#free += 1;
    const next = this.#free > 0 ? this.#waiting.shift() : undefined;
    if (next === undefined) return;
    this.#free -= 1;
    next();
  }
}

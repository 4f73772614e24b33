/**
 * A small file that remembers something over restarts of the kubelet: written whole, in the background, the newest wins.
 * What cannot be read is as if it were not there: nothing but comfort depends on it.
 */
import { readFile } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';

export class Checkpoint<T> {
  readonly #file: string;
  readonly #log: Logger;
  #next: { readonly value: T } | undefined;
  #writing: Promise<void> | undefined;
  /** Of a trouble that lasts. */
  #told = false;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** parse throws for what is not ours. */
  async load(parse: (value: unknown) => T): Promise<T | undefined> {
    try {
      return parse(JSON.parse(await readFile(this.#file, 'utf8')));
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warn('Cannot read what the kubelet remembered', { file: this.#file, err });
      return undefined;
    }
  }

  save(value: T): void {
    this.#next = { value };
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Resolves when all that was saved is on disk. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      try {
        await replaceFile(this.#file, JSON.stringify(next.value), { mode: 0o600 });
        this.#told = false;
      } catch (err) {
        if (this.#told) return;
        this.#told = true;
        const about = { file: this.#file, err };
        // The pods that it stops complain of it.
        if (codeOf(err) === 'ENOSPC') this.#log.info('Cannot remember something over a restart, the disk is full', about);
        else this.#log.warn('Cannot remember something over a restart', about);
        return;
      }
    }
  }
}

/** A checkpoint that holds a text. */
export function keptText(file: Checkpoint<string>): { load(): Promise<string | undefined>; save(text: string): void } {
  return {
    load: () =>
      file.load((value) => {
        if (typeof value !== 'string') throw new TypeError('want a text');
        return value;
      }),
    save: (text) => file.save(text),
  };
}

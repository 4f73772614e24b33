/**
 * The last good text of each manifest file, over restarts of the kubelet: a file that is broken, or half written, when the kubelet comes back
 * keeps its pods as it would have while the kubelet was there. Kept on disk, readable by root alone.
 */
export interface Kept {
  /** What the texts are of; those of another directory are nobody's. */
  readonly directory: string;
  readonly files: readonly (readonly [file: string, text: string])[];
}

/** Of a checkpoint. Pure. Throws for what is not ours. */
export function parseKept(value: unknown): Kept {
  const { directory, files } = value as Partial<Kept>;
  const isText = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string');
  if (typeof directory !== 'string' || !Array.isArray(files) || !files.every(isText)) throw new TypeError('want a directory and its files');
  return { directory, files };
}

export class LastGood {
  readonly #directory: string;
  readonly #save: (kept: Kept) => void;
  readonly #texts: Map<string, string>;
  #changed = false;

  constructor(directory: string, kept: Kept | undefined, save: (kept: Kept) => void) {
    this.#directory = directory;
    this.#save = save;
    this.#texts = new Map(kept?.directory === directory ? kept.files : []);
  }

  texts(): ReadonlyMap<string, string> {
    return this.#texts;
  }

  /** The file was read, and all in it is good. */
  good(file: string, bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('utf8');
    if (this.#texts.get(file) === text) return;
    this.#texts.set(file, text);
    this.#changed = true;
  }

  /** After each full look; present: the files that are there. */
  looked(present: ReadonlySet<string>): void {
    for (const file of this.#texts.keys()) if (!present.has(file)) this.#changed = this.#texts.delete(file);
    if (!this.#changed) return;
    this.#changed = false;
    this.#save({ directory: this.#directory, files: [...this.#texts] });
  }
}

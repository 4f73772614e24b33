/** Who is asked about names that are not the cluster's: stub domains, and everybody else. Pure. */
import type { Forwarder } from './forward/forwarder.ts';

export class Routes {
  readonly #stubs: ReadonlyMap<string, Forwarder>;
  readonly #others: Forwarder;

  /** Domains in small letters, without a dot at the end. */
  constructor(stubs: ReadonlyMap<string, Forwarder>, others: Forwarder) {
    this.#stubs = stubs;
    this.#others = others;
  }

  get all(): readonly Forwarder[] {
    return [...this.#stubs.values(), this.#others];
  }

  /** The longest domain that the name is in. name: undefined when it is not of text. */
  for(name: string | undefined): Forwarder {
    if (this.#stubs.size === 0 || name === undefined) return this.#others;
    for (let rest = name; rest !== '';) {
      const found = this.#stubs.get(rest);
      if (found !== undefined) return found;
      const dot = rest.indexOf('.');
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    return this.#others;
  }

  retire(): void {
    for (const forwarder of this.all) forwarder.retire();
  }

  close(): void {
    for (const forwarder of this.all) forwarder.close();
  }
}

/** Reading the fields of a kubeconfig document: every problem is collected with its path. Pure. */
import { suggestWord } from '#api/suggest.ts';

export type Struct = Readonly<Record<string, unknown>>;

export class Fields {
  readonly path: string;
  readonly #value: Struct;
  readonly #problems: string[];

  constructor(value: unknown, { path, problems }: { readonly path: string; readonly problems: string[] }) {
    const isStruct = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isStruct && value !== undefined && value !== null) problems.push(`${path}: want a mapping, got ${JSON.stringify(value)}`);
    this.#value = isStruct ? (value as Struct) : {};
    this.path = path;
    this.#problems = problems;
  }

  /** "" and null are as good as absent. */
  text(name: string): string | undefined {
    const value = this.#value[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    this.problem(name, `want a string, got ${JSON.stringify(value)}`);
    return undefined;
  }

  flag(name: string): boolean {
    const value = this.#value[name];
    if (value === undefined || value === null) return false;
    if (typeof value !== 'boolean') this.problem(name, `want true or false, got ${JSON.stringify(value)}`);
    return value === true;
  }

  texts(name: string): readonly string[] {
    const value = this.#value[name] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    this.problem(name, 'want a list of strings');
    return [];
  }

  /** The bytes of a ...-data field as text. */
  base64(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === 0 || !/^[A-Za-z0-9+/=\s]+$/.test(text)) this.problem(name, 'want base64');
    return bytes.toString();
  }

  struct(name: string): Fields {
    return new Fields(this.#value[name], { path: this.#under(name), problems: this.#problems });
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  /** The element of a list of { name, ... } with this name. */
  named(list: string, name: string): Fields | undefined {
    const value = this.#value[list] ?? [];
    if (!Array.isArray(value)) {
      this.problem(list, 'want a list');
      return undefined;
    }
    const index = value.findIndex((item: unknown) => (item as Struct | null)?.['name'] === name);
    return index < 0 ? undefined : new Fields(value[index], { path: `${this.#under(list)}[${index}]`, problems: this.#problems });
  }

  names(list: string): readonly string[] {
    const value = this.#value[list];
    return Array.isArray(value) ? value.map((item: unknown) => String((item as Struct | null)?.['name'])) : [];
  }

  /** Everything that is neither known nor refused is unknown; nothing is ignored. */
  check(known: readonly string[], refused: Readonly<Record<string, string>> = {}): void {
    for (const name of Object.keys(this.#value)) {
      if (known.includes(name) || this.#value[name] === null) continue;
      const why = Object.hasOwn(refused, name) ? refused[name] : undefined;
      const word = suggestWord([...known, ...Object.keys(refused)], name);
      this.problem(name, why ?? `unknown field${word === undefined ? '' : `, did you mean ${word}?`}`);
    }
  }

  problem(name: string, message: string): void {
    this.#problems.push(`${this.#under(name)}: ${message}`);
  }

  #under(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

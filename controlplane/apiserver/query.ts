/** The query part of a URL, read only when it is asked for. Pure; broken escapes stand for themselves. */
export class Query {
  static readonly none = new Query('');
  readonly #raw: string;
  #values: Map<string, string[]> | undefined;

  /** raw: without the question mark. */
  constructor(raw: string) {
    this.#raw = raw;
  }

  get raw(): string {
    return this.#raw;
  }

  /** The first value of a name. */
  get(name: string): string | undefined {
    return this.#raw === '' ? undefined : this.all(name)[0];
  }

  all(name: string): readonly string[] {
    this.#values ??= parse(this.#raw);
    return this.#values.get(name) ?? [];
  }
}

function parse(raw: string): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    const known = out.get(name);
    if (known === undefined) out.set(name, [value]);
    else known.push(value);
  }
  return out;
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** The layout of `kijabi describe`. Pure. */

/** Lines of "Name:  value" with the values under each other. */
export class Lines {
  readonly #lines: string[];
  readonly #indent: number;

  constructor(lines: string[] = [], indent = 0) {
    this.#lines = lines;
    this.#indent = indent;
  }

  text(line: string): void {
    this.#lines.push(`${' '.repeat(this.#indent)}${line}`);
  }

  field(name: string, value: string | undefined): void {
    this.text(`${`${name}:`.padEnd(this.#indent === 0 ? 18 : 16)}${value ?? ''}`.trimEnd());
  }

  list(name: string, items: readonly string[]): void {
    this.text(`${name}:`);
    for (const item of items) this.text(`  ${item}`);
  }

  map(name: string, entries: Readonly<Record<string, string>> | undefined): void {
    const all = Object.entries(entries ?? {}).map(([k, v]) => `${k}=${v}`);
    this.field(name, all[0] ?? '<none>');
    for (const more of all.slice(1)) this.text(`${' '.repeat(18)}${more}`);
  }

  block(table: string): void {
    for (const line of table.trimEnd().split('\n')) this.text(`  ${line}`);
  }

  indented(heading: string, indent: number): Lines {
    this.text(heading);
    return new Lines(this.#lines, this.#indent + indent);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

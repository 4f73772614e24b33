/**
 * Where in a document: built downwards by validators, printed as upstream prints it (spec.containers[0].ports[1].containerPort).
 * A key of a map (a label, a resource name) is written in brackets, and stands in a plain path as the text "[key]". Pure.
 */

/** A field name, an index, or a key of a map written as "[key]". */
export type Segment = string | number;

export class FieldPath {
  static readonly root = new FieldPath(undefined, '');
  readonly #parent: FieldPath | undefined;
  readonly #segment: Segment;

  private constructor(parent: FieldPath | undefined, segment: Segment) {
    this.#parent = parent;
    this.#segment = segment;
  }

  field(name: string): FieldPath {
    return new FieldPath(this, name);
  }

  index(i: number): FieldPath {
    return new FieldPath(this, i);
  }

  key(key: string): FieldPath {
    return new FieldPath(this, mapKey(key));
  }

  toArray(): Segment[] {
    return this.#parent === undefined ? [] : [...this.#parent.toArray(), this.#segment];
  }

  toString(): string {
    return formatPath(this.toArray());
  }
}

export function at(...names: readonly string[]): FieldPath {
  return names.reduce((path, name) => path.field(name), FieldPath.root);
}

export function mapKey(key: string): string {
  return `[${key}]`;
}

/** The key that a segment stands for in the document: "[app]" -> "app". */
export function keyOf(segment: Segment): Segment {
  return typeof segment === 'string' && segment.startsWith('[') && segment.endsWith(']') ? segment.slice(1, -1) : segment;
}

export function formatPath(path: readonly Segment[]): string {
  let out = '';
  for (const segment of path) {
    if (typeof segment === 'number') out += `[${segment}]`;
    else if (segment.startsWith('[') || out === '') out += segment;
    else out += `.${segment}`;
  }
  return out;
}

/**
 * Objects by key, and in the order of their keys. Writes cost a map's write; the order is mended when somebody asks for it,
 * so that a burst of creations is sorted once.
 */
import { compareKeys } from '../storage/writes.ts';
import type { CachedObject } from './object.ts';

interface Slot {
  readonly key: string;
  /** undefined: deleted since the order was mended. */
  object: CachedObject | undefined;
}

export class OrderedObjects {
  readonly #slots = new Map<string, Slot>();
  #order: Slot[] = [];
  #fresh: Slot[] = [];
  #holes = 0;

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): CachedObject | undefined {
    return this.#slots.get(key)?.object;
  }

  set(object: CachedObject): void {
    const known = this.#slots.get(object.key);
    if (known !== undefined) {
      known.object = object;
      return;
    }
    const slot = { key: object.key, object };
    this.#slots.set(object.key, slot);
    this.#fresh.push(slot);
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    slot.object = undefined;
    this.#slots.delete(key);
    this.#holes += 1;
  }

  values(): Iterable<CachedObject> {
    return this.#present(this.#slots.values());
  }

  /** In order; those whose key begins with the prefix. */
  list(prefix = ''): CachedObject[] {
    this.#mend();
    const out: CachedObject[] = [];
    for (let i = prefix === '' ? 0 : this.#indexOf(prefix); i < this.#order.length; i++) {
      const slot = this.#order[i];
      if (slot?.object === undefined) continue;
      if (prefix !== '' && !slot.key.startsWith(prefix)) break;
      out.push(slot.object);
    }
    return out;
  }

  *#present(slots: Iterable<Slot>): Iterable<CachedObject> {
    for (const { object } of slots) if (object !== undefined) yield object;
  }

  #mend(): void {
    if (this.#holes > 0) {
      this.#order = this.#order.filter((slot) => slot.object !== undefined);
      this.#fresh = this.#fresh.filter((slot) => slot.object !== undefined);
      this.#holes = 0;
    }
    if (this.#fresh.length === 0) return;
    this.#order = merge(
      this.#order,
      this.#fresh.sort((a, b) => compareKeys(a.key, b.key)),
    );
    this.#fresh = [];
  }

  #indexOf(key: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#order[middle]?.key ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function merge(a: readonly Slot[], b: readonly Slot[]): Slot[] {
  const out: Slot[] = [];
  let i = 0;
  for (const slot of b) {
    for (let next = a[i]; next !== undefined && compareKeys(next.key, slot.key) < 0; next = a[i]) {
      out.push(next);
      i += 1;
    }
    out.push(slot);
  }
  for (; i < a.length; i++) out.push(a[i] as Slot);
  return out;
}

export function inOrder(objects: readonly CachedObject[]): CachedObject[] {
  return objects.toSorted((a, b) => compareKeys(a.key, b.key));
}

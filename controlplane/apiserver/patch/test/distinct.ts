/** A value in whose lists every element can be told from the others: what a client may apply. For tests. */
import { isObject, setOwn } from '../json.ts';
import { containerOf, elementName, fieldShape, itemShape, type Shape } from '../apply/shape.ts';

export function distinct(shape: Shape, value: unknown): unknown {
  const container = containerOf(shape, value);
  if (container === undefined) return value;
  if (Array.isArray(value)) {
    const seen = new Set(['k:{}']);
    const isNew = (item: unknown): boolean => seen.size < seen.add(elementName(container, item)).size;
    return value.filter(isNew).map((item) => distinct(itemShape(container), item));
  }
  if (!isObject(value)) return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) if (key !== 'managedFields') setOwn(out, key, distinct(fieldShape(container, key), value[key]));
  return out;
}

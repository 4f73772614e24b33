/** What a table of a kind is made of: columns, each with its heading and what it shows of an object. Pure. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { humanDuration } from '#api/print/age.ts';

export type Cell = string | number | boolean;

/** A heading as a Table of the API has it (meta.k8s.io TableColumnDefinition). */
export interface Heading {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 only with -o wide. */
  readonly priority: number;
}

export interface Column<T = KubeObject> {
  readonly heading: Heading;
  readonly cell: (object: T, nowMs: number) => Cell;
}

const column =
  (type: Heading['type']) =>
  <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> => ({
    heading: { name, type, format: '', description, priority: 0 },
    cell,
  });

export const text = column('string');
export const integer = column('integer');
export const bool = column('boolean');

/** Only with -o wide. */
export function wide<T>({ heading, cell }: Column<T>): Column<T> {
  return { heading: { ...heading, priority: 1 }, cell };
}

const NAME: Heading = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique in its namespace',
  priority: 0,
};
const AGE_TEXT = 'Time since the object was created';

export const name: Column = { heading: NAME, cell: ({ metadata }) => metadata.name ?? '' };
export const age: Column = text('Age', AGE_TEXT, ({ metadata }: KubeObject, nowMs) => since(metadata.creationTimestamp, nowMs));

/** The name, with a word behind it that marks the default of its kind. */
export function nameWithDefault(annotations: readonly string[]): Column {
  return {
    heading: NAME,
    cell: ({ metadata }) => {
      const isDefault = annotations.some((key) => metadata.annotations?.[key] === 'true');
      return `${metadata.name ?? ''}${isDefault ? ' (default)' : ''}`;
    },
  };
}

/** "5m" since a time; "<unknown>" without one. */
export function since(time: string | undefined, nowMs: number): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '<unknown>' : humanDuration(nowMs - at);
}

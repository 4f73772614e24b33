/**
 * What a table of flags is made of. Data, pure.
 *
 * honoured: it does what it does upstream. only: this program always does one thing, so that value is accepted and any other refused with
 * the reason. refused: what it asks for does not exist here. So no flag is ignored silently.
 */
export type FlagKind = 'string' | 'bool' | 'int' | 'duration' | 'list';

export type FlagUse =
  | { readonly kind: 'honoured' }
  | { readonly kind: 'only'; readonly values: readonly string[]; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string };

export interface FlagRow {
  readonly type: FlagKind;
  /** As it would stand on the command line; undefined: what it is without the flag depends on other flags. */
  readonly initial: string | undefined;
  readonly use: FlagUse;
  /** For the help; flags without one are listed by name. */
  readonly help?: string;
}

export type FlagTable = Readonly<Record<string, FlagRow>>;

export const honoured = (type: FlagKind, initial: string | undefined, help?: string): FlagRow => ({
  type,
  initial,
  use: { kind: 'honoured' },
  ...(help === undefined ? {} : { help }),
});
export const only = (type: FlagKind, value: string, why: string): FlagRow => ({
  type,
  initial: value,
  use: { kind: 'only', values: [value], why },
});
export const refused = (type: FlagKind, why: string): FlagRow => ({ type, initial: undefined, use: { kind: 'refused', why } });

/** Rows that differ in their names alone. */
export const each = (names: string, row: FlagRow): Record<string, FlagRow> =>
  Object.fromEntries(names.split(' ').map((name) => [name, row]));

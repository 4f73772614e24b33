/** Cells that several kinds have. Pure. Source: how kubectl shows them, Kubernetes 1.36. */
import { formatSelector, fromLabelSelector, fromMap } from '#api/labels.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { text, wide, type Column } from '#api/print/column.ts';

export const NONE = '<none>';
export const UNSET = '<unset>';

export function orNone(value: string | undefined): string {
  return value === undefined || value === '' ? NONE : value;
}

/** "a=b,c=d" in the order of the keys. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).toSorted();
  return orNone(formatSelector(fromMap(Object.fromEntries(keys.map((key) => [key, labels?.[key] ?? ''])))));
}

export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '';
  try {
    return formatSelector(fromLabelSelector(selector).toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)));
  } catch {
    return '<invalid>'; // stored before its rules were checked
  }
}

export const boolText = (value: boolean | undefined): string => (value === undefined ? UNSET : value ? 'True' : 'False');

/** The first few, and how many more there are. */
export function firstFew(items: readonly string[], { most, empty }: { readonly most: number; readonly empty: string }): string {
  if (items.length === 0) return empty;
  const shown = items.slice(0, most).join(',');
  return items.length > most ? `${shown} + ${items.length - most} more...` : shown;
}

/** Names and images of the containers of a template, with -o wide. */
export function containerColumns<T>(containers: (object: T) => readonly Container[] | undefined): readonly Column<T>[] {
  const list = (pick: (container: Container) => string) => (object: T) => (containers(object) ?? []).map(pick).join(',');
  return [
    wide(
      text(
        'Containers',
        'Names of the containers of the template',
        list((c) => c.name),
      ),
    ),
    wide(
      text(
        'Images',
        'Images of the containers of the template',
        list((c) => c.image ?? ''),
      ),
    ),
  ];
}

export function selectorColumn<T>(selector: (object: T) => LabelSelector | undefined): Column<T> {
  return wide(text('Selector', 'Labels of the pods it counts as its own', (object) => orNone(selectorText(selector(object)))));
}

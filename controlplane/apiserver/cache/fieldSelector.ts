/**
 * Field selectors: "spec.nodeName=worker-1,status.phase!=Running". Pure. Throws: BadRequest.
 * Source: the grammar of k8s.io/apimachinery fields.ParseSelector: terms with = == !=, and \ before , = \ in values.
 */
import { badRequest } from '../status.ts';

export interface FieldTerm {
  readonly field: string;
  readonly value: string;
  readonly equal: boolean;
}

export type FieldSelector = readonly FieldTerm[];

export function parseFieldSelector(text: string): FieldSelector {
  return split(text)
    .filter((term) => term !== '')
    .map((term) => {
      const found = /^([^=!]+?)(!=|==|=)(.*)$/su.exec(term);
      if (found === null) throw badRequest(`invalid field selector: ${JSON.stringify(term)}; can't understand it`);
      return { field: found[1] ?? '', equal: found[2] !== '!=', value: unescape(found[3] ?? '', term) };
    });
}

/** At commas that have no backslash before them. */
function split(text: string): string[] {
  return text.match(/(?:\\.|[^\\,])+|\\$/gsu) ?? [];
}

function unescape(value: string, term: string): string {
  return value.replaceAll(/\\(.?)|=/gsu, (all, next: string | undefined) => {
    if (next === undefined || !'\\,='.includes(next) || next === '') {
      throw badRequest(`invalid field selector: invalid field selector: ${JSON.stringify(term)}: ${JSON.stringify(all)} must be escaped`);
    }
    return next;
  });
}

export function formatFieldSelector(selector: FieldSelector): string {
  return selector
    .map(({ field, value, equal }) => `${field}${equal ? '=' : '!='}${value.replaceAll(/[\\,=]/g, String.raw`\$&`)}`)
    .join(',');
}

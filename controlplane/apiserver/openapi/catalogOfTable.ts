/** The catalog of a running server: its kinds and its table of endpoints. Pure. */
import type { KindDefinition } from '#api/scheme.ts';
import type { ApiTable } from '../apiTable.ts';
import type { Catalog } from './catalog.ts';

export function catalogOf(kinds: readonly KindDefinition[], table: ApiTable, version: string): Catalog {
  const endpoints = table.all().map(({ handlers, ...endpoint }) => ({ ...endpoint, verbs: Object.keys(handlers) }));
  return { kinds, endpoints, version };
}

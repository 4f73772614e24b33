/** Every kind this folder defines, for tests that hold for all of them. */
import { readdirSync } from 'node:fs';
import type { KindDefinition } from '#api/scheme.ts';

export async function allDefinitions(): Promise<readonly KindDefinition[]> {
  const folder = new URL('../definitions/', import.meta.url);
  const out = new Set<KindDefinition>();
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'))) {
    const module = (await import(new URL(file, folder).href)) as Readonly<Record<string, unknown>>;
    for (const value of Object.values(module)) if (isDefinition(value)) out.add(value);
  }
  if (out.size < 4) throw new Error('hardly any kinds found: tests over all kinds would pass on nothing');
  return [...out];
}

const isDefinition = (value: unknown): value is KindDefinition =>
  typeof value === 'object' && value !== null && 'plural' in value && 'schema' in value;

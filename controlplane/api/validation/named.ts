/** Rules for kinds of which only the metadata is checked here. Pure. */
import { at } from '#api/fieldPath.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata, type MetadataRules } from '#api/validation/metadata.ts';

export function metadataOnly(rules: MetadataRules): (object: KubeObject) => readonly Problem[] {
  return ({ metadata }) => {
    const problems = new Problems();
    validateMetadata(problems, metadata, at('metadata'), rules);
    return problems.found;
  };
}

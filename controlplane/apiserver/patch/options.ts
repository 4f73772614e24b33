/** What a write may say of its field manager, with upstream's texts. Pure. Throws: ApiError Invalid. */
import { at } from '#api/fieldPath.ts';
import { Problems } from '#api/problem.ts';
import { invalid } from '../status.ts';
import { isPrintable } from './apply/update.ts';

export interface PatchOptions {
  readonly kind: 'apply' | 'patch';
  /** Both as in the query. */
  readonly fieldManager: string | undefined;
  readonly force: string | undefined;
}

export function checkPatchOptions({ kind, fieldManager = '', force }: PatchOptions): void {
  const problems = new Problems();
  if (kind === 'apply') {
    if (fieldManager === '') problems.required(at('fieldManager'), 'is required for apply patch');
  } else if (force !== undefined) problems.forbidden(at('force'), 'may not be specified for non-apply patch');
  checkFieldManager(fieldManager, problems);
  if (problems.count > 0) throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', problems.found);
}

const LONGEST_MANAGER = 128;

/** For the options of create and update, too. */
export function checkFieldManager(name: string, problems: Problems): void {
  if (Buffer.byteLength(name) > LONGEST_MANAGER) problems.tooLong(at('fieldManager'), LONGEST_MANAGER);
  const characters = Array.from(name);
  const odd = characters.findIndex((char) => !isPrintable(char));
  if (odd < 0) return;
  const code = (characters[odd]?.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  problems.invalid(at('fieldManager'), name, `invalid character U+${code} (at position ${odd})`);
}

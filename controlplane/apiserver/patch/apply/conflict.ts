/** Two managers want one field: the refusal, with upstream's message and causes, which clients read. Pure. */
import { applyConflict, type ApiError } from '../../status.ts';
import { pathsOf, pathText, type FieldSet } from './fieldSet.ts';
import { managerText, type Owner } from './managed.ts';

export interface Conflict {
  readonly owner: Owner;
  readonly path: readonly string[];
}

export function conflictsOf(owner: Owner, fields: FieldSet): readonly Conflict[] {
  return pathsOf(fields).map((path) => ({ owner, path }));
}

export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const sorted = conflicts.toSorted((a, b) =>
    managerText(a.owner) < managerText(b.owner) ? -1 : managerText(a.owner) > managerText(b.owner) ? 1 : 0,
  );
  const causes = sorted.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(owner)}`,
    field: pathText(path),
  }));
  return applyConflict(messageOf(sorted), causes);
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${managerText(first.owner)}: ${pathText(first.path)}`;
  }
  const lines: string[] = [];
  let manager = '';
  for (const { owner, path } of conflicts) {
    const text = managerText(owner);
    if (text !== manager) lines.push(`conflicts with ${text}:`);
    manager = text;
    lines.push(`- ${pathText(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/**
 * What has to be done so that a host has an installation, or has none any more. Pure.
 *
 * A file that was put there and not changed since is ours to change and to remove. A configuration that the operator changed is kept,
 * and so is everything that was there before: a program of the same name that is not ours is a problem, and then nothing is done at all.
 */
import { addSettings, CONTAINERD_CONFIG, removeSettings, type Edit } from './containerdConfig.ts';
import type { FileItem, Layout } from './layout.ts';

export type Seen =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly sha256: string; readonly mode: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'other' };

/** What an earlier installation put there. */
export interface InstallRecord {
  readonly version: string;
  readonly role: Layout['role'];
  /** Path -> sha256 of what was written. */
  readonly files: Readonly<Record<string, string>>;
  readonly links: Readonly<Record<string, string>>;
  readonly units: readonly string[];
  /** dpkg owns the rest. */
  readonly packaged?: boolean;
}

export interface InstallInput {
  readonly layout: Layout;
  readonly record: InstallRecord | undefined;
  readonly seen: ReadonlyMap<string, Seen>;
  /** Source -> sha256. */
  readonly sources: ReadonlyMap<string, string>;
  /** Path of an item with unlessOther -> the file of somebody else's. */
  readonly others: ReadonlyMap<string, string>;
  /** Left out: the layout has no use for a runtime. */
  readonly runtime?: SeenRuntimeConfig;
}

export interface SeenRuntimeConfig {
  /** Of config.toml; undefined: there is none. */
  readonly text: string | undefined;
  readonly mode: number;
  readonly cniBinDir: string | undefined;
}

export type Step =
  | { readonly kind: 'write'; readonly path: string; readonly source: string; readonly mode: number; readonly isNew: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  /** Lines of ours in a file of somebody else's. */
  | { readonly kind: 'edit'; readonly path: string; readonly text: string; readonly mode: number; readonly what: string }
  | { readonly kind: 'keep'; readonly path: string; readonly why: string }
  | { readonly kind: 'remove'; readonly path: string };

export interface InstallPlan {
  readonly steps: readonly Step[];
  readonly problems: readonly string[];
  readonly record: Omit<InstallRecord, 'version' | 'packaged'>;
}

const ABSENT: Seen = { kind: 'absent' };

export function planInstall({ layout, record, seen, sources, others, runtime }: InstallInput): InstallPlan {
  const steps: Step[] = [];
  const problems: string[] = [];
  const files: Record<string, string> = {};
  for (const item of layout.files) {
    const now = seen.get(item.path) ?? ABSENT;
    const before = record?.files[item.path];
    const wanted = sources.get(item.source);
    if (wanted === undefined) throw new Error(`no source ${item.source}`);
    const other = others.get(item.path);
    if (other !== undefined && now.kind === 'absent') {
      steps.push({ kind: 'keep', path: other, why: 'another network is configured' });
      continue;
    }
    const verdict = judge(item, now, before, wanted);
    if (typeof verdict === 'string') problems.push(verdict);
    else steps.push(...verdict.steps);
    files[item.path] = typeof verdict === 'string' ? wanted : verdict.sha256;
  }
  for (const [path, target] of layout.links) {
    const now = seen.get(path) ?? ABSENT;
    if (now.kind === 'link' && now.target === target) continue;
    if (now.kind === 'absent') steps.push({ kind: 'link', path, target });
    else problems.push(`${path} is there and not ours: move it away, or remove the package it is from`);
  }
  if (runtime !== undefined) {
    const edit = addSettings(runtime);
    if (edit.kind === 'problem') problems.push(edit.problem);
    else steps.push(...editSteps(edit, runtime.mode));
  }
  const links = Object.fromEntries(layout.links);
  return {
    steps: [...steps, ...leftovers({ record, seen }, files, links)],
    problems,
    record: { role: layout.role, files, links, units: layout.units },
  };
}

type Judged = string | { readonly steps: readonly Step[]; readonly sha256: string };

function judge(item: FileItem, now: Seen, before: string | undefined, wanted: string): Judged {
  const { path, source, mode, config } = item;
  const write = (isNew: boolean): Judged => ({ steps: [{ kind: 'write', path, source, mode, isNew }], sha256: wanted });
  if (now.kind === 'absent') return write(true);
  if (now.kind !== 'file') return `${path} is there and is no file: move it away`;
  if (now.sha256 === wanted) return now.mode === mode ? { steps: [], sha256: wanted } : write(false);
  if (now.sha256 === before) return write(false);
  if (config)
    return { steps: [{ kind: 'keep', path, why: before === undefined ? 'it was there before' : 'changed by hand' }], sha256: before ?? '' };
  // A unit that was edited in place: what we ship wins only where it was ours; the place for changes is a drop-in.
  return before === undefined
    ? `${path} is there and not ours: move it away, or remove the package it is from`
    : `${path} was changed by hand: put the change into ${path}.d/ (systemctl edit), and restore or remove the file`;
}

/** What an earlier version or another role put there, and this one does not. */
function leftovers(
  { record, seen }: Pick<InstallInput, 'record' | 'seen'>,
  files: Readonly<Record<string, string>>,
  links: Readonly<Record<string, string>>,
): Step[] {
  if (record === undefined) return [];
  const stale = {
    files: Object.entries(record.files).filter(([path]) => files[path] === undefined),
    links: Object.entries(record.links).filter(([path]) => links[path] === undefined),
  };
  return removals(stale, seen);
}

export function planUninstall(
  record: InstallRecord,
  seen: ReadonlyMap<string, Seen>,
  runtime?: Pick<SeenRuntimeConfig, 'text' | 'mode'>,
): Step[] {
  const edit = runtime === undefined ? [] : editSteps(removeSettings(runtime.text), runtime.mode);
  return [...removals({ files: Object.entries(record.files), links: Object.entries(record.links) }, seen), ...edit];
}

function editSteps(edit: Edit, mode: number): Step[] {
  const path = CONTAINERD_CONFIG;
  switch (edit.kind) {
    case 'write': {
      const what = edit.added.length === 0 ? 'without what was added' : `with ${edit.added.join(', ')}`;
      return [{ kind: 'edit', path, text: edit.text, mode, what }, ...edit.notes.map((why): Step => ({ kind: 'keep', path, why }))];
    }
    case 'remove':
      return [{ kind: 'remove', path }];
    case 'none':
      return edit.notes.map((why) => ({ kind: 'keep', path, why }));
    case 'problem':
      return [];
  }
}

interface Recorded {
  readonly files: readonly (readonly [path: string, sha256: string])[];
  readonly links: readonly (readonly [path: string, target: string])[];
}

function removals({ files, links }: Recorded, seen: ReadonlyMap<string, Seen>): Step[] {
  return [
    ...files.flatMap(([path, sha256]): Step[] => {
      const now = seen.get(path) ?? ABSENT;
      if (now.kind === 'absent') return [];
      if (now.kind === 'file' && now.sha256 === sha256) return [{ kind: 'remove', path }];
      return [{ kind: 'keep', path, why: 'changed by hand' }];
    }),
    ...links.flatMap(([path, target]): Step[] => {
      const now = seen.get(path) ?? ABSENT;
      return now.kind === 'link' && now.target === target ? [{ kind: 'remove', path }] : [];
    }),
  ];
}

/** Units of an earlier installation that this one has not. */
export function staleUnits(record: InstallRecord | undefined, units: readonly string[]): string[] {
  return (record?.units ?? []).filter((unit) => !units.includes(unit));
}

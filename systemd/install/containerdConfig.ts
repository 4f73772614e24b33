/**
 * What this installation wants of containerd's config.toml, put into it line by line beside what the operator has there, and taken out again.
 * Pure. Comments, order and every value that is set already stay; each line of ours carries a mark. What comes out is parsed and compared
 * with what should: a file whose text this does not understand is refused, never spoilt.
 * Source: containerd's documentation of config.toml (versions 2 and 3), of the CRI plugin, and of certs.d.
 */
import { isDeepStrictEqual } from 'node:util';
import { parse, type TomlPrimitive, type TomlTable } from 'smol-toml';
import { explain } from '#base/errors.ts';

export const CONTAINERD_CONFIG = '/etc/containerd/config.toml';
export const REGISTRIES = '/etc/containerd/certs.d';
const MARK = '# kijabi';
const MARKED = /\s*# kijabi$/;
/** Without it containerd would read what somebody else wrote since as of version 1, and pass over it silently: it stays as theirs. */
const VERSION = /^version = \d+ # kijabi$/;

export interface ContainerdFacts {
  /** undefined: there is no file. */
  readonly text: string | undefined;
  /** Where the CNI plugins are, when that is not where containerd looks by itself. */
  readonly cniBinDir: string | undefined;
}

export type Edit =
  /** notes: what was set otherwise, and what follows from that. */
  | { readonly kind: 'write'; readonly text: string; readonly added: readonly string[]; readonly notes: readonly string[] }
  | { readonly kind: 'remove' }
  | { readonly kind: 'none'; readonly notes: readonly string[] }
  | { readonly kind: 'problem'; readonly problem: string };

interface Wish {
  readonly table: readonly string[];
  readonly key: string;
  readonly value: string | boolean | number;
  /** What to do where it is set to something else. */
  readonly otherwise?: string;
}

/** Puts in what is missing. */
export function addSettings({ text = '', cniBinDir }: ContainerdFacts): Edit {
  let now: TomlTable;
  try {
    now = parse(text);
  } catch (err) {
    return { kind: 'problem', problem: `${CONTAINERD_CONFIG} is no TOML: ${firstLine(err)}` };
  }
  const disabled = now['disabled_plugins'];
  if (Array.isArray(disabled) && disabled.some((name) => name === 'cri' || name === 'io.containerd.grpc.v1.cri')) {
    const problem = `${CONTAINERD_CONFIG} turns the CRI off, by which the kubelet speaks to containerd: take "cri" out of disabled_plugins`;
    return { kind: 'problem', problem };
  }
  const version = now['version'] ?? (now['plugins'] === undefined ? 2 : 1);
  if (version !== 2 && version !== 3) {
    const note = `${CONTAINERD_CONFIG} is of version ${JSON.stringify(version)} and stays as it is: containerd config migrate prints a newer one`;
    return { kind: 'none', notes: [note] };
  }
  const wishes = wishesFor(version, now, cniBinDir);
  const added: Wish[] = now['version'] === undefined ? [{ table: [], key: 'version', value: 2 }] : [];
  const notes: string[] = [];
  for (const wish of wishes) {
    const there = at(now, [...wish.table, wish.key]);
    if (there === undefined) added.push(wish);
    else if (there !== wish.value && wish.otherwise !== undefined) notes.push(`${wish.key} is ${JSON.stringify(there)}: ${wish.otherwise}`);
  }
  if (added.length === 0) return { kind: 'none', notes };
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  for (const wish of added) insert(lines, wish);
  const made = `${lines.join('\n')}\n`;
  const wanted = parse(text);
  for (const { table, key, value } of added) put(wanted, table, key, value);
  if (!isDeepStrictEqual(parsed(made), wanted)) {
    const list = added.map(({ table, key, value }) => `${[...table, key].join('.')} = ${JSON.stringify(value)}`);
    return {
      kind: 'problem',
      problem: `${CONTAINERD_CONFIG} is written in a way that cannot be added to; set there by hand: ${list.join('; ')}`,
    };
  }
  return { kind: 'write', text: made, added: added.map(({ key, value }) => `${key} = ${JSON.stringify(value)}`), notes };
}

/** Takes the lines with the mark out again; of a version that others' lines count on only the mark. */
export function removeSettings(text: string | undefined): Edit {
  const lines = text?.split('\n') ?? [];
  if (text === undefined || !lines.some((line) => MARKED.test(line))) return { kind: 'none', notes: [] };
  if (lines.every((line) => MARKED.test(line) || line.trim() === '')) return { kind: 'remove' };
  const rest = lines.flatMap((line) => (VERSION.test(line) ? [line.replace(MARKED, '')] : MARKED.test(line) ? [] : [line])).join('\n');
  const [before, after] = [parsed(text), parsed(rest)];
  const ours = markedPaths(lines.filter((line) => !VERSION.test(line)));
  const kept = before === undefined ? undefined : leaves(before).filter((leaf) => !ours.some((path) => leaf.startsWith(`${path}=`)));
  // Whatever else stood in a table of ours would have gone to another table with it.
  if (kept === undefined || after === undefined || !isDeepStrictEqual(kept.toSorted(), leaves(after).toSorted()))
    return { kind: 'none', notes: [`${CONTAINERD_CONFIG} was changed around the lines marked "${MARK}": take them out by hand`] };
  return { kind: 'write', text: rest, added: [], notes: [] };
}

function wishesFor(version: 2 | 3, now: TomlTable, cniBinDir: string | undefined): readonly Wish[] {
  const [runtime, images] =
    version === 2
      ? ['io.containerd.grpc.v1.cri', 'io.containerd.grpc.v1.cri']
      : ['io.containerd.cri.v1.runtime', 'io.containerd.cri.v1.images'];
  const runc = ['plugins', runtime, 'containerd', 'runtimes', 'runc'];
  const registry = ['plugins', images, 'registry'];
  // containerd does not start with both ways to say where images come from.
  const isOldWay = ['mirrors', 'configs'].some((key) => at(now, [...registry, key]) !== undefined);
  return [
    ...(isOldWay ? [] : [{ table: registry, key: 'config_path', value: REGISTRIES }]),
    // A runtime that is named is taken as it stands, without containerd's own values.
    { table: runc, key: 'runtime_type', value: 'io.containerd.runc.v2' },
    {
      table: [...runc, 'options'],
      key: 'SystemdCgroup',
      value: true,
      otherwise: 'the kubelet makes control groups by systemd; set the same cgroupDriver in /var/lib/kubelet/config.yaml',
    },
    ...(cniBinDir === undefined ? [] : [{ table: ['plugins', runtime, 'cni'], key: 'bin_dir', value: cniBinDir }]),
  ];
}

/** After the head of its table, which is made at the end where there is none. */
function insert(lines: string[], { table, key, value }: Wish): void {
  const line = `${key} = ${JSON.stringify(value)} ${MARK}`;
  if (table.length === 0) return void lines.unshift(line);
  const found = lines.findIndex((text) => isDeepStrictEqual(headOf(text), table));
  if (found === -1) return void lines.push(`[${table.map(quoted).join('.')}] ${MARK}`, `  ${line}`);
  const indent = /^\s*/.exec(lines[found] ?? '')?.[0] ?? '';
  lines.splice(found + 1, 0, `${indent}  ${line}`);
}

/** The path that the line opens a table for. */
function headOf(line: string): string[] | undefined {
  if (!/^\s*\[[^[]/.test(line)) return undefined;
  const path: string[] = [];
  let table: unknown = parsed(line);
  while (isTable(table)) {
    const [key] = Object.keys(table);
    if (key === undefined) return path;
    path.push(key);
    table = table[key];
  }
  return undefined;
}

const quoted = (key: string): string => (/^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key));

function parsed(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

const isTable = (value: unknown): value is TomlTable => typeof value === 'object' && value !== null && !Array.isArray(value);

function at(table: TomlTable, path: readonly string[]): TomlPrimitive | undefined {
  return path.reduce<TomlPrimitive | undefined>((value, key) => (isTable(value) ? value[key] : undefined), table);
}

function put(table: TomlTable, path: readonly string[], key: string, value: Wish['value']): void {
  let inner = table;
  for (const name of path) {
    const next = (inner[name] ??= parse(''));
    if (!isTable(next)) return;
    inner = next;
  }
  inner[key] = value;
}

/** Each value with its path. */
function leaves(table: TomlTable, path: readonly string[] = []): string[] {
  return Object.entries(table).flatMap(([key, value]) => {
    const here = [...path, key];
    return isTable(value) ? leaves(value, here) : [`${JSON.stringify(here)}=${JSON.stringify(value)}`];
  });
}

/** Where the values are that lines with the mark set. */
function markedPaths(lines: readonly string[]): string[] {
  let table: readonly string[] = [];
  const paths: string[] = [];
  for (const line of lines) {
    const head = headOf(line);
    if (head !== undefined) table = head;
    else if (MARKED.test(line)) paths.push(JSON.stringify([...table, ...Object.keys(parsed(line) ?? {})]));
  }
  return paths;
}

const firstLine = (err: unknown): string => explain(err).split('\n')[0] ?? '';

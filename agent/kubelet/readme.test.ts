/** The README agrees with the code. UPDATE=1 rewrites the tables that are made from it. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Schema } from '#api/schema.ts';
import { LIVE_FIELDS } from './config/live.ts';
import { FIELDS, kubeletConfigurationSchema } from './config/kubeletConfiguration.ts';
import { MANIFEST_WORDS } from './sources/manifests.ts';
import { POD, type Support } from './sources/support.ts';

const here = new URL('./', import.meta.url);
const file = new URL('README.md', here);
const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
  (f) => /^[^.].*\.ts$/.test(f) && !/\.test\.ts$|^test\//.test(f),
);
const textOf = (path: string): string => readFileSync(new URL(path, here), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
const all = sources.map(textOf).join('\n');
const readme = (): string => readFileSync(file, 'utf8');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.map((c, i) => c.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

const code = (text: string): string => `\`${text}\``;

function honouredTable(): string {
  const row = (name: string, schema: Schema | undefined): string[][] =>
    schema?.properties === undefined
      ? [
          [
            `${code(name)}${LIVE_FIELDS.has(name.split('.')[0] ?? '') ? ' ↻' : ''}`,
            schema?.default === undefined ? '' : code(typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)),
            schema?.description ?? '',
          ],
        ]
      : Object.entries(schema.properties).flatMap(([inner, s]) => row(`${name}.${inner}`, s));
  const { properties } = kubeletConfigurationSchema as unknown as { properties: Readonly<Record<string, Schema>> };
  return table(
    ['field', 'default', 'meaning'],
    FIELDS.honoured.flatMap((name) => row(name, properties[name])),
  );
}

function laterTable(): string {
  const rows = FIELDS.later.map(({ field, harmless, usual, why }) => {
    const values = [harmless, usual].filter((value) => value !== undefined && value !== '').map((value) => code(JSON.stringify(value)));
    return [code(field), values.join(', '), why];
  });
  return table(['field', 'let through', 'why it is not honoured'], rows);
}

function podTable(): string {
  const rows: string[][] = [];
  const name = (field: string, support: Support): string => {
    if (Array.isArray(support)) return `${code(field)} (${support.map((v) => JSON.stringify(v)).join(', ')})`;
    return typeof support === 'function' ? `${code(field)} (some, the refusal lists them)` : code(field);
  };
  const walk = (at: string, support: Support): void => {
    if (support === true || typeof support !== 'object' || Array.isArray(support)) return;
    const fields = Object.entries(support as Readonly<Record<string, Support>>);
    const isLeaf = (s: Support): boolean => s === true || typeof s !== 'object' || Array.isArray(s) || Object.keys(s).length === 0;
    const leaves = fields.filter(([, s]) => isLeaf(s));
    if (leaves.length > 0) rows.push([code(at === '' ? 'Pod' : at), leaves.map(([f, s]) => name(f, s)).join(' ')]);
    for (const [f, s] of fields) if (!isLeaf(s)) walk(at === '' ? f : `${at}.${f}`, s);
  };
  walk('', POD);
  return table(['in', 'fields'], rows);
}

for (const [name, make] of [
  ['honoured', honouredTable],
  ['later', laterTable],
  ['pod', podTable],
] as const) {
  test(`README: the table ${name} is what the code says`, () => {
    const part = new RegExp(`(<!-- generated: ${name} -->\\n)([\\s\\S]*?)(<!-- end -->)`);
    const want = `\n${make()}\n\n`;
    if (process.env['UPDATE'] === '1')
      writeFileSync(
        file,
        readme().replace(part, (_, begin: string, __, end: string) => begin + want + end),
      );
    assert.equal(part.exec(readme())?.[2], want, 'UPDATE=1 node --test agent/kubelet/readme.test.ts rewrites it');
  });
}

/** Rows of the table under a heading of three columns or two: first cell -> the rest. */
function rows(head: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let inside = false;
  for (const line of readme().split('\n')) {
    const cells = line.startsWith('|')
      ? line
          .slice(1, -1)
          .split(' | ')
          .map((c) => c.trim())
      : [];
    if (cells.length === 0) inside = false;
    else if (cells[0] === head) inside = true;
    else if (inside && !/^-+$/.test(cells[0] ?? '')) {
      assert.equal(found.has(cells[0] ?? ''), false, `${cells[0]} stands there twice`);
      found.set(cells[0] ?? '', cells.slice(1));
    }
  }
  assert.ok(found.size > 0, `no table begins with ${head}`);
  return found;
}

/** Codes of errors that are made in these texts; of one chosen by a condition, both. */
function codesIn(text: string): string[] {
  const places = [
    ...text.matchAll(
      /new AppError\(\s*([^,]*),|\bcode: ('[A-Z_]+')|missingCode: ('[A-Z_]+')|\bnaming\(\s*('[A-Z_]+')|\bcode = ([^;]*);|code: codeOf\(\w+\) \?\? ('[A-Z_]+')/g,
    ),
  ];
  return places.flatMap((m) =>
    [
      ...m
        .slice(1)
        .join(' ')
        .matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g),
    ].map((x) => x[1]!),
  );
}

test('README: every error code has its row, and no row is without a code', () => {
  const union = /code: ('MANIFEST_[^;]*);/.exec(textOf('sources/fileSet.ts'))?.[1] ?? '';
  const made = new Set([
    ...codesIn(all),
    ...codesIn(textOf('../linux/cgroup.ts')),
    ...codesIn(textOf('../linux/logind.ts')),
    ...[...union.matchAll(/'([A-Z_]+)'/g)].map((m) => m[1]!),
  ]);
  const wanted = [...made].filter((c) => !c.startsWith('CRI_')).sort();
  assert.ok(wanted.length > 20);
  assert.deepEqual([...rows('code').keys()].sort(), wanted);
  for (const [name, [text = '']] of rows('code')) assert.ok(text.length > 10, `${name} says nothing`);
});

/** Lines of parts that the kubelet shares with other daemons. */
const SHARED: readonly (readonly [message: string, file: string, source: string])[] = [
  ['Reconcile failed', '../../controlplane/base/reconcile.ts', "'Reconcile failed'"],
  ['kubelet stopped because of an error', '../../controlplane/base/lifecycle.ts', '`${name} stopped because of an error`'],
  ['Cannot notify systemd', '../../controlplane/base/lifecycle.ts', "'Cannot notify systemd'"],
];

test('README: every message of the log has its row with its level', () => {
  const logged = new Map([...all.matchAll(/\blog\??\.(error|warn|info)\(\s*'([^']+)'/g)].map((m) => [m[2]!, m[1]!]));
  for (const [message, path, source] of SHARED) {
    assert.ok(textOf(path).includes(source), `${path} says it otherwise now`);
    logged.set(message, message === 'kubelet stopped because of an error' ? 'error' : 'warn');
  }
  const { cannotWatch, cannotRead, passedOver, stillWritten } = MANIFEST_WORDS;
  for (const [message, level] of [
    [cannotWatch, 'warn'],
    [cannotRead, 'error'],
    [passedOver, 'info'],
    [stillWritten, 'info'],
  ] as const)
    logged.set(message, level);
  const told = rows('message');
  assert.deepEqual([...told.keys()].sort(), [...logged.keys()].sort());
  for (const [message, [level, text = '']] of told) {
    assert.equal(level, { error: 'error', warn: 'warning', info: 'info' }[logged.get(message) ?? ''], message);
    assert.ok(text.length > 10 || text === 'nothing to do', `${message}: no next step`);
  }
});

test('README: every reason to wait has its row', () => {
  const reasons = new Set(
    [...all.matchAll(/'(Err[A-Z]\w+|Invalid[A-Z]\w+Name|[A-Z]\w+BackOff|\w+Container(?:Config)?Error)'/g)].map((m) => m[1]!),
  );
  assert.deepEqual([...rows('reason').keys()].sort(), [...reasons].sort());
});

test('README: every file it names is there', () => {
  const named = [...readme().matchAll(/`((?:\.\.\/|[a-z]+\/)*[a-zA-Z]+\.ts)`/g)].map((m) => m[1]!);
  assert.ok(named.length > 10);
  for (const name of named) {
    const found = [name, `pods/${name}`, `sources/${name}`].some((n) => sources.includes(n) || exists(n));
    assert.ok(found, `${name} is not there`);
  }
});

function exists(path: string): boolean {
  try {
    return readFileSync(new URL(path, here)).length > 0;
  } catch {
    return false;
  }
}

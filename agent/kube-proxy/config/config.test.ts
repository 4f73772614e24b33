/** The table of the README against the schema, the flags and what they do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import type { Schema } from '#api/schema.ts';
import { codeOf } from '#base/errors.ts';
import { CONFIG_FLAGS, parseFlags } from './flags.ts';
import { API_VERSION, KIND, kubeProxyConfigurationSchema, type KubeProxyConfiguration } from './kubeProxyConfiguration.ts';
import { loadConfig } from './load.ts';
import { settingsOf, type Settings } from './settings.ts';

interface Row {
  readonly field: string;
  readonly flag: string;
  readonly example: string;
  readonly what: string;
}

const rows: Row[] = [
  ...readFileSync(new URL('README.md', import.meta.url), 'utf8').matchAll(/^\| `([\w.]+)` *\|(.*?)\|(.*?)\|(.*?)\|$/gm),
].map(([, field = '', flag = '', example = '', what = '']) => ({
  field,
  flag: flag.replaceAll(/[`\s]/g, ''),
  example: example.trim(),
  what: what.trim(),
}));

function leaves(schema: Schema, path: readonly string[] = []): string[] {
  const properties = Object.entries(schema.properties ?? {});
  if (path.length > 0 && properties.length === 0) return [path.join('.')];
  return properties.flatMap(([name, below]) => leaves(below, [...path, name]));
}

type Content = Record<string, unknown>;

/** What has to stand beside a field for it to count. */
function surroundings(field: string): Content {
  const [group] = field.split('.');
  if (group === 'ipvs' || group === 'nftables') return { mode: group };
  if (field === 'detectLocal.bridgeInterface') return { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'other0' } };
  if (field === 'detectLocal.interfaceNamePrefix')
    return { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { interfaceNamePrefix: 'other' } };
  return {};
}

function set(content: Content, field: string, value: unknown): Content {
  const [name = '', ...rest] = field.split('.');
  return { ...content, [name]: rest.length === 0 ? value : set((content[name] ?? {}) as Content, rest.join('.'), value) };
}

/** Without what only says where it comes from. */
function seen({ configuration: _c, modeBecause: _m, sourceBecause: _s, ...settings }: Settings): object {
  return settings;
}

const fromFile = (content: Content): object => {
  const bytes = new TextEncoder().encode(stringify({ apiVersion: API_VERSION, kind: KIND, ...content }));
  return seen(settingsOf(parseFlags(['--config', 'c.yaml']), loadConfig('c.yaml', bytes)));
};

const LISTS = new Set(['nodePortAddresses', 'ipvs.excludeCIDRs']);

/** Without the quotes that YAML wants. */
const flagValue = (example: string): string => example.replaceAll('"', '');

function valueOf({ field, example }: Row): unknown {
  if (field === 'featureGates') return Object.fromEntries(example.split(',').map((gate) => [gate.split('=')[0], true]));
  return LISTS.has(field) ? example.split(',') : (parse(example) as unknown);
}

test('README: the table holds every field, and no other, in order', () => {
  const wanted = leaves(kubeProxyConfigurationSchema).filter((field) => field !== 'apiVersion' && field !== 'kind');
  assert.deepEqual(
    rows.map((r) => r.field),
    wanted.toSorted((a, b) => (a < b ? -1 : 1)),
  );
});

test('README: the table holds every flag that stands for a field', () => {
  const named = rows.filter((r) => r.flag !== '').map((r) => r.flag);
  assert.deepEqual(named.toSorted(), ['--feature-gates', '--hostname-override', '--v', ...CONFIG_FLAGS.map((f) => `--${f}`)].toSorted());
});

for (const row of rows) {
  const { field, flag, example, what } = row;
  const base = surroundings(field);
  const content = set(base, field, valueOf(row));
  const refused = (give: () => unknown): void =>
    assert.throws(give, (err) => codeOf(err) === 'CONFIG_INVALID' && (err as Error).message.includes(field));
  const flags = (): object =>
    seen(
      settingsOf(parseFlags([...Object.entries(flatFlags(base)).map(([f, v]) => `${f}=${v}`), `${flag}=${flagValue(example)}`]), undefined),
    );

  if (what === 'Refused') {
    test(`${field}: refused by name`, () => {
      refused(() => fromFile(content));
      if (flag !== '') refused(flags);
    });
  } else {
    test(`${field}: ${what}`, () => {
      const check = what.startsWith('No effect') ? assert.deepEqual : assert.notDeepEqual;
      check(fromFile(content), fromFile(base));
      if (flag !== '') assert.deepEqual(flags(), fromFile(content), flag);
    });
  }
}

/** The same surroundings in flags. */
function flatFlags({ mode, detectLocalMode }: Content): Record<string, string> {
  return {
    ...(typeof mode === 'string' ? { '--proxy-mode': mode } : {}),
    ...(typeof detectLocalMode === 'string' ? { '--detect-local-mode': detectLocalMode } : {}),
  };
}

test('fields of a mode that is not used change nothing', () => {
  const other: KubeProxyConfiguration = { ipvs: { scheduler: 'lc', minSyncPeriod: '5s' }, nftables: { masqueradeAll: true } };
  const settings = fromFile(other) as Settings;
  assert.deepEqual([settings.mode, settings.minSyncPeriodMs, settings.masqueradeAll], ['iptables', 1_000, false]);
});

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { execa } from 'execa';
import { DATA } from '../../controlplane/cli/install.ts';
import { controlText } from './control.ts';
import { lintDeb, type Deb, type DebEntry } from './lint.ts';
import { readLine } from './observe.ts';

const SCRIPTS = new URL('scripts/', import.meta.url).pathname;
const scripts = readdirSync(SCRIPTS).toSorted();
const text = (name: string): string => readFileSync(`${SCRIPTS}${name}`, 'utf8');
const SUM = 'd41d8cd98f00b204e9800998ecf8427e';
const entry = (path: string, over: Partial<DebEntry> = {}): DebEntry => ({
  path,
  kind: 'file',
  mode: 0o644,
  owner: 'root/root',
  md5: SUM,
  ...over,
});
const KUBELET = entry('/usr/lib/kijabi/agent/kubelet/kubelet', { mode: 0o755 });
const ENTRIES = [
  entry('/usr/', { kind: 'directory', mode: 0o755 }),
  KUBELET,
  entry('/usr/bin/kubelet', { kind: 'link', mode: 0o777, target: '../lib/kijabi/agent/kubelet/kubelet' }),
  entry('/usr/share/doc/kijabi/copyright'),
  entry('/etc/default/kubelet', { mode: 0o600 }),
];
const PARTS: Readonly<Record<string, string>> = {
  control: controlText({ version: '1.2.3', architecture: 'amd64', installedBytes: 5_000 }),
  conffiles: '/etc/default/kubelet\n',
  md5sums: `${SUM}  usr/lib/kijabi/agent/kubelet/kubelet\n${SUM}  usr/share/doc/kijabi/copyright\n`,
  ...Object.fromEntries(scripts.map((name) => [name, text(name)])),
};
const deb = (parts: Readonly<Record<string, string>> = PARTS, entries: readonly DebEntry[] = ENTRIES, scriptMode = 0o755): Deb => ({
  control: Object.entries(parts).map(([name, content]) => ({ name, text: content, mode: scripts.includes(name) ? scriptMode : 0o644 })),
  entries,
});
const withMode = (name: string, mode: number): Deb => {
  const { control: parts, entries } = deb();
  return { control: parts.map((part) => (part.name === name ? { ...part, mode } : part)), entries };
};
const { preinst: _, ...withoutPreinst } = PARTS;
const control = (from: string | RegExp, to: string): Deb => deb({ ...PARTS, control: (PARTS['control'] ?? '').replace(from, to) });
const and = (...more: readonly DebEntry[]): Deb => {
  const sums = more.filter((e) => e.kind === 'file' && !e.path.startsWith('/etc/')).map(({ path }) => `${SUM}  ${path.slice(1)}\n`);
  return deb({ ...PARTS, md5sums: `${PARTS['md5sums']}${sums.join('')}` }, [...ENTRIES, ...more]);
};

test('lintDeb: a package that is right', () => assert.deepEqual(lintDeb(deb()), []));

for (const [given, said] of [
  [control(/^Maintainer: .*\n/m, ''), 'control: Maintainer is missing'],
  [control('iptables', 'x'), /control: Depends is/],
  [control('systemd, ', ''), /control: Depends is/],
  [control('1.2.3', 'v1'), /control: Version is "v1"/],
  [control(' A node agent', ` ${'x'.repeat(90)}`), /a line of more than 80 letters/],
  [deb({ ...PARTS, templates: '' }), 'control: nobody needs templates'],
  [deb(withoutPreinst), 'preinst is missing'],
  [deb({ ...PARTS, prerm: '#!/bin/sh\ntrue\n' }), 'prerm does not begin with #!/bin/sh and set -e'],
  [withMode('control', 0o600), 'control has mode 600, want 644'],
  [withMode('conffiles', 0o664), 'conffiles has mode 664, want 644'],
  [withMode('md5sums', 0o755), 'md5sums has mode 755, want 644'],
  [deb(PARTS, ENTRIES, 0o644), 'postinst has mode 644, want 755'],
  [and(entry('/usr/lib/kijabi/x', { owner: 'me/me' })), '/usr/lib/kijabi/x belongs to me/me'],
  [and(entry('/usr/lib/kijabi/x', { mode: 0o664 })), '/usr/lib/kijabi/x has mode 664, want 644 or 755'],
  [and(entry('/usr/lib/kijabi/x', { mode: 0o4755 })), '/usr/lib/kijabi/x has mode 4755, want 644 or 755'],
  [and(entry('/usr/lib/d/', { kind: 'directory', mode: 0o775 })), '/usr/lib/d/ has mode 775, want 755'],
  [and(entry('/usr/local/bin/x')), '/usr/local/bin/x lies outside the places of this package'],
  [and(entry('/usr/lib/kijabi/agent/test/x.ts')), '/usr/lib/kijabi/agent/test/x.ts is of development'],
  [and(entry('/etc/kubernetes/x', { mode: 0o600 })), '/etc/kubernetes/x is not in conffiles'],
  [deb(PARTS, [...ENTRIES, entry('/usr/lib/kijabi/x')]), '/usr/lib/kijabi/x is not in md5sums'],
  [deb(PARTS, [...ENTRIES.slice(0, 1), { ...KUBELET, md5: 'other' }, ...ENTRIES.slice(2)]), /kubelet has another sum than md5sums says/],
  [deb({ ...PARTS, conffiles: `${PARTS['conffiles']}/etc/default/x\n` }), '/etc/default/x is listed and not there'],
  [
    and(entry('/usr/bin/x', { kind: 'link', target: '../lib/kijabi/x' })),
    /\/usr\/bin\/x leads to \.\.\/lib\/kijabi\/x, which is no program/,
  ],
] satisfies (readonly [Deb, string | RegExp])[])
  test(`lintDeb: ${String(said)}`, () => {
    const problems = lintDeb(given);
    assert.ok(
      problems.some((problem) => (typeof said === 'string' ? problem === said : said.test(problem))),
      problems.join('\n'),
    );
  });

test('readLine: what tar lists', () => {
  assert.deepEqual(readLine('-rwsr-xr-t root/root       12 2026-01-01 00:00 ./usr/bin/a b'), {
    path: '/usr/bin/a b',
    kind: 'file',
    mode: 0o5755,
    owner: 'root/root',
  });
  assert.deepEqual(readLine('lrwxrwxrwx root/root 0 2026-01-01 00:00 ./usr/bin/x -> ../lib/x'), {
    path: '/usr/bin/x',
    kind: 'link',
    mode: 0o777,
    owner: 'root/root',
    target: '../lib/x',
  });
  assert.throws(() => readLine('crw------- root/root 1,3 2026-01-01 00:00 ./dev/null'), RangeError);
});

test('postrm purges the same as kijabi install --uninstall --purge', () => {
  const purged = [...text('postrm').matchAll(/^ {4}rm -rf (?:--one-file-system )?(\S+)$/gm)].map(([, path]) => path);
  assert.deepEqual(
    DATA.filter((path) => !purged.includes(path)),
    [],
  );
});

test('shellcheck has nothing to say of the scripts of package and installer', async () => {
  const { all, exitCode } = await execa(
    'shellcheck',
    ['--shell=sh', '--severity=style', ...scripts.map((name) => `${SCRIPTS}${name}`), `${SCRIPTS}../../install.sh`],
    { all: true, reject: false },
  );
  assert.deepEqual({ exitCode, all }, { exitCode: 0, all: '' });
});

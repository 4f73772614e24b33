import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeElf } from './elfFixture.ts';
import { FakePackages, type FakePackage } from './fakePackages.ts';
import { PackageView } from './packageView.ts';
import type { Recipe, RecipeItem } from './recipes.ts';
import { likelyNames, makeRootfs } from './rootfs.ts';
import type { TarEntry } from './tar.ts';

const never = new AbortController().signal;
const LD = '/lib64/ld-linux-x86-64.so.2';
const LIBC: FakePackage = {
  name: 'libc6',
  version: '2.36-9',
  files: {
    'lib/x86_64-linux-gnu/libc.so.6': makeElf({ soname: 'libc.so.6', needed: ['ld-linux-x86-64.so.2'] }),
    'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': makeElf({ soname: 'ld-linux-x86-64.so.2' }),
    'lib64/ld-linux-x86-64.so.2': '-> /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    'lib/x86_64-linux-gnu/libunused.so.1': makeElf({}),
    'usr/share/doc/libc6/copyright': 'LGPL',
  },
};
const LIBFOO: FakePackage = {
  name: 'libfoo-2-0',
  version: '1.0',
  depends: ['libc6'],
  files: {
    'usr/lib/x86_64-linux-gnu/libfoo-2.so.0': '-> libfoo-2.so.0.7',
    'usr/lib/x86_64-linux-gnu/libfoo-2.so.0.7': makeElf({ soname: 'libfoo-2.so.0', needed: ['libz.so.1', 'libc.so.6'] }),
  },
};
const ZLIB: FakePackage = {
  name: 'zlib1g',
  version: '1:1.2',
  depends: ['libc6'],
  files: { 'lib/x86_64-linux-gnu/libz.so.1': makeElf({ needed: ['libc.so.6'] }) },
};
const APP: FakePackage = {
  name: 'app',
  version: '1:2.3-4+deb12u1',
  depends: ['adduser', 'libfoo-2-0', 'zlib1g', 'libc6'],
  files: {
    'usr/sbin/app': makeElf({ interpreter: LD, needed: ['libfoo-2.so.0', 'libc.so.6'] }),
    'usr/sbin/appctl': '-> app',
    'etc/app/a.conf': 'a\n',
    'etc/app/b.conf': 'b\n',
    'usr/share/doc/app/copyright': 'free',
  },
};
const ALL = [APP, LIBFOO, ZLIB, LIBC];

function recipe(items: readonly RecipeItem[], packages: readonly string[] = ['app']): Recipe {
  return { name: 'app', about: 'a test', refs: ['docker.io/library/app:latest'], packages, versionOf: 'app', items, config: {} };
}

async function build(packages: readonly FakePackage[], items: readonly RecipeItem[], names?: readonly string[]) {
  const scratchDir = mkdtempSync(join(tmpdir(), 'kijabi-rootfs-'));
  const source = new FakePackages(packages);
  try {
    const rootfs = await makeRootfs({ recipe: recipe(items, names), source, scratchDir, signal: never });
    const entries = new Map(rootfs.entries.map((entry) => [entry.path, entry]));
    return {
      ...rootfs,
      source,
      paths: [...entries.keys()].sort(),
      texts: new Map([...entries].map(([path, entry]) => [path, show(entry)])),
    };
  } finally {
    rmSync(scratchDir, { recursive: true, force: true });
  }
}

function show(entry: TarEntry): string {
  if (entry.kind !== 'file') return entry.kind === 'symlink' ? `-> ${entry.target}` : `${entry.kind} ${entry.mode.toString(8)}`;
  return entry.content.kind === 'bytes' ? Buffer.from(entry.content.bytes).toString() : readFileSync(entry.content.path, 'latin1');
}

test('a program brings its interpreter and its libraries, theirs too, and nothing else', async () => {
  const { paths, used, texts } = await build(ALL, [{ kind: 'pick', from: '/usr/sbin/app' }]);
  assert.deepEqual(
    paths.filter((p) => !p.startsWith('usr/share')),
    [
      'lib',
      'lib64',
      'sbin',
      'usr',
      'usr/lib',
      'usr/lib/x86_64-linux-gnu',
      'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
      'usr/lib/x86_64-linux-gnu/libc.so.6',
      'usr/lib/x86_64-linux-gnu/libfoo-2.so.0',
      'usr/lib/x86_64-linux-gnu/libfoo-2.so.0.7',
      'usr/lib/x86_64-linux-gnu/libz.so.1',
      'usr/lib64',
      'usr/lib64/ld-linux-x86-64.so.2',
      'usr/sbin',
      'usr/sbin/app',
    ],
  );
  assert.deepEqual([...used].sort(), ['app', 'libc6', 'libfoo-2-0', 'zlib1g']);
  assert.equal(texts.get('lib'), '-> usr/lib');
  assert.equal(texts.get('usr/share/doc/app/copyright'), 'free');
});

test('packages that no library needs are not even unpacked', async () => {
  const { source } = await build([...ALL, { name: 'adduser', version: '3', files: {} }], [{ kind: 'pick', from: '/usr/sbin/app' }]);
  assert.deepEqual(source.unpacked, ['app', 'libc6', 'libfoo-2-0', 'zlib1g']);
});

test('a library in a package of another name is found among what the program depends on', async () => {
  const odd: FakePackage = { name: 'weird-runtime', version: '1', files: { 'usr/lib/weird/libodd.so.9': makeElf({}) } };
  const app: FakePackage = {
    name: 'app',
    version: '1',
    depends: ['virtual-thing', 'weird-runtime'],
    files: { 'usr/bin/app': makeElf({ needed: ['libodd.so.9'], runpath: '$ORIGIN/../lib/weird' }) },
  };
  const { paths } = await build([app, odd], [{ kind: 'pick', from: '/usr/bin/app' }]);
  assert.ok(paths.includes('usr/lib/weird/libodd.so.9'));
});

test('a library of another machine does not count', async () => {
  const wrong: FakePackage = { name: 'libodd9', version: '1', files: { 'usr/lib/libodd.so.9': makeElf({ machine: 183 }) } };
  const app: FakePackage = {
    name: 'app',
    version: '1',
    depends: ['libodd9'],
    files: { 'usr/bin/app': makeElf({ needed: ['libodd.so.9'] }) },
  };
  await assert.rejects(build([app, wrong], [{ kind: 'pick', from: '/usr/bin/app' }]), {
    code: 'IMAGES_LIBRARY_NOT_FOUND',
    message: /libodd\.so\.9.*\/usr\/bin\/app.*app depends on/,
  });
});

test('files by pattern, a link with what it leads to, and a file under another name', async () => {
  const { paths, texts } = await build(ALL, [
    { kind: 'pick', from: '/etc/app/*.conf' },
    { kind: 'pick', from: '/sbin/appctl' },
    { kind: 'pick', from: '/usr/sbin/appctl', to: '/run-me' },
    { kind: 'concat', from: '/etc/app/*.conf', to: '/etc/all' },
  ]);
  for (const path of ['etc/app/a.conf', 'etc/app/b.conf', 'usr/sbin/app', 'run-me']) assert.ok(paths.includes(path), path);
  assert.equal(texts.get('usr/sbin/appctl'), '-> app');
  assert.equal(texts.get('etc/all'), 'a\nb\n');
});

test('a folder that is a link in the package is followed', async () => {
  const app: FakePackage = { name: 'app', version: '1', files: { 'opt/app-1/data': 'x', 'opt/app': '-> app-1' } };
  const { texts } = await build([app], [{ kind: 'pick', from: '/opt/app-1/data' }]);
  assert.equal(texts.get('opt/app-1/data'), 'x');
});

test('a link out of the package brings nothing of this machine into the image', async () => {
  const app: FakePackage = { name: 'app', version: '1', files: { 'etc/app/own': 'x', 'etc/app/host': '-> /proc/self/net' } };
  const scratchDir = mkdtempSync(join(tmpdir(), 'kijabi-view-'));
  const source = new FakePackages([app]);
  const view = new PackageView();
  try {
    for (const unpacked of await source.unpack(await source.resolve(['app']), scratchDir)) await view.add(unpacked);
  } finally {
    rmSync(scratchDir, { recursive: true, force: true });
  }
  assert.deepEqual(view.match('/etc/app/*'), ['etc/app/host', 'etc/app/own']);
  assert.deepEqual(view.match('/etc/app/host/*'), []);
});

test('what is generated has the modes and owners the recipe says, and its parent folders', async () => {
  const { entries } = await build(ALL, [
    { kind: 'directory', path: '/tmp', mode: 0o1777 },
    { kind: 'directory', path: '/data', owner: { uid: 999, gid: 999 } },
    { kind: 'text', path: '/a/b/run.sh', text: '#!', mode: 0o755 },
    { kind: 'link', path: '/a/out', target: '/dev/stdout' },
  ]);
  assert.deepEqual(
    entries
      .map(({ path, ...rest }) => ({ path, ...('content' in rest ? { kind: rest.kind, mode: rest.mode } : rest) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    [
      { path: 'a', kind: 'directory', mode: 0o755 },
      { path: 'a/b', kind: 'directory', mode: 0o755 },
      { path: 'a/b/run.sh', kind: 'file', mode: 0o755 },
      { path: 'a/out', kind: 'symlink', target: '/dev/stdout' },
      { path: 'data', kind: 'directory', mode: 0o755, owner: { uid: 999, gid: 999 } },
      { path: 'tmp', kind: 'directory', mode: 0o1777 },
    ],
  );
});

test('a recipe that names what is not there says so', async () => {
  await assert.rejects(build(ALL, [{ kind: 'pick', from: '/usr/bin/nothing' }]), {
    code: 'IMAGES_FILE_NOT_FOUND',
    message: /\/usr\/bin\/nothing in app 1:2\.3-4/,
  });
  await assert.rejects(build(ALL, [{ kind: 'pick', from: '/etc/*.none' }]), { code: 'IMAGES_FILE_NOT_FOUND' });
  await assert.rejects(build(ALL, [], ['nix']), { code: 'IMAGES_PACKAGE_NOT_FOUND' });
  await assert.rejects(build(ALL, [{ kind: 'pick', from: '/usr/sbin/app', linking: 'static' }]), { code: 'IMAGES_NOT_STATIC' });
  const loop: FakePackage = { name: 'app', version: '1', files: { 'usr/bin/a': '-> b', 'usr/bin/b': '-> a' } };
  await assert.rejects(build([loop], [{ kind: 'pick', from: '/usr/bin/a' }]), { code: 'IMAGES_LINK_LOOP' });
});

test('package names by Debian policy 8.1', () => {
  const rows: [string, string][] = [
    ['libssl.so.3', 'libssl3'],
    ['libpcre2-8.so.0', 'libpcre2-8-0'],
    ['libcrypt.so.1', 'libcrypt1'],
    ['libssl.so.3', 'libssl3t64'],
    ['libc.so.6', 'libc6'],
    ['ld-linux-aarch64.so.1', 'libc6'],
    ['libz.so.1', 'zlib1g'],
    ['libgssapi_krb5.so.2', 'libgssapi-krb5-2'],
    ['libstdc++.so.6', 'libstdc++6'],
    ['libldap-2.5.so.0', 'libldap-2.5-0'],
  ];
  for (const [library, name] of rows) assert.ok(likelyNames(library).includes(name), `${library}: ${likelyNames(library).join(' ')}`);
});

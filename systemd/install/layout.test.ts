import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isProgram, layoutOf, PROGRAM, ROLES, runtimePackages } from './layout.ts';
import { readOsRelease } from './observe.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

for (const role of ROLES) {
  test(`layoutOf: everything that ${role} wants is in the tree, and goes to a place of its own`, () => {
    const { files, links, units } = layoutOf(role);
    for (const { source } of files) assert.ok(existsSync(join(ROOT, source)), source);
    for (const target of links.values()) assert.ok((statSync(join(ROOT, target.slice(PROGRAM.length))).mode & 0o111) !== 0, target);
    const paths = [...files.map(({ path }) => path), ...links.keys()];
    assert.equal(new Set(paths).size, paths.length);
    for (const unit of units) assert.ok(paths.includes(`/etc/systemd/system/${unit}`), unit);
    for (const { path, mode, config } of files) if (config) assert.equal(mode & 0o077, 0, path);
  });
}

test('layoutOf: every command of package.json has a role', () => {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly bin: Readonly<Record<string, string>> };
  assert.deepEqual(
    [...layoutOf('all').links.values()].toSorted(),
    Object.values(bin)
      .map((path) => `${PROGRAM}/${path}`)
      .toSorted(),
  );
});

test('layoutOf: no unit and no file of the folder is forgotten', () => {
  const used = new Set(layoutOf('all').files.map(({ source }) => source));
  const there = readdirSync(join(ROOT, 'systemd'), { recursive: true, encoding: 'utf8' })
    .map((name) => `systemd/${name}`)
    .filter((name) => /^systemd\/(units|files)\//.test(name) && statSync(join(ROOT, name)).isFile())
    // Read where they lie; whoever wants etcd enables its unit there.
    .filter((name) => !['systemd/files/pod-network.nft', 'systemd/units/etcd.service'].includes(name));
  assert.deepEqual(
    there.filter((name) => !used.has(name)),
    [],
  );
});

test('isProgram: sources and launchers, no tests, benchmarks or dot-files', () => {
  for (const path of ['agent', 'agent/kubelet/main.ts', 'controlplane/cli/kijabi', 'package.json', 'systemd/units/kubelet.service'])
    assert.ok(isProgram(path), path);
  for (const path of [
    'agent/test',
    'agent/test/harness/until.ts',
    'agent/kubelet/main.test.ts',
    'controlplane/apiserver/bench/api.ts',
    '.github',
    'vagrant',
    'node_modules',
  ])
    assert.ok(!isProgram(path), path);
});

test('runtimePackages: what a program that runs needs, and none that only builds or tests', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Parameters<typeof runtimePackages>[0];
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const found = runtimePackages(lock);
  for (const name of Object.keys(dependencies ?? {})) assert.ok(found.includes(`node_modules/${name}`), name);
  // A package that runs may ask for types.
  for (const name of Object.keys(devDependencies ?? {}))
    if (!name.startsWith('@types/')) assert.ok(!found.includes(`node_modules/${name}`), name);
});

test('readOsRelease: quotes or none, and systems that are like another', () => {
  assert.deepEqual(readOsRelease('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'), {
    id: 'debian',
    like: [],
    name: 'Debian GNU/Linux 12 (bookworm)',
  });
  assert.deepEqual(readOsRelease('ID=linuxmint\nID_LIKE="ubuntu debian"\n'), {
    id: 'linuxmint',
    like: ['ubuntu', 'debian'],
    name: 'an unknown system',
  });
});

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { buildImages, builtImages, chooseRecipes, type BuildOptions } from './build.ts';
import { FakePackages, type FakePackage } from './fakePackages.ts';
import { RECIPES, type Recipe } from './recipes.ts';

const byText = (a = '', b = ''): number => (a < b ? -1 : 1);
const APP: FakePackage = { name: 'app', version: '5:1.2.3-1', files: { 'usr/bin/app': '#!/bin/sh\n' } };
const NEWER: FakePackage = { ...APP, version: '5:1.2.4-1' };
const RECIPE: Recipe = {
  name: 'app',
  about: 'a test',
  refs: ['app', 'app:{version}'],
  packages: ['app'],
  versionOf: 'app',
  items: [{ kind: 'pick', from: '/usr/bin/app' }],
  config: { Cmd: ['app'], Env: ['VERSION={version}'] },
};

interface Run {
  readonly cacheDir: string;
  readonly source: FakePackages;
  readonly build: (
    options?: Partial<BuildOptions>,
  ) => Promise<{ readonly steps: string; readonly digest: string; readonly refs: readonly string[]; readonly archivePath: string }>;
}

function inCache(name: string, work: (run: Run) => Promise<void>): void {
  test(name, async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'kijabi-images-'));
    const source = new FakePackages([APP]);
    const build: Run['build'] = async (options = {}) => {
      const steps: string[] = [];
      const onStep: BuildOptions['onStep'] = ({ step }) => void (step === 'check' || steps.push(step));
      const all = {
        cacheDir,
        clock: new SystemClock(),
        signal: new AbortController().signal,
        recipes: [RECIPE],
        source,
        onStep,
        ...options,
      };
      const [image] = await buildImages(all);
      return { ...image!, steps: steps.join(' ') };
    };
    try {
      await work({ cacheDir, source, build });
    } finally {
      rmSync(cacheDir, { recursive: true, force: true });
    }
  });
}

inCache('an image is built once, and used again while nothing changed', async ({ build, cacheDir }) => {
  const first = await build();
  assert.equal(first.steps, 'build');
  assert.deepEqual(first.refs, ['docker.io/library/app:latest', 'docker.io/library/app:1.2.3']);
  const second = await build();
  assert.equal(second.steps, 'reuse');
  assert.equal(second.archivePath, first.archivePath);
  assert.deepEqual(
    (await builtImages(cacheDir, [RECIPE])).map((i) => i.packages),
    [['app=5:1.2.3-1']],
  );
});

inCache('a new version of a package, another recipe, time or compression: each builds anew', async ({ build, source }) => {
  const digests = [(await build()).digest];
  source.replace(NEWER);
  for (const options of [{}, { recipes: [{ ...RECIPE, config: {} }] }, { createdSec: 1 }, { compression: 'gzip' }] as const) {
    const { steps, digest } = await build(options);
    assert.equal(steps, 'build', JSON.stringify(options));
    digests.push(digest);
  }
  assert.equal(new Set(digests).size, 5);
});

inCache('the same packages give the same bytes, wherever and under whatever umask they are built', async ({ build, cacheDir }) => {
  const first = await build();
  const before = process.umask(0o077);
  try {
    const second = await build({ cacheDir: join(cacheDir, 'deep', 'other') });
    assert.equal(second.digest, first.digest);
    assert.ok(readFileSync(second.archivePath).equals(readFileSync(first.archivePath)));
  } finally {
    process.umask(before);
  }
});

inCache('without lists, network or apt the cache is good enough', async ({ build, source, cacheDir }) => {
  const { digest } = await build();
  source.lists = 'absent';
  assert.equal((await build()).steps, 'offline reuse');
  source.lists = 'present';
  source.mood = { kind: 'failing', code: 'IMAGES_NO_APT' };
  assert.equal((await build()).steps, 'offline reuse');
  assert.equal((await build()).digest, digest);
  rmSync(join(cacheDir, 'app.json'));
  await assert.rejects(build(), { code: 'IMAGES_NO_APT' });
});

inCache('newer packages that cannot be had leave the image as it is', async ({ build, source }) => {
  const { digest } = await build();
  source.replace(NEWER);
  source.unpack = () => Promise.reject(Object.assign(new Error('down'), { code: 'IMAGES_NO_NETWORK' }));
  const again = await build();
  assert.equal(again.steps, 'offline reuse');
  assert.equal(again.digest, digest);
});

inCache('a package of yesterday that is gone today is no reason to stay with yesterday', async ({ build, source }) => {
  await build();
  const renamed: Recipe = { ...RECIPE, packages: ['app2'], versionOf: 'app2' };
  source.packages.splice(0, 1, { ...NEWER, name: 'app2' });
  assert.equal((await build({ recipes: [renamed] })).steps, 'build');
});

inCache('an unknown package is looked for once more after the lists were refreshed', async ({ build, source }) => {
  source.afterRefresh = source.packages.splice(0);
  assert.equal((await build()).steps, 'build');
  source.packages.splice(0);
  await assert.rejects(build({ recipes: [{ ...RECIPE, name: 'other' }] }), { code: 'IMAGES_PACKAGE_NOT_FOUND' });
});

inCache('a damaged cache is built anew: cut archive, nonsense, a record of something else', async ({ build, cacheDir }) => {
  const { archivePath, digest } = await build();
  const record = join(cacheDir, 'app.json');
  const damages: (() => void)[] = [
    () => truncateSync(archivePath, 1_000),
    () => rmSync(archivePath),
    () => writeFileSync(record, '{"recipeKey":'),
    () => writeFileSync(record, 'null'),
    () => writeFileSync(record, JSON.stringify({ ...(JSON.parse(readFileSync(record, 'utf8')) as object), archive: '../../etc/passwd' })),
  ];
  for (const damage of damages) {
    damage();
    const again = await build();
    assert.equal(again.steps, 'build', damage.toString());
    assert.equal(again.digest, digest);
  }
});

inCache('what a killed builder left is removed; nothing but the archive and its record stays', async ({ build, cacheDir }) => {
  mkdirSync(join(cacheDir, 'scratch-1-abc'));
  writeFileSync(join(cacheDir, 'scratch-1-abc', 'archive'), 'half');
  const { archivePath } = await build();
  assert.deepEqual(readdirSync(cacheDir).sort(), ['app.json', archivePath.slice(cacheDir.length + 1)]);
});

inCache('old archives go, all but the one before', async ({ build, source }) => {
  const paths: string[] = [];
  for (const version of ['1', '2', '3']) {
    source.replace({ ...APP, version });
    paths.push((await build()).archivePath);
  }
  assert.deepEqual(
    paths.map((path) => existsSync(path)),
    [false, true, true],
  );
});

inCache('builders that start together do the work once', async ({ build, source }) => {
  const all = await Promise.all([build(), build(), build(), build()]);
  assert.equal(new Set(all.map((b) => b.digest)).size, 1);
  assert.deepEqual(source.unpacked, ['app']);
  assert.deepEqual(all.map((b) => b.steps.split(' ').at(-1)).toSorted(byText), ['build', 'reuse', 'reuse', 'reuse']);
});

inCache('a cache directory that cannot be one is named', async ({ build, cacheDir }) => {
  const file = join(cacheDir, 'file');
  writeFileSync(file, '');
  await assert.rejects(build({ cacheDir: file }), { code: 'IMAGES_CACHE_UNWRITABLE' });
  await assert.rejects(build({ cacheDir: join(file, 'below') }), { code: 'IMAGES_CACHE_UNWRITABLE' });
});

inCache('stopping stops, also while waiting for another builder', async ({ build, cacheDir }) => {
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await assert.rejects(build({ signal: stop.signal }), /enough/);
  assert.deepEqual(
    readdirSync(cacheDir).filter((f) => f.startsWith('scratch')),
    [],
  );
});

test('the recipes: each can be chosen, and takes its version from one of its packages', () => {
  for (const recipe of RECIPES) {
    assert.deepEqual(chooseRecipes([recipe.name, recipe.name]), [recipe]);
    assert.ok(recipe.packages.includes(recipe.versionOf), recipe.name);
  }
  assert.deepEqual(chooseRecipes([]), RECIPES);
  assert.throws(() => chooseRecipes(['ngnix']), { code: 'IMAGES_UNKNOWN', message: /"ngnix"; there are: pause, busybox, nginx/ });
});

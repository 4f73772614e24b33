import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { imagesCommand } from './images.ts';

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const cacheDir = mkdtempSync(join(tmpdir(), 'kijabi-cli-images-'));
  const texts = { out: '', err: '' };
  const signal = new AbortController().signal;
  try {
    const io = {
      out: (text: string) => void (texts.out += text),
      err: (text: string) => void (texts.err += text),
      env: { KIJABI_IMAGES_CACHE: cacheDir, ...env },
      clock: new ManualClock(),
      signal,
      hurry: signal,
      columns: { out: undefined, err: undefined },
    };
    return { code: await imagesCommand(argv, io), ...texts };
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}

test('help names every verb, every image and every environment variable', async () => {
  const { code, out } = await run(['--help']);
  assert.equal(code, 0);
  for (const word of [
    'build',
    'list',
    'load',
    'serve',
    'pause, busybox, nginx',
    'KIJABI_IMAGES_CACHE',
    'CONTAINER_RUNTIME_ENDPOINT',
    'SOURCE_DATE_EPOCH',
  ])
    assert.ok(out.includes(word), word);
  assert.deepEqual(
    out.split('\n').filter((line) => line.length > 140),
    [],
  );
});

test('list shows what can be built, for people and for scripts', async () => {
  const { code, out } = await run(['list']);
  assert.equal(code, 0);
  assert.match(out, /^NAME +BUILT +SIZE +REFERENCE +WHAT IT IS\npause +no +registry\.k8s\.io\/pause:3\.10 /);
  const [first] = JSON.parse((await run(['list', 'nginx', '-o', 'json'])).out) as { name: string; built?: object }[];
  assert.equal(first?.name, 'nginx');
  assert.equal(first?.built, undefined);
});

test('calls that make no sense say what would', async () => {
  const rows: [argv: string[], want: RegExp][] = [
    [[], /say what to do/],
    [['bild'], /cannot "bild": build, list, load or serve/],
    [['build', '--listen', 'x'], /images build has no --listen; it has --cache-dir/],
    [['list', '-o', 'yaml'], /want json, got "yaml"/],
    [['build', '--compression', 'zip'], /want none or gzip, got "zip"/],
    [['load', 'nginx', '--tag'], /--tag/],
    [['build', '--wrong'], /--wrong/],
  ];
  for (const [argv, want] of rows) await assert.rejects(run(argv), want, argv.join(' '));
  await assert.rejects(run(['build', 'ngnix']), { code: 'IMAGES_UNKNOWN' });
  for (const epoch of ['yesterday', '-1', '1.5', '99999999999999'])
    await assert.rejects(run(['build', 'nginx'], { SOURCE_DATE_EPOCH: epoch }), /SOURCE_DATE_EPOCH: want whole seconds/);
});

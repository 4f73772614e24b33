import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError, codeOf } from '#base/errors.ts';
import { SystemClock } from '#base/clock.ts';
import { Apt, aptError, parseDepends, parseUris, upstreamVersion, type AptOptions } from './debs.ts';

test('what apt says of a download: name, version, architecture and digest, from the file name', () => {
  const sha = 'a'.repeat(64);
  const text = `Reading package lists...
'http://x/pool/main/c/catatonit/catatonit_0.1.7-1%2bb2_amd64.deb' catatonit_0.1.7-1+b2_amd64.deb 260608 SHA256:${sha}
'http://x/b_1%253a1.35.0-4_all.deb' b_1%3a1.35.0-4_all.deb 1 MD5Sum:00 SHA256:${sha}
'http://x/index' Packages 5 SHA256:${sha}
`;
  assert.deepEqual(parseUris(text), [
    { name: 'catatonit', version: '0.1.7-1+b2', architecture: 'amd64', sha256: sha, fileName: 'catatonit_0.1.7-1+b2_amd64.deb' },
    { name: 'b', version: '1:1.35.0-4', architecture: 'all', sha256: sha, fileName: 'b_1%3a1.35.0-4_all.deb' },
  ]);
});

test('dependencies: names in their order, alternatives too, each once', () => {
  assert.deepEqual(parseDepends('libc6 (>= 2.34), libssl3t64 | libssl3 (>= 3), python3:any, libc6 [amd64], libstdc++6'), [
    'libc6',
    'libssl3t64',
    'libssl3',
    'python3',
    'libstdc++6',
  ]);
  assert.deepEqual(parseDepends(''), []);
});

test('upstream versions', () => {
  const rows: [string, string][] = [
    ['1.22.1-9+deb12u10', '1.22.1'],
    ['5:7.0.15-1~deb12u10', '7.0.15'],
    ['1:1.35.0-4+deb12u1+b1', '1.35.0'],
    ['1:1.2.13.dfsg-1', '1.2.13.dfsg'],
    ['2.8.2+ds1-1', '2.8.2'],
    ['20250419', '20250419'],
  ];
  for (const [version, upstream] of rows) assert.equal(upstreamVersion(version), upstream);
});

test('what apt complains of becomes a code and a next step', () => {
  const rows: [said: string, code: string][] = [
    ['E: Unable to locate package ngnix', 'IMAGES_PACKAGE_NOT_FOUND'],
    ["E: Can't find a source to download version '1' of 'x:amd64'", 'IMAGES_PACKAGE_NOT_FOUND'],
    ["E: Package 'debconf-2.0' has no installation candidate", 'IMAGES_PACKAGE_NOT_FOUND'],
    ["E: Failed to fetch http://x/y.deb  Temporary failure resolving 'x'", 'IMAGES_NO_NETWORK'],
    [
      'E: Failed to fetch http://x/y.deb  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)',
      'IMAGES_NO_NETWORK',
    ],
    ['E: Failed to fetch http://x/y.deb  404  Not Found [IP: 1.2.3.4 80]', 'IMAGES_LISTS_STALE'],
    ['E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)', 'IMAGES_APT_LOCKED'],
    ['E: Write error - write (28: No space left on device)', 'IMAGES_DISK_FULL'],
    ['E: something nobody has seen yet', 'IMAGES_APT_FAILED'],
  ];
  for (const [said, code] of rows)
    assert.equal(aptError('apt-get', new AppError('EXEC_FAILED', `apt-get failed (exit code 100): ${said}`)).code, code, said);
  assert.equal(aptError('apt-get', new AppError('EXEC_NOT_FOUND', 'Cannot run apt-get: it is not installed')).code, 'IMAGES_NO_APT');
  const missing = aptError('apt-get', new AppError('EXEC_FAILED', 'E: Unable to locate package ngnix'));
  assert.equal(missing.facts['package'], 'ngnix');
});

/** A real apt with lists of its own. */
async function withApt(options: Partial<AptOptions>, work: (apt: Apt, cacheDir: string) => Promise<void>): Promise<void> {
  const cacheDir = mkdtempSync(join(tmpdir(), 'kijabi-apt-'));
  try {
    const lists = join(cacheDir, 'lists');
    mkdirSync(join(lists, 'partial'), { recursive: true });
    const aptArgs = ['-o', `Dir::State::lists=${lists}`, '-o', 'Dir::Etc::sourcelist=/dev/null', '-o', 'Dir::Etc::sourceparts=/dev/null'];
    await work(new Apt({ cacheDir, clock: new SystemClock(), onStep: () => undefined, aptArgs, listsDir: lists, ...options }), cacheDir);
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}
const signal = new AbortController().signal;

test('apt without lists: root gets them, and hears when there are none; others are told what to run', async () => {
  await withApt({ isRoot: false }, async (apt) => {
    await assert.rejects(apt.resolve(['nginx'], signal), { code: 'IMAGES_NO_PACKAGE_LISTS', message: /apt-get update/ });
  });
  await withApt({ isRoot: true }, async (apt) => {
    await assert.rejects(apt.resolve(['nginx'], signal), { code: 'IMAGES_NO_NETWORK', message: /sources\.list.*copy the cache directory/ });
  });
});

test('apt that knows no such package says which; nothing stays in the cache', async () => {
  await withApt({}, async (apt, cacheDir) => {
    writeFileSync(join(cacheDir, 'lists', 'x_Packages'), '');
    await assert.rejects(
      apt.resolve(['no-such-package'], signal),
      (err) => codeOf(err) === 'IMAGES_PACKAGE_NOT_FOUND' && /no-such-package/.test(String(err)),
    );
    assert.deepEqual(readdirSync(cacheDir), ['lists']);
  });
});

test('stopping stops apt, with the reason given', async () => {
  await withApt({}, async (apt, cacheDir) => {
    writeFileSync(join(cacheDir, 'lists', 'x_Packages'), '');
    await assert.rejects(apt.resolve(['nginx'], AbortSignal.abort(new Error('enough'))), /enough/);
  });
});

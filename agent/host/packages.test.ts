import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingPackages, NODE_PACKAGES, parseStatus, TEST_PACKAGES } from './packages.ts';

const rows: [line: string, progress: ReturnType<typeof parseStatus>][] = [
  ['dlstatus:3:40.5:Retrieving file 3 of 7 (12s remaining)', { percent: 20, text: 'Retrieving file 3 of 7 (12s remaining)' }],
  ['pmstatus:runc:33.3333:Unpacking runc (amd64)', { percent: 67, text: 'Unpacking runc (amd64)' }],
  ['pmstatus:dpkg-exec:100:Running dpkg: done', { percent: 100, text: 'Running dpkg: done' }],
  ['pmconffile:/etc/x:50:question', undefined],
  ['media-change: please insert', undefined],
  ['', undefined],
];
for (const [line, progress] of rows) {
  test(`parseStatus: ${line || 'an empty line'}`, () => assert.deepEqual(parseStatus(line), progress));
}

test('missingPackages: by program, not by package', () => {
  const shell = { package: 'a-shell-by-another-name', why: '', programs: ['sh'] };
  const none = { package: 'none', why: '', programs: ['sh', 'no-such-program-anywhere'] };
  assert.deepEqual(missingPackages([shell, none]), ['none']);
});

test('the lists name each package once and say why', () => {
  const all = [...NODE_PACKAGES, ...TEST_PACKAGES];
  assert.equal(new Set(all.map((r) => r.package)).size, all.length);
  assert.ok(all.every((r) => r.why !== ''));
});

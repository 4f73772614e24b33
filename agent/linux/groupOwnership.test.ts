import assert from 'node:assert/strict';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { giveToGroup } from './groupOwnership.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';
const GROUP = 4_321;

function tree(t: TestContext): (name: string) => string {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-group-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const at = (name: string): string => join(dir, name);
  mkdirSync(at('v/sub'), { recursive: true });
  writeFileSync(at('v/sub/file'), '');
  writeFileSync(at('outside'), '');
  writeFileSync(at('v/suid'), '');
  symlinkSync('../outside', at('v/link'));
  for (const [name, mode] of [
    ['v', 0o755],
    ['v/sub', 0o700],
    ['v/sub/file', 0o640],
    ['v/suid', 0o4711],
    ['outside', 0o600],
  ] as const)
    chmodSync(at(name), mode);
  chownSync(at('v/sub/file'), 1_000, 1_000);
  return at;
}
const shown = (path: string): string => {
  const { mode, uid, gid } = lstatSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
};

test('giveToGroup: everything inside, owners stay, rights are added, links are not followed', { skip }, async (t) => {
  const at = tree(t);
  await giveToGroup(at('v'), { group: GROUP });
  assert.deepEqual(
    ['v', 'v/sub', 'v/sub/file', 'v/suid'].map((name) => shown(at(name))),
    [`2775 0:${GROUP}`, `2770 0:${GROUP}`, `660 1000:${GROUP}`, `4771 0:${GROUP}`],
  );
  assert.equal(lstatSync(at('v/link')).gid, GROUP);
  assert.equal(shown(at('outside')), '600 0:0');
});

test('giveToGroup: of a read-only volume the group may read', { skip }, async (t) => {
  const at = tree(t);
  await giveToGroup(at('v'), { group: GROUP, readOnly: true });
  assert.deepEqual(
    ['v', 'v/sub', 'v/sub/file'].map((name) => shown(at(name))),
    [`2755 0:${GROUP}`, `2750 0:${GROUP}`, `640 1000:${GROUP}`],
  );
});

test('giveToGroup: OnRootMismatch leaves a tree alone whose root is right; Always does not', { skip }, async (t) => {
  const at = tree(t);
  chownSync(at('v'), 0, GROUP);
  chmodSync(at('v'), 0o2770);
  await giveToGroup(at('v'), { group: GROUP, policy: 'OnRootMismatch' });
  assert.equal(shown(at('v/sub')), '700 0:0');
  await giveToGroup(at('v'), { group: GROUP, policy: 'Always' });
  assert.equal(shown(at('v/sub')), `2770 0:${GROUP}`);
  chmodSync(at('v/sub'), 0o700);
  chmodSync(at('v'), 0o770);
  await giveToGroup(at('v'), { group: GROUP, policy: 'OnRootMismatch' });
  assert.equal(shown(at('v/sub')), `2770 0:${GROUP}`, 'the bit was missing at the root');
});

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { explain } from '#base/errors.ts';
import { makeVolumes } from './act.ts';
import type { HostPathType } from './plan.ts';

async function directory(t: TestContext): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-hostpath-'));
  mkdirSync(join(dir, 'dir'));
  writeFileSync(join(dir, 'file'), '');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
  t.after(async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(dir, { recursive: true });
  });
  return dir;
}

const FITS: Readonly<Record<HostPathType, readonly string[]>> = {
  '': ['dir', 'file', 'socket', 'null', 'nothing'],
  Directory: ['dir'],
  DirectoryOrCreate: ['dir', 'nothing'],
  File: ['file'],
  FileOrCreate: ['file', 'nothing'],
  Socket: ['socket'],
  CharDevice: ['null'],
  BlockDevice: [],
};

for (const [type, fits] of Object.entries(FITS) as [HostPathType, readonly string[]][]) {
  test(`hostPath type ${type || '(none)'} takes ${fits.join(', ') || 'nothing of these'}`, async (t) => {
    const dir = await directory(t);
    const taken: string[] = [];
    for (const name of FITS['']) {
      const path = name === 'null' ? '/dev/null' : join(dir, name);
      await makeVolumes([{ kind: 'hostPath', name: 'v', path, type, readOnly: false }]).then(
        () => taken.push(name),
        (err: unknown) => assert.match(explain(err), /^MountVolume\.SetUp failed for volume "v" : hostPath type check failed: /),
      );
    }
    assert.deepEqual(taken, fits);
  });
}

test('hostPath: what is made has the mode people expect, with its parents', async (t) => {
  const dir = await directory(t);
  const make = (name: string, type: HostPathType): Promise<void> =>
    makeVolumes([{ kind: 'hostPath', name: 'v', path: join(dir, name), type, readOnly: false }]);
  await make('new/deep', 'DirectoryOrCreate');
  await make('made', 'FileOrCreate');
  const modes = ['new', 'new/deep', 'made'].map((name) => statSync(join(dir, name)).mode & 0o777);
  assert.deepEqual(modes, [0o755, 0o755, 0o644]);
});

test(
  'emptyDir: whole or not at all, for the group when there is one, and left alone once it is there',
  { skip: process.getuid?.() === 0 ? false : 'needs root' },
  async (t) => {
    const dir = await directory(t);
    const path = join(dir, 'volumes/v');
    mkdirSync(`${path}.new`, { recursive: true }); // a kubelet died half-way
    await makeVolumes([{ kind: 'emptyDir', name: 'v', path, group: 77 }]);
    const { mode, gid } = statSync(path);
    assert.deepEqual([mode & 0o7777, gid], [0o2777, 77]);
    await makeVolumes([{ kind: 'emptyDir', name: 'v', path, group: 78 }]);
    assert.equal(statSync(path).gid, 77);
  },
);

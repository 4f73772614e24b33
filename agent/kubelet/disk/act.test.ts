/** The directories of a pod, on a real disk below a directory of the test's own. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Cgroups } from '../../linux/cgroup.ts';
import { makePaths, podDir, type Paths } from '../paths.ts';
import { PodDisk } from './act.ts';
import { CgroupNames } from '../pods/cgroupNames.ts';

interface Node {
  readonly disk: PodDisk;
  readonly paths: Paths;
  /** Makes a file and the directories above it. */
  readonly put: (...names: readonly string[]) => string;
}

function node(t: TestContext): Node {
  const own = mkdtempSync(join(tmpdir(), 'kijabi-disk-'));
  t.after(() => rmSync(own, { recursive: true }));
  const paths = makePaths(join(own, 'root'), join(own, 'log', 'pods'));
  const cgroups = new Cgroups({ mode: 'v1', controllers: new Map(), trees: [] });
  const put = (...names: readonly string[]): string => {
    const path = join(...names);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'x');
    return path;
  };
  return {
    disk: new PodDisk({ paths, cgroups, cgroupNames: new CgroupNames('/'), podPidsLimit: undefined, clusterDomain: '' }),
    paths,
    put,
  };
}

test('PodDisk.scan: finds pods by their logs, and directories whose logs are gone; other things are nobody’s', async (t) => {
  const { disk, paths, put } = node(t);
  put(paths.podLogsDir, 'default_web-n_u1', 'c', '0.log');
  put(paths.podLogsDir, 'notes.txt');
  put(paths.podLogsDir, 'a_b_c_d', 'x');
  put(podDir(paths, 'u1'), 'etc-hosts');
  put(podDir(paths, 'u2'), 'etc-hosts');
  assert.deepEqual(await disk.scan(), { keys: ['default/web-n'], nameless: ['u2'] });
  assert.deepEqual(disk.uidsOf('default/web-n'), ['u1']);
});

test('PodDisk.scan: nothing there is nothing left', async (t) => {
  assert.deepEqual(await node(t).disk.scan(), { keys: [], nameless: [] });
});

test('PodDisk.remove: takes directory, logs and links of its pod, nothing else', async (t) => {
  const { disk, paths, put } = node(t);
  for (const uid of ['u1', 'u2']) {
    put(podDir(paths, uid), 'volumes', 'kubernetes.io~empty-dir', 'v', 'data');
    put(paths.podLogsDir, `default_web-n_${uid}`, 'c', '0.log');
  }
  mkdirSync(paths.containerLogsDir);
  symlinkSync(join(paths.podLogsDir, 'default_web-n_u1/c/0.log'), join(paths.containerLogsDir, 'web-n_default_c-1.log'));
  symlinkSync(join(paths.podLogsDir, 'default_web-n_u2/c/0.log'), join(paths.containerLogsDir, 'web-n_default_c-2.log'));
  await disk.scan();
  await disk.remove('default/web-n', 'u1');
  await disk.remove('default/web-n', 'u1');
  assert.deepEqual(readdirSync(join(paths.rootDir, 'pods')), ['u2']);
  assert.deepEqual(readdirSync(paths.podLogsDir), ['default_web-n_u2']);
  assert.deepEqual(readdirSync(paths.containerLogsDir), ['web-n_default_c-2.log']);
  assert.deepEqual(disk.uidsOf('default/web-n'), ['u2']);
});

test('PodDisk.remove: a UID that leads elsewhere removes nothing, wherever it comes from', async (t) => {
  const { disk, paths, put } = node(t);
  const kept = [put(paths.rootDir, 'kubelet.state'), put(paths.rootDir, '..', 'host'), put(podDir(paths, 'u1'), 'x')];
  put(paths.podLogsDir, 'default_web-n_..', 'c', '0.log');
  assert.deepEqual((await disk.scan()).keys, []);
  for (const uid of ['..', '../..', '.', '', '/', 'u1/..', 'u1_x']) await disk.remove('default/web-n', uid);
  for (const file of kept) assert.ok(existsSync(file), `${file} is gone`);
});

test('PodDisk.remove: links inside are removed, not what they lead to', async (t) => {
  const { disk, paths, put } = node(t);
  const data = put(paths.rootDir, '..', 'data', 'file');
  put(podDir(paths, 'u1'), 'x');
  symlinkSync(join(data, '..'), join(podDir(paths, 'u1'), 'link'));
  await disk.remove('default/web-n', 'u1');
  assert.equal(existsSync(podDir(paths, 'u1')), false);
  assert.ok(existsSync(data));
});

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cgroups, limitFiles, parseMounts, weightOf } from './cgroup.ts';

const HYBRID = `24 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
25 24 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
26 24 0:24 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
27 24 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
28 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw`;
const UNIFIED = '30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';

test('parseMounts: a hybrid machine is used as v1', () => {
  const mounts = parseMounts(HYBRID, () => assert.fail('not asked on v1'));
  assert.equal(mounts.mode, 'v1');
  assert.equal(mounts.controllers.get('cpuacct'), '/sys/fs/cgroup/cpu,cpuacct');
  assert.deepEqual(mounts.trees, [
    '/sys/fs/cgroup/cpu,cpuacct',
    '/sys/fs/cgroup/memory',
    '/sys/fs/cgroup/systemd',
    '/sys/fs/cgroup/unified',
  ]);
});

test('limitFiles: the same limits in the words of v1 and of v2', () => {
  const limits = { cpuShares: 512, cpuQuotaUs: 50_000, memoryBytes: 64 << 20, pidsMax: 100 };
  assert.deepEqual(
    limitFiles(
      parseMounts(HYBRID, () => ''),
      '/kubepods/pod1',
      limits,
    ),
    [
      ['/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.shares', '512'],
      ['/sys/fs/cgroup/cpu,cpuacct/kubepods/pod1/cpu.cfs_quota_us', '50000'],
      ['/sys/fs/cgroup/memory/kubepods/pod1/memory.limit_in_bytes', '67108864'],
    ],
  );
  assert.deepEqual(
    limitFiles(
      parseMounts(UNIFIED, () => 'cpu memory pids\n'),
      '/kubepods/pod1',
      { ...limits, memoryBytes: -1 },
    ),
    [
      ['/sys/fs/cgroup/kubepods/pod1/cpu.weight', '20'],
      ['/sys/fs/cgroup/kubepods/pod1/cpu.max', '50000 100000'],
      ['/sys/fs/cgroup/kubepods/pod1/memory.max', 'max'],
      ['/sys/fs/cgroup/kubepods/pod1/pids.max', '100'],
    ],
  );
});

test('limitFiles: another period, huge pages', () => {
  const limits = { cpuQuotaUs: 5_000, cpuPeriodUs: 10_000, hugePages: new Map([['2MB', 4_096]]) };
  assert.deepEqual(
    limitFiles(
      parseMounts(UNIFIED, () => 'cpu hugetlb'),
      '/p',
      limits,
    ),
    [
      ['/sys/fs/cgroup/p/cpu.max', '5000 10000'],
      ['/sys/fs/cgroup/p/hugetlb.2MB.max', '4096'],
    ],
  );
  const v1 = limitFiles(
    parseMounts(HYBRID, () => ''),
    '/p',
    limits,
  );
  assert.deepEqual(
    v1.map(([file]) => file.split('/').at(-1)),
    ['cpu.cfs_period_us', 'cpu.cfs_quota_us'],
  );
});

for (const [shares, weight] of [
  [2, 1],
  [1_024, 39],
  [262_144, 10_000],
  [0, 1],
] as const) {
  test(`weightOf: ${shares} shares are weight ${weight}`, () => assert.equal(weightOf(shares), weight));
}

test('parseMounts: without any cgroup file system it says what to mount', () => {
  assert.throws(() => parseMounts('', () => ''), /mount cgroup2/);
});

test('ensure: a new group is given the limits there are; one that was there loses those it has no more', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-cgroup-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const trees = ['cpu', 'memory'].map((c) => [c, join(dir, c)] as const);
  const groups = new Cgroups({ mode: 'v1', controllers: new Map(trees), trees: trees.map(([, tree]) => tree) });
  const files = (): string[] => trees.flatMap(([c, tree]) => readdirSync(join(tree, 'pods/a')).map((f) => `${c}/${f}`)).sort();
  await groups.ensure('/pods/a', { cpuShares: 2, cpuQuotaUs: -1, memoryBytes: -1 });
  assert.deepEqual(files(), ['cpu/cpu.shares']);
  await groups.ensure('/pods/a', { cpuShares: 2, cpuQuotaUs: 50_000, memoryBytes: -1 });
  assert.equal(readFileSync(join(dir, 'cpu/pods/a/cpu.cfs_quota_us'), 'utf8'), '50000');
  await groups.ensure('/pods/a', { cpuShares: 2, cpuQuotaUs: -1, memoryBytes: -1 });
  assert.equal(readFileSync(join(dir, 'cpu/pods/a/cpu.cfs_quota_us'), 'utf8'), '-1');
});

test('ensure: controllers are handed down to the first group of a parent, and again once that failed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-cgroup-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const groups = new Cgroups({ mode: 'v2', controllers: new Map([['memory', dir]]), trees: [dir] });
  const handed = join(dir, 'pods/cgroup.subtree_control');
  const isHanded = async (name: string, limits = {}): Promise<boolean> => {
    rmSync(handed, { force: true });
    await groups.ensure(`/pods/${name}`, limits).catch(() => undefined);
    return readdirSync(join(dir, 'pods')).includes('cgroup.subtree_control');
  };
  assert.deepEqual([await isHanded('a'), await isHanded('b')], [true, false]);
  writeFileSync(join(dir, 'pods/c'), 'in the way');
  assert.deepEqual([await isHanded('c'), await isHanded('d')], [false, true]);
  rmSync(join(dir, 'pods'), { recursive: true });
  assert.equal(await isHanded('e'), true, 'the parent was made anew');
});

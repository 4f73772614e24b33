import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupUse } from './cgroup.ts';

test('a control group of v1', () =>
  assert.deepEqual(
    groupUse('v1', {
      cpu: 'nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000\n',
      cpuacct: 'user 150\nsystem 50\n',
      memory: 'cache 1\ntotal_cache 4096\ntotal_mapped_file 8192\ntotal_swap 0\n',
      oom: 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
      pids: '3\n',
      bytes: '8:0 Read 512\n8:0 Write 1024\n8:0 Total 1536\nTotal 1536\n',
      times: '8:0 Read 1\n8:0 Write 2\nTotal 3\n',
    }),
    {
      periods: 10,
      throttledPeriods: 4,
      throttledSeconds: 2.5,
      userSeconds: 1.5,
      systemSeconds: 0.5,
      cacheBytes: 4_096,
      mappedBytes: 8_192,
      swapBytes: 0,
      oomKills: 2,
      threads: 3,
      devices: [{ device: '8:0', readBytes: 512, writeBytes: 1_024, reads: 1, writes: 2 }],
    },
  ));

test('a control group of v2', () =>
  assert.deepEqual(
    groupUse('v2', {
      cpu: 'usage_usec 3\nuser_usec 1500000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\n',
      memory: 'anon 5\nfile 4096\nfile_mapped 8192\n',
      swap: '12\n',
      oom: 'low 0\noom 1\noom_kill 2\n',
      pids: '3\n',
      io: '8:0 rbytes=512 wbytes=1024 rios=1 wios=2 dbytes=0 dios=0\n253:0 \n',
    }),
    {
      periods: 10,
      throttledPeriods: 4,
      throttledSeconds: 2.5,
      userSeconds: 1.5,
      systemSeconds: 0.5,
      cacheBytes: 4_096,
      mappedBytes: 8_192,
      swapBytes: 12,
      oomKills: 2,
      threads: 3,
      devices: [{ device: '8:0', readBytes: 512, writeBytes: 1_024, reads: 1, writes: 2 }],
    },
  ));

test('files that are not there tell nothing', () => {
  const { devices, ...rest } = groupUse('v1', {});
  assert.deepEqual([devices, Object.values(rest).filter((v) => v !== undefined)], [[], []]);
});

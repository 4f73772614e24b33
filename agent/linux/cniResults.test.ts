import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { networkTimes } from './cniResults.ts';

test('networkTimes: from the file the namespace is mounted on to the result', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'kijabi-cni-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const results = join(directory, 'results');
  mkdirSync(results);
  assert.deepEqual(networkTimes(join(directory, 'none')), []);
  const netns = join(directory, 'netns');
  writeFileSync(netns, '');
  const cached = (ifName: string): string =>
    JSON.stringify({
      ifName,
      cniArgs: [['K8S_POD_UID', 'u1']],
      result: { interfaces: [{ name: 'br0' }, { name: ifName, sandbox: netns }] },
    });
  writeFileSync(join(results, 'kijabi-1-eth0'), cached('eth0'));
  writeFileSync(join(results, 'cni-loopback-1-lo'), cached('lo'));
  writeFileSync(join(results, 'half'), '{');
  const times = networkTimes(results);
  assert.deepEqual(
    times.map(({ podUid }) => podUid),
    ['u1'],
  );
  assert.ok(times[0]!.tookMs >= 0);
});

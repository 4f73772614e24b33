import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { volumeMetrics } from './views.ts';
import { VolumeLooks } from './volumes.ts';

const signal = new AbortController().signal;
const POD = { metadata: { uid: 'u' }, spec: { containers: [], volumes: [{ name: 'data', emptyDir: {} }] } } as unknown as Pod;

test('volumes are measured when asked, and again when that is old enough', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-volumes-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'data');
  mkdirSync(path);
  const clock = new ManualClock();
  const looks = new VolumeLooks({
    clock,
    everyMs: 60_000,
    places: async () => [
      { name: 'data', path, on: 'node', claim: undefined },
      { name: 'disk', path, on: 'own', claim: 'c' },
      { name: 'gone', path: join(dir, 'gone'), on: 'own', claim: undefined },
    ],
  });
  const used = async (): Promise<number> => (await looks.of(POD, signal))[0]?.fs.usedBytes ?? -1;
  const before = await used();
  writeFileSync(join(path, 'file'), 'x'.repeat(1 << 20));
  assert.equal(await used(), before);
  await clock.advance(60_000);
  assert.ok((await used()) >= before + (1 << 20));
  const [data, disk, none] = await looks.of(POD, signal);
  assert.deepEqual([data?.ephemeral, data?.fs.inodesUsed, data?.fs.capacityBytes === disk?.fs.capacityBytes], [true, 2, true]);
  assert.deepEqual([disk?.ephemeral, disk?.claim, none], [false, 'c', undefined]);
  assert.ok((disk?.fs.usedBytes ?? 0) > (data?.fs.usedBytes ?? 0));
  looks.forgetAllBut(new Set());
  rmSync(join(path, 'file'));
  assert.equal(await used(), before);
  const off = new VolumeLooks({ clock, everyMs: undefined, places: () => assert.fail('it was asked') });
  assert.deepEqual(await off.of(POD, signal), []);

  const text = volumeMetrics([
    { namespace: 'ns', volumes: await looks.of(POD, signal) },
    { namespace: 'ns', volumes: await looks.of(POD, signal) },
  ]);
  assert.match(text, /^kubelet_volume_stats_capacity_bytes\{namespace="ns",persistentvolumeclaim="c"\} [1-9]\d*$/m);
  assert.equal(text.match(/^kubelet_volume_stats_\w+\{/gm)?.length, 6);
  assert.equal(volumeMetrics([]), '');
});

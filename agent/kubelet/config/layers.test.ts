import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { explain } from '#base/errors.ts';
import { parseFlags } from './flags.ts';
import { flagLayer, merge, mergeConfig, readLayer } from './layers.ts';
import { readConfiguration } from './observe.ts';

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
const layer = (name: string, text: string): ReturnType<typeof readLayer> => readLayer(name, new TextEncoder().encode(`${HEAD}${text}`));

for (const [name, below, above, want] of [
  ['a field is replaced', { a: 1, b: 2 }, { a: 3 }, { a: 3, b: 2 }],
  ['objects are merged field by field', { o: { a: 1, b: { c: 2 } } }, { o: { b: { d: 3 } } }, { o: { a: 1, b: { c: 2, d: 3 } } }],
  ['a list is replaced as a whole', { l: [1, 2] }, { l: [3] }, { l: [3] }],
  ['an empty list is a list', { l: [1] }, { l: [] }, { l: [] }],
  ['null takes it back to the default', { a: 1 }, { a: null }, { a: null }],
  ['another type wins', { o: { a: 1 } }, { o: 'x' }, { o: 'x' }],
] as const) {
  test(`merge: ${name}`, () => assert.deepEqual(merge(below, above), want));
}

test('mergeConfig: rules over several fields look at the whole, and the complaint names who said it last', () => {
  const file = layer('a.yaml', 'tlsCertFile: /c\nimageGCHighThresholdPercent: 90\nimageGCLowThresholdPercent: 85\n');
  const good = layer('b.conf', 'tlsPrivateKeyFile: /k\n');
  assert.deepEqual(mergeConfig([file, good])['tlsPrivateKeyFile'], '/k');
  const bad = layer('b.conf', 'tlsPrivateKeyFile: /k\nimageGCLowThresholdPercent: 95\n');
  assert.throws(() => mergeConfig([file, bad]), /^AppError: 1 problem\nb\.conf:4:29: imageGCLowThresholdPercent: Invalid value: 95/);
  assert.throws(
    () => mergeConfig([file, good, flagLayer(parseFlags(['--image-gc-low-threshold=99']))]),
    /--image-gc-low-threshold imageGCLowThresholdPercent: Invalid value: 99/,
  );
  assert.throws(
    () => mergeConfig([flagLayer(parseFlags(['--cpu-manager-policy=static']))]),
    /--cpu-manager-policy cpuManagerPolicy: is not honoured: there is no CPU manager/,
  );
  assert.throws(() => mergeConfig([flagLayer(parseFlags(['--max-pods=-1']))]), /--max-pods \(maxPods: .*greater than or equal to 0/);
});

test('readConfiguration: the file, then *.conf in the order of their names, then the command line', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-conf-'));
  try {
    const file = join(dir, 'kubelet.yaml');
    const drops = join(dir, 'conf.d');
    mkdirSync(join(drops, 'sub'), { recursive: true });
    writeFileSync(file, `${HEAD}staticPodPath: /m\nmaxPods: 1\npodsPerCore: 1\nhealthzPort: 1\nclusterDNS: [10.0.0.1]\n`);
    writeFileSync(join(drops, '20-b.conf'), `${HEAD}maxPods: 20\n`);
    writeFileSync(join(drops, '10-a.conf'), `${HEAD}maxPods: 10\npodsPerCore: 10\nclusterDNS: [10.0.0.2]\n`);
    writeFileSync(join(drops, 'sub', 'c.conf'), `${HEAD}healthzPort: 7\n`);
    writeFileSync(join(drops, 'README'), 'not read');
    const { settings, files } = await readConfiguration(parseFlags(['--config', file, '--config-dir', drops, '--pods-per-core', '5']));
    assert.deepEqual([settings.maxPods, settings.podsPerCore, settings.clusterDns, settings.healthz.port], [20, 5, ['10.0.0.2'], 7]);
    assert.deepEqual(
      files.map((f) => f.slice(dir.length + 1)),
      ['kubelet.yaml', 'conf.d/10-a.conf', 'conf.d/20-b.conf', 'conf.d/sub/c.conf'],
    );
    // A broken drop-in is not passed over, as upstream.
    writeFileSync(join(drops, '30-c.conf'), 'maxPods: 3\n');
    await assert.rejects(
      readConfiguration(parseFlags(['--config', file, '--config-dir', drops])),
      /2 problems\n\S+30-c\.conf:1:1: apiVersion: want/,
    );
    await assert.rejects(readConfiguration(parseFlags(['--config-dir', join(dir, 'none')])), (err) =>
      /cannot read the directory of drop-ins/.test(explain(err)),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

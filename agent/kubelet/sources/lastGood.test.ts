import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { LastGood, parseKept, type Kept } from './lastGood.ts';
import { ManifestSource } from './manifests.ts';

const POD = (name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } });

/** A kubelet's life: what it remembers, what it finds in the directory; which pods shall run then, and what it keeps. */
function live(kept: Kept | undefined, files: Readonly<Record<string, string>>, unread: readonly string[] = []) {
  const clock = new ManualClock();
  let [pods, text]: [ReadonlyMap<string, Pod>, string] = [new Map(), ''];
  const saves: Kept[] = [];
  const log = makeLogger({ clock, write: (line) => (text += `${line}\n`) });
  const source = new ManifestSource({ nodeName: 'n', clock, log, onPods: (all) => (pods = all) });
  const lastGood = new LastGood('/m', kept, (all) => saves.push(all));
  source.remember(lastGood.texts());
  const readings = Object.entries(files).map(([file, content]) => {
    const reading = source.read(file, Buffer.from(content));
    if (reading.kind === 'pods') lastGood.good(file, Buffer.from(content));
    return [file, reading] as const;
  });
  const present = new Set([...Object.keys(files), ...unread]);
  source.take({ readings: new Map(readings), present });
  lastGood.looked(present);
  return { names: [...pods.keys()], uids: [...pods.values()].map((p) => p.metadata.uid), saved: saves.at(-1), text };
}

test('a file that is broken when the kubelet comes back keeps its pods, the same ones; one that is gone takes them along', () => {
  const before = live(undefined, { 'a.yaml': POD('a'), 'b.yaml': POD('b') });
  assert.deepEqual(before.names, ['default/a-n', 'default/b-n']);
  const again = live(before.saved, { 'a.yaml': '[', 'b.yaml': POD('b') });
  assert.deepEqual([again.names, again.uids], [before.names, before.uids]);
  assert.match(again.text, /Refused manifest file=a\.yaml.* meanwhile="its last good version keeps running"/);
  assert.equal(again.saved, undefined);
  assert.deepEqual(live(before.saved, { 'b.yaml': '[' }).names, ['default/b-n']);
  assert.deepEqual(live(before.saved, {}).names, []);
});

test('a file that is still being written when the kubelet comes back keeps its pods', () => {
  const { saved } = live(undefined, { 'a.yaml': POD('a') });
  assert.deepEqual(live(saved, {}, ['a.yaml']).names, ['default/a-n']);
});

test('what a file says now counts, whatever it said; what was kept of another directory does not', () => {
  const { saved } = live(undefined, { 'a.yaml': POD('a') });
  const changed = live(saved, { 'a.yaml': POD('x') });
  assert.deepEqual(changed.names, ['default/x-n']);
  assert.deepEqual(changed.saved?.files, [['a.yaml', POD('x')]]);
  assert.deepEqual(live({ directory: '/other', files: saved?.files ?? [] }, { 'a.yaml': '[' }).names, []);
});

test('a checkpoint that is not ours is refused', () => {
  for (const value of [
    undefined,
    null,
    7,
    {},
    { directory: '/m' },
    { directory: '/m', files: [['a']] },
    { directory: '/m', files: [['a', 7]] },
  ])
    assert.throws(() => parseKept(value), JSON.stringify(value));
});

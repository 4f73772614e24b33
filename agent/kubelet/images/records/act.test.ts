import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import type { Credentials } from '../credentials.ts';
import { PullRecords } from './act.ts';
import type { VerificationPolicy } from './decide.ts';

const clock = new ManualClock(1_000);
const mine: Credentials = { username: 'u', password: 'p', secret: { uid: '', namespace: 'ns', name: 's' } };
const other: Credentials = { ...mine, password: 'q' };
const ID = `sha256:${'a'.repeat(64)}`;
const image = (id = ID, ...names: string[]) => ({ id, names });

function kubelet(t: TestContext, policy: VerificationPolicy = 'NeverVerifyPreloadedImages') {
  const rootDir = mkdtempSync(join(tmpdir(), 'kijabi-records-'));
  t.after(() => rmSync(rootDir, { recursive: true, force: true }));
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  const open = () => PullRecords.open({ rootDir, verification: { policy, allowlist: [] }, clock, log });
  const files = (kind: string): string[] => readdirSync(join(rootDir, 'image_manager', kind));
  return { rootDir, lines, open, files };
}
const may = (records: PullRecords, name: string, ...credentials: Credentials[]): Promise<boolean> =>
  records.mayUse(name, ID, async () => credentials);

async function pulled(records: PullRecords, name: string, used: Credentials | undefined, listed = image(ID, name)): Promise<void> {
  await records.began(name);
  await records.succeeded(name, used, listed);
}

test('an image that was loaded is everybody’s; one that was pulled with a secret is for whoever has it, over restarts', async (t) => {
  const { open, rootDir, files } = kubelet(t);
  let records = await open();
  assert.equal(await may(records, 'r.example/a:1'), true);
  await pulled(records, 'r.example/a:1', mine);
  for (const _ of ['the same kubelet', 'the next one']) {
    assert.equal(await may(records, 'r.example/a:1'), false);
    assert.equal(await may(records, 'r.example/a:1', other), false);
    assert.equal(await may(records, 'r.example/a:2', mine), true);
    assert.equal(await may(records, 'r.example/b:1', mine), false, 'the same image under another name');
    records = await open();
  }
  assert.deepEqual(files('pulling'), []);
  const [file = ''] = files('pulled');
  const path = join(rootDir, 'image_manager/pulled', file);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  assert.deepEqual([record['kind'], record['apiVersion'], record['imageRef']], ['ImagePulledRecord', 'kubelet.config.k8s.io/v1beta1', ID]);
});

test('one that needed no credentials is everybody’s, and credentials are not even asked for', async (t) => {
  const records = await kubelet(t).open();
  await pulled(records, 'r.example/a', undefined);
  assert.equal(await records.mayUse('r.example/a', ID, () => assert.fail('asked')), true);
});

test('under a name that it had before its first pull it stays everybody’s; not under one that is being pulled', async (t) => {
  const records = await kubelet(t).open();
  await records.began('r.example/pulling:1');
  await pulled(records, 'r.example/a', mine, image(ID, 'r.example/a:latest', 'docker.io/library/loaded:1', 'r.example/pulling:1'));
  assert.equal(await may(records, 'loaded:1'), true);
  assert.equal(await may(records, 'r.example/pulling:1'), false);
});

test('a kubelet that was killed while it pulled: the image, should it be there, is nobody’s until somebody shows credentials', async (t) => {
  const { open, files } = kubelet(t);
  await (await open()).began('busybox');
  const next = await open();
  assert.equal(await may(next, 'busybox', mine), false);
  await next.prune([image(ID, 'docker.io/library/busybox:latest')], 0);
  assert.deepEqual(next.counts, { pulled: 1, intents: 0 });
  assert.equal(await may(next, 'busybox', mine), false);
  await pulled(next, 'busybox', mine);
  assert.equal(await may(next, 'busybox', mine), true);
  assert.equal(files('pulling').length, 0);
});

test('two pulls of one name: what says that it is being pulled goes with the last of them', async (t) => {
  const { open, files } = kubelet(t);
  const records = await open();
  await Promise.all([records.began('r.example/a'), records.began('r.example/a')]);
  await records.failed('r.example/a');
  assert.equal(files('pulling').length, 1);
  await records.prune([], Infinity);
  assert.equal(files('pulling').length, 1, 'it is under way');
  await records.failed('r.example/a');
  assert.equal(files('pulling').length, 0);
});

test('what is learnt while something is forgotten is not forgotten with it', async (t) => {
  const { open, files } = kubelet(t);
  const records = await open();
  await pulled(records, 'r.example/a', mine);
  await records.began('r.example/a');
  const pruned = records.prune([], clock.nowMs() + 1);
  await clock.advance(2_000);
  await Promise.all([pruned, records.succeeded('r.example/a', mine, image(ID, 'r.example/a'))]);
  assert.equal(await may(records, 'r.example/a'), false);
  assert.deepEqual([files('pulled').length, records.counts], [1, { pulled: 1, intents: 0 }]);

  await records.began('r.example/b');
  await Promise.all([records.failed('r.example/b'), records.began('r.example/b')]);
  assert.equal(await may(records, 'r.example/b'), false);
  assert.deepEqual([files('pulling').length, records.counts.intents], [1, 1]);
});

test('a disk that fails once: the next pull writes again, and nothing stays as if it were under way', async (t) => {
  const { open, rootDir, files, lines } = kubelet(t);
  const records = await open();
  const place = join(rootDir, 'image_manager/pulled');
  mkdirSync(join(rootDir, 'image_manager'));
  writeFileSync(place, 'no directory');
  await pulled(records, 'r.example/a', mine);
  assert.match(lines.join(''), /Cannot remember who may use an image/);
  assert.equal(files('pulling').length, 1, 'without its record the image stays one that was being pulled');
  rmSync(place);
  await pulled(records, 'r.example/a', mine);
  assert.deepEqual([files('pulled').length, files('pulling').length], [1, 0]);
  const next = await open();
  assert.equal(await may(next, 'r.example/a', mine), true);
});

test('a pull of which nobody knows how it ended is settled by the next clean-up', async (t) => {
  const { open, files } = kubelet(t);
  const records = await open();
  await records.began('r.example/a');
  records.unsure('r.example/a');
  assert.equal(await may(records, 'r.example/a'), false);
  await records.prune([image(ID, 'r.example/a:latest')], 0);
  assert.deepEqual([files('pulled').length, files('pulling').length], [1, 0]);
  assert.equal(await may(records, 'r.example/a', mine), false, 'nobody has shown credentials yet');
});

test('what is remembered of images that are gone goes; not of one that was pulled after the list was made', async (t) => {
  const records = await kubelet(t).open();
  await pulled(records, 'r.example/a', mine);
  await records.prune([], clock.nowMs());
  assert.equal(records.counts.pulled, 1);
  await records.prune([], clock.nowMs() + 1);
  assert.equal(records.counts.pulled, 0);
  assert.equal(await may(records, 'r.example/a'), true, 'loaded anew');
});

test('files that cannot be read, or say something else, open nothing', async (t) => {
  const { open, rootDir, lines, files } = kubelet(t);
  await pulled(await open(), 'r.example/a', undefined);
  const path = join(rootDir, 'image_manager/pulled', files('pulled')[0] ?? '');
  const good = JSON.parse(readFileSync(path, 'utf8')) as object;
  for (const text of ['{', '[]', '1', JSON.stringify({ ...good, credentialMapping: { 'r.example/a': { nodePodsAccessible: 'yes' } } })]) {
    writeFileSync(path, text);
    assert.equal(await may(await open(), 'r.example/a', mine), false, text);
  }
  writeFileSync(path, JSON.stringify({ ...good, imageRef: 'sha256:other' }));
  assert.equal(await may(await open(), 'r.example/a', mine), false);
  assert.match(lines.join(''), /Cannot read what was remembered of a pull/);
  writeFileSync(path, JSON.stringify(good));
  assert.equal(await may(await open(), 'r.example/a'), true);
});

test('without a place for what is remembered no pull begins', async (t) => {
  const { open, rootDir } = kubelet(t);
  const records = await open();
  mkdirSync(join(rootDir, 'image_manager'));
  writeFileSync(join(rootDir, 'image_manager/pulling'), '');
  await assert.rejects(records.began('r.example/a'));
  assert.deepEqual(records.counts, { pulled: 0, intents: 0 });
});

test('AlwaysVerify: an image that was loaded is for nobody without credentials', async (t) => {
  const records = await kubelet(t, 'AlwaysVerify').open();
  assert.equal(await may(records, 'r.example/a', mine), false);
  await pulled(records, 'r.example/a', mine, image(ID, 'r.example/a:latest', 'r.example/b:1'));
  assert.equal(await may(records, 'r.example/a', mine), true);
  assert.equal(await may(records, 'r.example/b:1'), false);
});

/** What an earlier life of the node left on disk: removed at the start, but never what is mounted in it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { makeKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = makeKubelet(containerd);
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const podDir = (uid: string): string => join(kubelet.rootDir, 'pods', uid);

test('what is left of pods that nobody wants goes, with name or without; a mounted disk in it is not touched', { skip }, async () => {
  for (const uid of ['named', 'nameless', 'mounted']) {
    mkdirSync(join(podDir(uid), 'volumes', 'v'), { recursive: true });
    writeFileSync(join(podDir(uid), 'etc-hosts'), '');
  }
  mkdirSync(join(kubelet.podLogs, 'default_old-node1_named', 'c'), { recursive: true });
  const volume = join(podDir('mounted'), 'volumes', 'v');
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'kijabi-test', volume]);
  writeFileSync(join(volume, 'precious'), 'data');

  await kubelet.start();
  await until('the named one is gone', () => !existsSync(podDir('named')) && !existsSync(join(kubelet.podLogs, 'default_old-node1_named')));
  await until('the nameless one is gone', () => !existsSync(podDir('nameless')));
  await until('the other is told', () => kubelet.log().includes('VOLUME_MOUNTED'));
  assert.match(
    kubelet.log(),
    /<4>Cannot remove what an unknown pod left behind uid=mounted retryInMs=60000 err="Cannot remove \S+\/pods\/mounted: \S+\/volumes\/v is still mounted, unmount it \(umount \S+\/volumes\/v\)" code=VOLUME_MOUNTED/,
  );
  assert.ok(existsSync(join(volume, 'precious')));

  await execa('umount', [volume]);
  await kubelet.kill('SIGTERM');
  await kubelet.start();
  await until('it is gone', () => !existsSync(podDir('mounted')));
});

test('the directory of a pod that runs stays, although its logs were removed under it', { skip }, async () => {
  kubelet.apply('web.yaml', manifest({ name: 'web' }));
  await until('it runs', async () => (await kubelet.pod('web'))?.status?.phase === 'Running');
  const uid = (await kubelet.pod('web'))?.metadata.uid ?? '';
  await kubelet.kill('SIGKILL');
  await execa('rm', ['-r', join(kubelet.podLogs, `default_web-node1_${uid}`)]);
  await kubelet.start();
  await until('it is known', async () => (await kubelet.pod('web'))?.status?.phase === 'Running');
  assert.ok(existsSync(podDir(uid)));
  kubelet.remove('web.yaml');
  await until('it is gone, with its directory', async () => (await kubelet.pod('web')) === undefined && !existsSync(podDir(uid)));
  await until('nothing is left of it', async () => (await containerd.ctr(['containers', 'list', '-q'])) === '');
  assert.ok(!kubelet.log().includes(`unknown pod left behind uid=${uid}`));
});

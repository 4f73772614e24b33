/** Volumes as a process in a pod sees them, on a real containerd: each kind, their updates, and that nothing stays. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

const settings = (color: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color } });
const secret = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' }, stringData: { password: 'hunter2' } });

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd);
  mkdirSync(join(containerd.dir, 'pv'));
  const volumes = [
    { name: 'map', configMap: { name: 'settings' } },
    { name: 'secret', secret: { secretName: 'login', defaultMode: 0o400 } },
    { name: 'self', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    { name: 'all', projected: { sources: [{ configMap: { name: 'settings' } }, { secret: { name: 'login' } }] } },
    { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'data' } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` }));
  kubelet.apply('all.yaml', manifest({ name: 'all', labels: { app: 'web' }, spec: { volumes }, container: { volumeMounts } }));
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const inside = (pod: Pod, ...command: string[]): Promise<string> => {
  const id = pod.status!.containerStatuses![0]!.containerID!.replace('containerd://', '');
  return containerd.ctr(['tasks', 'exec', '--exec-id', `t${Math.random().toString(36).slice(2)}`, id, ...command]);
};
const pod = async (): Promise<Pod> => (await kubelet.pod('all'))!;
const runs = async (): Promise<boolean> => (await kubelet.pod('all'))?.status?.containerStatuses?.[0]?.state?.running !== undefined;

test('a pod waits for each object by name and goes on when it appears', { skip }, async () => {
  const told = (what: string): Promise<void> => until(`${what} is told`, () => kubelet.log().includes(what));
  await told('configmap \\"settings\\" not found');
  kubelet.apply('settings.yaml', settings('blue'));
  await told('secret \\"login\\" not found');
  kubelet.apply('login.yaml', secret);
  await told('persistentvolumeclaim \\"data\\" not found');
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  kubelet.apply('claim.yaml', JSON.stringify(claim));
  await told('persistentvolumeclaim \\"data\\" is not bound');
  const spec = {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    hostPath: { path: join(containerd.dir, 'pv') },
    claimRef: { name: 'data', namespace: 'default' },
  };
  kubelet.apply('volume.yaml', JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' }, spec }));
  await until('it runs', runs);
});

test('each kind holds what it shall', { skip }, async () => {
  const p = await pod();
  assert.equal(await inside(p, 'cat', '/v/map/color', '/v/secret/password', '/v/self/labels'), 'bluehunter2app="web"');
  assert.equal(await inside(p, 'cat', '/v/all/color', '/v/all/password'), 'bluehunter2');
  assert.match(await inside(p, 'ls', '-lL', '/v/secret/password'), /^-r--------/);
  await assert.rejects(inside(p, 'touch', '/v/map/x'), /Read-only file system/);
  const mounts = await inside(p, 'cat', '/proc/mounts');
  for (const name of ['secret', 'self', 'all', 'memory']) assert.match(mounts, new RegExp(`^tmpfs /v/${name} tmpfs`, 'm'), name);
  assert.match(mounts, /^tmpfs \/v\/memory tmpfs rw,.*size=1024k/m);
  await inside(p, 'touch', '/v/claim/kept', '/v/memory/x');
  assert.ok(existsSync(join(containerd.dir, 'pv/kept')));
});

test('a changed object is seen in the running container, and the container is not restarted', { skip }, async () => {
  const p = await pod();
  kubelet.apply('settings.yaml', settings('green'));
  await until('both volumes changed', async () => (await inside(p, 'cat', '/v/map/color', '/v/all/color')) === 'greengreen');
  const now = (await pod()).status?.containerStatuses?.[0];
  assert.deepEqual([now?.containerID, now?.restartCount], [p.status?.containerStatuses?.[0]?.containerID, 0]);
});

test('an object that goes leaves the volume as it is; what changed while the kubelet was away is brought in after', { skip }, async () => {
  const p = await pod();
  kubelet.remove('login.yaml');
  await until('it is told', () => kubelet.log().includes('Cannot update volumes'));
  assert.equal(await inside(p, 'cat', '/v/secret/password'), 'hunter2');
  await kubelet.kill();
  kubelet.apply('login.yaml', secret.replace('hunter2', 'other'));
  await kubelet.start();
  await until('the new one is there', async () => (await inside(p, 'cat', '/v/secret/password')) === 'other');
  assert.doesNotMatch(kubelet.log(), /hunter2|other"/);
});

const PARTS = {
  volumes: [
    { name: 'shared', emptyDir: {} },
    { name: 'map', configMap: { name: 'settings' } },
    { name: 'secret', secret: { secretName: 'login' } },
    { name: 'all', projected: { sources: [{ configMap: { name: 'settings' } }, { secret: { name: 'login' } }] } },
  ],
  mounts: [
    { name: 'shared', mountPath: '/whole' },
    { name: 'shared', mountPath: '/p/dir', subPath: 'in' },
    { name: 'shared', mountPath: '/p/link', subPath: 'link' },
    { name: 'shared', mountPath: '/p/file', subPath: 'in/file', readOnly: true },
    { name: 'shared', mountPath: '/p/made', subPath: 'new/deep' },
    { name: 'shared', mountPath: '/p/expr', subPathExpr: 'logs/$(WHO)' },
    { name: 'map', mountPath: '/p/color', subPath: 'color' },
    { name: 'secret', mountPath: '/p/password', subPath: 'password' },
    { name: 'all', mountPath: '/p/all', subPath: 'color' },
  ],
  prepare: 'mkdir -p /whole/in; echo text > /whole/in/file; ln -s in /whole/link; ln -s /etc /whole/out',
};
const parts = async (): Promise<Pod> => (await kubelet.pod('parts'))!;
const stateOf = async (name: string) => (await parts())?.status?.containerStatuses?.find((c) => c.name === name);

test('parts of volumes: directories, files, links that stay inside, what is made for them, by expressions', { skip }, async () => {
  const { volumes, mounts, prepare } = PARTS;
  const env = [{ name: 'WHO', value: 'me' }];
  const text = manifest({ name: 'parts', container: { volumeMounts: mounts, env }, spec: { volumes } });
  const pod = JSON.parse(text) as { spec: { containers: Record<string, unknown>[]; initContainers?: object[] } };
  const [c = {}] = pod.spec.containers;
  pod.spec.initContainers = [{ ...c, name: 'prepare', volumeMounts: mounts.slice(0, 1), command: ['sh', '-c', prepare] }];
  pod.spec.containers.push({ ...c, name: 'out', volumeMounts: [{ name: 'shared', mountPath: '/o', subPath: 'out' }] });
  pod.spec.containers.push({ ...c, name: 'later', volumeMounts: [{ name: 'shared', mountPath: '/l', subPath: 'in' }] });
  kubelet.apply('parts.yaml', JSON.stringify(pod));
  await until('it runs', async () => (await stateOf('c'))?.state?.running !== undefined);
  const p = await parts();
  assert.equal(await inside(p, 'cat', '/p/dir/file', '/p/link/file', '/p/file'), 'text\ntext\ntext');
  assert.equal(await inside(p, 'cat', '/p/color', '/p/password', '/p/all'), 'greenothergreen');
  await inside(p, 'touch', '/p/made/x', '/p/expr/y');
  assert.deepEqual((await inside(p, 'busybox', 'find', '/whole', '-name', '[xy]')).split('\n').sort(), [
    '/whole/logs/me/y',
    '/whole/new/deep/x',
  ]);
  assert.equal(await inside(p, 'busybox', 'stat', '-c', '%a', '/whole/new', '/whole/new/deep', '/whole/logs'), '777\n777\n777');
  await assert.rejects(inside(p, 'sh', '-c', 'echo > /p/file'), /Read-only file system/);
});

test(
  'a link that leads out of a volume is never followed, also when a container makes it between two starts of another',
  { skip },
  async () => {
    const refused = async (name: string): Promise<boolean> => {
      const { reason, message } = (await stateOf(name))?.state?.waiting ?? {};
      if (reason !== 'CreateContainerConfigError') return false;
      assert.match(
        message ?? '',
        new RegExp(`^failed to prepare subPath for volumeMount "shared" of container "${name}": .* not within volume path`),
      );
      return true;
    };
    await until('the link out is refused', () => refused('out'));
    await until('the other runs', async () => (await stateOf('later'))?.state?.running !== undefined);
    await inside(await parts(), 'sh', '-c', 'mv /whole/in /whole/was && ln -s /etc /whole/in');
    const id = (await stateOf('later'))!.containerID!.replace('containerd://', '');
    await containerd.ctr(['tasks', 'kill', '--signal', 'KILL', id]);
    await until('the swapped one is refused', () => refused('later'));
  },
);

test('mounts of parts outlive a kill of the kubelet and go with the pod', { skip }, async () => {
  const { metadata, status } = await parts();
  const mine = (): number =>
    readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${metadata.uid}/volume-subpaths/`)).length;
  assert.ok(mine() >= PARTS.mounts.length - 1);
  await kubelet.kill();
  await kubelet.start();
  await until('it is seen again', async () => (await stateOf('c'))?.containerID === status?.containerStatuses?.[0]?.containerID);
  assert.equal(await inside(await parts(), 'cat', '/p/color'), 'green');
  kubelet.remove('parts.yaml');
  await until('it is gone', async () => (await kubelet.pod('parts')) === undefined);
  assert.equal(mine(), 0);
  await until('nothing is left', () => !existsSync(join(kubelet.rootDir, 'pods', metadata.uid!)));
});

test('a removed pod leaves no mount and no file, but the data of the claim', { skip }, async () => {
  const { uid } = (await pod()).metadata;
  kubelet.remove('all.yaml');
  await until('it is gone', async () => (await kubelet.pod('all')) === undefined);
  assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(uid!));
  assert.equal(existsSync(join(kubelet.rootDir, 'pods', uid!)), false);
  assert.ok(existsSync(join(containerd.dir, 'pv/kept')));
});

/** Volumes as a process in a pod sees them, on a real containerd: each kind, their updates, and that nothing stays. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const hereOnly = {
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node1'] }] }] },
};
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

test(
  'fsGroup: every kind that can belongs to the group, as its policy says; a user who is no owner reads and writes',
  { skip },
  async () => {
    for (const name of ['given', 'right']) {
      mkdirSync(join(containerd.dir, name, 'sub'), { recursive: true });
      writeFileSync(join(containerd.dir, name, 'sub/file'), 'local', { mode: 0o600 });
      const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: '' };
      const where = { local: { path: join(containerd.dir, name) }, claimRef: { name, namespace: 'default' }, nodeAffinity: hereOnly };
      kubelet.apply(
        `pv-${name}.yaml`,
        JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name }, spec: { ...spec, ...where } }),
      );
      const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
      kubelet.apply(
        `pvc-${name}.yaml`,
        JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec: claim }),
      );
    }
    // The root is as it shall be, so what is in it stays.
    chownSync(join(containerd.dir, 'right'), 0, 2_000);
    chmodSync(join(containerd.dir, 'right'), 0o2770);
    const volumes = [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'map', configMap: { name: 'settings', defaultMode: 0o400 } },
      { name: 'secret', secret: { secretName: 'login', defaultMode: 0o400 } },
      { name: 'all', projected: { defaultMode: 0o400, sources: [{ configMap: { name: 'settings' } }] } },
      { name: 'given', persistentVolumeClaim: { claimName: 'given' } },
      { name: 'right', persistentVolumeClaim: { claimName: 'right' } },
    ];
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` }));
    const securityContext = { runAsUser: 1_000, runAsGroup: 3_000, fsGroup: 2_000, fsGroupChangePolicy: 'OnRootMismatch' };
    kubelet.apply('group.yaml', manifest({ name: 'group', container: { volumeMounts }, spec: { volumes, securityContext } }));
    await until('it runs', async () => (await kubelet.pod('group'))?.status?.containerStatuses?.[0]?.state?.running !== undefined);
    const p = (await kubelet.pod('group'))!;
    assert.equal(await inside(p, 'cat', '/v/map/color', '/v/secret/password', '/v/all/color', '/v/given/sub/file'), 'greenothergreenlocal');
    await inside(p, 'touch', '/v/disk/x', '/v/memory/x', '/v/given/sub/x');
    const ids = await inside(
      p,
      'busybox',
      'stat',
      '-c',
      '%n %a %u:%g',
      '/v/disk',
      '/v/memory',
      '/v/disk/x',
      '/v/given/sub',
      '/v/given/sub/file',
    );
    assert.deepEqual(ids.split('\n'), [
      '/v/disk 2777 0:2000',
      '/v/memory 2777 0:2000',
      '/v/disk/x 644 1000:2000',
      '/v/given/sub 2775 0:2000',
      '/v/given/sub/file 660 0:2000',
    ]);
    await assert.rejects(inside(p, 'cat', '/v/right/sub/file'), /Permission denied/, 'left alone');
    kubelet.remove('group.yaml');
    await until('it is gone', async () => (await kubelet.pod('group')) === undefined);
  },
);

test(
  'mounts made later: none, those of the host, those of both sides; read-only to the bottom where the runtime can',
  { skip },
  async () => {
    const dir = join(containerd.dir, 'shared');
    mkdirSync(join(dir, 'host'), { recursive: true });
    mkdirSync(join(dir, 'inner'));
    await execa('mount', ['--bind', dir, dir]);
    await execa('mount', ['--make-shared', dir]);
    const volumes = [{ name: 'v', hostPath: { path: dir, type: 'Directory' } }];
    const mount = (more: object): Record<string, unknown> => ({ volumeMounts: [{ name: 'v', mountPath: '/p', ...more }] });
    const pod = JSON.parse(manifest({ name: 'spread', spec: { volumes }, container: mount({}) })) as { spec: { containers: object[] } };
    const [c = {}] = pod.spec.containers;
    const privileged = { securityContext: { privileged: true } };
    pod.spec.containers.push(
      { ...c, name: 'host', ...mount({ mountPropagation: 'HostToContainer' }) },
      { ...c, name: 'both', ...mount({ mountPropagation: 'Bidirectional' }), ...privileged },
      { ...c, name: 'perhaps', ...mount({ readOnly: true, recursiveReadOnly: 'IfPossible' }) },
      { ...c, name: 'strictly', ...mount({ readOnly: true, recursiveReadOnly: 'Enabled' }) },
    );
    kubelet.apply('spread.yaml', JSON.stringify(pod));
    const of = async (name: string) => (await kubelet.pod('spread'))?.status?.containerStatuses?.find((s) => s.name === name);
    for (const name of ['c', 'host', 'both', 'perhaps'])
      await until(`${name} runs`, async () => (await of(name))?.state?.running !== undefined);
    const run = async (name: string, ...command: string[]): Promise<string> => {
      const id = (await of(name))!.containerID!.replace('containerd://', '');
      return containerd.ctr(['tasks', 'exec', '--exec-id', `s${Math.random().toString(36).slice(2)}`, id, ...command]);
    };
    await execa('mount', ['-t', 'tmpfs', 'tmpfs', join(dir, 'host')]);
    writeFileSync(join(dir, 'host/x'), '');
    assert.deepEqual(await Promise.all(['c', 'host', 'both'].map((name) => run(name, 'ls', '/p/host'))), ['', 'x', 'x']);
    await run('both', 'busybox', 'mount', '-t', 'tmpfs', 'tmpfs', '/p/inner');
    assert.match(readFileSync('/proc/mounts', 'utf8'), new RegExp(`^tmpfs ${dir}/inner `, 'm'));
    await assert.rejects(run('perhaps', 'touch', '/p/x'), /Read-only file system/);
    const handlers = (await kubelet.client.node(AbortSignal.timeout(30_000))).status?.runtimeHandlers ?? [];
    const can = handlers.some((h) => h.name === '' && h.features?.recursiveReadOnlyMounts === true);
    const told = 'volume "v" requested recursive read-only mount, but it is not supported by the runtime';
    if (can) await until('it runs', async () => (await of('strictly'))?.state?.running !== undefined);
    else await until('it waits', async () => (await of('strictly'))?.state?.waiting?.message === told);
    kubelet.remove('spread.yaml');
    await until('it is gone', async () => (await kubelet.pod('spread')) === undefined);
  },
);

test('a pod that fills more disk than it may ends, gives the disk back, and does not begin again', { skip }, async () => {
  const fill = 'busybox dd if=/dev/zero of=/v/x bs=1M count=3; exec sleep 3600';
  const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  kubelet.apply('full.yaml', manifest({ name: 'full', script: fill, spec: { volumes }, container: { volumeMounts } }));
  const resources = { limits: { 'ephemeral-storage': '1Mi' } };
  const write = 'busybox dd if=/dev/zero of=/x bs=1M count=3; exec sleep 3600';
  kubelet.apply('layer.yaml', manifest({ name: 'layer', script: write, container: { resources } }));
  const huge = { requests: { 'ephemeral-storage': '1Pi' } };
  kubelet.apply('huge.yaml', manifest({ name: 'huge', container: { resources: huge } }));
  const ended = async (name: string, reason: string, message: RegExp): Promise<void> => {
    await until(`${name} ended`, async () => (await kubelet.pod(name))?.status?.phase === 'Failed', 120_000);
    assert.equal((await kubelet.pod(name))?.status?.reason, reason);
    assert.match((await kubelet.pod(name))?.status?.message ?? '', message);
  };
  await ended(
    'huge',
    'OutOfephemeral-storage',
    /^Pod was rejected: Node didn't have enough resource: ephemeral-storage, requested: 1125899906842624, /,
  );
  await ended('full', 'Evicted', /^Usage of EmptyDir volume "v" exceeds the limit "1Mi"\. $/);
  await ended('layer', 'Evicted', /^Pod ephemeral local storage usage exceeds the total limit of containers 1Mi\. $/);
  const { uid } = (await kubelet.pod('full'))!.metadata;
  await until('its disk is free', () => !existsSync(join(kubelet.rootDir, 'pods', uid!, 'volumes/kubernetes.io~empty-dir')));
  await kubelet.kill();
  await kubelet.start();
  await ended('full', 'Evicted', /^Usage of EmptyDir/);
  for (const name of ['full', 'layer', 'huge']) kubelet.remove(`${name}.yaml`);
  await until('they are gone', async () => (await kubelet.pod('full')) === undefined && (await kubelet.pod('layer')) === undefined);
});

test('a removed pod leaves no mount and no file, but the data of the claim', { skip }, async () => {
  const { uid } = (await pod()).metadata;
  kubelet.remove('all.yaml');
  await until('it is gone', async () => (await kubelet.pod('all')) === undefined);
  assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(uid!));
  assert.equal(existsSync(join(kubelet.rootDir, 'pods', uid!)), false);
  assert.ok(existsSync(join(containerd.dir, 'pv/kept')));
});

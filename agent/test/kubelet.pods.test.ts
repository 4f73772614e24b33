/** Static pods on a real containerd, from manifest to process and back. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { BUSYBOX_IMAGE } from './harness/ociImage.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd, { config: { crashLoopBackOff: { maxContainerRestartPeriod: '1s' } } });
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const container = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0];
async function running(name: string): Promise<Pod> {
  await until(`${name} runs`, async () => container(await kubelet.pod(name))?.state?.running !== undefined);
  return (await kubelet.pod(name))!;
}
async function gone(name: string): Promise<void> {
  await until(`${name} is gone`, async () => (await kubelet.pod(name)) === undefined);
}
const inside = (pod: Pod, ...command: string[]): Promise<string> =>
  containerd.ctr([
    'tasks',
    'exec',
    '--exec-id',
    `t${Math.random().toString(36).slice(2)}`,
    container(pod)!.containerID!.replace('containerd://', ''),
    ...command,
  ]);
const get = async (url: string): Promise<string> =>
  (await execa('nsenter', [`--net=/run/netns/${containerd.netns}`, 'busybox', 'wget', '-qO-', url])).stdout;
const listed = async (what: 'containers' | 'tasks'): Promise<string[]> =>
  (await containerd.ctr([what, 'list', '-q'])).split('\n').filter(Boolean);

test('a static pod answers HTTP at its own address, with the identity upstream gives it', { skip }, async () => {
  kubelet.apply(
    'web.yaml',
    manifest({ name: 'web', script: 'echo hello > /index.html; exec httpd -f -p 80 -h /', labels: { app: 'web' } }),
  );
  const pod = await running('web');
  assert.equal(pod.metadata.name, 'web-node1');
  assert.equal(pod.metadata.namespace, 'default');
  assert.deepEqual(
    Object.keys(pod.metadata.annotations ?? {})
      .filter((k) => k.startsWith('kubernetes.io/config'))
      .sort(),
    ['kubernetes.io/config.hash', 'kubernetes.io/config.seen', 'kubernetes.io/config.source'],
  );
  assert.equal(pod.metadata.annotations?.['kubernetes.io/config.hash'], pod.metadata.uid);
  assert.equal(pod.status?.phase, 'Running');
  let body = '';
  await until('httpd listens', async () => (body = await get(`http://${pod.status?.podIP}/`).catch(() => '')) !== '');
  assert.equal(body, 'hello');
  assert.match(await inside(pod, 'cat', '/etc/hosts'), new RegExp(`${pod.status?.podIP}\\s+web-node1`));
  assert.equal(await inside(pod, 'hostname'), 'web-node1');
});

test('an edited manifest is another pod: the old one ends, the new one starts, never both', { skip }, async () => {
  const old = await running('web');
  kubelet.apply('web.yaml', manifest({ name: 'web', script: 'echo second; exec sleep 3600' }));
  await until('the new pod runs', async () => {
    const pod = await kubelet.pod('web');
    return pod?.metadata.uid !== old.metadata.uid && container(pod)?.state?.running !== undefined;
  });
  const ids = await listed('containers');
  assert.equal(ids.length, 2, 'one sandbox and one container');
  assert.equal(existsSync(join(kubelet.podLogs, `default_web-node1_${old.metadata.uid}`)), false);
});

test('a manifest that becomes invalid keeps the last good version running and says where it is wrong', { skip }, async () => {
  const before = await running('web');
  kubelet.apply(
    'web.yaml',
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: c\n    image: busybox\n    prots:\n    - containerPort: 80\n',
  );
  await until('the refusal is logged', () => kubelet.log().includes('did you mean ports?'));
  assert.match(
    kubelet.log(),
    /<3>Refused manifest file=\S+web\.yaml:9:5 err="spec\.containers\[0\]\.prots: unknown field, did you mean ports\?" code=MANIFEST_INVALID meanwhile="its last good version keeps running"/,
  );
  assert.equal((await kubelet.pod('web'))?.metadata.uid, before.metadata.uid);
  assert.equal(container(await kubelet.pod('web'))?.containerID, container(before)?.containerID);
});

test(
  'two files that define the same pod: the first keeps it, the second is refused; a .bak beside it is passed over',
  { skip },
  async () => {
    const first = await running('web');
    kubelet.apply('another.yaml', manifest({ name: 'web', script: 'exec sleep 1000' }));
    kubelet.apply('web.yaml.bak', manifest({ name: 'backup' }));
    await until('the second is refused', () => kubelet.log().includes('MANIFEST_DUPLICATE'));
    await until('the .bak is told', () => kubelet.log().includes('Passed over a file that is no manifest'));
    assert.match(
      kubelet.log(),
      /Refused manifest file=\S+another\.yaml err="pod default\/web-node1 is already defined by \S+web\.yaml: remove one of the two, or rename it" code=MANIFEST_DUPLICATE/,
    );
    assert.equal((await kubelet.pod('web'))?.metadata.uid, first.metadata.uid);
    assert.equal(await kubelet.pod('backup'), undefined);
    kubelet.remove('another.yaml');
    kubelet.remove('web.yaml.bak');
  },
);

test('a removed manifest ends the pod and leaves nothing of it', { skip }, async () => {
  const pod = await running('web');
  kubelet.remove('web.yaml');
  await gone('web');
  assert.deepEqual(await listed('containers'), []);
  assert.deepEqual(readdirSync(kubelet.podLogs), []);
  assert.deepEqual(readdirSync(join(kubelet.podLogs, '..', 'containers')), []);
  assert.equal(existsSync(join(kubelet.rootDir, 'pods', pod.metadata.uid!)), false);
  const cgroup = (await execa('find', ['/sys/fs/cgroup', '-maxdepth', '6', '-name', `pod${pod.metadata.uid}`])).stdout;
  assert.equal(cgroup, '');
});

test('a file still open for writing is not read half-way', { skip }, async () => {
  const text = manifest({ name: 'slow' });
  const fd = openSync(join(kubelet.manifests, 'slow.yaml'), 'w');
  writeSync(fd, text.slice(0, text.length / 2));
  // Another pod that comes after it is a proof that the directory was looked at meanwhile.
  kubelet.apply('quick.yaml', manifest({ name: 'quick' }));
  await running('quick');
  assert.doesNotMatch(kubelet.log(), /Refused manifest file=\S+slow\.yaml/);
  writeSync(fd, text.slice(text.length / 2));
  closeSync(fd);
  await running('slow');
  for (const name of ['slow', 'quick']) {
    kubelet.remove(`${name}.yaml`);
    await gone(name);
  }
});

test('a container that crashes is restarted in back-off, counted, and its logs stay readable', { skip }, async () => {
  kubelet.apply('crash.yaml', manifest({ name: 'crash', script: 'echo attempt; echo last words > /dev/termination-log; exit 3' }));
  await until('it crashed three times', async () => (container(await kubelet.pod('crash'))?.restartCount ?? 0) >= 3);
  await until('it is in back-off', async () => container(await kubelet.pod('crash'))?.state?.waiting?.reason === 'CrashLoopBackOff');
  const status = container(await kubelet.pod('crash'));
  assert.equal(status?.lastState?.terminated?.exitCode, 3);
  assert.equal(status?.lastState?.terminated?.message, 'last words\n');
  assert.match(status?.state?.waiting?.message ?? '', /^back-off 1s restarting failed container=c pod=crash-node1_default\(/);
  let previous = '';
  await kubelet.client.logs(
    { namespace: 'default', name: 'crash-node1', container: 'c', query: new URLSearchParams({ previous: 'true' }) },
    (text) => (previous += text),
    AbortSignal.timeout(10_000),
  );
  assert.equal(previous, 'attempt\n');
  // Of those that ended before the newest one stays, for its log; the others go with theirs.
  const logs = join(kubelet.podLogs, `default_crash-node1_${(await kubelet.pod('crash'))?.metadata.uid}`, 'c');
  await until('two are left of all that ran', async () => {
    const filter = 'labels."io.kubernetes.pod.name"==crash-node1,labels."io.cri-containerd.kind"==container';
    return (
      (await containerd.ctr(['containers', 'list', '-q', filter])).split('\n').filter(Boolean).length === 2 &&
      readdirSync(logs).length === 2
    );
  });
  const events = await kubelet.client.events({ pod: 'crash-node1' }, AbortSignal.timeout(10_000));
  assert.deepEqual([...new Set(events.map((e) => e.reason))].sort(), ['BackOff', 'Created', 'Pulled', 'Started']);
  kubelet.remove('crash.yaml');
  await gone('crash');
});

test('restartPolicy Never: the pod ends as Succeeded or Failed and its containers stay for their logs', { skip }, async () => {
  kubelet.apply('once.yaml', manifest({ name: 'once', script: 'echo done', spec: { restartPolicy: 'Never' } }));
  await until('it succeeded', async () => (await kubelet.pod('once'))?.status?.phase === 'Succeeded');
  let log = '';
  await kubelet.client.logs(
    { namespace: 'default', name: 'once-node1', container: 'c', query: new URLSearchParams() },
    (text) => (log += text),
    AbortSignal.timeout(10_000),
  );
  assert.equal(log, 'done\n');
  kubelet.remove('once.yaml');
  await gone('once');
});

test('why a container does not run: each reason, as tools look for it', { skip }, async () => {
  const never = { restartPolicy: 'Never' };
  const init = { name: 'i', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['sleep', '3600'] };
  kubelet.apply(
    'reasons.yaml',
    [
      manifest({ name: 'initialising', spec: { initContainers: [init] } }),
      manifest({ name: 'completed', script: 'exit 0', spec: never }),
      manifest({ name: 'error', script: 'exit 3', spec: never }),
      manifest({ name: 'no-program', container: { command: ['/no/such'] } }),
      manifest({ name: 'no-start', container: { command: ['/no/such'] }, spec: never }),
    ].join('\n---\n'),
  );
  const shows = (name: string, want: string, of: (c: ReturnType<typeof container>) => unknown[]): Promise<void> => {
    let last = '';
    return until(`${name} shows ${want}`, async () => {
      last = of(container(await kubelet.pod(name))).join(' ');
      return last === want;
    }).catch((err: unknown) => Promise.reject(new Error(`${name}: want ${want}, got ${last}`, { cause: err })));
  };
  const waiting = (c: ReturnType<typeof container>): unknown[] => [c?.state?.waiting?.reason];
  const ended = (c: ReturnType<typeof container>): unknown[] => [c?.state?.terminated?.reason, c?.state?.terminated?.exitCode];
  await Promise.all([
    shows('initialising', 'PodInitializing', waiting),
    shows('completed', 'Completed 0', ended),
    shows('error', 'Error 3', ended),
    shows('no-program', 'RunContainerError StartError 128', (c) => [
      ...waiting(c),
      c?.lastState?.terminated?.reason,
      c?.lastState?.terminated?.exitCode,
    ]),
    shows('no-start', 'StartError 128', ended),
  ]);
  assert.match(container(await kubelet.pod('no-start'))?.state?.terminated?.message ?? '', /\/no\/such/);
  kubelet.remove('reasons.yaml');
  await Promise.all(['initialising', 'completed', 'error', 'no-program', 'no-start'].map(gone));
});

test('init containers run one after the other before the main ones; a sidecar stays', { skip }, async () => {
  const step = (name: string, script: string, more: object = {}): object => ({
    name,
    image: BUSYBOX_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
    ...more,
  });
  const spec = {
    volumes: [{ name: 'v', emptyDir: {} }],
    initContainers: [
      step('one', 'echo one >> /v/order'),
      step('side', 'echo side >> /v/order; exec sleep 3600', { restartPolicy: 'Always' }),
      step('two', 'echo two >> /v/order'),
    ],
    containers: [step('c', 'echo main >> /v/order; exec sleep 3600')],
  };
  kubelet.apply('init.yaml', manifest({ name: 'init', spec }));
  const pod = await running('init');
  await until('all wrote', async () => (await inside(pod, 'cat', '/v/order')).split('\n').length === 4);
  assert.deepEqual((await inside(pod, 'cat', '/v/order')).split('\n'), ['one', 'side', 'two', 'main']);
  const inits = (await kubelet.pod('init'))?.status?.initContainerStatuses ?? [];
  assert.deepEqual(
    inits.map((c) => [c.name, c.state?.terminated?.reason ?? 'running']),
    [
      ['one', 'Completed'],
      ['side', 'running'],
      ['two', 'Completed'],
    ],
  );
  kubelet.remove('init.yaml');
  await gone('init');
});

test('env with references, command and args, resources in the control groups, volumes', { skip }, async () => {
  const shared = join(containerd.dir, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'in'), 'from the host');
  const c = {
    command: ['sh', '-c', 'echo "$GREETING|$0|$1" > /shared/out; exec sleep 3600'],
    args: ['$(NAME)', '$$(NAME)'],
    env: [
      { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'GREETING', value: 'hello $(NAME) at $(MISSING)' },
    ],
    resources: { requests: { cpu: '100m' }, limits: { cpu: '500m', memory: '64Mi' } },
    volumeMounts: [
      { name: 'shared', mountPath: '/shared' },
      { name: 'scratch', mountPath: '/scratch' },
      { name: 'shared', mountPath: '/readonly', readOnly: true },
    ],
  };
  const volumes = [
    { name: 'shared', hostPath: { path: shared, type: 'Directory' } },
    { name: 'scratch', emptyDir: {} },
  ];
  kubelet.apply('full.yaml', manifest({ name: 'full', container: c, spec: { volumes } }));
  const pod = await running('full');
  await until('it wrote', () => existsSync(join(shared, 'out')));
  await until('all of it', () => readFileSync(join(shared, 'out'), 'utf8').endsWith('\n'));
  assert.equal(readFileSync(join(shared, 'out'), 'utf8'), 'hello full-node1 at $(MISSING)|full-node1|$(NAME)\n');
  assert.equal(await inside(pod, 'cat', '/readonly/in'), 'from the host');
  await assert.rejects(inside(pod, 'sh', '-c', 'echo x > /readonly/no'), /Read-only file system/);
  await inside(pod, 'sh', '-c', 'echo kept > /scratch/file');
  assert.equal(
    readFileSync(join(kubelet.rootDir, 'pods', pod.metadata.uid!, 'volumes/kubernetes.io~empty-dir/scratch/file'), 'utf8'),
    'kept\n',
  );
  assert.equal(pod.status?.qosClass, 'Burstable');
  const cgroup = `${containerd.cgroupRoot}/kubepods/burstable/pod${pod.metadata.uid}`;
  const v1 = existsSync('/sys/fs/cgroup/memory');
  const read = (controller: string, file: string): string =>
    readFileSync(join('/sys/fs/cgroup', v1 ? controller : '', cgroup, file), 'utf8').trim();
  if (v1)
    assert.deepEqual(
      [read('memory', 'memory.limit_in_bytes'), read('cpu', 'cpu.cfs_quota_us'), read('cpu', 'cpu.shares')],
      [String(64 << 20), '50000', '102'],
    );
  else assert.deepEqual([read('', 'memory.max'), read('', 'cpu.max')], [String(64 << 20), '50000 100000']);
  kubelet.remove('full.yaml');
  await gone('full');
});

test('hostNetwork: the container sees the interfaces of the node and has its address', { skip }, async () => {
  kubelet.apply('host.yaml', manifest({ name: 'host', spec: { hostNetwork: true } }));
  const pod = await running('host');
  const nodeInterfaces = (await execa('ip', ['-n', containerd.netns, '-o', 'link'])).stdout.split('\n').length;
  assert.equal((await inside(pod, 'ls', '/sys/class/net')).split('\n').length, nodeInterfaces);
  kubelet.remove('host.yaml');
  await gone('host');
});

test('log files and links stand where log shippers look for them', { skip }, async () => {
  kubelet.apply('talk.yaml', manifest({ name: 'talk', script: 'echo to stdout; echo to stderr >&2; exec sleep 3600' }));
  const pod = await running('talk');
  const file = join(kubelet.podLogs, `default_talk-node1_${pod.metadata.uid}`, 'c', '0.log');
  await until('it talked', () => readFileSync(file, 'utf8').split('\n').length === 3);
  assert.match(readFileSync(file, 'utf8'), /^\S+ stdout F to stdout$/m);
  const link = join(
    kubelet.podLogs,
    '..',
    'containers',
    `talk-node1_default_c-${container(pod)?.containerID?.replace('containerd://', '')}.log`,
  );
  await until('the link is there', () => existsSync(link));
  assert.equal(lstatSync(link).isSymbolicLink(), true);
  assert.equal(readFileSync(link, 'utf8'), readFileSync(file, 'utf8'));
  kubelet.remove('talk.yaml');
  await gone('talk');
});

test('an image that cannot be had holds up its pod alone, and the reason is told', { skip }, async () => {
  kubelet.apply('noimage.yaml', manifest({ name: 'noimage', container: { image: 'localhost:1/nothing/there:1' } }));
  await until('the reason is told', async () =>
    /ErrImagePull|ImagePullBackOff/.test(container(await kubelet.pod('noimage'))?.state?.waiting?.reason ?? ''),
  );
  assert.match(
    kubelet.log(),
    /<4>Pod is waiting pod=default\/noimage-node1 for=ErrImagePull container=c lookAgainInMs=10000 err="failed to pull and unpack image/,
  );
  kubelet.apply('never.yaml', manifest({ name: 'never', container: { image: 'nothing/there:1', imagePullPolicy: 'Never' } }));
  await until('never is told', async () => container(await kubelet.pod('never'))?.state?.waiting?.reason === 'ErrImageNeverPull');
  for (const name of ['noimage', 'never']) {
    kubelet.remove(`${name}.yaml`);
    await gone(name);
  }
});

test('a manifest directory that is removed and made again loses no pod until it is there and empty', { skip }, async () => {
  kubelet.apply('stay.yaml', manifest({ name: 'stay' }));
  const pod = await running('stay');
  const text = readFileSync(join(kubelet.manifests, 'stay.yaml'));
  const aside = `${kubelet.manifests}.aside`;
  await execa('mv', [kubelet.manifests, aside]);
  await until('the loss is told', () => kubelet.log().includes('MANIFEST_DIR_MISSING'));
  assert.equal(container(await kubelet.pod('stay'))?.containerID, container(pod)?.containerID);
  await execa('mv', [aside, kubelet.manifests]);
  kubelet.apply('new.yaml', manifest({ name: 'new' }));
  await running('new');
  assert.equal(container(await kubelet.pod('stay'))?.containerID, container(pod)?.containerID);
  rmSync(kubelet.manifests, { recursive: true });
  mkdirSync(kubelet.manifests);
  await gone('stay');
  await gone('new');
  writeFileSync(join(kubelet.manifests, 'stay.yaml'), text);
  await running('stay');
  kubelet.remove('stay.yaml');
  await gone('stay');
});

test('thirty pods at once all run, and all go', { skip }, async () => {
  const names = Array.from({ length: 30 }, (_, i) => `many-${i}`);
  for (const name of names) kubelet.apply(`${name}.yaml`, manifest({ name }));
  await until('all run', async () => (await kubelet.pods()).filter((p) => p.status?.phase === 'Running').length === names.length);
  const addresses = new Set((await kubelet.pods()).map((p) => p.status?.podIP));
  assert.equal(addresses.size, names.length);
  assert.ok((await kubelet.pods()).every((p) => p.status?.containerStatuses?.[0]?.restartCount === 0));
  for (const name of names) kubelet.remove(`${name}.yaml`);
  await until('all are gone', async () => (await kubelet.pods()).length === 0);
  assert.deepEqual(await listed('containers'), []);
  assert.deepEqual(await listed('tasks'), []);
});

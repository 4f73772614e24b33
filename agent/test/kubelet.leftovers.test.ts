/**
 * What pods leave in the runtime and on disk: as crictl and log shippers read it, and what an earlier life of the node left, which is removed
 * at the start, but never what is mounted in it.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { makeKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { BUSYBOX_IMAGE } from './harness/ociImage.ts';
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

const PRE_STOP = { exec: { command: ['true'] } };
const VIEWED = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'view', labels: { app: 'shop' }, annotations: { 'example.com/team': 'a' } },
  spec: {
    terminationGracePeriodSeconds: 7,
    restartPolicy: 'OnFailure',
    initContainers: [{ name: 'before', image: BUSYBOX_IMAGE, imagePullPolicy: 'IfNotPresent', command: ['echo', 'first'] }],
    containers: [
      {
        name: 'web',
        image: BUSYBOX_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        // The pause between the streams lets the runtime read the first before there is a second.
        command: ['sh', '-c', 'echo "a b"; head -c 20000 /dev/zero | tr "\\0" x; echo; sleep 1; echo bad >&2; exec sleep 3600'],
        ports: [
          { name: 'http', containerPort: 80 },
          { containerPort: 53, protocol: 'UDP' },
        ],
        lifecycle: { preStop: PRE_STOP },
        terminationMessagePath: '/tmp/why',
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
      // Ends badly once, then well.
      {
        name: 'again',
        image: BUSYBOX_IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', '[ -e /keep/been ] && exec sleep 3600; touch /keep/been; echo once; exit 3'],
        volumeMounts: [{ name: 'keep', mountPath: '/keep' }],
      },
    ],
    volumes: [{ name: 'keep', emptyDir: {} }],
  },
};
/** Names of files that log shippers take a pod's name from (fluentd's and fluent-bit's kubernetes filters read them so). */
const FLAT = /^(?<pod>[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)_(?<namespace>[^_]+)_(?<container>.+)-(?<id>[a-z0-9]{64})\.log$/;
const CRI_LINE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) (.*)$/;

test('crictl and log shippers find what they know: labels, annotations, names, log files and links', { skip }, async (t) => {
  const cri = new CriClient({ endpoint: containerd.endpoint, clock: new SystemClock() });
  t.after(() => cri.close());
  await cri.waitReady(t.signal);
  kubelet.apply('view.yaml', JSON.stringify(VIEWED));
  await until('all run, one for the second time', async () => {
    const all = (await kubelet.pod('view'))?.status?.containerStatuses ?? [];
    return all.length === 2 && all.every((c) => c.state?.running !== undefined && c.restartCount === (c.name === 'again' ? 1 : 0));
  });
  const uid = (await kubelet.pod('view'))?.metadata.uid ?? '';
  const pod = { 'io.kubernetes.pod.name': 'view-node1', 'io.kubernetes.pod.namespace': 'default', 'io.kubernetes.pod.uid': uid };
  const logDir = join(kubelet.podLogs, `default_view-node1_${uid}`);

  const { items: sandboxes } = await cri.runtime.listPodSandbox({ filter: { label_selector: { 'io.kubernetes.pod.uid': uid } } });
  assert.equal(sandboxes.length, 1);
  const [sandbox] = sandboxes;
  assert.deepEqual({ ...sandbox?.metadata }, { name: 'view-node1', uid, namespace: 'default', attempt: 0 });
  assert.deepEqual(sandbox?.labels, { app: 'shop', ...pod });
  const { 'kubernetes.io/config.seen': seen = '', 'kubernetes.io/config.hash': hash, ...others } = sandbox?.annotations ?? {};
  assert.deepEqual([others, hash], [{ 'example.com/team': 'a', 'kubernetes.io/config.source': 'file' }, uid]);
  assert.ok(!Number.isNaN(Date.parse(seen)), seen);

  const { containers } = await cri.runtime.listContainers({ filter: { pod_sandbox_id: sandbox?.id ?? '' } });
  const runs = containers.map((c) => `${c.metadata?.name}/${c.metadata?.attempt} ${c.state}`).sort();
  assert.deepEqual(runs, ['again/0 CONTAINER_EXITED', 'again/1 CONTAINER_RUNNING', 'before/0 CONTAINER_EXITED', 'web/0 CONTAINER_RUNNING']);
  const links = readdirSync(join(kubelet.podLogs, '..', 'containers')).filter((name) => name.startsWith('view-'));
  assert.equal(links.length, containers.length);
  for (const { id, labels, annotations, metadata, image, image_ref: ref } of containers) {
    const [name = '', attempt = 0] = [metadata?.name, metadata?.attempt];
    assert.deepEqual(labels, { ...pod, 'io.kubernetes.container.name': name });
    const ours = Object.entries(annotations).filter(([key]) => !key.startsWith('kijabi.io/'));
    const isWeb = name === 'web';
    assert.match(annotations['io.kubernetes.container.hash'] ?? '', /^[0-9a-f]{1,16}$/);
    assert.deepEqual(Object.fromEntries(ours.filter(([key]) => !/\.(hash|ports|preStopHandler)$/.test(key))), {
      'io.kubernetes.container.restartCount': String(attempt),
      'io.kubernetes.container.terminationMessagePath': isWeb ? '/tmp/why' : '/dev/termination-log',
      'io.kubernetes.container.terminationMessagePolicy': isWeb ? 'FallbackToLogsOnError' : 'File',
      'io.kubernetes.pod.terminationGracePeriod': '7',
    });
    const kept = (key: string): unknown => JSON.parse(annotations[`io.kubernetes.container.${key}`] ?? 'null');
    assert.deepEqual(kept('preStopHandler'), isWeb ? PRE_STOP : null);
    const ports = [
      { name: 'http', containerPort: 80, protocol: 'TCP' },
      { containerPort: 53, protocol: 'UDP' },
    ];
    assert.deepEqual(kept('ports'), isWeb ? ports : null);
    assert.ok(image?.image !== '' && ref !== '');

    const { status } = await cri.runtime.containerStatus({ container_id: id, verbose: false });
    const file = join(logDir, name, `${attempt}.log`);
    assert.equal(status?.log_path, file);
    const link = links.find((entry) => entry.endsWith(`-${id}.log`)) ?? '';
    assert.deepEqual({ ...FLAT.exec(link)?.groups }, { pod: 'view-node1', namespace: 'default', container: name, id });
    assert.equal(readlinkSync(join(kubelet.podLogs, '..', 'containers', link)), file);
  }

  const read = (): (string | undefined)[][] =>
    readFileSync(join(logDir, 'web/0.log'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => (CRI_LINE.exec(line) ?? [line]).slice(2));
  await until('all is written', () => read().some(([stream]) => stream === 'stderr'));
  const [first, ...rest] = read();
  assert.deepEqual(
    [first, rest.at(-1)],
    [
      ['stdout', 'F', 'a b'],
      ['stderr', 'F', 'bad'],
    ],
  );
  const long = rest.slice(0, -1);
  assert.ok(long.length > 1 && long.every(([stream, tag], i) => stream === 'stdout' && tag === (i === long.length - 1 ? 'F' : 'P')));
  assert.equal(long.map(([, , text]) => text).join(''), 'x'.repeat(20_000));

  kubelet.remove('view.yaml');
  await until('it is gone, and its links with it', async () => {
    const left = readdirSync(join(kubelet.podLogs, '..', 'containers')).filter((name) => name.startsWith('view-'));
    return (await kubelet.pod('view')) === undefined && left.length === 0 && !existsSync(logDir);
  });
});

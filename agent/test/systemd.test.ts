/** The services on a host with systemd: installed, watched, replaced under running pods, told in the journal, removed. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { explain } from '#base/errors.ts';
import { VERSION } from '#base/version.ts';
import { buildPackage } from '#systemd/package/act.ts';
import { lintDeb } from '#systemd/package/lint.ts';
import { readDeb } from '#systemd/package/observe.ts';
import { missing } from './harness/containerd.ts';
import { manifest } from './harness/manifest.ts';
import { bootSystemdHost, linkHosts, missingSystemd, type SystemdHost } from './harness/nspawn.ts';
import { busyboxImage, PAUSE_IMAGE, pauseImage, writeImage } from './harness/ociImage.ts';
import { until } from './harness/until.ts';

const lacking = missing() ?? missingSystemd();
// A machine may forbid it in ways that nothing tells before: then the reason stands with the skipped tests.
const booted = lacking === undefined ? await bootSystemdHost().catch((err: unknown) => explain(err)) : lacking;
const skip = typeof booted === 'string' ? `no systemd container here: ${booted}` : false;
const ROOT = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
const PATIENT_MS = 180_000;
const host = booted as SystemdHost;
const CONTROL_PLANE = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-dns'];
let before_: ReadonlySet<string>;
let other: SystemdHost | undefined;

/** What these machines need of containerd, see containerd.ts: an image that is there, and no score that they may not give. */
const CONTAINERD = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;

before(async () => {
  if (skip !== false) return;
  await prepareRuntime(host);
  before_ = new Set(host.written());
});
after(async () => {
  if (skip === false) await Promise.all([host.stop(), other?.stop()]);
});

async function prepareRuntime(on: SystemdHost): Promise<void> {
  put('/etc/containerd/config.toml', CONTAINERD, on);
  await on.run(['systemctl', 'restart', 'containerd']);
  for (const image of [pauseImage(), busyboxImage()]) {
    await writeImage(image, join(on.root, 'var/image.tar'));
    await on.run(['ctr', '-n', 'k8s.io', 'images', 'import', '/var/image.tar']);
    await on.run(['rm', '/var/image.tar']);
  }
}

function put(path: string, text: string, on = host): void {
  mkdirSync(join(on.root, path, '..'), { recursive: true });
  writeFileSync(join(on.root, path), text);
}

const install = (...args: readonly string[]): Promise<string> => host.run([`${ROOT}/systemd/install.sh`, ...args]);
const property = (unit: string, name: string): Promise<string> => host.run(['systemctl', 'show', '--value', '-p', name, unit]);
/** Process of the container, as containerd tells it. */
async function task(): Promise<string> {
  const lines = (await host.run(['ctr', '-n', 'k8s.io', 'tasks', 'list'])).split('\n').slice(1);
  const pids = await Promise.all(
    lines.map(
      async (line) => [line.split(/\s+/)[1] ?? '', (await host.tryRun(['cat', `/proc/${line.split(/\s+/)[1]}/comm`])).all] as const,
    ),
  );
  return pids.find(([, comm]) => comm.trim() === 'sleep')?.[0] ?? '';
}
const journal = (...args: readonly string[]): Promise<string> => host.run(['journalctl', '-u', 'kubelet', '--no-pager', ...args]);

test('a dry run says what would be done and does nothing', { skip }, async () => {
  const said = await install('--dry-run');
  assert.match(said, /^Installing Kijabi .* as node\. This changes:$/m);
  assert.match(said, /^ {2}make {5}\/etc\/systemd\/system\/kubelet\.service$/m);
  assert.match(said, /^ {2}link {5}\/usr\/local\/bin\/kubelet -> \/usr\/lib\/kijabi\/agent\/kubelet\/kubelet$/m);
  assert.deepEqual(
    host.written().filter((path) => !before_.has(path) && /kijabi|kube/.test(path)),
    [],
  );
});

test('the services are installed and run, and a second run has nothing to make', { skip }, async () => {
  const said = await install('--role', 'all');
  for (const unit of CONTROL_PLANE) assert.match(said, new RegExp(`^${unit}\\.service: not started$`, 'm'));
  for (const unit of ['kubelet', 'kube-proxy', 'kijabi-pod-network'])
    assert.match(said, new RegExp(`^${unit}\\.service: active$`, 'm'), (await host.tryRun(['journalctl', '-u', unit, '--no-pager'])).all);
  assert.equal((await host.run(['stat', '-c', '%a %U', '/var/lib/kubelet/config.yaml'])).trim(), '600 root');
  const again = await install('--dry-run');
  assert.match(again, /^Updating/);
  assert.doesNotMatch(again, /^ {2}(make|update|link|edit|remove|keep) /m);
});

test('containerd has what it lacked, and what the operator has there', { skip }, async () => {
  const config = await host.run(['cat', '/etc/containerd/config.toml']);
  const own = config.split('\n').filter((line) => !line.endsWith('# kijabi'));
  assert.equal(`${own.join('\n')}\n`, CONTAINERD);
  const inForce = await host.run(['containerd', 'config', 'dump']);
  for (const line of [/SystemdCgroup = true/, /config_path = "\/etc\/containerd\/certs\.d"/, /restrict_oom_score_adj = true/])
    assert.match(inForce, line);
  assert.equal((await property('containerd', 'Delegate')).trim(), 'yes');
  assert.equal((await host.run(['stat', '-c', '%a %U', '/etc/containerd/certs.d'])).trim(), '755 root');
});

test('a manifest becomes a pod, and systemd knows how many there are', { skip }, async () => {
  put('/etc/kubernetes/manifests/web.yaml', manifest({ name: 'web' }));
  await until('it runs', async () => (await task()) !== '', PATIENT_MS);
  await until('systemd is told', async () => /1 pod running/.test(await property('kubelet', 'StatusText')), PATIENT_MS);
  put('/etc/kubernetes/manifests/bad.yaml', manifest({ name: 'bad' }).replace('"containers"', '"cnotainers"'));
  await until('the refusal is told', async () => /1 manifest refused/.test(await property('kubelet', 'StatusText')), PATIENT_MS);
});

test('the journal has fields to search by, and a line to read', { skip }, async () => {
  await until('the start is there', async () => /Started container/.test(await journal('POD=default/web-node1', '-o', 'cat')), PATIENT_MS);
  assert.match(
    await journal('CODE=MANIFEST_INVALID', '-o', 'cat'),
    /^Refused manifest file=\/etc\/kubernetes\/manifests\/bad\.yaml:1:\d+ .*containers/m,
  );
  assert.match(await journal('-p', 'err', '-o', 'cat'), /Refused manifest/);
  await host.run(['rm', '/etc/kubernetes/manifests/bad.yaml']);
});

test('restarts, updates and a hung kubelet leave the container as it is', { skip }, async () => {
  const pid = await task();
  assert.notEqual(pid, '');
  await host.run(['systemctl', 'restart', 'kubelet']);
  assert.equal(await task(), pid);
  await install();
  assert.equal(await task(), pid);
  // The default of a minute would only make the test longer.
  put('/etc/systemd/system/kubelet.service.d/quick.conf', '[Service]\nWatchdogSec=5\n');
  await host.run(['systemctl', 'daemon-reload']);
  await host.run(['systemctl', 'restart', 'kubelet']);
  const kubelet = await property('kubelet', 'MainPID');
  await host.run(['kill', '-STOP', kubelet.trim()]);
  await until('it is started again', async () => Number(await property('kubelet', 'NRestarts')) > 0, PATIENT_MS);
  await until('it is ready again', async () => (await property('kubelet', 'ActiveState')).trim() === 'active', PATIENT_MS);
  assert.match(await journal('-o', 'cat'), /Watchdog timeout/i);
  assert.equal(await task(), pid);
  await host.run(['rm', '-r', '/etc/systemd/system/kubelet.service.d']);
});

test('a shutdown of the machine waits for the pods, the critical ones last; called off, they run again', { skip }, async () => {
  const defaults = await host.run(['cat', '/etc/default/kubelet']);
  put('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS=--config-dir=/etc/kubernetes/drop-ins\n');
  const config = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
  put(
    '/etc/kubernetes/drop-ins/10-shutdown.conf',
    JSON.stringify({ ...config, shutdownGracePeriod: '300s', shutdownGracePeriodCriticalPods: '100s' }),
  );
  await host.run(['systemctl', 'restart', 'kubelet']);
  const inhibits = async (): Promise<boolean> =>
    /kubelet.*shutdown.*delay/.test(await host.run(['systemd-inhibit', '--list', '--no-legend']));
  await until('the kubelet holds shutdowns back', inhibits, PATIENT_MS);
  const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'];
  assert.equal((await host.run(['busctl', 'get-property', ...manager, 'InhibitDelayMaxUSec'])).trim(), 't 300000000');

  const script = (name: string): string =>
    `trap 'ls /marks > /marks/${name}.told; until [ -e /marks/go ]; do sleep 0.1; done; touch /marks/${name}.ended; exit 0' TERM; touch /marks/${name}.up; while :; do sleep 0.1; done`;
  const pod = (name: string, more: object): string =>
    manifest({
      name,
      script: script(name),
      container: { volumeMounts: [{ name: 'marks', mountPath: '/marks' }] },
      spec: {
        terminationGracePeriodSeconds: 200,
        volumes: [{ name: 'marks', hostPath: { path: '/var/marks', type: 'DirectoryOrCreate' } }],
        ...more,
      },
    });
  put('/etc/kubernetes/manifests/low.yaml', pod('low', {}));
  put('/etc/kubernetes/manifests/vital.yaml', pod('vital', { priorityClassName: 'system-node-critical' }));
  const there = async (...names: readonly string[]): Promise<boolean> =>
    (await host.tryRun(['ls', ...names.map((name) => `/var/marks/${name}`)])).exitCode === 0;
  await until('both run', () => there('low.up', 'vital.up'), PATIENT_MS);
  await host.run(['rm', '/var/marks/low.up', '/var/marks/vital.up']);

  await host.run(['busctl', 'call', ...manager, 'PowerOff', 'b', 'false']);
  await host.run(['systemctl', 'mask', '--runtime', 'poweroff.target']); // so that what logind does at the end comes to nothing
  await until(
    'the node says so',
    async () => /node is shutting down/.test(await host.run(['kijabi', 'get', 'node', '-o', 'json'])),
    PATIENT_MS,
  );
  await until('the first one is told', () => there('low.told'), PATIENT_MS);
  put('/var/marks/go', '');
  await until('the vital one has ended', () => there('vital.ended'), PATIENT_MS);
  const seen = await host.run(['cat', '/var/marks/vital.told']);
  assert.match(seen, /^low\.ended$/m, 'the critical pod is told when the other has ended');
  await until('both run again', () => there('low.up', 'vital.up'), PATIENT_MS);
  await until('the next shutdown is held back as well', inhibits, PATIENT_MS);
  const said = await journal('-o', 'cat');
  for (const line of ['The machine shuts down, pods end', 'All pods have had their time', 'The shutdown of the machine was called off'])
    assert.match(said, new RegExp(line));
  const events = await host.run(['kijabi', 'get', 'pod', 'low-node1', '-o', 'json']);
  assert.match(events, /"phase": "Running"/);

  await host.run(['systemctl', 'unmask', '--runtime', 'poweroff.target']);
  await host.run(['rm', '/etc/kubernetes/manifests/low.yaml', '/etc/kubernetes/manifests/vital.yaml']);
  await until('both are gone', async () => !/low|vital/.test(await host.run(['kijabi', 'get', 'pods'])), PATIENT_MS);
  put('/etc/default/kubelet', defaults);
  await host.run(['rm', '-r', '/etc/kubernetes/drop-ins', '/etc/systemd/logind.conf.d']);
  await host.run(['systemctl', 'restart', 'kubelet']);
});

test('pods are slices, with their limits, also after a reload; gone pods leave none', { skip }, async () => {
  await host.run(['rm', '/etc/kubernetes/manifests/web.yaml']);
  await until('it is gone', async () => !/web/.test(await host.run(['kijabi', 'get', 'pods'])), PATIENT_MS);
  const defaults = await host.run(['cat', '/etc/default/kubelet']);
  put('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS="--config-dir=/etc/kubernetes/drop-ins"\n');
  const config = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
  put('/etc/kubernetes/drop-ins/10-driver.conf', JSON.stringify({ ...config, cgroupDriver: 'cgroupfs' }));
  assert.match(
    (await host.tryRun(['kubelet', '--config', '/var/lib/kubelet/config.yaml', '--config-dir=/etc/kubernetes/drop-ins', '--check'])).all,
    /containerd makes control groups by systemd, the kubelet by cgroupfs/,
  );
  put('/etc/kubernetes/drop-ins/10-driver.conf', JSON.stringify({ ...config, podPidsLimit: 321 }));
  await host.run(['systemctl', 'restart', 'kubelet']);
  const resources = { requests: { cpu: '250m' }, limits: { cpu: '500m', memory: '64Mi' } };
  put('/etc/kubernetes/manifests/sliced.yaml', manifest({ name: 'sliced', container: { resources } }));
  await until('it runs', async () => (await task()) !== '', PATIENT_MS);
  const pod = JSON.parse(await host.run(['kijabi', 'get', 'pod', 'sliced-node1', '-o', 'json'])) as { metadata: { uid: string } };
  const slice = `kubepods-burstable-pod${pod.metadata.uid.replaceAll('-', '_')}.slice`;
  const groups = await host.run(['cat', `/proc/${await task()}/cgroup`]);
  assert.match(groups, new RegExp(`:memory:.*/kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-[0-9a-f]+.scope$`, 'm'));

  const group = `/kubepods.slice/kubepods-burstable.slice/${slice}`;
  const inForce = async (): Promise<void> => {
    const told = await host.run(['systemctl', 'show', '-p', 'MemoryLimit,TasksMax,CPUShares,CPUQuotaPerSecUSec', slice]);
    for (const line of ['MemoryLimit=67108864', 'TasksMax=321', 'CPUShares=256', 'CPUQuotaPerSecUSec=500ms'])
      assert.match(told, new RegExp(line));
    const own = (await host.run(['sed', '-n', 's/^[0-9]*:memory:\\(.*\\)$/\\1/p', '/proc/1/cgroup'])).trim().replace(/\/init\.scope$/, '');
    assert.equal((await host.run(['cat', `/sys/fs/cgroup/memory${own}${group}/memory.limit_in_bytes`])).trim(), '67108864');
  };
  await inForce();
  const pid = await task();
  await host.run(['systemctl', 'daemon-reload']);
  await host.run(['systemctl', 'restart', 'kubelet']);
  await until('the kubelet is there', async () => /sliced/.test((await host.tryRun(['kijabi', 'get', 'pods'])).all), PATIENT_MS);
  await inForce();
  assert.equal(await task(), pid);

  await host.run(['rm', '/etc/kubernetes/manifests/sliced.yaml']);
  const slices = async (): Promise<string> =>
    host.run(['systemctl', 'list-units', '--all', '--plain', '--no-legend', 'kubepods*-pod*.slice']);
  await until('the slice is gone', async () => (await slices()) === '', PATIENT_MS);
  assert.equal((await host.run(['sh', '-c', `find /sys/fs/cgroup -name '${slice}'`])).trim(), '');

  put('/etc/default/kubelet', defaults);
  await host.run(['rm', '-r', '/etc/kubernetes/drop-ins']);
  await host.run(['systemctl', 'restart', 'kubelet']);
  put('/etc/kubernetes/manifests/web.yaml', manifest({ name: 'web' }));
  await until('a pod runs again', async () => (await task()) !== '', PATIENT_MS);
});

test('the services of a control plane start when there is one to run, and systemd knows what they do', { skip }, async () => {
  // On some machines it leads to where nothing is here.
  await host.run(['sh', '-c', 'rm -f /etc/resolv.conf; echo nameserver 192.0.2.53 > /etc/resolv.conf']);
  await host.run(['kijabi', 'init', '--files-only', '--apiserver-advertise-address=127.0.0.1']);
  await host.run(['systemctl', 'start', 'kubernetes.target']);
  const tells = async (unit: string, words: RegExp): Promise<void> =>
    until(`${unit}: ${words}`, async () => words.test(await property(unit, 'StatusText')), PATIENT_MS);
  await tells('kube-apiserver', /^listening on \S+:6443, \d{2,} objects, \d{2,} watches, revision \d+$/);
  await tells('kube-controller-manager', /^leads, \d+ controllers against https:\/\/127\.0\.0\.1:6443$/);
  await tells('kube-scheduler', /^leads, 0 pods on 0 nodes$/);
  await tells('kube-dns', /^answers for cluster\.local, \d+ services?$/);
  for (const unit of CONTROL_PLANE) assert.equal((await property(unit, 'NRestarts')).trim(), '0', unit);
  await host.run(['systemctl', 'stop', ...CONTROL_PLANE]);
  await host.run(['sh', '-c', 'cd /etc/kubernetes && rm -r pki *.conf *.env kube-dns.yaml']);
});

test('what is not ours is not overwritten, and then nothing is changed', { skip }, async () => {
  await host.run(['rm', '/usr/local/bin/kubelet']);
  put('/usr/local/bin/kubelet', '#!/bin/sh\n');
  const { exitCode, all } = await host.tryRun([`${ROOT}/systemd/install.sh`]);
  assert.equal(exitCode, 1);
  assert.match(all, /\/usr\/local\/bin\/kubelet is there and not ours: move it away/);
  await host.run(['rm', '/usr/local/bin/kubelet']);
});

test('uninstall stops the pods and removes everything but what was changed by hand; purge removes that too', { skip }, async () => {
  await install();
  put('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS=-v=2\n');
  const said = await install('--uninstall');
  assert.match(said, /^Removed, but for \/etc\/default\/kubelet\./m);
  assert.equal(await task(), '');
  assert.equal((await host.tryRun(['systemctl', 'cat', 'kubelet'])).exitCode, 1);
  assert.equal((await host.tryRun(['nft', 'list', 'table', 'ip', 'kijabi-pods'])).exitCode, 1);
  assert.equal(`${await host.run(['cat', '/etc/containerd/config.toml'])}\n`, CONTAINERD);
  assert.equal((await host.tryRun(['stat', '/etc/containerd/certs.d'])).exitCode, 1);
  await install();
  put('/etc/default/kube-proxy', 'KUBE_PROXY_EXTRA_ARGS=-v=2\n');
  await install('--uninstall', '--purge');
  // It was there before the second installation.
  await host.run(['rm', '/etc/default/kubelet']);
  const left = host.written().filter((path) => !before_.has(path) && /kijabi|kube/.test(path) && !path.startsWith('/var/lib/containerd'));
  assert.deepEqual(left, []);
});

let deb: string;
let beforePackage: ReadonlySet<string>;
const dpkg = (...args: readonly string[]): Promise<string> => host.run(['dpkg', ...args]);

test('the Debian package: installs offline, and pods go on through an upgrade', { skip }, async () => {
  beforePackage = new Set(host.written());
  const { signal } = new AbortController();
  const build = (version: string): Promise<string> =>
    buildPackage({ root: ROOT, outDir: join(host.root, 'var/deb'), version, compression: 'none', signal });
  const built = await build(VERSION);
  assert.deepEqual(lintDeb(await readDeb(built, signal)), []);
  deb = built.slice(host.root.length);
  await dpkg('-i', deb);
  for (const unit of ['kubelet', 'kube-proxy']) assert.equal((await property(unit, 'ActiveState')).trim(), 'active', unit);
  assert.equal(
    (await host.run(['stat', '-c', '%a %U', '/etc/default/kubelet', '/var/lib/kubelet/config.yaml'])).trim(),
    '600 root\n600 root',
  );
  assert.match((await host.tryRun([`${ROOT}/systemd/install.sh`])).all, /is here as a Debian package/);
  put('/etc/kubernetes/manifests/web.yaml', manifest({ name: 'web' }));
  await until('it runs', async () => (await task()) !== '', PATIENT_MS);

  const [pid, kubelet] = [await task(), await property('kubelet', 'MainPID')];
  put('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS=-v=2\n');
  const newer = `${VERSION}+1`;
  deb = (await build(newer)).slice(host.root.length);
  await dpkg('-i', deb);
  assert.equal(await host.run(['dpkg-query', '-W', '-f', '${Version}', 'kijabi']), newer);
  assert.equal(await task(), pid);
  assert.notEqual(await property('kubelet', 'MainPID'), kubelet);
  assert.equal((await host.run(['cat', '/etc/default/kubelet'])).trim(), 'KUBELET_EXTRA_ARGS=-v=2');
  assert.match(await host.run(['dpkg', '--verify', 'kijabi']), /^\S+ c \/etc\/default\/kubelet$/);
  await host.run(['rm', '/etc/kubernetes/manifests/web.yaml']);
  await until('it is gone', async () => (await task()) === '', PATIENT_MS);
});

test('init and join make a cluster of two hosts, whose pods run where the scheduler puts them; reset undoes it', { skip }, async () => {
  const second = (other = await bootSystemdHost('node2'));
  await linkHosts([host, '192.168.50.1/24'], [second, '192.168.50.2/24']);
  await prepareRuntime(second);
  mkdirSync(join(second.root, 'var/deb'));
  copyFileSync(join(host.root, deb), join(second.root, deb));
  await second.run(['dpkg', '-i', deb]);
  const alone = { first: new Set(host.written()), second: new Set(second.written()) };
  const own = await Promise.all(
    ['/var/lib/kubelet/config.yaml', '/etc/cni/net.d/10-kijabi.conflist'].map(
      async (path) => [path, await host.run(['cat', path])] as const,
    ),
  );

  const script = (name: string, env: Readonly<Record<string, string>>): string[] => [
    'env',
    ...Object.entries({ KIJABI_PACKAGE: deb, ...env }).map(([key, value]) => `${key}=${value}`),
    `${ROOT}/vagrant/provision/${name}.sh`,
  ];
  for (const on of [host, second]) assert.equal((await on.run(script('common', {}))).trim(), 'common.sh: Kijabi is installed');
  const cluster = { KIJABI_ADDRESS: '192.168.50.1', KIJABI_TOKEN: 'abcdef.0123456789abcdef' };
  const said = await host.run(script('control-plane', cluster));
  assert.match(said, /^Your Kubernetes control-plane has initialized successfully!$/m);
  const [, printed = ''] = /^ {2}(kijabi join .*)$/m.exec(said) ?? [];
  const command = (await host.run(['kijabi', 'token', 'create', '--print-join-command'])).trim();
  assert.equal(command.replace(/--token \S+/, ''), printed.replace(/--token \S+/, ''));
  assert.match(
    await host.run(['kijabi', 'token', 'list']),
    /^TOKEN +EXPIRES +USAGES +DESCRIPTION +EXTRA GROUPS\n([a-z0-9]{6}\.[a-z0-9]{16} .*\n?){2}$/,
  );
  assert.equal((await host.run(script('control-plane', cluster))).trim(), 'control-plane.sh: the control plane runs');

  const wrong = await second.tryRun(command.replace(/sha256:\S+/, `sha256:${'0'.repeat(64)}`).split(' '));
  assert.match(wrong.all, /the authority of this cluster is sha256:[0-9a-f]{64}, which is none of --discovery-token-ca-cert-hash/);
  assert.equal((await second.tryRun(['stat', '/etc/kubernetes/pki'])).exitCode, 1);
  const pin = /sha256:\S+/.exec(command)?.[0] ?? '';
  const joining = { ...cluster, KIJABI_SERVER: '192.168.50.1:6443', KIJABI_CA_HASH: pin };
  assert.match(await second.run(script('node', joining)), /^This node has joined the cluster:$/m);
  assert.equal((await second.run(script('node', joining))).trim(), 'node.sh: this host is a node of a cluster');
  assert.match((await second.tryRun(command.split(' '))).all, /\[ERROR FileAvailable--etc-kubernetes-kubelet\.conf\]/);

  const kubectl = (...args: readonly string[]): Promise<string> =>
    host.run(['kubectl', '--kubeconfig=/etc/kubernetes/admin.conf', '--cache-dir=/tmp/cache', ...args]);
  await until(
    'both are Ready',
    async () => /^node1 +Ready +control-plane.*\nnode2 +Ready /m.test(await kubectl('get', 'nodes', '--no-headers')),
    PATIENT_MS,
  );
  put('/var/pod.json', manifest({ name: 'hello', script: 'echo hello; sleep 100000' }));
  await kubectl('apply', '-f', '/var/pod.json');
  await until('it runs there', async () => /Running.*node2/.test(await kubectl('get', 'pod', 'hello', '-o', 'wide')), PATIENT_MS);
  await until('it has spoken', async () => (await kubectl('logs', 'hello')).trim() === 'hello', PATIENT_MS);
  // Each node has a part of the network of its own, and packets between them keep their addresses.
  const toleration = { key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' };
  put('/var/peer.json', manifest({ name: 'peer', spec: { nodeName: 'node1', tolerations: [toleration] } }));
  await kubectl('apply', '-f', '/var/peer.json');
  await until('it runs here', async () => /Running.*node1/.test(await kubectl('get', 'pod', 'peer', '-o', 'wide')), PATIENT_MS);
  const ip = async (name: string): Promise<string> => kubectl('get', 'pod', name, '-o', 'jsonpath={.status.podIP}');
  const [from, to] = [await ip('peer'), await ip('hello')];
  assert.notEqual(from.replace(/\.\d+$/, ''), to.replace(/\.\d+$/, ''));
  await kubectl('exec', 'peer', '--', 'busybox', 'ping', '-c', '1', '-W', '5', to);
  for (const name of ['kubeadm-config', 'kubelet-config', 'kube-proxy']) await kubectl('-n', 'kube-system', 'get', 'configmap', name);
  assert.match(await kubectl('-n', 'kube-system', 'get', 'configmap', 'kube-proxy', '-o', 'yaml'), /mode: iptables/);

  await Promise.all([second.run(['kijabi', 'reset', '-f']), host.run(['kijabi', 'reset', '-f'])]);
  for (const [on, were] of [
    [host, alone.first],
    [second, alone.second],
  ] as const) {
    const left = on.written().filter((path) => !were.has(path) && /^\/etc\/(kubernetes|cni)|^\/var\/lib\/(kube-|kijabi|etcd)/.test(path));
    assert.deepEqual(left, []);
    const units = ['kubelet', 'kube-proxy', 'kijabi-pod-network'];
    assert.equal((await on.run(['systemctl', 'is-active', ...units])).trim(), 'active\nactive\nactive');
    assert.equal((await on.tryRun(['systemctl', 'is-active', 'kijabi-network'])).all, 'inactive');
    for (const [path, text] of own) assert.equal(await on.run(['cat', path]), text);
    assert.equal((await on.run(['ip', 'route', 'show', 'proto', '107'])).trim(), '');
    assert.equal((await on.tryRun(['nft', 'list', 'table', 'ip', 'kijabi-network'])).exitCode, 1);
  }
});

test('removing the package leaves configuration alone, purging it nothing', { skip }, async () => {
  await dpkg('-r', 'kijabi');
  assert.equal(await task(), '');
  assert.equal((await host.tryRun(['systemctl', 'cat', 'kubelet'])).exitCode, 1);
  assert.equal((await host.run(['cat', '/etc/default/kubelet'])).trim(), 'KUBELET_EXTRA_ARGS=-v=2');
  await dpkg('-P', 'kijabi');
  const left = host.written().filter((path) => !beforePackage.has(path) && /kijabi|kube/.test(path));
  assert.deepEqual(
    left.filter((path) => !/^\/var\/(lib\/(containerd|dpkg)|deb|log\/journal)\//.test(path)),
    [],
  );
});

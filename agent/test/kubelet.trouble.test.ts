/** What a node lacks now and then: each gives one clear line with the next step, and the pod runs by itself once it is there. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { makeKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { PAUSE_IMAGE, pauseImage, writeImage } from './harness/ociImage.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;
let cri: CriClient;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  cri = new CriClient({ endpoint: containerd.endpoint, clock: new SystemClock() });
  // A full disk shall be met by the pod itself here, not by an eviction that keeps every later pod away.
  kubelet = makeKubelet(containerd, { config: { evictionHard: { 'memory.available': '100Mi' } } });
  // Small disks of their own, to be filled: 64 files each.
  for (const dir of [kubelet.rootDir, kubelet.podLogs])
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=256k,nr_inodes=64', 'kijabi-test', dir]);
  await kubelet.start();
});
after(async () => {
  await kubelet?.stop();
  cri?.close();
  await containerd?.stop();
});

/** Lines of warnings and errors since the mark. */
const complaints = (since: number): string[] =>
  kubelet
    .log()
    .slice(since)
    .split('\n')
    .filter((l) => /^<[34]>/.test(l));

interface Trouble {
  readonly name: string;
  /** Of the one line that is logged. */
  readonly line: RegExp;
  readonly event: RegExp;
  readonly spoil: () => unknown;
  readonly mend: () => unknown;
}

async function check(
  { name, line, event, spoil, mend }: Trouble,
  pod: { spec?: Record<string, unknown>; container?: Record<string, unknown> } = {},
): Promise<void> {
  await spoil();
  const mark = kubelet.log().length;
  try {
    kubelet.apply(`${name}.yaml`, manifest({ name, ...pod }));
    await until('it is told', () => complaints(mark).length > 0);
    await until('it was tried three times', async () => (await steps(name)) >= 3);
    const told = complaints(mark);
    assert.equal(told.length, 1, `one line for one trouble, got\n${told.join('\n')}`);
    assert.match(told[0]!, line);
    const events = await kubelet.client.events({ pod: `${name}-node1` }, never);
    assert.ok(
      events.some((e) => e.type === 'Warning' && event.test(`${e.reason}: ${e.message}`)),
      JSON.stringify(events),
    );
    assert.equal((await kubelet.pod(name))?.status?.phase, 'Pending');
  } finally {
    await mend();
  }
  await until('it runs', async () => (await kubelet.pod(name))?.status?.phase === 'Running');
  assert.equal((await kubelet.pod(name))?.status?.containerStatuses?.[0]?.restartCount, 0);
  kubelet.remove(`${name}.yaml`);
  await until('it is gone', async () => (await kubelet.pod(name)) === undefined);
  await until('nothing is left of it', async () => (await containerd.ctr(['containers', 'list', '-q'])) === '');
}

const never = new AbortController().signal;
/** How often the pod's directories or its sandbox were tried. */
async function steps(name: string): Promise<number> {
  const timeline = await kubelet.client.timeline('default', `${name}-node1`, never);
  return timeline.filter((s) => s.step === 'prepare').length;
}

test('no CNI configuration', { skip }, () => {
  const file = join(containerd.dir, 'cni/net.d/10-test.conflist');
  return check({
    name: 'no-cni',
    line: /^<4>Reconcile failed loop=pods key=default\/no-cni-node1 step=createSandbox retryInMs=500 err="No pod network is configured: put a CNI configuration \(\*\.conflist\) into the directory the runtime reads, \/etc\/cni\/net\.d for containerd" code=NETWORK_NOT_CONFIGURED$/,
    event: /^NetworkNotReady: network is not ready: No pod network is configured/,
    spoil: async () => {
      renameSync(file, `${file}.off`);
      await networkIs(false);
    },
    mend: () => renameSync(`${file}.off`, file),
  });
});

/** containerd watches its directory of network configurations; this waits until it has seen the change. */
async function networkIs(ready: boolean): Promise<void> {
  await until(`containerd says that the network is ${ready ? '' : 'not '}ready`, async () => {
    const { status } = await cri.runtime.status({});
    return status?.conditions.find((c) => c.type === 'NetworkReady')?.status === ready;
  });
}

test('a CNI plugin that is not installed', { skip }, async () => {
  const bin = join(containerd.dir, 'cni/bin');
  mkdirSync(bin);
  for (const plugin of ['loopback', 'host-local']) symlinkSync(`/usr/lib/cni/${plugin}`, join(bin, plugin));
  const config = join(containerd.dir, 'config.toml');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('bin_dir = "/usr/lib/cni"', `bin_dir = "${bin}"`));
  assert.notEqual(readFileSync(config, 'utf8'), text);
  await containerd.kill();
  await containerd.start();
  await until('the kubelet is back', () => kubelet.log().includes('Reached the container runtime again'));
  await check({
    name: 'no-plugin',
    line: /err="The CNI plugin bridge is not in \S+\/cni\/bin: install it there \(Debian: containernetworking-plugins, in \/usr\/lib\/cni\), or set bin_dir in the runtime's configuration" code=NETWORK_PLUGIN_MISSING$/,
    event: /^FailedCreatePodSandBox: Failed to create pod sandbox: The CNI plugin bridge is not in/,
    spoil: () => undefined,
    mend: () => symlinkSync('/usr/lib/cni/bridge', join(bin, 'bridge')),
  });
});

test("the runtime's own image is not there and cannot be pulled", { skip }, () =>
  check({
    name: 'no-pause',
    line: /err="The runtime cannot get its own image registry\.k8s\.io\/pause:test \(sandbox_image in its configuration\): load it, or let the runtime reach the registry.*" code=SANDBOX_IMAGE_MISSING$/,
    event: /^FailedCreatePodSandBox: Failed to create pod sandbox: The runtime cannot get its own image/,
    spoil: async () => {
      await containerd.ctr(['images', 'remove', PAUSE_IMAGE]);
      await until('containerd knows', async () => (await cri.image.imageStatus({ image: { image: PAUSE_IMAGE } })).image === null);
    },
    mend: async () => {
      const archive = join(containerd.dir, 'pause.tar');
      await writeImage(pauseImage(), archive);
      await containerd.importImage(archive);
      rmSync(archive);
    },
  }),
);

/** Uses up every file the small disk can hold; returns what frees them. */
function fill(dir: string): () => void {
  const filler = join(dir, 'filler');
  mkdirSync(filler);
  for (let i = 0; ; i++) {
    try {
      writeFileSync(join(filler, String(i)), '');
    } catch (err) {
      assert.equal((err as NodeJS.ErrnoException).code, 'ENOSPC');
      return () => rmSync(filler, { recursive: true });
    }
  }
}

for (const [name, dirOf] of [
  ['full-root', (k: TestKubelet) => k.rootDir],
  ['full-logs', (k: TestKubelet) => k.podLogs],
] as const) {
  test(`a disk that is full: ${name}`, { skip }, () => {
    let free: () => void = () => undefined;
    return check({
      name,
      line: new RegExp(
        `^<4>Reconcile failed loop=pods key=default/${name}-node1 step=prepare retryInMs=500 err="Cannot make the directories of pod default/${name}-node1: no space left on the disk, free some \\(df -h, df -i\\): ENOSPC: no space left on device, mkdir '${dirOf(kubelet)}.*'" code=DISK_FULL$`,
      ),
      event: /^Failed: error making pod data directories: Cannot make the directories of pod/,
      spoil: () => (free = fill(dirOf(kubelet))),
      mend: () => free(),
    });
  });
}

const HOST_PATHS: readonly (readonly [type: string, noun: string, make: (path: string) => unknown])[] = [
  ['Directory', 'directory', (path) => mkdirSync(path)],
  ['File', 'file', (path) => writeFileSync(path, '')],
  ['Socket', 'socket', (path) => listen(path)],
  ['CharDevice', 'character device', (path) => execa('mknod', [path, 'c', '1', '3'])],
  ['BlockDevice', 'block device', (path) => execa('mknod', [path, 'b', '7', '0'])],
];
const servers: Server[] = [];
const listen = (path: string): Promise<void> =>
  new Promise((resolve) => {
    servers.push(createServer().listen(path, resolve));
  });
after(() => {
  for (const server of servers) server.close();
});

for (const [type, noun, make] of HOST_PATHS) {
  test(`a hostPath of type ${type} that is something else`, { skip }, () => {
    const name = `host-${type.toLowerCase()}`;
    const path = join(containerd.dir, name);
    const wrong = type === 'Directory' ? () => writeFileSync(path, '') : () => mkdirSync(path);
    return check(
      {
        name,
        line: new RegExp(
          `err="MountVolume.SetUp failed for volume \\\\"v\\\\" : hostPath type check failed: ${path} is not a ${noun}: .*" code=VOLUME_FAILED$`,
        ),
        event: new RegExp(`^FailedMount: MountVolume\\.SetUp failed for volume "v" : hostPath type check failed: ${path} is not a ${noun}`),
        spoil: wrong,
        mend: async () => {
          rmSync(path, { recursive: true });
          await make(path);
        },
      },
      { spec: { volumes: [{ name: 'v', hostPath: { path, type } }] }, container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] } },
    );
  });
}

for (const [type, made] of [
  ['DirectoryOrCreate', 'directory'],
  ['FileOrCreate', 'regular empty file'],
] as const) {
  test(`a hostPath of type ${type} is made when it is not there`, { skip }, async () => {
    const name = `host-${type.toLowerCase()}`;
    const path = join(containerd.dir, name);
    kubelet.apply(
      `${name}.yaml`,
      manifest({
        name,
        spec: { volumes: [{ name: 'v', hostPath: { path, type } }] },
        container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      }),
    );
    await until('it runs', async () => (await kubelet.pod(name))?.status?.phase === 'Running');
    assert.equal((await execa('stat', ['-c', '%F %U', path])).stdout, `${made} root`);
    kubelet.remove(`${name}.yaml`);
    await until('it is gone', async () => (await kubelet.pod(name)) === undefined);
    assert.equal((await execa('stat', ['-c', '%F', path])).stdout, made, 'what is the host’s stays');
    unlinkIfFile(path);
  });
}

function unlinkIfFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    rmSync(path, { recursive: true });
  }
}

test('in the end the log holds no other complaint', { skip }, () => {
  const other = kubelet
    .log()
    .split('\n')
    .filter((l) => /^<[34]>/.test(l) && !/code=(NETWORK_\w+|SANDBOX_IMAGE_MISSING|DISK_FULL|VOLUME_FAILED|CRI_UNAVAILABLE)/.test(l));
  assert.deepEqual(other, []);
});

/** What the node does for its own sake, on a real containerd: refuses pods, pushes them out, evicts them, removes images. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { makeKubelet, startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { busyboxImage, writeImage } from './harness/ociImage.ts';
import { startRegistry } from './harness/registry.ts';
import { until } from './harness/until.ts';

const kijabi = (argv: readonly string[]) =>
  execa('sh', [new URL('../../controlplane/cli/kijabi', import.meta.url).pathname, ...argv], { reject: false });
const never = new AbortController().signal;
const skip = missing() ?? false;
let containerd: TestContainerd;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
});
after(() => containerd?.stop());

const status = async (kubelet: TestKubelet, name: string): Promise<PodStatus | undefined> => (await kubelet.pod(name))?.status;
const phase = (kubelet: TestKubelet, name: string, want: string, reason?: string): Promise<void> =>
  until(`${name} is ${want} ${reason ?? ''}`, async () => {
    const s = await status(kubelet, name);
    return s?.phase === want && s.reason === reason;
  });
const gone = (kubelet: TestKubelet, ...names: string[]): Promise<void> => {
  for (const name of names) kubelet.remove(`${name}.yaml`);
  return until('they are gone', async () => (await kubelet.pods()).length === 0);
};

test(
  'more pods than the node takes: refused with the reason, taken when one goes; a host port is given once; a critical pod pushes',
  { skip },
  async () => {
    const kubelet = await startKubelet(containerd, { nodeName: 'full', config: { maxPods: 2 } });
    const port = (p: number): object => ({ ports: [{ containerPort: 80, hostPort: p }] });
    try {
      kubelet.apply('a.yaml', manifest({ name: 'a', container: port(8_081) as never }));
      await phase(kubelet, 'a', 'Running');
      kubelet.apply('clash.yaml', manifest({ name: 'clash', container: port(8_081) as never }));
      await phase(kubelet, 'clash', 'Failed', 'NodePorts');
      kubelet.remove('clash.yaml');
      kubelet.apply('b.yaml', manifest({ name: 'b' }));
      await phase(kubelet, 'b', 'Running');
      kubelet.apply('c.yaml', manifest({ name: 'c' }));
      await phase(kubelet, 'c', 'Failed', 'OutOfpods');
      assert.equal(
        (await status(kubelet, 'c'))?.message,
        "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
      );
      // What runs was taken by the kubelet before this one, whatever the order of the files.
      await kubelet.kill('SIGKILL');
      await kubelet.start();
      await phase(kubelet, 'c', 'Failed', 'OutOfpods');
      await phase(kubelet, 'a', 'Running');
      await phase(kubelet, 'b', 'Running');
      kubelet.remove('a.yaml');
      await phase(kubelet, 'c', 'Running');
      kubelet.apply('vip.yaml', manifest({ name: 'vip', spec: { priorityClassName: 'system-node-critical' } }));
      await phase(kubelet, 'vip', 'Running');
      const states = await Promise.all(['b', 'c'].map((name) => status(kubelet, name)));
      assert.deepEqual(states.map((s) => s?.reason ?? '').sort(), ['', 'Preempting']);
      await gone(kubelet, 'b', 'c', 'vip');
    } finally {
      await kubelet.stop();
    }
  },
);

test('kubelet --check: all is well before it starts and while it runs; a port that is taken ends it with one line', { skip }, async () => {
  const kubelet = makeKubelet(containerd, { nodeName: 'checked', config: { evictionHard: {} } });
  const check = (): ReturnType<typeof kubelet.run> => kubelet.run(['--check']);
  const before = await check();
  assert.equal(before.exitCode, 0, before.stdout);
  assert.match(before.stdout, /^ok {4}runtime +containerd 1\.\S+ on unix:/m);
  assert.match(before.stdout, /^ok {4}cni /m);
  assert.match(before.stdout, /^ok {4}ports +127\.0\.0\.1:10248, 0\.0\.0\.0:10250 free$/m);
  await kubelet.start();
  const during = await check();
  const other = makeKubelet(containerd, { nodeName: 'second' });
  const [said, ended] = await Promise.all([other.run(['--check']), other.run([])]);
  await kubelet.stop();
  assert.equal(during.exitCode, 0, during.stdout);
  assert.match(during.stdout, /^ok {4}ports +127\.0\.0\.1:10248, 0\.0\.0\.0:10250 held by the kubelet that runs$/m);
  assert.match(said.stdout, /^FAIL {2}ports +Port 10248 on 127\.0\.0\.1 is taken by process \d+ \(\S+\); do: stop what has it/m);
  assert.equal(said.exitCode, 1);
  assert.match(
    ended.stderr,
    /^<3>kubelet stopped because of an error err="Port 10248 on 127\.0\.0\.1 is taken by process .*1 more.*" code=HEALTHZ_PORT_TAKEN$/,
  );
  assert.equal(ended.exitCode, 1);
});

test(
  'a changed configuration is in effect at once, or says that it needs a restart; nothing that runs is touched; SIGHUP and drop-ins do the same',
  { skip },
  async () => {
    const kubelet = await startKubelet(containerd, { nodeName: 'live', config: { maxPods: 1 } });
    const says = (what: RegExp): Promise<void> => until(`the log says ${what}`, () => what.test(kubelet.log()));
    try {
      const readinessProbe = { exec: { command: ['true'] }, periodSeconds: 1 };
      kubelet.apply('a.yaml', manifest({ name: 'a', container: { readinessProbe } }));
      const ready = (s: PodStatus | undefined): boolean => s?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
      await until('a is ready', async () => ready(await status(kubelet, 'a')));
      const before = await status(kubelet, 'a');
      kubelet.apply('b.yaml', manifest({ name: 'b' }));
      await phase(kubelet, 'b', 'Failed', 'OutOfpods');
      kubelet.configure({ maxPods: 2, port: 10_259 });
      await phase(kubelet, 'b', 'Running');
      assert.match(
        kubelet.log(),
        /<6>Configuration is in effect fields=maxPods\n<4>Configuration needs a restart of the kubelet fields=port\n/,
      );
      kubelet.configure({ maxPods: -3 });
      await says(/<3>Refused configuration, the one before stays in effect err="1 problem.*maxPods: .*" code=CONFIG_INVALID/);
      kubelet.configure({ maxPods: 2 });
      writeFileSync(
        join(kubelet.configDir, '10.conf'),
        'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 3\n',
      );
      await until('the drop-in is in effect', async () => (await kubelet.client.node(never)).status?.capacity?.['pods'] === '3');
      process.kill(kubelet.pid(), 'SIGHUP');
      await says(/<6>Configuration is as it was\n/);
      const after = await status(kubelet, 'a');
      const seen = (s: PodStatus | undefined): unknown => [s?.containerStatuses, s?.conditions?.find((c) => c.type === 'Ready')];
      assert.deepEqual(seen(after), seen(before), 'the container, and when it became ready');
      await gone(kubelet, 'a', 'b');
    } finally {
      await kubelet.stop();
    }
  },
);

test(
  'a node short of memory evicts who uses more than it asked for, says so, takes no more, and keeps the critical one',
  { skip },
  async () => {
    // The threshold is above what any machine has: the node is short from the first look on.
    const eviction = {
      evictionSoft: { 'memory.available': '100%' },
      evictionSoftGracePeriod: { 'memory.available': '3s' },
      evictionHard: {},
    };
    const kubelet = await startKubelet(containerd, { nodeName: 'short', config: { ...eviction, evictionMaxPodGracePeriod: 1 } });
    try {
      kubelet.apply('greedy.yaml', manifest({ name: 'greedy', script: 'exec sleep 3600' }));
      kubelet.apply('vip.yaml', manifest({ name: 'vip', spec: { priorityClassName: 'system-node-critical' } }));
      await phase(kubelet, 'vip', 'Running');
      await phase(kubelet, 'greedy', 'Failed', 'Evicted');
      const evicted = await status(kubelet, 'greedy');
      assert.match(
        evicted?.message ?? '',
        /^The node was low on resource: memory\. Threshold quantity: \d+Ki, available: \d+Ki\. Container c was using \d+Ki, request is 0, has larger consumption of memory\. $/,
      );
      assert.equal(evicted?.conditions?.find((c) => c.type === 'DisruptionTarget')?.reason, 'TerminationByKubelet');
      kubelet.apply('late.yaml', manifest({ name: 'late' }));
      await phase(kubelet, 'late', 'Failed', 'Evicted');
      assert.match((await status(kubelet, 'late'))?.message ?? '', /^Pod was rejected: The node had condition: \[MemoryPressure\]\. $/);
      assert.match(kubelet.log(), /<4>Node is short of something condition=MemoryPressure /);
      const node = await kubelet.client.node(new AbortController().signal);
      const told = node.status?.conditions?.map((c) => `${c.type}=${c.status}`);
      assert.deepEqual(told, ['MemoryPressure=True', 'DiskPressure=False', 'PIDPressure=False', 'Ready=True']);
      assert.match(node.status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/1\./);
      assert.ok(node.status?.images?.some((i) => i.names?.some((n) => n.includes('busybox:test'))));
      const kijabi = new URL('../../controlplane/cli/kijabi', import.meta.url).pathname;
      const { stdout } = await execa('sh', [kijabi, 'get', 'node', '--socket', join(kubelet.rootDir, 'kubelet.sock')]);
      assert.match(stdout, /^NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\nshort\s+Ready\s+<none>\s+\S+\s+v\d/);
      // It stays evicted over a restart, and the critical pod stays.
      await kubelet.kill('SIGKILL');
      await kubelet.start();
      await phase(kubelet, 'greedy', 'Failed', 'Evicted');
      await phase(kubelet, 'vip', 'Running');
      await gone(kubelet, 'greedy', 'vip', 'late');
    } finally {
      await kubelet.stop();
    }
  },
);

test(
  'images: a pull says how far it is; secrets of the pod and of the node open a registry; digests; what cannot be an image',
  { skip },
  async () => {
    const own = busyboxImage('docker.io/library/other:1');
    const registry = await startRegistry(containerd, { ...own, files: { ...own.files, 'bin/more': '/bin/busybox' } });
    const kubelet = await startKubelet(containerd, { nodeName: 'images', config: { serializeImagePulls: false } });
    const watching = kijabi(['get', 'pods', '-w', '--socket', join(kubelet.rootDir, 'kubelet.sock')]);
    let seen = '';
    watching.stdout.on('data', (text: Buffer) => (seen += text.toString()));
    const wait = async (name: string): Promise<string> => {
      const { reason, message } = (await status(kubelet, name))?.containerStatuses?.[0]?.state?.waiting ?? {};
      return `${reason}: ${message}`;
    };
    const waits = (name: string, want: RegExp): Promise<void> =>
      until(`${name} waits for ${want}`, async () => want.test(await wait(name)));
    const image = (name: string): object => ({ image: `${registry.host}/${name}`, imagePullPolicy: 'IfNotPresent' });
    const auth = Buffer.from('puller:hunter2').toString('base64');
    const dockerConfig = JSON.stringify({ auths: { [registry.host]: { auth } } });
    try {
      kubelet.apply('slow.yaml', manifest({ name: 'slow', container: image('slow/a:1') as never }));
      await waits(
        'slow',
        /^ContainerCreating: Pulling image "localhost:5000\/slow\/a:1": \d+%, \d+\.\d of \d+\.\d MiB \(1 part under way\)$/,
      );
      await until('get -w shows it', () => /slow-images\s+0\/1\s+Pulling \d+%/.test(seen));
      registry.letGo();
      await phase(kubelet, 'slow', 'Running');

      kubelet.apply(
        'private.yaml',
        manifest({ name: 'private', container: image('private/a:1') as never, spec: { imagePullSecrets: [{ name: 'cred' }] } }),
      );
      await waits('private', /^ErrImagePull: failed to pull and unpack image "localhost:5000\/private\/a:1": .*(401|authorization failed)/);
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'cred' }, type: 'kubernetes.io/dockerconfigjson' };
      kubelet.apply(
        'cred.yaml',
        JSON.stringify({ ...secret, data: { '.dockerconfigjson': Buffer.from(dockerConfig).toString('base64') } }),
      );
      await phase(kubelet, 'private', 'Running');
      const told = (await kubelet.client.events({}, never)).map((e) => `${e.reason} ${e.pod}: ${e.message}`);
      assert.ok(
        told.some((e) => e.startsWith('FailedToRetrieveImagePullSecret private-images: Unable to retrieve some image pull secrets (cred)')),
        told.join('\n'),
      );

      // The image is there now, for those who have the secret; a restart of the kubelet does not forget that.
      const useOf = (name: string, policy: string, spec: Readonly<Record<string, unknown>> = {}): void =>
        kubelet.apply(`${name}.yaml`, manifest({ name, container: { ...image('private/a:1'), imagePullPolicy: policy }, spec }));
      await kubelet.kill('SIGKILL');
      await kubelet.start();
      useOf('stranger', 'IfNotPresent');
      useOf('stranger2', 'Never');
      useOf('friend', 'Never', { imagePullSecrets: [{ name: 'cred' }] });
      await waits(
        'stranger',
        /^ErrImagePull: failed to pull and unpack image "localhost:5000\/private\/a:1": .*(401|authorization failed)/,
      );
      await waits(
        'stranger2',
        /^ErrImageNeverPull: .* is not present with pull policy of Never: it is on the node, pulled with credentials/,
      );
      await phase(kubelet, 'friend', 'Running');
      assert.ok(
        (await kubelet.client.events({ pod: 'friend-images' }, never)).some(
          (e) => e.message === 'Container image "localhost:5000/private/a:1" already present on machine and can be accessed by the pod',
        ),
      );
      const remembered = join(kubelet.rootDir, 'image_manager/pulled');
      assert.doesNotMatch(
        readdirSync(remembered)
          .map((file) => readFileSync(join(remembered, file), 'utf8'))
          .join(''),
        new RegExp(`hunter2|${auth}`),
      );

      const [{ digest }] = (
        JSON.parse(readFileSync(join(containerd.dir, 'registry/index.json'), 'utf8')) as { manifests: [{ digest: string }] }
      ).manifests;
      writeFileSync(join(kubelet.rootDir, 'config.json'), dockerConfig, { mode: 0o600 });
      kubelet.apply('node.yaml', manifest({ name: 'node', container: image(`private/b@${digest}`) as never }));
      kubelet.apply('bad.yaml', manifest({ name: 'bad', container: { image: 'Bad/Name' } }));
      kubelet.apply('never.yaml', manifest({ name: 'never', container: { ...image('none:1'), imagePullPolicy: 'Never' } }));
      await phase(kubelet, 'node', 'Running');
      await waits(
        'bad',
        /^InvalidImageName: Failed to apply default image tag "Bad\/Name": couldn't parse image name "Bad\/Name": invalid reference format/,
      );
      await waits('never', /^ErrImageNeverPull: Container image "localhost:5000\/none:1" is not present with pull policy of Never$/);
      assert.doesNotMatch(`${kubelet.log()}${JSON.stringify(await kubelet.client.events({}, never))}`, new RegExp(`hunter2|${auth}`));
      kubelet.remove('cred.yaml');
      await gone(kubelet, 'slow', 'private', 'stranger', 'stranger2', 'friend', 'node', 'bad', 'never');

      // As the registry sees it: one after the other, then two at once and no more. Both settings are in effect without a restart.
      const pullThree = async (prefix: string, meanwhile: () => boolean): Promise<number> => {
        registry.hold(true);
        const names = ['x', 'y', 'z'].map((n) => `${prefix}-${n}`);
        for (const name of names) kubelet.apply(`${name}.yaml`, manifest({ name, container: image(`held/${name}:1`) as never }));
        const pulling = async (name: string): Promise<boolean> =>
          (await kubelet.client.events({ pod: `${name}-images` }, never)).some((e) => e.reason === 'Pulling');
        await until('all three want their images', async () => (await Promise.all(names.map(pulling))).every(Boolean));
        await until('the registry is asked', meanwhile);
        registry.hold(false);
        await Promise.all(names.map((name) => phase(kubelet, name, 'Running')));
        await gone(kubelet, ...names);
        return registry.underWay().most;
      };
      const configured = async (fields: object): Promise<void> => {
        const before = kubelet.log().length;
        kubelet.configure({ ...fields });
        await until('it is in effect', () => kubelet.log().slice(before).includes('Configuration is in effect'));
      };
      await configured({ serializeImagePulls: true });
      assert.equal(await pullThree('one', () => registry.underWay().now === 1), 1);
      await configured({ serializeImagePulls: false, maxParallelImagePulls: 2 });
      assert.equal(await pullThree('two', () => registry.underWay().now === 2), 2);
    } finally {
      watching.kill();
      await kubelet.stop();
      await registry.stop();
    }
  },
);

test('a node short of disk first removes the images that nobody uses; those in use and the pause image stay', { skip }, async () => {
  const archive = join(containerd.dir, 'unused.tar');
  await writeImage({ ...busyboxImage('docker.io/library/unused:1'), config: { Cmd: ['true'] } }, archive);
  await containerd.importImage(archive);
  rmSync(archive);
  const vip = manifest({ name: 'vip', spec: { priorityClassName: 'system-node-critical' } });
  let kubelet = await startKubelet(containerd, { nodeName: 'disk' });
  kubelet.apply('vip.yaml', vip);
  await phase(kubelet, 'vip', 'Running');
  await kubelet.stop();
  kubelet = await startKubelet(containerd, { nodeName: 'disk', config: { evictionHard: { 'nodefs.available': '100%' } } });
  try {
    await until('the unused image is gone', async () => !(await containerd.ctr(['images', 'list', '-q'])).includes('unused'));
    const names = await containerd.ctr(['images', 'list', '-q']);
    assert.match(names, /pause:test/);
    assert.match(names, /busybox:test/);
    await phase(kubelet, 'vip', 'Running');
    await gone(kubelet, 'vip');
  } finally {
    await kubelet.stop();
  }
});

/** What the pod workers try again, when, and what they say about it, with time that a test moves. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { RpcError } from '#cri/fakeRuntime.ts';
import { until } from '../../test/harness/until.ts';
import { IMAGE, world, type World } from '../test/world.ts';
import { POD_NAME, POD_NAMESPACE, POD_UID } from './labels.ts';

const MINUTE_MS = 60_000;
const seconds = (w: World): number[] => w.starts.map((s) => s.atMs / 1_000);
const reason = (w: World, name: string): string | undefined => w.status(name)?.state?.waiting?.reason;
const warnings = (w: World): string[] => w.log.filter((l) => /^<[34]>/.test(l));

test('a container that crashes is started again at once, then after 10 s, doubling to 5 min', async (t) => {
  const w = await world(t);
  w.programs['c'] = { exits: 7 };
  await w.set(w.pod('a'));
  assert.deepEqual(seconds(w), [0, 0]);
  for (const delay of [10, 20, 40, 80, 160, 300, 300, 300]) {
    const before = w.starts.length;
    await w.advance(delay * 1_000 - 1);
    assert.equal(w.starts.length, before, `started again before ${delay} s were over`);
    assert.equal(reason(w, 'a'), 'CrashLoopBackOff');
    assert.equal(w.status('a')?.restartCount, before - 1);
    assert.match(
      w.status('a')?.state?.waiting?.message ?? '',
      new RegExp(
        `^back-off ${delay < 60 ? `${delay}s` : `${Math.floor(delay / 60)}m${delay % 60}s`} restarting failed container=c pod=a-n_default\\([0-9a-f]{32}\\)$`,
      ),
    );
    assert.equal(w.status('a')?.lastState?.terminated?.exitCode, 7);
    await w.advance(1);
    assert.equal(w.starts.length, before + 1, `not started again after ${delay} s`);
  }
  assert.deepEqual(seconds(w), [0, 0, 10, 30, 70, 150, 310, 610, 910, 1_210]);
  assert.equal(w.fake.state.containers.size, 2, 'only the last two are kept');
  const waits = warnings(w);
  assert.equal(
    waits.every((l) => /^<4>Pod is waiting pod=default\/a-n for=CrashLoopBackOff container=c restarts=\d+ exitCode=7 why=Error/.test(l)),
    true,
    waits.join('\n'),
  );
  assert.ok(waits.length < 8 && waits.some((l) => / folded=\d+$/.test(l)), `the same wait is told ever more rarely:\n${waits.join('\n')}`);
});

test('a container that ran for 10 minutes starts the series of delays anew; one that ran a little less does not', async (t) => {
  const w = await world(t);
  w.programs['c'] = { exits: 1 };
  await w.set(w.pod('a'));
  await w.advance(10_000);
  delete w.programs['c']; // from now on it runs
  await w.advance(20_000);
  assert.deepEqual(seconds(w), [0, 0, 10, 30]);
  await w.advance(10 * MINUTE_MS - 1);
  w.fake.exitContainer(w.idOf('c'), 1);
  await w.advance(39_000);
  assert.equal(w.starts.length, 4, 'it goes on with 40 s');
  await w.advance(1_000);
  assert.equal(w.starts.length, 5);
  await w.advance(10 * MINUTE_MS);
  w.fake.exitContainer(w.idOf('c'), 1);
  await until('its end is heard', () => w.settle().then(() => w.starts.length === 6));
  w.fake.exitContainer(w.idOf('c'), 1);
  await w.advance(9_900);
  assert.equal(w.starts.length, 6);
  await w.advance(200);
  assert.equal(w.starts.length, 7, 'the second one of the new series waits 10 s');
});

for (const [policy, exits, runs, phase] of [
  ['Never', 0, 1, 'Succeeded'],
  ['Never', 3, 1, 'Failed'],
  ['OnFailure', 0, 1, 'Succeeded'],
  ['OnFailure', 3, 3, 'Running'],
  ['Always', 0, 3, 'Running'],
] as const) {
  test(`restartPolicy ${policy}, exit code ${exits}: ${runs === 1 ? 'it runs once and its network is given back' : 'it is started again'}`, async (t) => {
    const w = await world(t);
    w.programs['c'] = { exits };
    await w.set(w.pod('a', { restartPolicy: policy }));
    await w.advance(10_000);
    assert.equal(w.starts.length, runs);
    assert.equal(w.phase('a'), phase);
    assert.equal([...w.fake.state.sandboxes.values()].filter((s) => s.ready).length, runs === 1 ? 0 : 1);
    await w.advance(60 * MINUTE_MS);
    if (runs === 1) assert.equal(w.starts.length, 1);
    assert.equal(w.fake.state.containers.size, Math.min(runs, 2), 'its logs and exit code stay');
  });
}

test('an image that is not to be had is asked for again after 10 s, doubling to 5 min, and used once it is there', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a', {}, { image: 'registry.example/late:1' }));
  const at: number[] = [];
  for (let ms = 0; ms <= 20 * MINUTE_MS; ms += 5_000) {
    if (w.calls('PullImage') > at.length) at.push(ms / 1_000);
    if (ms > 0 && ms < 10_000) assert.equal(reason(w, 'a'), 'ErrImagePull');
    if (ms > 10_000) assert.equal(reason(w, 'a'), 'ImagePullBackOff');
    await w.advance(5_000);
  }
  assert.deepEqual(at, [0, 10, 30, 70, 150, 310, 610, 910]);
  assert.match(
    w.status('a')?.state?.waiting?.message ?? '',
    /^Back-off pulling image "registry\.example\/late:1": ErrImagePull: failed to pull and unpack image "registry\.example\/late:1": .*not found/,
  );
  assert.deepEqual(w.events('BackOff'), ['BackOff x8: Back-off pulling image "registry.example/late:1"']);
  assert.deepEqual(
    w.events('Failed').map((e) => e.replace(/image .*/, 'image')),
    ['Failed x8: Failed to pull image', 'Failed x8: Error: ErrImagePull', 'Failed x8: Error: ImagePullBackOff'],
  );
  assert.deepEqual(w.starts, []);
  assert.equal(w.status('a')?.restartCount, 0);
  assert.ok(warnings(w).length < 6, 'told ever more rarely');
  assert.match(
    warnings(w)[0] ?? '',
    /^<4>Pod is waiting pod=default\/a-n for=ErrImagePull container=c lookAgainInMs=10000 err="failed to pull .*" code=IMAGE_PULL_FAILED$/,
  );
  w.fake.offerImage('registry.example/late:1');
  await w.advance(5 * MINUTE_MS);
  assert.deepEqual(w.running(), ['a/c']);
  assert.deepEqual(w.events('Pulling'), [`Pulling x${w.calls('PullImage')}: Pulling image "registry.example/late:1"`]);
  assert.equal(w.calls('RunPodSandbox'), 1, 'the sandbox waits for the image');
});

test('policy Never with an image that is not there: it is said, nothing is pulled, and it starts once somebody brings the image', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a', {}, { image: 'local/made:1', imagePullPolicy: 'Never' }));
  assert.equal(reason(w, 'a'), 'ErrImageNeverPull');
  assert.equal(w.calls('PullImage'), 0);
  w.fake.addImage('docker.io/local/made:1');
  await w.advance(10_000);
  assert.deepEqual(w.running(), ['a/c']);
});

test('a container that cannot be created is tried again later and later, the others of the pod run meanwhile', async (t) => {
  const w = await world(t);
  w.fake.failNext('CreateContainer', 'UNKNOWN', 'failed to generate spec: no such device /dev/nope', 4);
  await w.set(w.pod('a', { containers: [{ name: 'bad', image: IMAGE }] }));
  assert.equal(reason(w, 'a'), 'CreateContainerError');
  assert.match(w.status('a')?.state?.waiting?.message ?? '', /no such device \/dev\/nope/);
  const tries: number[] = [];
  for (let s = 0; s <= 160; s += 10) {
    tries.push(w.calls('CreateContainer'));
    await w.advance(10_000);
  }
  assert.deepEqual(tries, [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5]);
  assert.deepEqual(w.running(), ['a/bad']);
  assert.equal(w.status('a')?.restartCount, 0, 'it never ran before');
});

test('one bad container of a pod does not keep the other from running', async (t) => {
  const w = await world(t);
  w.programs['bad'] = { failsToStart: 'exec: "/nope": no such file or directory' };
  await w.set(
    w.pod('a', {
      containers: [
        { name: 'bad', image: IMAGE },
        { name: 'good', image: IMAGE },
      ],
    }),
  );
  assert.deepEqual(w.running(), ['a/good']);
  assert.equal(reason(w, 'a'), 'RunContainerError');
  assert.match(w.status('a')?.state?.waiting?.message ?? '', /exec: "\/nope": no such file or directory/);
  await w.advance(10 * MINUTE_MS);
  const tries = w.starts.filter((s) => s.container === 'bad').map((s) => s.atMs / 1_000);
  assert.deepEqual(tries, [0, 10, 30, 70, 150, 310]);
  assert.deepEqual(w.running(), ['a/good']);
  assert.equal(w.starts.filter((s) => s.container === 'good').length, 1);
  delete w.programs['bad'];
  await w.advance(5 * MINUTE_MS);
  assert.deepEqual(w.running(), ['a/bad', 'a/good']);
});

test('a sandbox that cannot be made is tried again at growing distances up to a minute, told once and then ever more rarely', async (t) => {
  const w = await world(t);
  w.fake.failNext('RunPodSandbox', 'UNKNOWN', 'failed to setup network for sandbox: the switch is off', 12);
  await w.set(w.pod('a'));
  const at: number[] = [0];
  for (let ms = 0; ms < 8 * MINUTE_MS; ms += 500) {
    await w.advance(500);
    while (at.length < w.calls('RunPodSandbox')) at.push((ms + 500) / 1_000);
  }
  assert.deepEqual(at, [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5, 123.5, 183.5, 243.5, 303.5, 363.5]);
  assert.deepEqual(w.running(), ['a/c']);
  const told = warnings(w);
  assert.match(
    told[0] ?? '',
    /^<4>Reconcile failed loop=pods key=default\/a-n step=createSandbox retryInMs=500 err="RunPodSandbox failed: failed to setup network for sandbox: the switch is off" code=CRI_FAILED$/,
  );
  assert.ok(told.length >= 2 && told.length <= 5 && told[1]?.endsWith(' folded=6'), told.join('\n'));
  assert.equal(w.events('FailedCreatePodSandBox').length, 1);
});

test('sandboxes made in vain are removed although nothing can be started, and told as one trouble whatever their ids', async (t) => {
  const w = await world(t);
  // As containerd 1.6: it answers with an error and leaves a sandbox that is not ready.
  const run = w.fake.state.runSandbox.bind(w.fake.state);
  w.fake.answer('RunPodSandbox', ({ config, runtime_handler }: never) => {
    const made = run(config, runtime_handler);
    w.fake.state.endSandbox(made);
    throw new RpcError(status.UNKNOWN, `failed to setup network for sandbox "${made.id}": the switch is off`);
  });
  await w.set(w.pod('a'));
  await w.advance(10 * MINUTE_MS);
  assert.ok(w.calls('RunPodSandbox') > 10);
  assert.ok(w.fake.state.sandboxes.size <= 2, `${w.fake.state.sandboxes.size} dead sandboxes`);
  assert.ok(warnings(w).length <= 5, warnings(w).join('\n'));
  assert.deepEqual(w.events('FailedCreatePodSandBox').length, 1);
});

test('a volume that cannot be mounted is told once, by its step, and the pod runs once it can', async (t) => {
  const w = await world(t);
  const path = join(w.paths.rootDir, 'missing');
  const spec = { volumes: [{ name: 'v', hostPath: { path, type: 'Directory' } }] };
  await w.set(w.pod('a', spec, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }));
  await w.advance(30_000);
  assert.deepEqual(warnings(w), [
    `<4>Reconcile failed loop=pods key=default/a-n step=prepare retryInMs=500 err="MountVolume.SetUp failed for volume \\"v\\" : hostPath type check failed: ${path} is not a directory: it is not there, make it or change the volume's path or type" code=VOLUME_FAILED`,
  ]);
  assert.equal(w.calls('RunPodSandbox'), 1);
  assert.match(w.events('FailedMount')[0] ?? '', /^FailedMount x\d+: MountVolume\.SetUp failed for volume "v" : hostPath/);
  mkdirSync(path, { recursive: true });
  await w.advance(60_000);
  assert.deepEqual(w.running(), ['a/c']);
});

test('an old sandbox that cannot be removed does not keep the pod from running', async (t) => {
  const w = await world(t);
  w.fake.failNext('RunPodSandbox', 'UNKNOWN', 'failed, and left something');
  const { metadata } = w.pod('a');
  const left = { metadata: { name: metadata.name ?? '', namespace: 'default', uid: metadata.uid ?? '', attempt: 0 } };
  const labels = { [POD_NAME]: metadata.name ?? '', [POD_NAMESPACE]: 'default', [POD_UID]: metadata.uid ?? '' };
  w.fake.state.endSandbox(w.fake.state.runSandbox({ ...left, labels, annotations: {}, linux: null } as never, ''));
  w.fake.answer('RemovePodSandbox', () => {
    throw new RpcError(status.UNKNOWN, 'failed to destroy network for sandbox: the plugin is gone');
  });
  await w.set(w.pod('a'));
  await w.advance(5_000);
  assert.deepEqual(w.running(), ['a/c']);
  assert.ok(
    warnings(w).some((l) => / step=removeSandbox .*the plugin is gone/.test(l)),
    'what is left is told',
  );
});

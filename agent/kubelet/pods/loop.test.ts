/** The pod workers on a runtime, over time: what is tried again, when, and what is said about it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { RpcError } from '#cri/fakeRuntime.ts';
import { until } from '../../test/harness/until.ts';
import { podLogs, podName } from '../paths.ts';
import { POD_NAME, POD_NAMESPACE, POD_UID } from './labels.ts';
import { IMAGE, START_MS, world, type World } from '../test/world.ts';

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
    /^Back-off pulling image: failed to pull and unpack image "registry\.example\/late:1": .*not found/,
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
    `<4>Reconcile failed loop=pods key=default/a-n step=prepare retryInMs=500 err="MountVolume.SetUp failed for volume \\"v\\": hostPath type check failed: ${path} is not a directory: it is not there, make it or change the volume's path or type" code=VOLUME_FAILED`,
  ]);
  assert.equal(w.calls('RunPodSandbox'), 1);
  assert.match(w.events('FailedMount')[0] ?? '', /^FailedMount x\d+: MountVolume\.SetUp failed for volume "v"/);
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

for (const events of ['containerd', 'cri', 'none'] as const) {
  const how = events === 'none' ? 'no events at all, from the list' : `events of ${events}`;
  /** Time moves only where there are no events. */
  const heard = (w: World, what: () => boolean): Promise<void> =>
    until('it is heard', () => w.advance(events === 'none' ? 1_000 : 0).then(what));

  test(`the end of a container is noticed, with ${how}`, async (t) => {
    const w = await world(t, { events });
    await w.set(w.pod('a'));
    w.fake.exitContainer(w.idOf('c'), 9);
    await heard(w, () => w.starts.length === 2);
    assert.deepEqual(w.running(), ['a/c']);
    assert.equal(w.status('a')?.restartCount, 1);
    assert.equal(w.status('a')?.lastState?.terminated?.exitCode, 9);
    const told = w.log.filter((l) => l === '<6>The runtime has no events, its list is read instead everyMs=1000').length;
    assert.equal(told, events === 'none' ? 1 : 0);
    assert.deepEqual(w.fake.unexpected, []);
  });

  test(`the end of a sandbox is noticed, with ${how}: everything is made again in a new one`, async (t) => {
    const w = await world(t, { events });
    await w.set(w.pod('a'));
    const [before] = w.fake.state.sandboxes.keys();
    w.fake.killSandbox(before!);
    await heard(w, () => w.calls('RunPodSandbox') === 2 && w.running().length === 1);
    await w.settle();
    assert.deepEqual(w.running(), ['a/c']);
    assert.deepEqual(
      [...w.fake.state.sandboxes.values()].map((s) => [s.config.metadata?.attempt, s.ready]),
      [
        [0, false], // kept with the log of the container that ended in it
        [1, true],
      ],
    );
    assert.equal(w.status('a')?.restartCount, 1);
  });
}

test('an idle node asks the runtime nothing but the slow list', async (t) => {
  const w = await world(t);
  await w.set(...Array.from({ length: 20 }, (_, i) => w.pod(`p${i}`)));
  await w.advance(30_000); // each new object is looked at once more when the list shows it first
  const [calls, lines] = [w.fake.calls.length, w.log.length];
  await w.advance(10 * MINUTE_MS);
  assert.equal(w.fake.calls.length - calls, 20 * 2, 'two calls in 30 s');
  assert.equal(w.log.length, lines);
});

test('a container that dies while nobody listens is found as soon as the runtime answers again', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a'), w.pod('b'));
  w.fake.unlisten();
  await w.settle();
  const dies = [...w.fake.state.containers.values()].find((c) => c.sandbox.config.metadata?.name === 'a-n')!;
  w.fake.exitContainer(dies.id, 1);
  await w.fake.listen();
  await until('it runs again', () => w.advance(1_000).then(() => w.starts.length === 3));
  assert.deepEqual(w.running(), ['a/c', 'b/c']);
  assert.equal(w.status('b')?.restartCount, 0);
});

test('a pod changed during a pull: the old pull is not waited for', async (t) => {
  const w = await world(t);
  w.fake.offerImage('registry.example/big:1');
  const release = w.fake.holdNext('PullImage');
  await w.set(w.pod('a', {}, { image: 'registry.example/big:1' }));
  assert.equal(reason(w, 'a'), 'ContainerCreating');
  await w.set(w.pod('a'));
  assert.deepEqual(w.running(), ['a/c']);
  release();
  await w.settle();
  assert.equal(w.starts.length, 1);
  assert.equal(w.fake.state.sandboxes.size, 1, 'nothing of the old pod is left');
});

test('a pod removed during a pull ends at once; wanted again, it takes the pull that is under way', async (t) => {
  const w = await world(t);
  w.fake.offerImage('registry.example/big:1');
  const release = w.fake.holdNext('PullImage');
  const pod = w.pod('a', {}, { image: 'registry.example/big:1' });
  await w.set(pod);
  await w.set();
  assert.equal(w.fake.state.sandboxes.size, 0);
  assert.equal(w.workers.pod('default/a-n'), undefined);
  await w.set(pod);
  release();
  await w.settle();
  assert.deepEqual(w.running(), ['a/c']);
  assert.equal(w.calls('PullImage'), 1);
});

for (const rpc of ['RunPodSandbox', 'CreateContainer', 'StartContainer'] as const) {
  test(`a pod removed while ${rpc} is under way leaves nothing behind`, async (t) => {
    const w = await world(t);
    const release = w.fake.holdNext(rpc);
    const pod = w.pod('a');
    await w.set(pod);
    await w.set();
    release();
    await w.advance(1_000);
    assert.deepEqual([w.fake.state.sandboxes.size, w.fake.state.containers.size], [0, 0]);
    assert.deepEqual(readdirSync(w.paths.podLogsDir), []);
    assert.equal(existsSync(join(w.paths.rootDir, 'pods', podName(pod).uid)), false);
    assert.equal(w.workers.pods().length, 0);
    assert.deepEqual(warnings(w), []);
  });
}

test('a container that ignores SIGTERM is killed when the grace period is over', async (t) => {
  const w = await world(t);
  w.programs['c'] = { onStop: 'ignores' };
  await w.set(w.pod('a', { terminationGracePeriodSeconds: 20 }));
  await w.set();
  await w.advance(19_999);
  assert.deepEqual(w.running(), ['a/c']);
  await w.advance(1);
  assert.equal(w.fake.state.sandboxes.size, 0);
});

test('a StopContainer that is never answered is given up after the grace period and the request timeout, told, and tried again', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a', { terminationGracePeriodSeconds: 10 }), w.pod('b'));
  const release = w.fake.holdNext('StopContainer');
  await w.set(w.pod('b'));
  await w.advance(129_999);
  assert.equal(w.calls('StopContainer'), 1);
  assert.deepEqual(warnings(w), []);
  await w.advance(1);
  assert.match(
    warnings(w)[0] ?? '',
    /^<4>Reconcile failed loop=pods key=default\/a-n step=stopContainer retryInMs=500 err="StopContainer: no answer from the container runtime at \S+ within 130000 ms" code=CRI_DEADLINE$/,
  );
  await w.advance(500);
  assert.equal(w.calls('StopContainer'), 2);
  assert.deepEqual(w.running(), ['b/c']);
  assert.equal(w.fake.state.sandboxes.size, 1);
  release();
});

test('what a pod left on disk in an earlier life is removed; a pod that is wanted keeps its own', async (t) => {
  const w = await world(t);
  const [gone, here] = [w.pod('gone'), w.pod('here')];
  for (const pod of [gone, here]) {
    mkdirSync(join(podLogs(w.paths, podName(pod)), 'c'), { recursive: true });
    writeFileSync(join(podLogs(w.paths, podName(pod)), 'c', '0.log'), 'old');
    mkdirSync(join(w.paths.rootDir, 'pods', podName(pod).uid, 'volumes'), { recursive: true });
  }
  const { keys } = await w.disk.scan();
  assert.deepEqual(keys.sort(), ['default/gone-n', 'default/here-n']);
  await w.set(here);
  for (const key of keys) w.workers.look(key);
  await w.settle();
  assert.deepEqual(readdirSync(w.paths.podLogsDir), [`default_here-n_${podName(here).uid}`]);
  assert.deepEqual(readdirSync(join(w.paths.rootDir, 'pods')), [podName(here).uid]);
  assert.deepEqual(w.running(), ['here/c']);
});

test('nothing is ended before it is known what is wanted', async (t) => {
  const w = await world(t);
  const pod = w.pod('a');
  await w.set(pod);
  // A second kubelet on the same runtime, whose manifests are not read yet.
  w.workers.look('default/a-n');
  await w.advance(5 * MINUTE_MS);
  assert.deepEqual(w.running(), ['a/c']);
});

for (const rpc of ['RunPodSandbox', 'PullImage', 'CreateContainer', 'StopContainer', 'RemovePodSandbox'] as const) {
  test(`a pod whose ${rpc} hangs does not hold up another`, async (t) => {
    const w = await world(t, { parallelPulls: 1 });
    w.fake.offerImage('registry.example/big:1');
    const ends = rpc.startsWith('Stop') || rpc.startsWith('Remove');
    const stuck = w.pod('stuck', {}, rpc === 'PullImage' ? { image: 'registry.example/big:1' } : {});
    if (ends) await w.set(stuck);
    const release = w.fake.holdNext(rpc);
    await w.set(...(ends ? [] : [stuck]));
    assert.equal(w.calls(rpc), 1);
    await w.set(...(ends ? [] : [stuck]), w.pod('other'));
    assert.ok(w.running().includes('other/c'));
    w.fake.exitContainer([...w.fake.state.containers.values()].find((c) => c.sandbox.config.metadata?.name === 'other-n')!.id, 1);
    await until('it runs again', () => w.settle().then(() => w.status('other')?.restartCount === 1));
    await w.set(...(ends ? [] : [stuck]));
    assert.ok(!w.running().includes('other/c'));
    release();
    await w.settle();
  });
}

for (const rpc of ['RunPodSandbox', 'StopPodSandbox'] as const) {
  test(`20 pods whose ${rpc} hangs hold up the others no longer than 10 s`, async (t) => {
    const w = await world(t);
    const stuck = Array.from({ length: 20 }, (_, i) => w.pod(`stuck${i}`));
    const ends = rpc === 'StopPodSandbox';
    if (ends) await w.set(...stuck, w.pod('other'));
    const releases = stuck.map(() => w.fake.holdNext(rpc));
    await w.set(...(ends ? [w.pod('other')] : stuck));
    await w.set(...(ends ? [] : [...stuck, w.pod('other')]));
    await w.advance(30_000);
    assert.equal(w.running().includes('other/c'), !ends);
    for (const release of releases) release();
    await w.settle();
    assert.equal(w.running().length, ends ? 0 : 21);
  });
}

test('50 pods at once all start, 8 at a time', async (t) => {
  const w = await world(t);
  let most = 0;
  let now = 0;
  const run = w.fake.state.runSandbox.bind(w.fake.state);
  w.fake.answer('RunPodSandbox', async ({ config, runtime_handler }: never) => {
    most = Math.max(most, ++now);
    await w.clock.sleep(100, new AbortController().signal);
    now -= 1;
    return { pod_sandbox_id: run(config, runtime_handler).id };
  });
  await w.set(...Array.from({ length: 50 }, (_, i) => w.pod(`p${i}`)));
  assert.equal(most, 8);
  await w.advance(1_000);
  assert.equal(w.running().length, 50);
  assert.equal(most, 8);
  await w.set();
  assert.deepEqual([w.fake.state.sandboxes.size, w.fake.state.containers.size], [0, 0]);
  assert.deepEqual(warnings(w), []);
});

test('a bug in one turn stays with its pod', async (t) => {
  const w = await world(t);
  const broken = w.pod('broken');
  await w.set(w.pod('good'));
  // An answer that is no answer: the runtime lists a container without a state anybody knows.
  w.fake.failNext('ListContainers', 'INTERNAL', 'panic: index out of range', 3);
  await w.set(w.pod('good'), broken);
  await w.advance(5_000);
  assert.deepEqual(w.running(), ['broken/c', 'good/c']);
  assert.equal(warnings(w).length, 1);
  assert.equal(w.clock.nowMs() >= START_MS, true);
});

/** The pod workers on a runtime: what they hear, pods that change meanwhile, calls that hang. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../test/harness/until.ts';
import { podLogs, podName } from '../paths.ts';
import { START_MS, world, type World } from '../test/world.ts';

const MINUTE_MS = 60_000;
const reason = (w: World, name: string): string | undefined => w.status(name)?.state?.waiting?.reason;
const warnings = (w: World): string[] => w.log.filter((l) => /^<[34]>/.test(l));

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

test('a healthy node says nothing for hours', async (t) => {
  const w = await world(t);
  const readinessProbe = { exec: { command: ['true'] }, periodSeconds: 60 };
  await w.set(w.pod('a'), w.pod('b', {}, { readinessProbe }));
  await w.advance(MINUTE_MS);
  assert.equal(w.running().length, 2);
  const said = w.log.length;
  for (let hour = 0; hour < 3; hour++) await w.advance(60 * MINUTE_MS);
  assert.deepEqual(w.log.slice(said), []);
  assert.equal(w.running().length, 2);
});

test('pods that begin at once ask together what there is of them, and for their image; each then asks for what it made', async (t) => {
  const w = await world(t);
  const before = w.fake.calls.length;
  await w.set(...Array.from({ length: 20 }, (_, i) => w.pod(`p${i}`)));
  assert.equal(w.running().length, 20);
  assert.ok(w.workers.pods().every(({ status }) => status?.phase === 'Running'));
  const asked = Map.groupBy(w.fake.calls.slice(before), ({ rpc }) => rpc);
  const counts = Object.fromEntries([...asked].map(([rpc, calls]) => [rpc, calls.length]));
  assert.deepEqual(counts, {
    ListPodSandbox: 1,
    ListContainers: 1,
    ImageStatus: 1,
    RunPodSandbox: 20,
    PodSandboxStatus: 20,
    CreateContainer: 20,
    StartContainer: 20,
    ContainerStatus: 20,
  });
});

for (const what of ['containers', 'sandboxes'] as const) {
  test(`what a start made is made again when it is gone at the next look: ${what}`, async (t) => {
    const w = await world(t);
    const answer = w.fake.holdNext('ContainerStatus');
    await w.set(w.pod('a'));
    w.fake.state.containers.clear();
    if (what === 'sandboxes') w.fake.state.sandboxes.clear();
    answer();
    await w.advance(1_000);
    assert.deepEqual(w.running(), ['a/c']);
    assert.equal(w.phase('a'), 'Running');
    assert.equal(w.fake.state.sandboxes.size, 1);
  });
}

for (const kind of ['container', 'sandbox'] as const) {
  test(`the end of a ${kind} is noticed although the runtime tells it long before it knows of it itself`, async (t) => {
    const w = await world(t);
    await w.set(w.pod('a'));
    const [sandbox] = w.fake.state.sandboxes.values();
    const container = w.fake.state.container(w.idOf('c'));
    w.fake.tellEnd(kind === 'sandbox' ? sandbox!.id : container.id);
    await w.advance(3_000);
    assert.deepEqual(w.running(), ['a/c']);
    // Not through the fake's methods, which would tell it once more.
    if (kind === 'sandbox') sandbox!.ready = false;
    else Object.assign(container, { state: 'CONTAINER_EXITED', exitCode: 1 });
    await w.advance(500);
    assert.equal(w.starts.length, 2);
    assert.deepEqual(w.running(), ['a/c']);
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

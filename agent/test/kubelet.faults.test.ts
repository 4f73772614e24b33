/** What must not happen when things are killed: containers restarted without a cause, counted wrongly, doubled or left behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { makeKubelet, startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd);
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const container = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0];
const idOf = (pod: Pod | undefined): string => container(pod)?.containerID?.replace('containerd://', '') ?? '';
async function running(name: string): Promise<Pod> {
  await until(`${name} runs`, async () => container(await kubelet.pod(name))?.state?.running !== undefined);
  return (await kubelet.pod(name))!;
}
async function gone(name: string): Promise<void> {
  await until(`${name} is gone`, async () => (await kubelet.pod(name)) === undefined);
}
async function restart(): Promise<void> {
  await kubelet.kill('SIGKILL');
  await kubelet.start();
}
/** Process of a container or sandbox as the runtime knows it. */
async function pidOf(id: string): Promise<number> {
  const line = (await containerd.ctr(['tasks', 'list'])).split('\n').find((l) => l.startsWith(id));
  return Number(line?.trim().split(/\s+/)[1]);
}
const tasks = async (): Promise<number> => (await containerd.ctr(['tasks', 'list', '-q'])).split('\n').filter(Boolean).length;

test('a kubelet killed with -9 and started again touches no running container and knows the restart counts', { skip }, async () => {
  kubelet.apply('steady.yaml', manifest({ name: 'steady' }));
  kubelet.apply(
    'crashed.yaml',
    manifest({
      name: 'crashed',
      script: 'test -e /v/twice && exec sleep 3600; test -e /v/once && touch /v/twice; touch /v/once; exit 1',
      container: { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    }),
  );
  const steady = await running('steady');
  await until(
    'it crashed twice',
    async () =>
      container(await kubelet.pod('crashed'))?.restartCount === 1 && container(await kubelet.pod('crashed'))?.state?.waiting !== undefined,
  );
  const [pid, count] = [await pidOf(idOf(steady)), await tasks()];
  await restart();
  const [again, crashed] = [await running('steady'), await kubelet.pod('crashed')];
  assert.equal(idOf(again), idOf(steady));
  assert.equal(await pidOf(idOf(again)), pid);
  assert.equal(container(again)?.restartCount, 0);
  assert.equal(container(crashed)?.restartCount, 1);
  assert.equal(container(crashed)?.state?.waiting?.reason, 'CrashLoopBackOff', 'the back-off goes on where it was');
  assert.equal(await tasks(), count);
  assert.equal(again.metadata.uid, steady.metadata.uid);
  kubelet.remove('crashed.yaml');
  await gone('crashed');
});

test('killed at any moment of a start, the pod runs once in the end and was not restarted', { skip }, async () => {
  // From "before the sandbox" to "about running": each round kills it a little later.
  for (const [round, delayMs] of [0, 20, 60, 90, 110, 130, 160].entries()) {
    const name = `start-${round}`;
    kubelet.apply(`${name}.yaml`, manifest({ name }));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await restart();
    const pod = await running(name);
    assert.equal(container(pod)?.restartCount, 0, `restarted after a kill at ${delayMs} ms`);
    const mine = (await containerd.ctr(['containers', 'list', '-q', `labels."io.kubernetes.pod.name"==${name}-node1`]))
      .split('\n')
      .filter(Boolean);
    await until('leftovers of the broken start are gone', async () => (await tasks()) === (round + 1) * 2 + 2);
    assert.ok(mine.length >= 2);
  }
});

test('killed while it deletes, it finishes the deletion when it is back', { skip }, async () => {
  for (let round = 0; round < 7; round++) kubelet.remove(`start-${round}.yaml`);
  await new Promise((resolve) => setTimeout(resolve, 60));
  await restart();
  await until('all are gone', async () => (await tasks()) === 2);
  assert.ok(await running('steady'));
});

test('a manifest removed while the kubelet was away ends its pod', { skip }, async () => {
  kubelet.apply('away.yaml', manifest({ name: 'away' }));
  const pod = await running('away');
  await kubelet.kill('SIGKILL');
  kubelet.remove('away.yaml');
  await kubelet.start();
  await gone('away');
  await until('its container is gone', async () => !(await containerd.ctr(['tasks', 'list', '-q'])).includes(idOf(pod)));
  await until('its logs are gone', () => !existsSync(join(kubelet.podLogs, `default_away-node1_${pod.metadata.uid}`)));
});

test('a container whose process is killed is restarted at once and counted', { skip }, async () => {
  const before = await running('steady');
  process.kill(await pidOf(idOf(before)), 'SIGKILL');
  await until('it was restarted', async () => container(await kubelet.pod('steady'))?.restartCount === 1);
  const after = await running('steady');
  assert.notEqual(idOf(after), idOf(before));
  assert.equal(container(after)?.lastState?.terminated?.exitCode, 137);
  assert.equal(after.metadata.uid, before.metadata.uid);
});

test('a dead sandbox is made again with all containers', { skip }, async () => {
  const before = await running('steady');
  const sandboxes = JSON.parse(await inspectSandboxes()) as string[];
  assert.equal(sandboxes.length, 1);
  process.kill(await pidOf(sandboxes[0]!), 'SIGKILL');
  await until('it runs in a new sandbox', async () => {
    const now = JSON.parse(await inspectSandboxes()) as string[];
    return now.length === 1 && now[0] !== sandboxes[0] && container(await kubelet.pod('steady'))?.state?.running !== undefined;
  });
  assert.notEqual(idOf(await kubelet.pod('steady')), idOf(before));
  assert.equal(container(await kubelet.pod('steady'))?.restartCount, 2);
});

/** Ids of the sandboxes that run, as JSON. */
async function inspectSandboxes(): Promise<string> {
  const all = (await containerd.ctr(['containers', 'list', '-q', 'labels."io.cri-containerd.kind"==sandbox'])).split('\n').filter(Boolean);
  const alive = (await containerd.ctr(['tasks', 'list']))
    .split('\n')
    .filter((l) => l.includes('RUNNING'))
    .map((l) => l.split(/\s+/)[0]);
  return JSON.stringify(all.filter((id) => alive.includes(id)));
}

test('containerd killed and started again: containers run on, the kubelet says it once and comes back by itself', { skip }, async () => {
  const before = await running('steady');
  const pid = await pidOf(idOf(before));
  await containerd.kill();
  await until('the loss is told', () => kubelet.log().includes('Cannot reach the container runtime'));
  kubelet.apply('later.yaml', manifest({ name: 'later' }));
  assert.equal(existsSync(`/proc/${pid}`), true);
  await containerd.start();
  const later = await running('later');
  const after = await running('steady');
  assert.equal(idOf(after), idOf(before));
  assert.equal(await pidOf(idOf(after)), pid);
  assert.equal(kubelet.log().split('Cannot reach the container runtime').length - 1, 1);
  assert.match(kubelet.log(), /Reached the container runtime again/);
  // Events are heard again too.
  process.kill(await pidOf(idOf(later)), 'SIGKILL');
  await until('its end is seen', async () => container(await kubelet.pod('later'))?.restartCount === 1);
  kubelet.remove('later.yaml');
  await gone('later');
});

test('a second kubelet on the node says so and ends', { skip }, async () => {
  const same = makeKubelet(containerd, { config: { healthzPort: 0 } });
  await assert.rejects(same.start(), /Another kubelet runs with root directory .*: stop it, or give this one another --root-dir/);
  const other = makeKubelet(containerd, { nodeName: 'node2' });
  await assert.rejects(other.start(), /Port 10248 on 127\.0\.0\.1 is taken by process \d+ .*, or set healthzPort/);
  assert.ok(await running('steady'));
});

test('a runtime that is not there: one line, and it starts when the runtime comes', { skip }, async () => {
  const lone: TestKubelet = makeKubelet(containerd, {
    nodeName: 'node3',
    config: { healthzPort: 0, enableServer: false, containerRuntimeEndpoint: `unix://${containerd.dir}/not-there.sock` },
  });
  const starting = lone.start();
  starting.catch(() => undefined);
  await until('the loss is told', () => lone.log().includes('Cannot reach the container runtime'));
  assert.match(
    lone.log(),
    /<3>Cannot reach the container runtime, trying again until it answers endpoint="?unix:\S+not-there\.sock"? code=CRI_UNAVAILABLE/,
  );
  assert.equal(lone.log().trim().split('\n').length, 1);
  execFileSync('ln', ['-s', containerd.socket, `${containerd.dir}/not-there.sock`]);
  await starting;
  await lone.stop();
});

test('stopped in order it exits with 0 and leaves the pods running', { skip }, async () => {
  const before = await running('steady');
  const pid = await pidOf(idOf(before));
  assert.equal(await kubelet.kill('SIGTERM'), 0);
  assert.equal(existsSync(`/proc/${pid}`), true);
  await kubelet.start();
  assert.equal(idOf(await running('steady')), idOf(before));
  kubelet.remove('steady.yaml');
  await gone('steady');
  await until('nothing is left', async () => (await tasks()) === 0);
  assert.doesNotMatch(kubelet.log(), /Reconcile failed .*step=plan/);
});

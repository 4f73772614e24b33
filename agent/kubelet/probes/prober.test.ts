/** Probes and what follows from them, on the fake runtime with time that stands still. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { IMAGE, world, type World } from '../test/world.ts';

/** What each exec answers, by its first word; a number is an exit code. */
async function asked(t: TestContext, answers: Record<string, number | 'hangs'>): Promise<World> {
  const w = await world(t);
  w.fake.exec = (_, [cmd = '']) => {
    const answer = answers[cmd];
    return answer === undefined || answer === 'hangs' ? answer : { exitCode: answer, stdout: answer === 0 ? '' : `${cmd} is bad` };
  };
  return w;
}
const exec = (command: string, more: object = {}): object => ({ exec: { command: [command] }, ...more });
const state = (w: World): string => {
  const s = w.status('a');
  return `${s?.started ? 'started' : 'starting'} ${s?.ready ? 'ready' : 'unready'} ${s?.restartCount}`;
};

test('readiness: asked at once, then every period; successThreshold and failureThreshold in a row count', async (t) => {
  const answers: Record<string, number> = { r: 1 };
  const w = await asked(t, answers);
  await w.set(w.pod('a', {}, { readinessProbe: exec('r', { periodSeconds: 5, successThreshold: 2, failureThreshold: 2 }) }));
  assert.equal(w.calls('ExecSync'), 1);
  assert.equal(state(w), 'started unready 0');
  answers['r'] = 0;
  await w.advance(5_000);
  assert.equal(state(w), 'started unready 0');
  await w.advance(5_000);
  assert.equal(state(w), 'started ready 0');
  answers['r'] = 1;
  await w.advance(5_000);
  assert.equal(state(w), 'started ready 0');
  await w.advance(5_000);
  assert.equal(state(w), 'started unready 0');
  assert.equal(w.calls('ExecSync'), 5);
  assert.deepEqual(w.events('Unhealthy'), ['Unhealthy x3: Readiness probe failed: r is bad']);
  assert.equal(w.calls('StopContainer'), 0);
  const [last] = w.workers.pods().flatMap(({ pod }) => w.prober.found(`default/${pod.metadata.name}`));
  assert.ok(last !== undefined);
  const { atMs, sinceMs, ...found } = last;
  assert.deepEqual(found, { container: 'c', probe: 'readiness', result: 'bad', message: 'r is bad', tookMs: 0, times: 2 });
  assert.equal(atMs - sinceMs, 5_000);
  assert.deepEqual(w.unasked, []);
  await w.set();
  assert.equal(w.unasked.length, 1);
});

test('liveness: a container that fails it is ended with the grace period of the probe and started again', async (t) => {
  const answers: Record<string, number> = { l: 0 };
  const w = await asked(t, answers);
  const livenessProbe = exec('l', { periodSeconds: 1, failureThreshold: 3, terminationGracePeriodSeconds: 7 });
  await w.set(w.pod('a', {}, { livenessProbe }));
  answers['l'] = 1;
  await w.advance(2_000);
  assert.equal(state(w), 'started ready 0');
  await w.advance(1_000);
  assert.equal(state(w), 'started ready 1');
  assert.equal((w.fake.calls.find((c) => c.rpc === 'StopContainer')!.request as { timeout: string }).timeout, '7');
  assert.deepEqual(w.events('Killing'), ['Killing x1: Container c failed liveness probe, will be restarted']);
  assert.deepEqual(w.events('Unhealthy'), ['Unhealthy x4: Liveness probe failed: l is bad']);
});

test('liveness: with OnFailure it is restarted though it ended with 0; with Never it is not', async (t) => {
  const w = await asked(t, { l: 1 });
  w.programs['c'] = { onStop: 0 };
  const livenessProbe = exec('l', { periodSeconds: 1, failureThreshold: 1 });
  await w.set(w.pod('a', { restartPolicy: 'OnFailure' }, { livenessProbe }));
  await w.advance(500);
  assert.deepEqual([w.status('a')?.restartCount, w.phase('a')], [1, 'Running']);
  await w.set(w.pod('a', { restartPolicy: 'Never' }, { livenessProbe }));
  await w.advance(500);
  assert.deepEqual([w.status('a')?.restartCount, w.phase('a')], [0, 'Succeeded']);
  assert.ok(w.events('Killing').includes('Killing x1: Container c failed liveness probe'));
});

test('startup: the others wait for it, and begin at once when it is good', async (t) => {
  const answers: Record<string, number> = { s: 1, l: 1, r: 0 };
  const w = await asked(t, answers);
  await w.set(
    w.pod(
      'a',
      {},
      {
        startupProbe: exec('s', { periodSeconds: 2, failureThreshold: 30, initialDelaySeconds: 3 }),
        livenessProbe: exec('l', { failureThreshold: 100 }),
        readinessProbe: exec('r'),
      },
    ),
  );
  assert.equal(w.calls('ExecSync'), 0);
  await w.advance(3_000);
  assert.equal(state(w), 'starting unready 0');
  await w.advance(10_000);
  assert.equal(w.calls('ExecSync'), 6);
  answers['s'] = 0;
  await w.advance(2_000);
  assert.equal(state(w), 'started ready 0');
  assert.equal(w.calls('ExecSync'), 9);
  await w.advance(10_000);
  assert.equal(w.calls('ExecSync'), 11);
});

test('startup: a container that never comes up is ended and started again, with back-off', async (t) => {
  const w = await asked(t, { s: 1 });
  await w.set(w.pod('a', {}, { startupProbe: exec('s', { periodSeconds: 1, failureThreshold: 2 }) }));
  await w.advance(1_000);
  assert.equal(w.status('a')?.restartCount, 1);
  await w.advance(1_000);
  assert.equal(w.status('a')?.state?.waiting?.reason, 'CrashLoopBackOff');
  await w.advance(10_000);
  assert.equal(w.status('a')?.restartCount, 2);
  assert.ok(w.events('Killing').includes('Killing x2: Container c failed startup probe, will be restarted'));
});

test('an exec that hangs is a bad answer after its timeout; a container that cannot be asked is neither good nor bad', async (t) => {
  const answers: Record<string, number | 'hangs'> = { r: 'hangs' };
  const w = await asked(t, answers);
  await w.set(w.pod('a', {}, { readinessProbe: exec('r', { timeoutSeconds: 3, failureThreshold: 1 }) }));
  await w.advance(3_000);
  assert.deepEqual(w.events('Unhealthy'), ['Unhealthy x1: Readiness probe failed: command timed out: "r" timed out after 3s']);
  answers['r'] = 0;
  await w.advance(7_000);
  assert.equal(state(w), 'started ready 0');
  w.fake.failNext('ExecSync', 'INTERNAL', 'cannot exec', 3);
  await w.advance(10_000);
  assert.equal(state(w), 'started ready 0');
  assert.match(
    w.events('Unhealthy').at(-1) ?? '',
    /^Unhealthy x1: Readiness probe errored and resulted in unknown state: ExecSync failed: cannot exec$/,
  );
});

test('a pod that goes is asked whether it is ready to its end, and nobody asks after it', async (t) => {
  const w = await asked(t, { r: 0, l: 0 });
  w.programs['c'] = { onStop: 'ignores' };
  const pod = w.pod('a', { terminationGracePeriodSeconds: 25 }, { readinessProbe: exec('r'), livenessProbe: exec('l') });
  await w.set(pod);
  await w.set();
  const before = w.calls('ExecSync');
  await w.advance(20_000);
  assert.equal(w.calls('ExecSync') - before, 2);
  await w.advance(100_000);
  assert.equal(w.calls('ExecSync') - before, 2);
  assert.equal(w.fake.state.containers.size, 0);
});

test('a sidecar with a startup probe holds back what follows until that is good', async (t) => {
  const answers: Record<string, number> = { s: 1 };
  const w = await asked(t, answers);
  const side = { name: 'side', image: IMAGE, restartPolicy: 'Always', startupProbe: exec('s', { periodSeconds: 1, failureThreshold: 50 }) };
  await w.set(w.pod('a', { initContainers: [side] }));
  await w.advance(5_000);
  assert.deepEqual(w.running(), ['a/side']);
  answers['s'] = 0;
  await w.advance(1_000);
  assert.deepEqual(w.running(), ['a/c', 'a/side']);
});

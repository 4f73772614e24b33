/** Hooks, the order of ends, deadlines and exit-code rules, on the fake runtime with time that stands still. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IMAGE, world, type World } from '../test/world.ts';

const stops = (w: World): string[] =>
  w.fake.calls
    .filter((c) => c.rpc === 'StopContainer')
    .map((c) => {
      const { container_id: id, timeout } = c.request as { container_id: string; timeout: string };
      return `${w.fake.state.containers.get(id)?.config.metadata?.name ?? names.get(id)} ${timeout}`;
    });
const names = new Map<string, string>();
const remember = (w: World): void => {
  for (const c of w.fake.state.containers.values()) names.set(c.id, c.config.metadata?.name ?? '');
};
const sleep = (seconds: number): object => ({ sleep: { seconds } });

test('postStart: the container counts as started when its hook is done', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a', {}, { lifecycle: { postStart: sleep(5) } }));
  assert.deepEqual(w.running(), ['a/c']);
  assert.equal(w.phase('a'), 'Pending');
  await w.advance(5_000);
  assert.equal(w.phase('a'), 'Running');
});

test('postStart: a hook that fails ends its container; the restart policy decides what then', async (t) => {
  const w = await world(t);
  w.fake.exec = () => ({ exitCode: 7, stderr: 'no' });
  await w.set(w.pod('a', { restartPolicy: 'Never' }, { lifecycle: { postStart: { exec: { command: ['x'] } } } }));
  assert.deepEqual(w.running(), []);
  assert.equal(w.phase('a'), 'Failed');
  assert.deepEqual(w.events('FailedPostStartHook'), ['FailedPostStartHook x1: PostStartHook failed']);
  assert.deepEqual(w.events('Killing'), ['Killing x1: FailedPostStartHook']);
  assert.match(
    w.log.join('\n'),
    /<4>Hook failed pod=default\/a-n container=c hook=postStart err="command \\?"x\\?" exited with 7: no" code=HOOK_FAILED/,
  );
});

test('postStart: a pod removed while its hook runs ends at once', async (t) => {
  const w = await world(t);
  await w.set(w.pod('a', {}, { lifecycle: { postStart: sleep(29) } }));
  await w.set();
  await w.advance(100);
  assert.equal(w.fake.state.sandboxes.size, 0);
  assert.deepEqual(w.events('FailedPostStartHook'), []);
});

test('preStop: runs before the container is told to end, within the grace period, of which the rest is left', async (t) => {
  const w = await world(t);
  w.programs['c'] = { onStop: 'ignores' };
  await w.set(w.pod('a', { terminationGracePeriodSeconds: 20 }, { lifecycle: { preStop: sleep(6) } }));
  remember(w);
  await w.set();
  await w.advance(5_999);
  assert.deepEqual(stops(w), []);
  await w.advance(1);
  assert.deepEqual(stops(w), ['c 14']);
  await w.advance(14_000);
  assert.equal(w.fake.state.sandboxes.size, 0);
});

test('preStop: a hook that takes the whole grace period leaves two seconds; one that fails does not keep it from ending', async (t) => {
  const w = await world(t);
  w.fake.exec = (_, [cmd]) => (cmd === 'hang' ? 'hangs' : { exitCode: 1 });
  const hang = { exec: { command: ['hang'] } };
  await w.set(
    w.pod('slow', { terminationGracePeriodSeconds: 5 }, { name: 'slow', lifecycle: { preStop: hang } }),
    w.pod('bad', { terminationGracePeriodSeconds: 5 }, { name: 'bad', lifecycle: { preStop: { exec: { command: ['x'] } } } }),
    w.pod('none', { terminationGracePeriodSeconds: 0 }, { name: 'none', lifecycle: { preStop: hang } }),
  );
  remember(w);
  await w.set();
  assert.deepEqual(stops(w).sort(), ['bad 5', 'none 0']);
  await w.advance(5_000);
  assert.deepEqual(stops(w).sort(), ['bad 5', 'none 0', 'slow 2']);
  assert.equal(w.fake.state.sandboxes.size, 0);
  assert.deepEqual(w.events('FailedPreStopHook'), ['FailedPreStopHook x1: PreStopHook failed', 'FailedPreStopHook x1: PreStopHook failed']);
});

test('sidecars end after the others, the last first, and share one grace period', async (t) => {
  const w = await world(t);
  for (const name of ['c', 'one', 'two']) w.programs[name] = { onStop: 'ignores' };
  const side = (name: string): object => ({ name, image: IMAGE, restartPolicy: 'Always' });
  await w.set(w.pod('a', { terminationGracePeriodSeconds: 10, initContainers: [side('one'), side('two')] }));
  remember(w);
  await w.set();
  assert.deepEqual(stops(w), ['c 10']);
  await w.advance(10_000);
  assert.deepEqual(stops(w), ['c 10', 'two 2']);
  await w.advance(2_000);
  assert.deepEqual(stops(w), ['c 10', 'two 2', 'one 2']);
  await w.advance(2_000);
  assert.equal(w.fake.state.sandboxes.size, 0);
});

test('activeDeadlineSeconds: the pod ends then and is Failed, though it is killed cleanly', async (t) => {
  const w = await world(t);
  w.programs['c'] = { onStop: 0 };
  await w.set(w.pod('a', { activeDeadlineSeconds: 60, restartPolicy: 'OnFailure' }));
  await w.advance(59_999);
  assert.deepEqual([w.phase('a'), w.running().length], ['Running', 1]);
  await w.advance(1);
  const status = w.workers.pod('default/a-n')?.status;
  assert.deepEqual([status?.phase, status?.reason, w.running().length], ['Failed', 'DeadlineExceeded', 0]);
  assert.deepEqual(w.events('DeadlineExceeded'), ['DeadlineExceeded x1: Pod was active on the node longer than the specified deadline']);
  await w.advance(600_000);
  assert.equal(w.starts.length, 1);
});

test('activeDeadlineSeconds: a pod that was done before stays what it was', async (t) => {
  const w = await world(t);
  w.programs['c'] = { exits: 0 };
  await w.set(w.pod('a', { activeDeadlineSeconds: 60, restartPolicy: 'Never' }));
  await w.advance(600_000);
  w.workers.look('default/a-n');
  await w.settle();
  assert.equal(w.phase('a'), 'Succeeded');
});

test('restartPolicyRules: an exit code that is named restarts, another ends the pod', async (t) => {
  const w = await world(t);
  w.programs['c'] = { exits: 42 };
  const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  await w.set(w.pod('a', { restartPolicy: 'Never' }, { restartPolicy: 'Never', restartPolicyRules: rules }));
  assert.equal(w.status('a')?.restartCount, 1);
  assert.deepEqual([w.phase('a'), w.status('a')?.state?.waiting?.reason], ['Running', 'CrashLoopBackOff']);
  w.programs['c'] = { exits: 1 };
  await w.advance(10_000);
  assert.deepEqual([w.phase('a'), w.status('a')?.restartCount, w.status('a')?.state?.terminated?.exitCode], ['Failed', 2, 1]);
});

test('a container’s own restartPolicy: one that is done stays so beside one that goes on', async (t) => {
  const w = await world(t);
  w.programs['once'] = { exits: 1 };
  await w.set(
    w.pod('a', {
      containers: [
        { name: 'c', image: IMAGE },
        { name: 'once', image: IMAGE, restartPolicy: 'Never' },
      ],
    }),
  );
  await w.advance(60_000);
  assert.deepEqual(w.running(), ['a/c']);
  assert.equal(w.phase('a'), 'Running');
  assert.equal(w.starts.filter((s) => s.container === 'once').length, 1);
});

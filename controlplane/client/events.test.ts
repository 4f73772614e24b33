import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { ManualClock } from '#base/clock.ts';
import { EventRecorder, events, type EventText, type Regarding } from './events.ts';
import { unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import { answer, FakeApi } from './testing/fakeApi.ts';
import { recorder, turns, type Line } from './testing/kit.ts';

function setUp(t: TestContext) {
  const api = new FakeApi({ types: [events] });
  const clock = new ManualClock(1_700_000_000_000);
  const lines: Line[] = [];
  const client = new Client({ transport: api, clock, limiter: unlimited, userAgent: 'test' });
  const record = new EventRecorder({ client, clock, log: recorder(lines), component: 'kubelet', host: 'n1' });
  const stop = new AbortController();
  const running = record.run(stop.signal);
  t.after(async () => {
    stop.abort(new Error('test is over'));
    await running;
  });
  const all = (): { name: string; reason: string | undefined; message: string | undefined; count: number | undefined }[] =>
    api.all(events).map((e) => {
      const { metadata, reason, message, count } = e as unknown as Event;
      return { name: metadata.name ?? '', reason, message, count };
    });
  return { api, clock, lines, record, all };
}

const pod = (name: string): Regarding => ({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name, uid: `uid-${name}` });
const pulled = (message = 'pulled'): EventText => ({ type: 'Normal', reason: 'Pulled', message });

test('an event has what kubectl describe shows', async (t) => {
  const { api, record } = setUp(t);
  record.record({ ...pod('web'), fieldPath: 'spec.containers{main}' }, { type: 'Warning', reason: 'Failed', message: 'no' });
  await turns();
  const [made] = api.all(events) as unknown as Event[];
  const { metadata, ...rest } = made!;
  assert.match(metadata.name!, /^web\.[0-9a-f]{16}$/);
  assert.equal(metadata.namespace, 'default');
  assert.deepEqual(rest, {
    apiVersion: 'v1',
    kind: 'Event',
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: 'default',
      name: 'web',
      uid: 'uid-web',
      fieldPath: 'spec.containers{main}',
    },
    type: 'Warning',
    reason: 'Failed',
    message: 'no',
    source: { component: 'kubelet', host: 'n1' },
    reportingComponent: 'kubelet',
    reportingInstance: 'n1',
    firstTimestamp: '2023-11-14T22:13:20Z',
    lastTimestamp: '2023-11-14T22:13:20Z',
    count: 1,
  });
});

test('equal events are counted in one object, and the last time moves', async (t) => {
  const { api, clock, record, all } = setUp(t);
  for (let i = 0; i < 5; i++) {
    record.record(pod('web'), pulled());
    await turns();
    await clock.advance(1_000);
  }
  assert.deepEqual(
    all().map(({ count }) => count),
    [5],
  );
  assert.equal((api.all(events)[0] as unknown as Event).lastTimestamp, '2023-11-14T22:13:24Z');
  assert.equal((api.all(events)[0] as unknown as Event).firstTimestamp, '2023-11-14T22:13:20Z');
});

test('from the tenth message on, similar events are one, until ten minutes have passed without any', async (t) => {
  const { clock, record, all } = setUp(t);
  for (let i = 1; i <= 12; i++) record.record(pod('web'), pulled(`number ${i}`));
  await turns(20);
  assert.equal(all().length, 10);
  assert.deepEqual([all()[9]!.message, all()[9]!.count], ['(combined from similar events): number 12', 3]);
  await clock.advance(600_001);
  record.record(pod('web'), pulled('later'));
  await turns();
  assert.equal(all().at(-1)!.message, 'later');
});

test('one object may have 25 events at once, then one in five minutes; others are not held up', async (t) => {
  const { clock, record, all } = setUp(t);
  for (let i = 0; i < 40; i++) record.record(pod('noisy'), { type: 'Normal', reason: `R${i}`, message: '' });
  record.record(pod('quiet'), pulled());
  await turns(60);
  assert.equal(all().filter(({ name }) => name.startsWith('noisy')).length, 25);
  assert.equal(all().filter(({ name }) => name.startsWith('quiet')).length, 1);
  await clock.advance(300_000);
  for (let i = 50; i < 53; i++) record.record(pod('noisy'), { type: 'Normal', reason: `R${i}`, message: '' });
  await turns();
  assert.equal(all().filter(({ name }) => name.startsWith('noisy')).length, 26);
});

test('an event that the server has removed meanwhile is made anew with its count', async (t) => {
  const { api, record, all } = setUp(t);
  record.record(pod('web'), pulled());
  await turns();
  api.remove(events, `default/${all()[0]!.name}`);
  record.record(pod('web'), pulled());
  await turns();
  assert.deepEqual(
    all().map(({ count }) => count),
    [2],
  );
});

test('what cannot be sent is tried again; what is refused is dropped and the next one is sent', async (t) => {
  const { api, clock, lines, record, all } = setUp(t);
  let away = true;
  api.intercept = () => {
    if (away) throw new Error('connection refused');
    return undefined;
  };
  record.record(pod('web'), pulled());
  await turns();
  assert.deepEqual([all(), lines], [[], []]);
  away = false;
  await clock.advance(10_000);
  await turns();
  assert.equal(all().length, 1);
  let refuse = true;
  api.intercept = () => {
    if (!refuse) return undefined;
    refuse = false;
    return answer(403, { kind: 'Status', reason: 'Forbidden', code: 403, message: 'the namespace is being terminated' });
  };
  record.record(pod('a'), pulled());
  record.record(pod('b'), pulled());
  await turns();
  assert.deepEqual(
    all().map(({ name }) => name.split('.')[0]),
    ['web', 'b'],
  );
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['Dropped an event, the server does not take it'],
  );
});

test('a server that is away for long does not fill the memory', async (t) => {
  const { api, lines, record } = setUp(t);
  api.intercept = () => {
    throw new Error('connection refused');
  };
  for (let i = 0; i < 1_500; i++) record.record(pod(`p${i}`), pulled());
  await turns();
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['Dropped an event, the queue is full'],
  );
});

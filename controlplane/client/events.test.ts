import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { ManualClock } from '#base/clock.ts';
import { MetricsRegistry } from '#base/metrics.ts';
import type { EventSource } from './eventForm.ts';
import { EventMetrics } from './eventMetrics.ts';
import { EventRecorder, events, type EventText, type Regarding } from './events.ts';
import { unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import { answer, FakeApi } from './testing/fakeApi.ts';
import { recorder, turns, type Line } from './testing/kit.ts';

function setUp(t: TestContext, source: EventSource = { component: 'kubelet', host: 'n1' }) {
  const api = new FakeApi({ types: [events] });
  const clock = new ManualClock(1_700_000_000_000);
  const lines: Line[] = [];
  const client = new Client({ transport: api, clock, limiter: unlimited, userAgent: 'test' });
  const metrics = new EventMetrics(new MetricsRegistry());
  const record = new EventRecorder({ client, clock, log: recorder(lines), metrics, ...source });
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
  return { api, clock, lines, record, all, dropped: metrics.dropped };
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

test('three thousand events at once all arrive, the events of one object in their order, and whoever records never waits', async (t) => {
  const { record, all, api } = setUp(t);
  const sent: string[] = [];
  let underWay = 0;
  let most = 0;
  const held: (() => void)[] = [];
  api.intercept = async ({ body }) => {
    sent.push((JSON.parse(body ?? '{}') as Event).message ?? '');
    most = Math.max(most, ++underWay);
    if (sent.length <= 16) await new Promise<void>((resolve) => held.push(resolve));
    underWay -= 1;
    return undefined;
  };
  for (let i = 0; i < 1_500; i++) for (const step of ['first', 'second']) record.record(pod(`p${i}`), pulled(`${step} ${i}`));
  await turns();
  assert.deepEqual([sent.length, most], [16, 16]);
  for (const go of held) go();
  while (sent.length < 3_000) await turns();
  await turns();
  assert.equal(all().length, 3_000);
  const at = new Map(sent.map((message, i) => [message, i]));
  assert.equal(at.size, 3_000);
  for (let i = 0; i < 1_500; i++) assert.ok(at.get(`first ${i}`)! < at.get(`second ${i}`)!);
  assert.equal(most, 16);
});

test('equal events that wait for a server that is away are one request', async (t) => {
  const { api, clock, record, all } = setUp(t);
  let requests = 0;
  let away = true;
  api.intercept = () => {
    if (away) throw new Error('connection refused');
    requests += 1;
    return undefined;
  };
  for (let i = 0; i < 9; i++) {
    record.record(pod('web'), pulled());
    await turns();
  }
  record.record(pod('web'), pulled('other'));
  away = false;
  await clock.advance(10_000);
  await turns(20);
  // The first was under way; the eight behind it are its patch.
  assert.equal(requests, 3);
  assert.deepEqual(
    all().map(({ message, count }) => [message, count]),
    [
      ['pulled', 9],
      ['other', 1],
    ],
  );
});

test('a server that is away for long does not fill the memory; what is dropped is counted, and told in two lines', async (t) => {
  const { api, clock, lines, record, all, dropped } = setUp(t);
  let away = true;
  api.intercept = () => {
    if (away) throw new Error('connection refused');
    return undefined;
  };
  for (let i = 0; i < 20_100; i++) record.record(pod(`p${i}`), pulled());
  await turns();
  assert.equal(dropped.get(['queue']), 100 - 16);
  away = false;
  await clock.advance(10_000);
  while (lines.length < 2) await turns(20);
  assert.equal(all().length, 20_016);
  assert.deepEqual(
    lines.map(({ message, fields }) => [message, fields]),
    [
      ['Events are dropped, too many wait to be sent', { waiting: 20_000 }],
      ['Events were dropped while too many waited', { times: 84 }],
    ],
  );
  for (let i = 0; i < 30; i++) record.record(pod('noisy'), { type: 'Normal', reason: `R${i}`, message: '' });
  assert.equal(dropped.get(['rate']), 5);
});

test('what happens in a namespace that is being deleted is dropped without a line', async (t) => {
  const { api, lines, record, dropped } = setUp(t);
  api.intercept = () =>
    answer(403, { kind: 'Status', reason: 'Forbidden', code: 403, details: { causes: [{ reason: 'NamespaceTerminating' }] } });
  record.record(pod('web'), pulled());
  await turns();
  assert.deepEqual([lines, dropped.get(['refused'])], [[], 1]);
});

/** What only the other form has. */
const COUNTED = { source: undefined, count: undefined };

test('a series has the time of the first and, from the second time on, a count; another message is another event', async (t) => {
  const { api, clock, record } = setUp(t, { component: 'default-scheduler', host: 'box', form: 'series' });
  const failed = (message: string): EventText => ({ type: 'Warning', reason: 'FailedScheduling', action: 'Scheduling', message });
  for (const message of ['no room', 'no room', 'no room', 'a taint']) {
    record.record(pod('web'), failed(message));
    await turns();
    await clock.advance(1_000);
  }
  const made = api.all(events) as unknown as Event[];
  assert.deepEqual(
    made.map(({ type, reason, message, action, reportingComponent, reportingInstance, eventTime, series, source, count }) => ({
      type,
      reason,
      message,
      action,
      reportingComponent,
      reportingInstance,
      eventTime,
      series,
      source,
      count,
    })),
    [
      {
        type: 'Warning',
        reason: 'FailedScheduling',
        message: 'no room',
        action: 'Scheduling',
        reportingComponent: 'default-scheduler',
        reportingInstance: 'default-scheduler-box',
        eventTime: '2023-11-14T22:13:20.000000Z',
        series: { count: 3, lastObservedTime: '2023-11-14T22:13:22.000000Z' },
        ...COUNTED,
      },
      {
        type: 'Warning',
        reason: 'FailedScheduling',
        message: 'a taint',
        action: 'Scheduling',
        reportingComponent: 'default-scheduler',
        reportingInstance: 'default-scheduler-box',
        eventTime: '2023-11-14T22:13:23.000000Z',
        series: undefined,
        ...COUNTED,
      },
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { asEvent, eventTable } from './events.ts';
import { parsePorts } from './portForward.ts';
import { storyOf, storyText } from './story.ts';
import { exitCode } from './stream.ts';
import { nodeTable, podTable } from './top.ts';

const SEEN = Date.UTC(2026, 0, 1);
const NOW = SEEN + 90_000;

const pod = {
  metadata: { name: 'web-n1', namespace: 'default', uid: 'u1', annotations: { 'kubernetes.io/config.seen': '2026-01-01T00:00:00Z' } },
  spec: {
    initContainers: [{ name: 'setup' }, { name: 'proxy', restartPolicy: 'Always' }],
    containers: [{ name: 'nginx' }, { name: 'tail' }],
  },
  status: {
    phase: 'Running',
    conditions: [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [nginx tail]' },
    ],
    initContainerStatuses: [
      {
        name: 'setup',
        restartCount: 0,
        ready: true,
        state: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: '2026-01-01T00:00:01Z' } },
      },
      { name: 'proxy', restartCount: 0, ready: true, started: true, state: { running: {} } },
    ],
    containerStatuses: [
      {
        name: 'nginx',
        restartCount: 3,
        ready: false,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container=nginx' } },
        lastState: { terminated: { exitCode: 2, reason: 'Error', finishedAt: '2026-01-01T00:01:20Z' } },
      },
      { name: 'tail', restartCount: 0, ready: false, started: true, state: { running: {} } },
    ],
  },
} as unknown as Pod;
const steps = [
  { step: 'sandbox', startedAtMs: SEEN + 10, tookMs: 90 },
  { step: 'image', container: 'nginx', startedAtMs: SEEN + 12, tookMs: 400, detail: 'pulled' },
  { step: 'start', container: 'nginx', startedAtMs: SEEN + 500, tookMs: 12, failed: true, detail: 'no such file' },
  { step: 'image', container: 'tail', startedAtMs: SEEN + 600 },
];
const events = [
  {
    type: 'Warning',
    reason: 'BackOff',
    message: 'Back-off restarting',
    namespace: 'default',
    pod: 'web-n1',
    firstAtMs: NOW - 60_000,
    lastAtMs: NOW - 5_000,
    count: 4,
  },
  {
    type: 'Normal',
    reason: 'Pulled',
    message: 'Pulled',
    namespace: 'default',
    pod: 'web-n1',
    firstAtMs: NOW - 80_000,
    lastAtMs: NOW - 80_000,
    count: 1,
  },
];
const found = { atMs: NOW - 3_000, sinceMs: NOW - 43_000, tookMs: 12.3 };
const probes = [
  { container: 'tail', probe: 'readiness', result: 'bad', message: 'HTTP probe failed with statuscode: 503', ...found, times: 5 },
  { container: 'tail', probe: 'liveness', result: 'good', message: '', ...found, times: 1 },
] as const;
const story = storyOf({ pod, steps, events, probes, lastLines: new Map([['nginx', ['bind: permission denied']]]) });

test('the story says what the pod waits for, and why', () =>
  assert.deepEqual(story.waitsFor, [
    'container nginx: CrashLoopBackOff: back-off 40s restarting failed container=nginx',
    'image of container tail, which is under way',
    'container tail: it runs and is not ready (its readiness probe: HTTP probe failed with statuscode: 503)',
  ]));

test('the story counts its steps from the first sight of the pod', () =>
  assert.deepEqual(
    story.steps.map((s) => [s.step, s.afterMs]),
    [
      ['sandbox', 10],
      ['image', 12],
      ['start', 500],
      ['image', 600],
    ],
  ));

test('the story tells what kind each container is, how it ended, and its last lines', () => {
  assert.deepEqual(
    story.containers.map((c) => [c.name, c.kind, c.state, c.restarts]),
    [
      ['setup', 'init', 'ended: Completed (exit code 0)', 0],
      ['proxy', 'sidecar', 'running', 0],
      ['nginx', 'main', 'waiting: CrashLoopBackOff', 3],
      ['tail', 'main', 'running', 0],
    ],
  );
  assert.deepEqual(story.containers[2]?.lastEnd, { reason: 'Error', exitCode: 2, at: '2026-01-01T00:01:20Z' });
  assert.deepEqual(story.containers[2]?.lastLines, ['bind: permission denied']);
});

test('the story as text', () =>
  assert.equal(
    storyText(story, NOW),
    `Pod default/web-n1 is Running, first seen 90s ago

It waits for
  container nginx: CrashLoopBackOff: back-off 40s restarting failed container=nginx
  image of container tail, which is under way
  container tail: it runs and is not ready (its readiness probe: HTTP probe failed with statuscode: 503)

What was done
      +10 ms      90 ms  sandbox
      +12 ms     400 ms  image nginx: pulled
     +500 ms      12 ms  ✗ start nginx: no such file
     +600 ms        ...  image tail

Containers
  setup (init): ended: Completed (exit code 0), ready
    ended 2026-01-01T00:00:01Z with Completed (exit code 0)
  proxy (sidecar): running, ready
  nginx: waiting: CrashLoopBackOff, restarted 3 times
    ended 2026-01-01T00:01:20Z with Error (exit code 2)
    its last lines:
      | bind: permission denied
  tail: running

Probes
  tail readiness failed 5 times since 43s ago, last 3s ago in 12 ms: HTTP probe failed with statuscode: 503
  tail liveness succeeded, last 3s ago in 12 ms

Conditions that are not met
  Ready: ContainersNotReady: containers with unready status: [nginx tail]

Events
     80s ago    Pulled: Pulled
      5s ago  ! BackOff (x4): Back-off restarting
`,
  ));

test('events: the newest last, repeats counted', () =>
  assert.equal(
    eventTable(events, false, NOW),
    `LAST SEEN          TYPE      REASON    OBJECT       MESSAGE
80s                Normal    Pulled    Pod/web-n1   Pulled
5s (x4 over 60s)   Warning   BackOff   Pod/web-n1   Back-off restarting
`,
  ));

test('events as objects', () => {
  const [event] = events;
  assert.ok(event !== undefined);
  const { metadata, involvedObject, count, firstTimestamp, lastTimestamp } = asEvent({ ...event, uid: 'u1' }) as Readonly<
    Record<string, unknown>
  >;
  assert.deepEqual([involvedObject, count], [{ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web-n1', uid: 'u1' }, 4]);
  assert.deepEqual([firstTimestamp, lastTimestamp], ['2026-01-01T00:00:30Z', '2026-01-01T00:01:25Z']);
  assert.match((metadata as { name: string }).name, /^web-n1\.[0-9a-f]+$/);
});

test('top: pods, containers and the node', () => {
  const summary = {
    node: { nodeName: 'n1', cpu: { usageNanoCores: 250_400_000 }, memory: { workingSetBytes: 1 << 30, availableBytes: 3 * (1 << 30) } },
    pods: [
      { podRef: { name: 'b', namespace: 'x' }, cpu: {}, memory: {}, containers: [] },
      {
        podRef: { name: 'a', namespace: 'x' },
        cpu: { usageNanoCores: 1_000_001 },
        memory: { workingSetBytes: 5_500_000 },
        containers: [{ name: 'c', cpu: { usageNanoCores: 900_000 }, memory: { workingSetBytes: 1 << 20 } }],
      },
    ],
  };
  assert.equal(
    podTable(summary.pods, { all: false, containers: false }),
    `NAME   CPU(cores)   MEMORY(bytes)
a      2m           5Mi
b      <unknown>    <unknown>
`,
  );
  assert.equal(
    podTable(summary.pods, { all: true, containers: true }),
    `NAMESPACE   POD   NAME   CPU(cores)   MEMORY(bytes)
x           a     c      1m           1Mi
`,
  );
  assert.equal(
    nodeTable(summary),
    `NAME   CPU(cores)   MEMORY(bytes)   MEMORY(%)
n1     251m         1024Mi          25%
`,
  );
});

test('ports of port-forward', () => {
  assert.deepEqual(['80', '8080:80', ':80', '0:80'].map(parsePorts), [
    { local: 80, remote: 80 },
    { local: 8080, remote: 80 },
    { local: 0, remote: 80 },
    { local: 0, remote: 80 },
  ]);
  for (const text of ['', 'x', '80:', '80:0', '70000', '1:70000', '-1', '1:2:3'])
    assert.throws(() => parsePorts(text), { code: 'USAGE' }, text);
});

test('exit codes at the end of an exec', () => {
  assert.equal(exitCode('{"status":"Success"}'), 0);
  const failed = (message: string): string =>
    JSON.stringify({ status: 'Failure', message: 'it failed', details: { causes: [{ reason: 'ExitCode', message }] } });
  assert.equal(exitCode(failed('137')), 137);
  assert.throws(() => exitCode(failed('many')), /it failed/);
  assert.throws(() => exitCode('{"status":"Failure","message":"no such command"}'), /no such command/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodView, Progress, Serving } from '#agent/host/progress.ts';
import { ManualClock } from '#base/clock.ts';
import { podStepLine, servingText, stepLine } from './format.ts';
import { View } from './view.ts';

const NOW = Date.parse('2026-01-01T00:00:10Z');
const POD = {
  metadata: { name: 'static-nginx-vm', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { nodeName: 'vm', containers: [{ name: 'nginx', image: 'nginx' }] },
  status: {
    phase: 'Running',
    podIP: '10.244.0.2',
    startTime: '2026-01-01T00:00:00Z',
    containerStatuses: [{ name: 'nginx', ready: true, restartCount: 0, state: { running: {} } }],
  },
} as unknown as Pod;
const SERVING: Serving = {
  node: 'vm',
  pods: [POD],
  pod: 'static-nginx-vm',
  podIP: '10.244.0.2',
  url: 'http://127.0.0.1:18080/',
  answer: { status: 200, statusLine: 'HTTP/1.1 200 OK', server: 'nginx/1.22.1', title: 'Welcome to nginx!', tookMs: 3 },
  steps: {},
  tookMs: 1_540,
  name: 'kijabi',
  manifestsDir: '/m',
  servicesDir: '/s',
  example: '/m/static-nginx.yaml',
  service: '10.96.0.80:80',
  cgroupDir: '/sys/fs/cgroup/pids/kijabi-kijabi',
  podLogsDir: '/l',
  logs: { kubelet: '/k.log', proxy: '/p.log', containerd: '/c.log' },
};

test('servingText: table, answer, places, things to try', () => {
  const lines = servingText(SERVING, NOW).split('\n');
  assert.deepEqual(lines.slice(0, 7), [
    'NAME              READY   STATUS    RESTARTS   AGE   IP           NODE   NOMINATED NODE   READINESS GATES',
    'static-nginx-vm   1/1     Running   0          10s   10.244.0.2   vm     <none>           <none>',
    '',
    'http://127.0.0.1:18080/ answers:',
    '  HTTP/1.1 200 OK',
    '  Server: nginx/1.22.1',
    '  <title>Welcome to nginx!</title>',
  ]);
  const text = lines.join('\n');
  for (const part of [
    'After 1.5 s',
    '/k.log',
    'sed -i',
    '/m/static-nginx.yaml',
    'kill -9',
    'rm /m/static-nginx.yaml',
    'services    /s\n',
    '/p.log',
    'explain service nginx',
  ])
    assert.ok(text.includes(part), part);
});

test('servingText: with a directory of the user’s it gives no commands for the example', () => {
  assert.ok(!servingText({ ...SERVING, example: undefined }, NOW).includes('sed'));
  const empty = servingText({ ...SERVING, example: undefined, pods: [], url: undefined, answer: undefined }, NOW);
  assert.match(empty, /^No pod yet: put a manifest into \/m\n/);
});

const stepRows: [given: Parameters<typeof podStepLine>[0], line: string][] = [
  [{ step: 'sandbox', startedAtMs: 0, tookMs: 84.6 }, '      ✓ sandbox    85 ms'],
  [{ step: 'image', container: 'nginx', startedAtMs: 0, tookMs: 640, detail: 'pulled' }, '      ✓ image     640 ms  nginx: pulled'],
  [{ step: 'create', container: 'nginx', startedAtMs: 0 }, '      … create            nginx'],
  [{ step: 'start', startedAtMs: 0, tookMs: 5, failed: true, detail: 'no such file' }, '      ✗ start       5 ms  no such file'],
];
for (const [given, line] of stepRows) test(`podStepLine:${line}`, () => assert.equal(podStepLine(given), line));

test('podStepLine: with several pods it says whose', () => {
  assert.equal(podStepLine({ step: 'create', container: 'c', startedAtMs: 0, tookMs: 5 }, 'web'), '      ✓ create      5 ms  web/c');
  assert.equal(podStepLine({ step: 'sandbox', startedAtMs: 0, tookMs: 5 }, 'web'), '      ✓ sandbox     5 ms  web');
});

test('stepLine: numbers, times, seconds when they are many', () => {
  assert.equal(stepLine('machine', '✓', 'Debian', 12.4), '1/8 ✓ Machine      12 ms  Debian');
  assert.equal(stepLine('packages', '✓', 'installed', 61_234), '2/8 ✓ Packages    61.2 s  installed');
});

function show(columns: number | undefined, ...all: (Progress | number)[]): string {
  const clock = new ManualClock(NOW);
  let written = '';
  const view = new View({ write: (text) => (written += text), clock, columns });
  for (const progress of all) {
    if (typeof progress === 'number') {
      void clock.advance(progress);
      view.tick();
    } else view.show(progress);
  }
  return written;
}

const views = (tookMs: number | undefined): PodView[] => [
  { pod: POD, steps: [{ step: 'sandbox', startedAtMs: 1, ...(tookMs === undefined ? {} : { tookMs }) }] },
];
const START: Progress[] = [
  { kind: 'begun', step: 'pod', text: 'Waiting' },
  { kind: 'pods', views: views(undefined) },
  { kind: 'pods', views: views(80) },
  { kind: 'pods', views: views(80) },
  { kind: 'done', step: 'pod', text: 'ready', tookMs: 90 },
];

test('plain: a line when something is finished, once, and no control characters', () => {
  assert.equal(show(undefined, ...START), '      ✓ sandbox    80 ms\n7/8 ✓ Pod          90 ms  ready\n');
});

test('plain: a long step says now and then how far it is', () => {
  const going = (text: string): Progress => ({ kind: 'going', step: 'packages', text });
  const text = show(
    undefined,
    { kind: 'begun', step: 'packages', text: 'x' },
    going('1 %'),
    3_000,
    going('50 %'),
    going('51 %'),
    3_000,
    going('99 %'),
  );
  assert.equal(text, '2/8 … Packages   3000 ms  50 %\n2/8 … Packages   6000 ms  99 %\n');
});

test('terminal: what goes on is rewritten in place and never wider than the terminal; at the end the same lines stand', () => {
  const written = show(30, ...START.slice(0, 2), 100, ...START.slice(2));
  for (const line of visible(written)
    .replaceAll(/␛\[\d*[A-Z]\r?/g, '')
    .split('\n'))
    if (line.includes('…')) assert.ok(line.length < 30, line);
  assert.equal(onScreen(written), '      ✓ sandbox    80 ms\n7/8 ✓ Pod          90 ms  ready');
});

test('terminal: two steps side by side, the later one done first', () => {
  const written = show(
    80,
    { kind: 'begun', step: 'images', text: 'trying' },
    { kind: 'begun', step: 'kubelet', text: 'starting' },
    { kind: 'done', step: 'kubelet', text: 'up', tookMs: 5 },
    { kind: 'note', text: 'by the way' },
    { kind: 'failed', failure: { code: 'X', message: 'm', next: undefined } },
  );
  assert.deepEqual(onScreen(written).trimEnd().split('\n'), [
    '5/8 ✓ Kubelet       5 ms  up',
    '      by the way',
    '4/8 ✗ Images              failed',
  ]);
});

const visible = (text: string): string => text.replaceAll('\u001B', '␛');

/** A terminal that knows "up n lines", "to the first column" and "clear below". */
function onScreen(written: string): string {
  const lines = [''];
  let row = 0;
  for (const [, up, clear, text] of visible(written).matchAll(/␛\[(\d+)A\r|(␛\[J)|([^␛]+)/g)) {
    if (up !== undefined) row -= Number(up);
    else if (clear !== undefined) lines.splice(row, Infinity, '');
    else {
      for (const [i, part] of (text ?? '').split('\n').entries()) {
        if (i > 0) lines[++row] = '';
        lines[row] += part;
      }
    }
  }
  return lines.join('\n').trimEnd();
}

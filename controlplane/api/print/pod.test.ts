import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { humanDuration } from '#api/print/age.ts';
import { podRow, podStatusWord } from '#api/print/pod.ts';
import { formatTable } from '#api/print/table.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const status = (over: object): NonNullable<Pod['status']> => ({ phase: 'Running', startTime: '2026-01-01T00:00:00Z', ...over });
const pod = (over: object, spec: object = {}): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: [{ name: 'a' }], nodeName: 'n1', ...spec },
  status: status(over),
});
const container = (over: object): object => ({ name: 'a', ready: false, restartCount: 0, image: '', imageID: '', ...over });
const init = { initContainers: [{ name: 'i' }, { name: 'j' }] };

for (const [word, given] of [
  ['Running', pod({ containerStatuses: [container({ ready: true, state: { running: {} } })] })],
  ['CrashLoopBackOff', pod({ containerStatuses: [container({ state: { waiting: { reason: 'CrashLoopBackOff' } } })] })],
  ['OOMKilled', pod({ containerStatuses: [container({ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } })] })],
  ['ExitCode:3', pod({ containerStatuses: [container({ state: { terminated: { exitCode: 3 } } })] })],
  ['Signal:9', pod({ containerStatuses: [container({ state: { terminated: { exitCode: 137, signal: 9 } } })] })],
  ['Init:0/2', pod({ phase: 'Pending', initContainerStatuses: [container({ state: { running: {} } }), container({})] }, init)],
  [
    'Init:1/2',
    pod(
      {
        phase: 'Pending',
        initContainerStatuses: [
          container({ state: { terminated: { exitCode: 0 } } }),
          container({ state: { waiting: { reason: 'PodInitializing' } } }),
        ],
      },
      init,
    ),
  ],
  [
    'Init:Error',
    pod({ phase: 'Pending', initContainerStatuses: [container({ state: { terminated: { exitCode: 1, reason: 'Error' } } })] }, init),
  ],
  ['Pending', pod({ phase: 'Pending' })],
  ['Evicted', pod({ phase: 'Failed', reason: 'Evicted' })],
  [
    'NotReady',
    pod({
      containerStatuses: [
        container({ state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
        container({ name: 'b', ready: true, state: { running: {} } }),
      ],
    }),
  ],
] as const) {
  test(`podStatusWord: ${word}`, () => assert.equal(podStatusWord(given), word));
}

test('podRow: restarts say how long ago the last one was', () => {
  const row = podRow(
    pod({
      podIP: '10.0.0.2',
      containerStatuses: [
        container({
          ready: true,
          restartCount: 3,
          state: { running: {} },
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:58:30Z' } },
        }),
      ],
    }),
    NOW,
  );
  assert.deepEqual(row, {
    name: 'web',
    ready: '1/1',
    status: 'Running',
    restarts: '3 (90s ago)',
    age: '60m',
    ip: '10.0.0.2',
    node: 'n1',
    nominatedNode: '<none>',
    readinessGates: '<none>',
  });
});

test('humanDuration: the steps people know from kubectl', () => {
  const s = 1_000;
  const all = [
    0,
    119 * s,
    120 * s,
    125 * s,
    600 * s,
    179 * 60 * s,
    3 * 3_600 * s,
    7 * 3_600 * s + 60 * s,
    47 * 3_600 * s,
    49 * 3_600 * s,
    30 * 86_400 * s,
    800 * 86_400 * s,
  ];
  assert.deepEqual(all.map(humanDuration), ['0s', '119s', '2m', '2m5s', '10m', '179m', '3h', '7h1m', '47h', '2d1h', '30d', '2y70d']);
});

test('formatTable: columns as wide as their widest cell, nothing behind the last', () => {
  assert.equal(
    formatTable(
      ['NAME', 'AGE'],
      [
        ['a-long-name', '5s'],
        ['b', ''],
      ],
    ),
    'NAME          AGE\na-long-name   5s\nb\n',
  );
});

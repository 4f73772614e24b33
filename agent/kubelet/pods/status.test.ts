import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeContainer } from '../runtime/types.ts';
import { DEFAULT_CRASH_BACKOFF } from './restart.ts';
import { podStatus, type StatusInput } from './status.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const pod = (spec: object = {}): Pod => ({
  metadata: { name: 'web-n1', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'a', image: 'nginx' }], ...spec },
});
const container = (over: Partial<RuntimeContainer> = {}): RuntimeContainer => ({
  id: 'c0',
  runtimeId: 'containerd://c0',
  uid: 'u1',
  sandboxId: 's0',
  name: 'a',
  attempt: 0,
  specHash: 'h',
  state: 'running',
  exitCode: 0,
  startedAtMs: NOW - 60_000,
  finishedAtMs: 0,
  backoffMs: 0,
  graceMs: 30_000,
  image: 'docker.io/library/nginx:latest',
  imageRef: 'sha256:1',
  reason: '',
  message: '',
  ...over,
});
const ended = (exitCode: number, over: Partial<RuntimeContainer> = {}): RuntimeContainer =>
  container({ state: 'exited', exitCode, finishedAtMs: NOW - 1_000, ...over });
const input = (over: Partial<StatusInput> = {}): StatusInput => ({
  pod: pod(),
  sandboxes: [{ id: 's0', uid: 'u1', attempt: 0, ready: true, createdAtMs: NOW - 61_000, isStatic: true, ips: ['10.0.0.2'] }],
  containers: [container()],
  waiting: [],
  hostIps: ['192.168.0.1'],
  crashBackoff: DEFAULT_CRASH_BACKOFF,
  nowMs: NOW,
  previous: undefined,
  startedAtMs: NOW - 61_000,
  ...over,
});
const show = (i: StatusInput): string => {
  const { phase, conditions, containerStatuses } = podStatus(i);
  const state = containerStatuses?.map(({ state: s }) => s?.waiting?.reason ?? s?.terminated?.reason ?? 'Running');
  const ready = conditions?.find((c) => c.type === 'Ready');
  return [phase, state?.join('+'), `${ready?.status}${ready?.reason === undefined ? '' : ` ${ready.reason}`}`].join(', ');
};

for (const [name, given, want] of [
  ['a running pod is ready', input(), 'Running, Running, True'],
  ['before its sandbox it is pending', input({ sandboxes: [], containers: [] }), 'Pending, ContainerCreating, False ContainersNotReady'],
  [
    'an image that cannot be had is told',
    input({ containers: [], waiting: [{ container: 'a', reason: 'ErrImagePull', message: 'no' }] }),
    'Pending, ErrImagePull, False ContainersNotReady',
  ],
  [
    'in back-off a crash is CrashLoopBackOff',
    input({ containers: [ended(1, { attempt: 2, backoffMs: 20_000 })] }),
    'Running, CrashLoopBackOff, False ContainersNotReady',
  ],
  ['about to be restarted it is terminated', input({ containers: [ended(1)] }), 'Running, Error, False ContainersNotReady'],
  [
    'killed for memory it says so',
    input({ containers: [ended(137, { reason: 'OOMKilled' })] }),
    'Running, OOMKilled, False ContainersNotReady',
  ],
  [
    'with Never success is Succeeded',
    input({ pod: pod({ restartPolicy: 'Never' }), containers: [ended(0)] }),
    'Succeeded, Completed, False PodCompleted',
  ],
  [
    'with Never failure is Failed',
    input({ pod: pod({ restartPolicy: 'Never' }), containers: [ended(2)] }),
    'Failed, Error, False PodFailed',
  ],
  [
    'with OnFailure a failure goes on',
    input({ pod: pod({ restartPolicy: 'OnFailure' }), containers: [ended(2)] }),
    'Running, Error, False ContainersNotReady',
  ],
  [
    'while it initialises it is pending',
    input({ pod: pod({ initContainers: [{ name: 'i' }] }), containers: [container({ name: 'i' })] }),
    'Pending, PodInitializing, False ContainersNotReady',
  ],
  [
    'a container of another UID is not its own',
    input({ containers: [container({ uid: 'u0' })] }),
    'Pending, ContainerCreating, False ContainersNotReady',
  ],
] as const) {
  test(`podStatus: ${name}`, () => assert.equal(show(given), want));
}

test('podStatus: the message of a crash loop is the one tools look for, and the last end stays visible', () => {
  const [status] =
    podStatus(input({ containers: [ended(3, { attempt: 4, backoffMs: 80_000, message: 'out of cheese' })] })).containerStatuses ?? [];
  assert.equal(status?.state?.waiting?.message, 'back-off 1m20s restarting failed container=a pod=web-n1_default(u1)');
  assert.deepEqual(status?.lastState?.terminated, {
    exitCode: 3,
    reason: 'Error',
    message: 'out of cheese',
    startedAt: '2026-01-01T00:09:00Z',
    finishedAt: '2026-01-01T00:09:59Z',
    containerID: 'containerd://c0',
  });
  assert.equal(status?.restartCount, 4);
});

test('podStatus: a condition keeps the time of its last change', () => {
  const first = podStatus(input());
  const later = podStatus(input({ nowMs: NOW + 60_000, previous: first }));
  assert.deepEqual(later.conditions, first.conditions);
  const broken = podStatus(input({ nowMs: NOW + 60_000, previous: first, containers: [] }));
  const changed = broken.conditions?.filter((c) => c.lastTransitionTime === '2026-01-01T00:11:00Z').map((c) => c.type);
  assert.deepEqual(changed, ['Ready', 'ContainersReady']);
});

test('podStatus: with the host network the address is that of the node', () => {
  const status = podStatus(
    input({
      pod: pod({ hostNetwork: true }),
      sandboxes: [{ id: 's0', uid: 'u1', attempt: 0, ready: true, createdAtMs: 0, isStatic: true, ips: [] }],
    }),
  );
  assert.deepEqual([status.podIP, status.hostIP], ['192.168.0.1', '192.168.0.1']);
});

test('an ephemeral container is told apart from the others, is never ready and keeps nobody from being so', () => {
  const debugged = pod({ ephemeralContainers: [{ name: 'look', image: 'busybox', targetContainerName: 'a' }] });
  const look = (over: Partial<RuntimeContainer>): RuntimeContainer =>
    container({ id: 'l0', runtimeId: 'containerd://l0', name: 'look', ...over });
  const shown = (given: Partial<StatusInput>): unknown => {
    const { phase, ephemeralContainerStatuses, conditions } = podStatus(input({ pod: debugged, ...given }));
    const [status] = ephemeralContainerStatuses ?? [];
    const state = Object.keys(status?.state ?? {})[0];
    return [
      phase,
      state,
      status?.state?.waiting?.reason,
      status?.ready,
      status?.started,
      conditions?.find((c) => c.type === 'Ready')?.status,
    ];
  };
  assert.deepEqual(shown({}), ['Running', 'waiting', 'ContainerCreating', false, undefined, 'True']);
  assert.deepEqual(shown({ containers: [container(), look({})] }), ['Running', 'running', undefined, false, undefined, 'True']);
  const over = { containers: [container(), look({ state: 'exited', exitCode: 1, finishedAtMs: NOW })] };
  assert.deepEqual(shown(over), ['Running', 'terminated', undefined, false, undefined, 'True']);
  const waiting = [{ container: 'look', reason: 'ErrImagePull', message: 'no' }];
  assert.deepEqual(shown({ waiting }), ['Running', 'waiting', 'ErrImagePull', false, undefined, 'True']);
});

test('readiness gates: the conditions that they name decide, once the containers are ready', () => {
  const gates = ['a/one', 'a/two'];
  const gated = (conditions: { type: string; status: string }[]): Pod => ({
    ...pod({ readinessGates: gates.map((conditionType) => ({ conditionType })) }),
    status: { conditions: conditions as never },
  });
  const told = (given: Pod, more: Partial<StatusInput> = {}): unknown => {
    const { conditions } = podStatus(input({ pod: given, ...more }));
    const of = (type: string) => conditions?.find((c) => c.type === type);
    return [of('ContainersReady')?.status, of('Ready')?.status, of('Ready')?.reason, of('Ready')?.message];
  };
  assert.deepEqual(told(gated([{ type: 'a/two', status: 'Unknown' }])), [
    'True',
    'False',
    'ReadinessGatesNotReady',
    'corresponding condition of pod readiness gate "a/one" does not exist., the status of pod readiness gate "a/two" is not "True", but Unknown',
  ]);
  const open = gated(gates.map((type) => ({ type, status: 'True' })));
  assert.deepEqual(told(open), ['True', 'True', undefined, undefined]);
  const unready = 'containers with unready status: [a]';
  assert.deepEqual(told(open, { containers: [] }), ['False', 'False', 'ContainersNotReady', unready]);
  const seen = podStatus(input({ pod: open })).conditions?.map((c) => `${c.type}=${c.status}`);
  assert.ok(seen?.includes('a/one=True'), 'conditions of others are shown beside ours');
});

test('a resize in place is told as infeasible, and the status says what the container has', () => {
  const [has, asked] = [
    { requests: { cpu: '1' }, limits: { cpu: '1' } },
    { requests: { cpu: '2' }, limits: { cpu: '2' } },
  ];
  const told = (resources: object, of: object | undefined): unknown => {
    const made = container(of === undefined ? {} : { resources: of });
    const { conditions, containerStatuses } = podStatus(
      input({ pod: pod({ containers: [{ name: 'a', image: 'nginx', resources }] }), containers: [made] }),
    );
    const pending = conditions?.find((c) => c.type === 'PodResizePending');
    return [pending?.status, pending?.reason, containerStatuses?.[0]?.resources, containerStatuses?.[0]?.allocatedResources];
  };
  assert.deepEqual(told(asked, has), ['True', 'Infeasible', has, has.requests]);
  assert.deepEqual(told(has, has), [undefined, undefined, has, has.requests]);
  assert.deepEqual(told(asked, undefined), [undefined, undefined, asked, asked.requests], 'made by a kubelet that kept nothing');
  assert.deepEqual(told({}, {}), [undefined, undefined, undefined, undefined]);
});

test('a container that could not be started waits for its next try, and without one it has ended', () => {
  const unstarted = ended(128, { reason: 'StartError', message: 'no such file' });
  const waiting = [{ container: 'a', reason: 'RunContainerError', message: 'no such file' }];
  const of = (restartPolicy: 'Always' | 'Never'): string => show(input({ pod: pod({ restartPolicy }), containers: [unstarted], waiting }));
  assert.equal(of('Always'), 'Running, RunContainerError, False ContainersNotReady');
  assert.equal(of('Never'), 'Failed, StartError, False PodFailed');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planPod, type DesiredContainer, type DesiredPod, type ObservedContainer, type ObservedPod, type PodAction } from './plan.ts';
import { DEFAULT_CRASH_BACKOFF } from './restart.ts';

const NOW = 1_000_000;
const options = { crashBackoff: DEFAULT_CRASH_BACKOFF };
const main = (name: string, specHash = 'h1'): DesiredContainer => ({ name, role: 'main', specHash });
const pod = (over: Partial<DesiredPod> = {}): DesiredPod => ({
  uid: 'u1',
  restartPolicy: 'Always',
  graceMs: 30_000,
  containers: [main('web')],
  ...over,
});
const box = { id: 's0', uid: 'u1', attempt: 0, ready: true };
const container = (over: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: 'c0',
  uid: 'u1',
  sandboxId: 's0',
  name: 'web',
  attempt: 0,
  specHash: 'h1',
  state: 'running',
  exitCode: 0,
  startedAtMs: NOW - 5_000,
  finishedAtMs: 0,
  backoffMs: 0,
  graceMs: 30_000,
  ...over,
});
const seen = (containers: Partial<ObservedContainer>[], over: Partial<ObservedPod> = {}): ObservedPod => ({
  sandboxes: [box],
  containers: containers.map((c) => container(c)),
  holds: [],
  leftovers: [],
  ...over,
});
const none: ObservedPod = { sandboxes: [], containers: [], holds: [], leftovers: [] };
const ended = { state: 'exited', exitCode: 1, finishedAtMs: NOW - 1_000 } as const;
const withInit = pod({
  containers: [{ name: 'prepare', role: 'init', specHash: 'h1' }, { name: 'proxy', role: 'sidecar', specHash: 'h1' }, main('web')],
});

const debugged = pod({
  containers: [{ name: 'prepare', role: 'init', specHash: 'h1' }, main('web'), { name: 'look', role: 'ephemeral', specHash: 'h1' }],
});
const prepared = { id: 'i0', name: 'prepare', ...ended, exitCode: 0 } as const;

const table: [name: string, desired: DesiredPod | undefined, observed: ObservedPod, want: string][] = [
  [
    'a new pod gets its sandbox and its containers in one plan',
    pod({ containers: [main('a'), main('b')] }),
    none,
    'createSandbox 0, startContainer a#0, startContainer b#0',
  ],
  ['a healthy pod is left alone', pod(), seen([{}]), ''],
  ['no sandbox is made for an ephemeral container', pod({ containers: debugged.containers.slice(2) }), none, ''],
  ['one begins beside an init container that still runs', debugged, seen([{ id: 'i0', name: 'prepare' }]), 'startContainer look#0'],
  ['one that ended is never begun again', debugged, seen([prepared, {}, { id: 'l0', name: 'look', ...ended }]), ''],
  [
    'one that was made and not started is made once more',
    debugged,
    seen([prepared, {}, { id: 'l0', name: 'look', state: 'created' }]),
    'removeContainer l0, startContainer look#0',
  ],
  [
    'one of a lost sandbox ends with it and does not come again',
    debugged,
    seen([prepared, { ...ended, sandboxId: 's0' }, { id: 'l0', name: 'look', ...ended }], { sandboxes: [{ ...box, ready: false }] }),
    'createSandbox 1, startContainer prepare#1 then 10000',
  ],
  [
    'it ends with the others when nothing of the pod shall run any more',
    { ...debugged, restartPolicy: 'Never' },
    seen([prepared, { ...ended, exitCode: 0 }, { id: 'l0', name: 'look' }]),
    'stopContainer l0 podDone 30000',
  ],
  ['a first crash is restarted at once', pod(), seen([ended]), 'startContainer web#1 then 10000'],
  ['a second crash waits for its back-off', pod(), seen([{ ...ended, attempt: 1, backoffMs: 10_000 }]), '(wait 9000 CrashLoopBackOff)'],
  [
    'a crash that lies in the future is none to wait for: the clock was set back',
    pod(),
    seen([{ ...ended, attempt: 1, backoffMs: 10_000, startedAtMs: NOW + 86_399_000, finishedAtMs: NOW + 86_400_000 }]),
    'startContainer web#2 then 20000',
  ],
  [
    'a hold that lies too far in the future neither',
    pod(),
    { ...none, sandboxes: [box], holds: [{ container: 'web', untilMs: NOW + 86_400_000, reason: 'ErrImagePull' }] },
    'startContainer web#0',
  ],
  ['and is restarted when it has passed', pod(), seen([{ ...ended, attempt: 1, backoffMs: 1_000 }]), 'startContainer web#2 then 2000'],
  [
    'the back-off is capped at five minutes',
    pod(),
    seen([{ ...ended, attempt: 9, backoffMs: 300_000, finishedAtMs: NOW - 300_000 }]),
    'startContainer web#10 then 300000',
  ],
  [
    'a crash after ten good minutes starts the series anew',
    pod(),
    seen([{ ...ended, attempt: 9, backoffMs: 300_000, startedAtMs: NOW - 700_000 }]),
    'startContainer web#10 then 10000',
  ],
  [
    'a container’s own policy wins over the pod’s',
    pod({ containers: [{ ...main('web'), restart: { policy: 'Never' } }, main('b')] }),
    seen([ended, { id: 'c1', name: 'b' }]),
    '',
  ],
  [
    'a rule on the exit code wins over the policy',
    pod({
      restartPolicy: 'Never',
      containers: [{ ...main('web'), restart: { policy: 'Never', rules: [{ operator: 'In', values: [1, 42] }] } }],
    }),
    seen([ended]),
    'startContainer web#1 then 10000',
  ],
  [
    'a rule that does not match leaves it to the policy',
    pod({ containers: [{ ...main('web'), restart: { policy: 'Never', rules: [{ operator: 'NotIn', values: [1] }] } }, main('b')] }),
    seen([ended, { id: 'c1', name: 'b' }]),
    '',
  ],
  [
    'a container that liveness gave up is ended with the grace period of the probe',
    pod({ containers: [{ ...main('web'), probeGraceMs: { liveness: 5_000 } }] }),
    seen([{}], { probes: new Map([['c0', { started: true, ready: true, failed: 'liveness' }]]) }),
    'stopContainer c0 livenessFailed 5000',
  ],
  [
    'and started again though it ended with 0',
    pod({ restartPolicy: 'OnFailure' }),
    seen([{ ...ended, exitCode: 0 }], { probes: new Map([['c0', { started: true, ready: true, failed: 'liveness' }]]) }),
    'startContainer web#1 then 10000',
  ],
  [
    'what follows a sidecar waits for its startup probe',
    withInit,
    seen(
      [
        { id: 'c1', name: 'prepare', state: 'exited' },
        { id: 'c2', name: 'proxy' },
      ],
      { probes: new Map([['c2', { started: false, ready: false }]]) },
    ),
    '',
  ],
  [
    'a sidecar with a startup probe is started alone',
    pod({ containers: [{ name: 'proxy', role: 'sidecar', specHash: 'h1', slowStart: true }, main('web')] }),
    none,
    'createSandbox 0, startContainer proxy#0',
  ],
  ['past its deadline everything ends', pod({ deadlineAtMs: NOW }), seen([{}]), 'stopContainer c0 deadlineExceeded 30000'],
  ['before its deadline it is looked at again then', pod({ deadlineAtMs: NOW + 5_000 }), seen([{}]), '(wait 5000 undefined)'],
  ['ended by the node it is not started again', pod({ ended: { why: 'evicted' } }), seen([ended]), 'stopSandbox s0'],
  ['ended by the node before it began nothing begins', pod({ ended: { why: 'rejected' } }), none, ''],
  [
    'ended by the node it has the time that the node gives it',
    pod({ ended: { why: 'nodeShutdown', graceMs: 3_000 } }),
    seen([{}]),
    'stopContainer c0 nodeShutdown 3000',
  ],
  ['OnFailure restarts a failure', pod({ restartPolicy: 'OnFailure' }), seen([ended]), 'startContainer web#1 then 10000'],
  [
    'OnFailure leaves a success alone and gives the network back',
    pod({ restartPolicy: 'OnFailure' }),
    seen([{ ...ended, exitCode: 0 }]),
    'stopSandbox s0',
  ],
  ['Never leaves a failure alone', pod({ restartPolicy: 'Never' }), seen([ended], { sandboxes: [{ ...box, ready: false }] }), ''],
  [
    'a removed pod stops, then goes with all it has',
    undefined,
    seen([{}]),
    'stopContainer c0 podGone 30000, stopSandbox s0, removeContainer c0, removeSandbox s0, removePodData u1',
  ],
  [
    'a changed static pod ends the old one first',
    pod({ uid: 'u2' }),
    seen([{}]),
    'stopContainer c0 podGone 30000, stopSandbox s0, removeContainer c0, removeSandbox s0, removePodData u1',
  ],
  ['files of a pod that is gone are removed', undefined, { ...none, leftovers: ['u0'] }, 'removePodData u0'],
  ['a lost sandbox takes its containers', pod(), seen([{}], { sandboxes: [{ ...box, ready: false }] }), 'stopContainer c0 sandboxLost 0'],
  [
    'and a new one is made for the next attempt',
    pod(),
    seen([ended], { sandboxes: [{ ...box, ready: false }] }),
    'createSandbox 1, startContainer web#1 then 10000',
  ],
  ['a container nobody asked for is stopped', pod(), seen([{}, { id: 'c1', name: 'other' }]), 'stopContainer c1 unknown 30000'],
  ['a changed container is stopped', pod({ containers: [main('web', 'h2')] }), seen([{}]), 'stopContainer c0 specChanged 30000'],
  ['and started anew without delay', pod({ containers: [main('web', 'h2')] }), seen([ended]), 'startContainer web#1'],
  [
    'a container created by a kubelet that died is made again',
    pod(),
    seen([{ state: 'created' }]),
    'removeContainer c0, startContainer web#0',
  ],
  [
    'a container on hold waits',
    pod(),
    seen([], { holds: [{ container: 'web', untilMs: NOW + 500, reason: 'ImagePullBackOff' }] }),
    '(wait 500 ImagePullBackOff)',
  ],
  [
    'only one ended container of a name is kept',
    pod(),
    seen([{ id: 'c2', attempt: 2 }, { ...ended, id: 'c1', attempt: 1 }, { ...ended }]),
    'removeContainer c0',
  ],
  [
    'a sandbox nothing refers to goes',
    pod(),
    seen([{ sandboxId: 's1' }], {
      sandboxes: [
        { ...box, ready: false },
        { ...box, id: 's1', attempt: 1 },
      ],
    }),
    'removeSandbox s0',
  ],
  ['an init container goes first, alone', withInit, none, 'createSandbox 0, startContainer prepare#0'],
  ['while it runs the others wait', withInit, seen([{ name: 'prepare' }]), ''],
  [
    'after its success the rest starts in order',
    withInit,
    seen([{ ...ended, name: 'prepare', exitCode: 0 }]),
    'startContainer proxy#0, startContainer web#0',
  ],
  ['a failed init container is tried again', withInit, seen([{ ...ended, name: 'prepare' }]), 'startContainer prepare#1 then 10000'],
  ['with Never its failure ends the pod', { ...withInit, restartPolicy: 'Never' }, seen([{ ...ended, name: 'prepare' }]), 'stopSandbox s0'],
  [
    'in a new sandbox it runs again',
    withInit,
    seen([{ ...ended, name: 'prepare', exitCode: 0, sandboxId: 'old' }]),
    'startContainer prepare#1 then 10000',
  ],
  [
    'a sidecar ends with the main containers',
    { ...withInit, restartPolicy: 'Never' },
    seen([{ ...ended, name: 'prepare', exitCode: 0 }, { id: 'p', name: 'proxy' }, ended]),
    'stopContainer p podDone 30000',
  ],
  [
    'a sidecar that ended is started again',
    withInit,
    seen([{ ...ended, name: 'prepare', exitCode: 0 }, { ...ended, id: 'p', name: 'proxy', exitCode: 0 }, {}]),
    'startContainer proxy#1 then 10000',
  ],
];
for (const [name, desired, observed, want] of table) {
  test(`planPod: ${name}`, () => assert.equal(show(planPod(desired, observed, NOW, options)), want));
}

test('planPod: carrying out its plans settles, with exactly the wanted containers running', () => {
  const covered = { deleted: 0, replaced: 0, lostSandbox: 0, init: 0 };
  fc.assert(
    fc.property(desiredPods, observedPods, (desired, start) => {
      covered.deleted += Number(desired === undefined);
      covered.replaced += Number(desired !== undefined && start.sandboxes.some((s) => s.uid !== desired.uid));
      covered.lostSandbox += Number(start.sandboxes.some((s) => s.uid === desired?.uid && !s.ready));
      covered.init += Number(desired?.containers.some((c) => c.role === 'init') ?? false);
      let world = start;
      let nowMs = NOW;
      for (let turn = 0; ; turn++) {
        assert.ok(turn < 40, 'plans never settle');
        const plan = planPod(desired, world, nowMs, options);
        for (const action of plan.actions) world = apply(world, action, desired, nowMs);
        if (plan.actions.length === 0 && plan.lookAgainAfterMs === undefined) {
          const init = world.containers.find(
            (c) => c.state === 'running' && desired?.containers.some((d) => d.role === 'init' && d.name === c.name),
          );
          if (init === undefined) break;
          world = {
            ...world,
            containers: world.containers.map((c) => (c === init ? { ...c, state: 'exited', exitCode: 0, finishedAtMs: nowMs } : c)),
          };
        }
        nowMs += plan.lookAgainAfterMs ?? 1;
      }
      const running = world.containers.filter((c) => c.state === 'running');
      assert.equal(new Set(running.map((c) => c.name)).size, running.length, 'two copies of one container');
      for (const c of world.containers) assert.equal(c.uid, desired?.uid, 'something of another pod is left');
      if (desired === undefined) assert.deepEqual([world.sandboxes, world.containers], [[], []]);
      else if (desired.restartPolicy === 'Always') {
        const wanted = desired.containers.filter((c) => c.role !== 'init').map((c) => `${c.name} ${c.specHash}`);
        assert.deepEqual(new Set(running.map((c) => `${c.name} ${c.specHash}`)), new Set(wanted));
      }
    }),
    { numRuns: 500 },
  );
  for (const [what, n] of Object.entries(covered)) assert.ok(n > 0, `no generated case covered "${what}"`);
});

const desiredPods: fc.Arbitrary<DesiredPod | undefined> = fc.option(
  fc.record({
    uid: fc.constant('u1'),
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    graceMs: fc.constant(1_000),
    containers: fc
      .uniqueArray(
        fc.record({
          name: fc.constantFrom('a', 'b', 'c'),
          specHash: fc.constantFrom('h1', 'h2'),
          role: fc.constantFrom('init', 'sidecar', 'main'),
        }),
        { selector: (c) => c.name },
      )
      .map((list) => [...list.filter((c) => c.role !== 'main'), ...list.filter((c) => c.role === 'main'), main('m')]),
  }),
  { nil: undefined },
);

const observedPods: fc.Arbitrary<ObservedPod> = fc
  .record({
    sandboxes: fc.uniqueArray(
      fc.record({ id: fc.constantFrom('s0', 's1', 's2'), uid: fc.constantFrom('u0', 'u1'), attempt: fc.nat(2), ready: fc.boolean() }),
      { selector: (s) => s.id },
    ),
    containers: fc.uniqueArray(
      fc.record({
        id: fc.constantFrom('c0', 'c1', 'c2', 'c3'),
        uid: fc.constantFrom('u0', 'u1'),
        sandboxId: fc.constantFrom('s0', 's1', 's2'),
        name: fc.constantFrom('a', 'b', 'm', 'x'),
        attempt: fc.nat(3),
        specHash: fc.constantFrom('h1', 'h2'),
        state: fc.constantFrom('created', 'running', 'exited', 'unknown'),
        exitCode: fc.constantFrom(0, 1),
        startedAtMs: fc.constant(NOW - 60_000),
        finishedAtMs: fc.constant(NOW - 1_000),
        backoffMs: fc.constantFrom(0, 10_000),
        graceMs: fc.constant(1_000),
      }),
      { selector: (c) => c.id },
    ),
    leftovers: fc.subarray(['u0', 'u1']),
  })
  // A container has the UID of its sandbox.
  .map((w) => ({ ...w, containers: w.containers.map((c) => ({ ...c, uid: w.sandboxes.find((s) => s.id === c.sandboxId)?.uid ?? c.uid })) }))
  // One name never has two copies in one attempt: the runtime reserves names.
  .map((w) => ({
    ...w,
    holds: [],
    containers: w.containers.filter(
      (c, i) => !w.containers.some((d, j) => j < i && d.name === c.name && d.uid === c.uid && d.attempt === c.attempt),
    ),
  }))
  // Nor a second ready sandbox, nor a container that runs beside a newer one of its name.
  .map((w) => ({
    ...w,
    sandboxes: w.sandboxes.filter(
      (s, i) => !w.sandboxes.some((t, j) => j < i && t.uid === s.uid && (t.attempt === s.attempt || (t.ready && s.ready))),
    ),
    containers: w.containers.map((c) =>
      w.containers.some((d) => d.name === c.name && d.uid === c.uid && d.attempt > c.attempt) ? { ...c, state: 'exited' as const } : c,
    ),
  }));

function apply(world: ObservedPod, action: PodAction, desired: DesiredPod | undefined, nowMs: number): ObservedPod {
  const { containers, sandboxes } = world;
  switch (action.kind) {
    case 'createSandbox':
      assert.ok(!sandboxes.some((s) => s.uid === desired!.uid && (s.ready || s.attempt >= action.attempt)), 'a sandbox too many');
      return { ...world, sandboxes: [...sandboxes, { id: `n${action.attempt}`, uid: desired!.uid, attempt: action.attempt, ready: true }] };
    case 'stopSandbox':
      assert.ok(!containers.some((c) => c.sandboxId === action.id && c.state === 'running'), 'stopped a sandbox under a running container');
      return { ...world, sandboxes: sandboxes.map((s) => (s.id === action.id ? { ...s, ready: false } : s)) };
    case 'removeSandbox':
      assert.ok(!containers.some((c) => c.sandboxId === action.id), 'removed a sandbox that has containers');
      return { ...world, sandboxes: sandboxes.filter((s) => s.id !== action.id) };
    case 'startContainer': {
      const sandbox = sandboxes.find((s) => s.uid === desired!.uid && s.ready);
      assert.ok(sandbox, 'started a container without a sandbox');
      assert.ok(
        !containers.some((c) => c.uid === desired!.uid && c.name === action.name && (c.attempt >= action.attempt || c.state === 'running')),
        'a copy too many',
      );
      const specHash = desired!.containers.find((c) => c.name === action.name)!.specHash;
      const made = container({
        id: `${action.name}-${action.attempt}-${nowMs}`,
        uid: desired!.uid,
        sandboxId: sandbox.id,
        name: action.name,
        attempt: action.attempt,
        specHash,
        startedAtMs: nowMs,
        backoffMs: action.backoffMs,
      });
      return { ...world, containers: [...containers, made] };
    }
    case 'stopContainer':
      return {
        ...world,
        containers: containers.map((c) => (c.id === action.id ? { ...c, state: 'exited', exitCode: 137, finishedAtMs: nowMs } : c)),
      };
    case 'removeContainer':
      assert.notEqual(containers.find((c) => c.id === action.id)?.state, 'running', 'removed a running container');
      return { ...world, containers: containers.filter((c) => c.id !== action.id) };
    case 'removePodData':
      assert.ok(
        !sandboxes.some((s) => s.uid === action.uid) && !containers.some((c) => c.uid === action.uid),
        'removed the data of a pod that is still there',
      );
      return { ...world, leftovers: world.leftovers.filter((uid) => uid !== action.uid) };
  }
}

function show(plan: ReturnType<typeof planPod>): string {
  if (plan.lookAgainAfterMs !== undefined) return `(wait ${plan.lookAgainAfterMs} ${plan.waitingFor})`;
  return plan.actions
    .map((a) => {
      if (a.kind === 'startContainer') return `startContainer ${a.name}#${a.attempt}${a.backoffMs > 0 ? ` then ${a.backoffMs}` : ''}`;
      if (a.kind === 'stopContainer') return `stopContainer ${a.id} ${a.why} ${a.graceMs}`;
      if (a.kind === 'createSandbox') return `createSandbox ${a.attempt}`;
      return `${a.kind} ${'id' in a ? a.id : a.uid}`;
    })
    .join(', ');
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podFact, statusLine, type PodFact, type StatusFacts } from './statusLine.ts';

const pod = (key: string, phase = 'Running', waiting?: string): PodFact => ({ key, phase, waiting });
const facts = (pods: readonly PodFact[], over: Partial<StatusFacts> = {}): StatusFacts => ({
  pods,
  refusedManifests: 0,
  problems: [],
  ...over,
});

for (const [given, line] of [
  [facts([]), 'no pods'],
  [facts([pod('default/a')]), '1 pod running'],
  [
    facts([pod('default/a'), pod('default/b'), pod('default/job-7', 'Running', 'CrashLoopBackOff')]),
    '2 pods running, 1 waiting (default/job-7: CrashLoopBackOff)',
  ],
  [facts([pod('b/x', 'Pending', 'ImagePullBackOff'), pod('a/y', 'Pending')]), '0 pods running, 2 waiting (a/y: ContainerCreating)'],
  [
    facts([pod('a/done', 'Succeeded'), pod('a/bad', 'Failed', 'Evicted')], { refusedManifests: 2 }),
    '0 pods running, 1 failed (a/bad: Evicted), 1 completed, 2 manifests refused',
  ],
  [
    facts([pod('a/b')], { problems: ['container runtime: no answer'], refusedManifests: 1 }),
    'container runtime: no answer, 1 pod running, 1 manifest refused',
  ],
] as const) {
  test(`statusLine: ${line}`, () => assert.equal(statusLine(given), line));
}

test('podFact: the first container that waits for something of its own gives the reason', () => {
  const status = {
    phase: 'Pending',
    initContainerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }],
    containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
  };
  assert.deepEqual(podFact('a/b', { metadata: {}, spec: { containers: [] } }, status as never), {
    key: 'a/b',
    phase: 'Pending',
    waiting: 'ErrImagePull',
  });
});

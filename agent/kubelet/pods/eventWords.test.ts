/** The reasons and messages of a pod's events, word for word as upstream's kubelet 1.36 has them: people and tools search for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IMAGE, world, type World } from '../test/world.ts';

const OTHER = 'registry.example/other:1';
const PRESENT = 'Normal Pulled: Container image "docker.io/library/busybox:1" already present on machine and can be accessed by the pod';
const CREATED = 'Normal Created: Container created';
const STARTED = 'Normal Started: Container started';
const UP = [PRESENT, CREATED, STARTED];

interface Row {
  readonly what: string;
  readonly story: (w: World) => Promise<unknown>;
  /** Of a pod a, each once, in the order of their last time. */
  readonly events: readonly string[];
}

const ROWS: readonly Row[] = [
  { what: 'a start', story: (w) => w.set(w.pod('a')), events: UP },
  {
    what: 'an image that has to be pulled',
    story: async (w) => {
      w.fake.offerImage(OTHER);
      await w.set(w.pod('a', {}, { image: OTHER }));
    },
    events: [
      `Normal Pulling: Pulling image "${OTHER}"`,
      `Normal Pulled: Successfully pulled image "${OTHER}" in 0s (0s including waiting). Image size: 1000000 bytes.`,
      CREATED,
      STARTED,
    ],
  },
  {
    what: 'an image that cannot be pulled',
    story: async (w) => {
      w.fake.failNext('PullImage', 'NOT_FOUND', 'no such manifest', 100);
      await w.set(w.pod('a', {}, { image: OTHER }));
    },
    events: [
      `Normal Pulling: Pulling image "${OTHER}"`,
      `Warning Failed: Failed to pull image "${OTHER}": failed to pull and unpack image "${OTHER}": PullImage found nothing: no such manifest`,
      'Warning Failed: Error: ErrImagePull',
      `Normal BackOff: Back-off pulling image "${OTHER}"`,
      'Warning Failed: Error: ImagePullBackOff',
    ],
  },
  {
    what: 'an image that may not be pulled',
    story: (w) => w.set(w.pod('a', {}, { image: OTHER, imagePullPolicy: 'Never' })),
    events: [
      `Warning ErrImageNeverPull: Container image "${OTHER}" is not present with pull policy of Never`,
      'Warning Failed: Error: ErrImageNeverPull',
    ],
  },
  {
    what: 'an image without a name that can be',
    story: (w) => w.set(w.pod('a', {}, { image: 'Foo:1' })),
    events: [
      'Warning InspectFailed: Failed to apply default image tag "Foo:1": couldn\'t parse image name "Foo:1": invalid reference format: repository name (library/Foo) must be lowercase',
      'Warning Failed: Error: InvalidImageName',
    ],
  },
  {
    what: 'a sandbox that cannot be made',
    story: async (w) => {
      w.fake.failNext('RunPodSandbox', 'UNKNOWN', 'the switch is off', 100);
      await w.set(w.pod('a'));
    },
    events: [PRESENT, 'Warning FailedCreatePodSandBox: Failed to create pod sandbox: RunPodSandbox failed: the switch is off'],
  },
  {
    what: 'a network that is not there yet',
    story: async (w) => {
      w.fake.failNext('RunPodSandbox', 'UNKNOWN', 'cni plugin not initialized', 100);
      await w.set(w.pod('a'));
    },
    events: [
      PRESENT,
      'Warning NetworkNotReady: network is not ready: No pod network is configured: put a CNI configuration (*.conflist) into the directory the runtime reads, /etc/cni/net.d for containerd',
    ],
  },
  {
    what: 'a volume that cannot be',
    story: (w) =>
      w.set(w.pod('a', { volumes: [{ name: 'v', configMap: { name: 'cm' } }] }, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })),
    events: [PRESENT, 'Warning FailedMount: MountVolume.SetUp failed for volume "v" : configmap "cm" not found'],
  },
  {
    what: 'a container that cannot be configured',
    story: (w) => w.set(w.pod('a', {}, { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } }] })),
    events: [PRESENT, 'Warning Failed: Error: configmap "cm" not found'],
  },
  {
    what: 'a container that cannot be made',
    story: async (w) => {
      w.fake.failNext('CreateContainer', 'UNKNOWN', 'no room for it', 100);
      await w.set(w.pod('a'));
    },
    events: [PRESENT, 'Warning Failed: Error: CreateContainer failed: no room for it'],
  },
  {
    what: 'a container that cannot be started',
    story: async (w) => {
      w.fake.failNext('StartContainer', 'UNKNOWN', 'exec: "nope": not found', 100);
      await w.set(w.pod('a'));
    },
    events: [PRESENT, CREATED, 'Warning Failed: Error: StartContainer failed: exec: "nope": not found'],
  },
  {
    what: 'a pod that is not wanted any more',
    story: async (w) => {
      await w.set(w.pod('a'));
      await w.set();
    },
    events: [...UP, 'Normal Killing: Stopping container c'],
  },
  {
    what: 'a pod that is not wanted any more and does not end',
    story: async (w) => {
      await w.set(w.pod('a'));
      w.fake.failNext('StopContainer', 'UNKNOWN', 'it holds on');
      await w.set();
    },
    events: [
      ...UP,
      'Normal Killing: Stopping container c',
      'Warning FailedKillPod: error killing pod: failed to "KillContainer" for "c" with KillContainerError: "StopContainer failed: it holds on"',
    ],
  },
  {
    what: 'a sandbox that is lost',
    story: async (w) => {
      await w.set(w.pod('a'));
      for (const sandbox of w.fake.state.sandboxes.values()) w.fake.state.endSandbox(sandbox);
      await w.advance(60_000);
    },
    events: [
      'Normal Killing: Stopping container c',
      'Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.',
      ...UP,
    ],
  },
  {
    what: 'a container of which the runtime knows no state',
    story: async (w) => {
      await w.set(w.pod('a'));
      for (const container of w.fake.state.containers.values()) container.state = 'CONTAINER_UNKNOWN';
      await w.advance(60_000);
    },
    events: [...UP, 'Normal Killing: Container is in "unknown" state, try killing it before restart'],
  },
  ...(
    [
      ['c', {}],
      ['i', { initContainers: [{ name: 'i', image: IMAGE }] }],
    ] as const
  ).map(([name, spec]): Row => ({
    what: `a container that crashes again and again: ${name}`,
    story: async (w) => {
      w.programs[name] = { exits: 1 };
      await w.set(w.pod('a', spec));
      await w.advance(5_000);
    },
    events: [...UP, `Warning BackOff: Back-off restarting failed container ${name} in pod a-n_default(UID)`],
  })),
  {
    what: 'probes that fail',
    story: async (w) => {
      w.fake.exec = () => ({ exitCode: 1, stdout: 'not yet' });
      const probe = { exec: { command: ['x'] }, periodSeconds: 1, failureThreshold: 2 };
      await w.set(w.pod('a', {}, { livenessProbe: probe }));
      await w.advance(1_500);
    },
    events: [
      'Normal Killing: Container c failed liveness probe, will be restarted',
      ...UP,
      'Warning Unhealthy: Liveness probe failed: not yet',
    ],
  },
  {
    what: 'a pod that may not run so long',
    story: async (w) => {
      await w.set(w.pod('a', { activeDeadlineSeconds: 5 }));
      await w.advance(6_000);
    },
    events: [
      ...UP,
      'Normal DeadlineExceeded: Pod was active on the node longer than the specified deadline',
      'Normal Killing: Stopping container c',
    ],
  },
];

for (const { what, story, events } of ROWS) {
  test(`events: ${what}`, async (t) => {
    const w = await world(t);
    await story(w);
    const told = w.eventLines().map((line) => line.replace(/\b[0-9a-f]{32}\b/g, 'UID'));
    assert.deepEqual(told, events);
  });
}

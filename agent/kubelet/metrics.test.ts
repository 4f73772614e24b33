import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeletMetrics } from './metrics.ts';
import type { KnownPod } from './pods/workers.ts';

const known = (phase: string, states: readonly string[] = [], uid = `uid-${phase}`): KnownPod =>
  ({
    pod: {
      metadata: { name: phase, uid, annotations: { 'kubernetes.io/config.seen': new Date(1_000).toISOString() } },
      spec: { containers: [] },
    },
    status: { phase },
    objects: { sandboxes: [{ ready: phase === 'Running' }], containers: states.map((state) => ({ state })) },
  }) as unknown as KnownPod;

function metrics(pods: readonly KnownPod[] = []): KubeletMetrics {
  return new KubeletMetrics({
    nodeName: 'n1',
    pods: () => pods,
    usage: () => ({ cpuSeconds: 1.5, residentBytes: 7, virtualBytes: 9, openFiles: 4, mostFiles: 64, startSeconds: 3 }),
  });
}
const line = (m: KubeletMetrics, start: string): string[] =>
  m.registry
    .text()
    .split('\n')
    .filter((l) => l.startsWith(start));

test('pods and containers are counted as they are when somebody asks', () => {
  const m = metrics([known('Running', ['running', 'exited']), known('Succeeded', ['exited']), known('Pending')]);
  assert.deepEqual(line(m, 'kubelet_running_pods'), ['kubelet_running_pods 1']);
  assert.deepEqual(line(m, 'kubelet_running_containers'), [
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_running_containers{container_state="exited"} 2',
  ]);
  assert.deepEqual(line(m, 'kubelet_desired_pods'), ['kubelet_desired_pods{static="true"} 3', 'kubelet_desired_pods{static=""} 0']);
  assert.deepEqual(line(m, 'kubelet_active_pods'), ['kubelet_active_pods{static="true"} 2', 'kubelet_active_pods{static=""} 0']);
  assert.deepEqual(line(m, 'process_'), [
    'process_cpu_seconds_total 1.5',
    'process_resident_memory_bytes 7',
    'process_start_time_seconds 3',
    'process_virtual_memory_bytes 9',
    'process_open_fds 4',
    'process_max_fds 64',
  ]);
});

test('calls to the runtime have upstream’s names', () => {
  const m = metrics();
  for (const rpc of ['RunPodSandbox', 'CreateContainer', 'StartContainer', 'ListContainers', 'PullImage', 'ExecSync'])
    m.runtimeCall(rpc, 20, 'ok');
  m.runtimeCall('RunPodSandbox', 20, 'failed');
  m.runtimeCall('StartContainer', 20, 'failed');
  assert.deepEqual(
    line(m, 'kubelet_runtime_operations_total').map((l) => /"(.*)"} (\d)/.exec(l)?.slice(1)),
    [
      ['run_podsandbox', '2'],
      ['create_container', '1'],
      ['start_container', '2'],
      ['list_containers', '1'],
      ['pull_image', '1'],
      ['exec_sync', '1'],
    ],
  );
  assert.deepEqual(line(m, 'kubelet_runtime_operations_errors_total'), [
    'kubelet_runtime_operations_errors_total{operation_type="run_podsandbox"} 1',
    'kubelet_runtime_operations_errors_total{operation_type="start_container"} 1',
  ]);
});

test('what is done for pods is counted by what it was for', () => {
  const m = metrics();
  const pod = { metadata: {}, spec: { initContainers: [{ name: 'i' }], containers: [{ name: 'c' }] } } as unknown as KnownPod['pod'];
  const step = (name: string, more: object = {}) => m.stepped(pod, { step: name, startedAtMs: 0, tookMs: 200, ...more });
  step('sandbox', { detail: 'crun' });
  step('sandbox', { failed: true });
  step('image', { container: 'c', failed: true });
  step('start', { container: 'i' });
  step('start', { container: 'c' });
  step('start', { container: 'c', failed: true });
  step('stopContainer', { container: 'c', failed: true });
  assert.deepEqual(line(m, 'kubelet_started_'), [
    'kubelet_started_pods_total 1',
    'kubelet_started_pods_errors_total 1',
    'kubelet_started_containers_total{container_type="init_container"} 1',
    'kubelet_started_containers_total{container_type="container"} 1',
    'kubelet_started_containers_errors_total{container_type="container",code="ErrImagePull"} 1',
    'kubelet_started_containers_errors_total{container_type="container",code="RunContainerError"} 1',
  ]);
  assert.deepEqual(line(m, 'kubelet_run_podsandbox_duration_seconds_sum'), [
    'kubelet_run_podsandbox_duration_seconds_sum{runtime_handler="crun"} 0.2',
    'kubelet_run_podsandbox_duration_seconds_sum{runtime_handler=""} 0.2',
  ]);
  assert.deepEqual(line(m, 'kubelet_run_podsandbox_errors_total'), ['kubelet_run_podsandbox_errors_total{runtime_handler=""} 1']);
});

test('the start without pulls and init containers: overlapping pulls count once, and a pod that keeps state has none', () => {
  const m = metrics();
  const start = (uid: string, volumes: readonly object[], steps: Parameters<KubeletMetrics['podLooked']>[1]) => {
    const known = (phase: string): KnownPod =>
      ({
        pod: {
          metadata: {
            uid,
            creationTimestamp: new Date(500).toISOString(),
            annotations: { 'kubernetes.io/config.seen': new Date(1_000).toISOString() },
          },
          spec: { containers: [], volumes },
        },
        status: {
          phase,
          initContainerStatuses: [
            { state: { terminated: { startedAt: new Date(6_000).toISOString(), finishedAt: new Date(7_000).toISOString() } } },
          ],
        },
      }) as unknown as KnownPod;
    m.podLooked(known('Pending'), [], 1_100);
    m.podLooked(known('Running'), steps, 10_000);
  };
  const pulls = [
    { step: 'image', startedAtMs: 2_000, tookMs: 2_000 },
    { step: 'image', startedAtMs: 3_000, tookMs: 2_000 },
    { step: 'sandbox', startedAtMs: 1_000, tookMs: 2_000 },
  ];
  start('u1', [{ name: 'v', emptyDir: {} }], pulls);
  start('u2', [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }], pulls);
  const sums = ['start', 'start_total', 'start_sli', 'worker_start'].map((name) => line(m, `kubelet_pod_${name}_duration_seconds_sum`)[0]);
  assert.deepEqual(sums, [
    'kubelet_pod_start_duration_seconds_sum 18',
    'kubelet_pod_start_total_duration_seconds_sum 19',
    'kubelet_pod_start_sli_duration_seconds_sum 5.5',
    'kubelet_pod_worker_start_duration_seconds_sum 0.2',
  ]);
  assert.deepEqual(line(m, 'kubelet_first_network_pod_start_sli'), ['kubelet_first_network_pod_start_sli_duration_seconds 5.5']);
});

test('control groups, shutdowns and the sizes of pods', () => {
  const m = metrics();
  m.groupChanged('create', 20);
  m.groupChanged('destroy', 30);
  m.shutdownBegan(5_000);
  m.shutdownEnded(7_500);
  const two = { ...known('Pending').pod, spec: { containers: [{}, {}] } } as unknown as KnownPod['pod'];
  for (const nowMs of [1, 2]) m.podLooked({ ...known('Pending'), pod: two }, [], nowMs);
  assert.deepEqual(line(m, 'kubelet_cgroup_manager_duration_seconds_sum'), [
    'kubelet_cgroup_manager_duration_seconds_sum{operation_type="create"} 0.02',
    'kubelet_cgroup_manager_duration_seconds_sum{operation_type="destroy"} 0.03',
  ]);
  assert.deepEqual(line(m, 'kubelet_graceful_shutdown_'), [
    'kubelet_graceful_shutdown_start_time_seconds 5',
    'kubelet_graceful_shutdown_end_time_seconds 7.5',
  ]);
  assert.deepEqual(line(m, 'kubelet_containers_per_pod_count_').slice(-2), [
    'kubelet_containers_per_pod_count_sum 2',
    'kubelet_containers_per_pod_count_count 1',
  ]);
});

test('health checks are counted, and the last of each is kept', () => {
  const m = metrics();
  m.healthLooked([{ name: 'runtime', problem: 'away' }]);
  m.healthLooked([{ name: 'runtime', problem: undefined }]);
  const text = m.slis.text();
  assert.match(text, /^kubernetes_healthcheck\{name="runtime",type="healthz"\} 1$/m);
  for (const status of ['error', 'success'])
    assert.match(text, new RegExp(`^kubernetes_healthchecks_total\\{name="runtime",status="${status}",type="healthz"\\} 1$`, 'm'));
});

test('the start of a pod is counted once, and only when it was seen before it ran', () => {
  const m = metrics();
  const at = (phase: string): KnownPod => known(phase, [], 'u1');
  for (const [phase, nowMs] of [
    ['Pending', 1_100],
    ['Running', 3_500],
    ['Running', 9_000],
    ['Pending', 10_000],
    ['Running', 11_000],
  ] as const)
    m.podLooked(at(phase), [], nowMs);
  m.podLooked(known('Running', [], 'ran-before-us'), [], 50_000);
  assert.deepEqual(line(m, 'kubelet_pod_start_duration_seconds_sum'), ['kubelet_pod_start_duration_seconds_sum 2.5']);
  assert.deepEqual(line(m, 'kubelet_pod_start_duration_seconds_count'), ['kubelet_pod_start_duration_seconds_count 1']);
});

test('a method nobody knows makes no label of its own', () => {
  const m = metrics();
  m.request({ method: 'BREW', path: 'pods', readOnly: false, isLong: false })(0.1);
  m.request({ method: 'GET', path: 'pods', readOnly: true, isLong: false });
  assert.match(
    m.registry.text(),
    /kubelet_http_requests_total\{method="other",path="pods",server_type="readwrite",long_running="false"\} 1/,
  );
  assert.deepEqual(
    line(m, 'kubelet_http_inflight_requests').map((l) => l.replace(/.*method="(\w+)".*server_type="(\w+)".* /, '$1 $2 ')),
    ['other readwrite 0', 'GET readonly 1'],
  );
});

test('probes are counted by what they found', () => {
  const m = metrics();
  const { pod } = known('Running');
  for (const answer of ['good', 'warning', 'bad', 'error', 'good'] as const) m.probed(pod, 'c', 'readiness', { answer, tookMs: 20 });
  const counts = m.probes
    .text()
    .match(/result="\w+".* \d+$/gm)
    ?.map((l) => l.replace(/^result="(\w+)".* (\d+)$/, '$1 $2'));
  assert.deepEqual(counts, ['successful 3', 'failed 1', 'unknown 1']);
  assert.match(m.probes.text(), /probe_type="Readiness"/);
  assert.match(
    m.probes.text(),
    /^prober_probe_duration_seconds_count\{probe_type="Readiness",container="c",pod="Running",namespace=""\} 5$/m,
  );
  m.forgetProbes(pod);
  assert.doesNotMatch(m.probes.text(), /pod="Running"/);
});

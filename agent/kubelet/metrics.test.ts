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
  return new KubeletMetrics({ nodeName: 'n1', pods: () => pods, usage: () => ({ cpuSeconds: 1.5, residentBytes: 7, startSeconds: 3 }) });
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
  assert.deepEqual(line(m, 'kubelet_desired_pods'), ['kubelet_desired_pods{static="true"} 3']);
  assert.deepEqual(line(m, 'kubelet_active_pods'), ['kubelet_active_pods{static="true"} 2']);
  assert.deepEqual(line(m, 'process_'), [
    'process_cpu_seconds_total 1.5',
    'process_resident_memory_bytes 7',
    'process_start_time_seconds 3',
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
  assert.deepEqual(line(m, 'kubelet_started_pods_total'), ['kubelet_started_pods_total 1']);
  assert.deepEqual(line(m, 'kubelet_started_containers_total'), ['kubelet_started_containers_total{container_type="container"} 1']);
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
    m.podLooked(at(phase), nowMs);
  m.podLooked(known('Running', [], 'ran-before-us'), 50_000);
  assert.deepEqual(line(m, 'kubelet_pod_start_duration_seconds_sum'), ['kubelet_pod_start_duration_seconds_sum 2.5']);
  assert.deepEqual(line(m, 'kubelet_pod_start_duration_seconds_count'), ['kubelet_pod_start_duration_seconds_count 1']);
});

test('a method nobody knows makes no label of its own', () => {
  const m = metrics();
  m.request('BREW', 'pods', 0.1, 'false');
  assert.match(
    m.registry.text(),
    /kubelet_http_requests_total\{method="other",path="pods",server_type="readwrite",long_running="false"\} 1/,
  );
});

test('probes are counted by what they found', () => {
  const m = metrics();
  const { pod } = known('Running');
  for (const answer of ['good', 'warning', 'bad', 'error', 'good'] as const) m.probed(pod, 'c', 'readiness', answer);
  const counts = m.probes
    .text()
    .match(/result="\w+".* \d+$/gm)
    ?.map((l) => l.replace(/^result="(\w+)".* (\d+)$/, '$1 $2'));
  assert.deepEqual(counts, ['successful 3', 'failed 1', 'unknown 1']);
  assert.match(m.probes.text(), /probe_type="Readiness"/);
});

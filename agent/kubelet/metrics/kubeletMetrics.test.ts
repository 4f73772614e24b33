import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeletMetrics } from './kubeletMetrics.ts';
import type { KnownPod } from '../pods/workers.ts';

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
    isWanted: ({ pod }) => pod.metadata.uid !== 'unwanted',
    mirrors: () => 2,
    pullRecords: () => ({ pulled: 3, intents: 1 }),
    cgroupVersion: 2,
    nowMs: () => 10_000,
    usage: () => ({
      cpuSeconds: 1.5,
      residentBytes: 7,
      virtualBytes: 9,
      openFiles: 4,
      mostFiles: 64,
      startSeconds: 3,
      activeResources: new Map([['Timeout', 5]]),
    }),
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
  assert.deepEqual(line(m, 'nodejs_'), ['nodejs_active_resources{type="Timeout"} 5']);
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
  m.requests.served({ method: 'BREW', path: 'pods', readOnly: false, isLong: false })(0.1);
  m.requests.served({ method: 'GET', path: 'pods', readOnly: true, isLong: false });
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
  for (const answer of ['good', 'warning', 'bad', 'error', 'good'] as const) m.probes.probed(pod, 'c', 'readiness', { answer, tookMs: 20 });
  const counts = m.probes.registry
    .text()
    .match(/result="\w+".* \d+$/gm)
    ?.map((l) => l.replace(/^result="(\w+)".* (\d+)$/, '$1 $2'));
  assert.deepEqual(counts, ['successful 3', 'failed 1', 'unknown 1']);
  assert.match(m.probes.registry.text(), /probe_type="Readiness"/);
  assert.match(
    m.probes.registry.text(),
    /^prober_probe_duration_seconds_count\{probe_type="Readiness",container="c",pod="Running",namespace=""\} 5$/m,
  );
  m.probes.forget(pod);
  assert.doesNotMatch(m.probes.registry.text(), /pod="Running"/);
});

test('pods are counted by where they are in their life', () => {
  const m = metrics([known('Running', ['running']), known('Succeeded', ['exited']), known('Running', ['running'], 'unwanted')]);
  const counted = line(m, 'kubelet_working_pods{').filter((l) => !l.endsWith(' 0'));
  assert.deepEqual(counted, [
    'kubelet_working_pods{lifecycle="sync",config="desired",static="true"} 1',
    'kubelet_working_pods{lifecycle="terminated",config="desired",static="true"} 1',
    'kubelet_working_pods{lifecycle="terminated",config="orphan",static="true"} 1',
  ]);
  assert.equal(line(m, 'kubelet_working_pods{').length, 15);
  assert.deepEqual(line(m, 'kubelet_mirror_pods'), ['kubelet_mirror_pods 2']);
});

test('an unwanted pod whose container still runs is on its way out; its volumes are counted until it is gone', () => {
  const pod = {
    metadata: { uid: 'unwanted' },
    spec: {
      containers: [],
      volumes: [
        { name: 'a', emptyDir: {} },
        { name: 'b', secret: {} },
      ],
    },
  };
  const objects = { sandboxes: [{ uid: 'unwanted', ready: true }], containers: [{ uid: 'unwanted', state: 'running' }] };
  const m = metrics([{ pod, status: { phase: 'Running' }, objects } as unknown as KnownPod]);
  assert.ok(line(m, 'kubelet_working_pods').includes('kubelet_working_pods{lifecycle="terminating",config="orphan",static="true"} 1'));
  assert.deepEqual(line(m, 'volume_manager_total_volumes{'), [
    'volume_manager_total_volumes{plugin_name="kubernetes.io/empty-dir",state="desired_state_of_world"} 1',
    'volume_manager_total_volumes{plugin_name="kubernetes.io/empty-dir",state="actual_state_of_world"} 1',
    'volume_manager_total_volumes{plugin_name="kubernetes.io/secret",state="desired_state_of_world"} 1',
    'volume_manager_total_volumes{plugin_name="kubernetes.io/secret",state="actual_state_of_world"} 1',
  ]);
});

test('certificates: how long they are good, +Inf for one that is not used; renewals that failed', () => {
  const m = metrics();
  m.certificates.inUse('serving', 70_000);
  m.certificates.renewed('serving', 5_000);
  m.certificates.notRenewed('client');
  const values = line(m, 'kubelet_certificate_manager_').filter((l) => !l.includes('_bucket'));
  assert.deepEqual(values, [
    'kubelet_certificate_manager_client_ttl_seconds +Inf',
    'kubelet_certificate_manager_server_ttl_seconds 60',
    'kubelet_certificate_manager_client_expiration_renew_errors 1',
    'kubelet_certificate_manager_server_rotation_seconds_sum 5',
    'kubelet_certificate_manager_server_rotation_seconds_count 1',
  ]);
  assert.deepEqual(line(m, 'kubelet_server_expiration_renew_errors'), ['kubelet_server_expiration_renew_errors 0']);
});

test('images: who asked for what, how long pulls took by size, what is remembered', () => {
  const m = metrics();
  m.images.asked({ policy: 'IfNotPresent', present: true, pull: false });
  m.images.asked({ policy: 'Always', present: undefined, pull: true });
  m.images.pulled(0, 100);
  m.images.pulled(20 << 20, 2_000);
  m.images.checked('mustAuthenticate');
  assert.deepEqual(line(m, 'kubelet_image_manager_'), [
    'kubelet_image_manager_ensure_image_requests_total{pull_policy="ifnotpresent",present_locally="true",pull_required="false"} 1',
    'kubelet_image_manager_ensure_image_requests_total{pull_policy="always",present_locally="unknown",pull_required="true"} 1',
  ]);
  assert.deepEqual(line(m, 'kubelet_image_pull_duration_seconds_sum'), [
    'kubelet_image_pull_duration_seconds_sum{image_size_in_bytes="N/A"} 0.1',
    'kubelet_image_pull_duration_seconds_sum{image_size_in_bytes="10MB-100MB"} 2',
  ]);
  assert.deepEqual(line(m, 'kubelet_imagemanager_'), [
    'kubelet_imagemanager_image_mustpull_checks_total{result="mustAuthenticate"} 1',
    'kubelet_imagemanager_ondisk_pulledrecords 3',
    'kubelet_imagemanager_ondisk_pullintents 1',
  ]);
});

test('refusals are counted by upstream’s reasons, and what has no name there together', () => {
  const m = metrics();
  for (const reason of ['OutOfcpu', 'OutOfhugepages-2Mi', 'SomethingOfOurs']) m.refused(reason);
  assert.deepEqual(
    line(m, 'kubelet_admission_rejections_total').map((l) => /"(.*)"/.exec(l)?.[1]),
    ['OutOfcpu', 'OutOfExtendedResources', 'Other'],
  );
});

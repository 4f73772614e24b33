/** The kubelet's HTTP API on a real containerd, as curl, WebSocket clients and kubectl see it. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection, type AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { KubeletHttp, makeTestPki, type Identity } from './harness/kubeletHttp.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;
let http: KubeletHttp;
let admin: Identity;
let stranger: Identity;
let pod: Pod;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  const pki = await makeTestPki(join(containerd.dir, 'test-pki'));
  [admin, stranger] = await Promise.all([pki.issue('admin', '/O=system:masters/CN=admin'), pki.issue('stranger', '/O=guests/CN=stranger')]);
  kubelet = await startKubelet(containerd, {
    config: {
      authentication: { x509: { clientCAFile: pki.caFile } },
      readOnlyPort: 10_255,
      containerLogMaxSize: '20Ki',
      containerLogMonitorInterval: '3s',
    },
  });
  http = await KubeletHttp.open({ netns: containerd.netns, dir: containerd.dir });
  http.ca = readFileSync(join(kubelet.rootDir, 'pki/kubelet.crt'), 'utf8');
  const web = { name: 'web', ports: [{ containerPort: 80 }], stdin: true };
  kubelet.apply(
    'web.yaml',
    manifest({
      name: 'web',
      // Two pipes have no order between them: the pause lets the runtime read the first before there is a second.
      script:
        'echo one; sleep 1; echo two >&2; echo hello > /index.html; httpd -p 80 -h /; while read line; do echo "got $line"; done; exec sleep 3600',
      container: { stdin: web.stdin, ports: web.ports },
    }),
  );
  await until('the pod runs', async () => (await kubelet.pod('web'))?.status?.containerStatuses?.[0]?.state?.running !== undefined);
  pod = (await kubelet.pod('web'))!;
});
after(async () => {
  await http?.close();
  await kubelet?.stop();
  await containerd?.stop();
});

const PATH = 'default/web-node1';
/** A command for a terminal: ends once it has this size and a line was typed. The size travels beside what is typed, not in its order. */
const sized = (size: string, exitCode: number): string =>
  `read x; while [ "$(stty size 2>/dev/null)" != "${size}" ]; do sleep 0.05; done; stty size; exit ${exitCode}`;

test('the self-signed certificate is for the node and readable by root alone', { skip }, async () => {
  for (const file of ['kubelet.crt', 'kubelet.key']) assert.equal(statSync(join(kubelet.rootDir, 'pki', file)).mode & 0o777, 0o600);
  const { status, text } = await http.ask('/healthz', admin); // the client checks certificate and name
  assert.deepEqual([status, text], [200, 'ok']);
});

test('nobody gets in without a certificate, a stranger may do nothing, and both are told why', { skip }, async () => {
  const nobody = await http.ask('/pods');
  assert.equal(nobody.status, 401);
  assert.match(nobody.text, /show a certificate signed by clientCAFile/);
  const withToken = await http.ask('/pods', undefined, { headers: { authorization: 'Bearer x' } });
  assert.equal(withToken.status, 401);
  for (const [path, what] of [
    ['/metrics', 'verb=get, resource=nodes, subresource(s)=[metrics]'],
    [`/exec/${PATH}/c?command=id&output=1`, 'verb=create, resource=nodes, subresource(s)=[proxy]'],
    [`/%65xec/${PATH}/c?command=id&output=1`, 'verb=create, resource=nodes, subresource(s)=[proxy]'],
  ] as const) {
    const { status, text } = await http.ask(path, stranger);
    assert.equal(status, 403, path);
    assert.ok(text.includes(`Forbidden (user=stranger, ${what})`), text);
  }
  await assert.rejects(http.stream(`/exec/${PATH}/c?command=id&output=1`, stranger), /403 Forbidden/);
  await assert.rejects(http.stream(`/exec/${PATH}/c?command=id&output=1`, undefined), /401 Unauthorized/);
});

test('pods, runningpods and configz are what is there', { skip }, async () => {
  const list = JSON.parse((await http.ask('/pods', admin)).text) as { kind: string; items: Pod[] };
  assert.equal(list.kind, 'PodList');
  assert.deepEqual(
    list.items.map((p) => [p.metadata.name, p.status?.phase]),
    [['web-node1', 'Running']],
  );
  const running = JSON.parse((await http.ask('/runningpods/', admin)).text) as { items: Pod[] };
  assert.deepEqual(
    running.items.map((p) => [p.metadata.uid, p.spec.containers.map((c) => c.name)]),
    [[pod.metadata.uid, ['c']]],
  );
  const { kubeletconfig } = JSON.parse((await http.ask('/configz', admin)).text) as { kubeletconfig: Record<string, unknown> };
  assert.equal(kubeletconfig['port'], 10_250);
  assert.equal(kubeletconfig['staticPodPath'], kubelet.manifests);
  for (const path of ['/no-such', '/pods/x', '/configz/x', '/runningpods/x']) assert.equal((await http.ask(path, admin)).status, 404, path);
  assert.equal((await http.ask('/pods', admin, { method: 'DELETE' })).status, 405);
});

test('the read-only port gives pods and health to everybody, and nothing else', { skip }, async () => {
  const wget = (path: string) =>
    execa('nsenter', [`--net=/run/netns/${containerd.netns}`, 'busybox', 'wget', '-qO-', `http://127.0.0.1:10255${path}`], {
      reject: false,
    });
  assert.equal((await wget('/healthz')).stdout, 'ok');
  assert.match((await wget('/pods')).stdout, /web-node1/);
  assert.match((await wget('/metrics')).stdout, /^kubelet_running_pods 1$/m);
  for (const path of ['/configz', `/containerLogs/${PATH}/c`, '/logs/', '/runningpods/'])
    assert.match((await wget(path)).stderr, /404/, path);
});

test('/healthz says what was looked at, on its own port too; one check can be asked for alone', { skip }, async () => {
  const all = ['ping', 'log', 'syncloop', 'runtime', 'pleg', 'disk'].map((name) => `[+]${name} ok\n`).join('');
  const { status, text } = await http.ask('/healthz?verbose', admin);
  assert.deepEqual([status, text], [200, `${all}healthz check passed\n`]);
  const { stdout } = await execa(
    'nsenter',
    [`--net=/run/netns/${containerd.netns}`, 'busybox', 'wget', '-qO-', 'http://127.0.0.1:10248/healthz?verbose=1'],
    { stripFinalNewline: false },
  );
  assert.equal(stdout, text);
  assert.equal((await http.ask('/healthz/syncloop', admin)).text, 'ok');
  const none = await http.ask('/healthz/etcd', admin);
  assert.deepEqual([none.status, /there are \/healthz and \/healthz\/<ping\|log/.test(none.text)], [404, true]);
  assert.match((await http.ask('/metrics/slis', admin)).text, /^kubernetes_healthcheck\{name="pleg",type="healthz"\} 1$/m);
});

test('containerLogs with its options', { skip }, async () => {
  const logs = async (query: string) => (await http.ask(`/containerLogs/${PATH}/c?${query}`, admin)).text;
  await until('both lines are written', async () => (await logs('')).includes('two'));
  assert.equal(await logs('tailLines=2'), 'one\ntwo\n');
  assert.equal(await logs('tailLines=1'), 'two\n');
  assert.equal(await logs('limitBytes=5'), 'one\nt');
  assert.equal(await logs('stream=Stderr'), 'two\n');
  assert.match(await logs('timestamps=true&tailLines=1'), /^\d{4}-\d\d-\d\dT\S+Z two\n$/);
  assert.equal(await logs('sinceTime=2999-01-01T00:00:00Z'), '');
  assert.equal(await logs('sinceSeconds=3600'), 'one\ntwo\n');
  for (const [query, said, code = 400] of [
    ['tailLines=x', /tailLines: want a whole number/],
    ['sinceTime=noon', /sinceTime: want a time/],
    ['sinceTime=2026-01-01T00:00:00Z&sinceSeconds=1', /at most one of/, 422],
    ['sinceSeconds=0', /sinceSeconds: must be greater than 0/, 422],
    ['limitBytes=0', /limitBytes: must be greater than 0/, 422],
    ['tailLines=-1', /tailLines: must be greater than or equal to 0/, 422],
    ['tailLines=1&stream=Stdout', /mutually exclusive/, 422],
    ['previous=true', /previous terminated container "c" in pod "web-node1" not found/],
  ] as const) {
    const { status, text } = await http.ask(`/containerLogs/${PATH}/c?${query}`, admin);
    assert.equal(status, code, query);
    assert.match(text, said);
  }
  assert.equal((await http.ask('/containerLogs/default/none/c', admin)).status, 404);
});

test('exec over a WebSocket: stdout, stderr, exit code, stdin, terminal size', { skip }, async () => {
  const command = (...words: string[]) => words.map((w) => `command=${encodeURIComponent(w)}`).join('&');
  const both = await http.stream(`/exec/${PATH}/c?${command('sh', '-c', 'echo out; echo err >&2; exit 7')}&output=1&error=1`, admin);
  assert.equal(both.channels[1], 'out\n');
  assert.equal(both.channels[2], 'err\n');
  const status = JSON.parse(both.channels[3] ?? '') as { status: string; details: { causes: { reason: string; message: string }[] } };
  assert.equal(status.status, 'Failure');
  assert.deepEqual(status.details.causes[0], { reason: 'ExitCode', message: '7' });

  const large = 'x'.repeat(1 << 20);
  const echoed = await http.stream(
    `/exec/${PATH}/c?${command('sh', '-c', 'head -c 1048577 | wc -c')}&input=1&output=1`,
    admin,
    (socket) => {
      for (let i = 0; i < large.length; i += 1 << 15)
        socket.send(Buffer.concat([Buffer.of(0), Buffer.from(large.slice(i, i + (1 << 15)))]));
      socket.send(Buffer.concat([Buffer.of(0), Buffer.from('\n')]));
    },
  );
  assert.equal(echoed.channels[1]?.trim(), '1048577');

  const tty = await http.stream(`/exec/${PATH}/c?${command('sh', '-c', sized('43 101', 0))}&input=1&output=1&tty=1`, admin, (socket) => {
    socket.send(Buffer.concat([Buffer.of(4), Buffer.from('{"Width":101,"Height":43}')]));
    socket.send(Buffer.concat([Buffer.of(0), Buffer.from('go\n')]));
  });
  assert.match(tty.channels[1] ?? '', /43 101/);
});

test('metrics and the summary measure what runs', { skip }, async () => {
  const summary = async () =>
    JSON.parse((await http.ask('/stats/summary', admin)).text) as {
      node: {
        nodeName: string;
        memory: { workingSetBytes: number };
        fs: { capacityBytes: number };
        runtime: { imageFs: { usedBytes: number } };
      };
      pods: {
        podRef: { name: string; uid: string };
        cpu: { usageNanoCores?: number };
        network: { name: string; rxBytes: number };
        containers: { name: string; memory: { workingSetBytes: number }; logs: { usedBytes: number } }[];
      }[];
    };
  const burn = `/exec/${PATH}/c?output=1&command=sh&command=-c&command=${encodeURIComponent('i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done')}`;
  await until('there is a rate', async () => {
    await http.stream(burn, admin);
    return ((await summary()).pods[0]?.cpu.usageNanoCores ?? 0) > 0;
  });
  // containerd looks at the sizes of its images every ten seconds.
  await until('the images are measured', async () => (await summary()).node.runtime.imageFs.usedBytes > 1 << 16);
  const { node, pods } = await summary();
  assert.equal(node.nodeName, 'node1');
  assert.ok(node.memory.workingSetBytes > 1 << 20 && node.fs.capacityBytes > 1 << 20);
  assert.deepEqual(
    pods.map((p) => p.podRef.uid),
    [pod.metadata.uid],
  );
  const [container] = pods[0]?.containers ?? [];
  assert.equal(container?.name, 'c');
  assert.ok((container?.memory.workingSetBytes ?? 0) > 10_000 && (container?.logs.usedBytes ?? 0) > 0);
  assert.equal(pods[0]?.network.name, 'eth0');
  const short = JSON.parse((await http.ask('/stats/summary?only_cpu_and_memory=true', admin)).text) as {
    node: object;
    pods: { containers: object[] }[];
  };
  assert.deepEqual(Object.keys(short.node), ['nodeName', 'startTime', 'cpu', 'memory']);
  assert.deepEqual(Object.keys(short.pods[0]?.containers[0] ?? {}), ['name', 'startTime', 'cpu', 'memory']);
  assert.equal((await http.ask('/stats/summary?only_cpu_and_memory=maybe', admin)).status, 400);
  const text = async (path: string) => (await http.ask(path, admin)).text;
  assert.match(
    await text('/metrics/resource'),
    /^container_memory_working_set_bytes\{container="c",namespace="default",pod="web-node1"\} \d+ \d+$/m,
  );
  const cadvisor = await text('/metrics/cadvisor');
  assert.match(
    cadvisor,
    /^container_cpu_usage_seconds_total\{container="c",id="\S+",image="\S*busybox:test",name="[0-9a-f]{64}",namespace="default",pod="web-node1",cpu="total"\} [\d.]+ \d+$/m,
  );
  assert.match(cadvisor, /^container_network_receive_bytes_total\{[^}]*pod="web-node1",interface="eth0"\} \d+ \d+$/m);
  const own = await text('/metrics');
  assert.match(own, /^kubelet_running_containers\{container_state="running"\} 1$/m);
  assert.match(own, /^kubelet_pod_start_duration_seconds_count 1$/m);
  for (const name of [
    'kubelet_pod_worker_duration_seconds_count{operation_type="create"}',
    'kubelet_pod_worker_duration_seconds_count{operation_type="sync"}',
    'kubelet_pod_worker_start_duration_seconds_count',
    'kubelet_pod_start_total_duration_seconds_count',
    'kubelet_pod_start_sli_duration_seconds_count',
    'kubelet_pleg_relist_duration_seconds_count',
    'kubelet_pleg_last_seen_seconds',
    'kubelet_evented_pleg_connection_success_count',
    'kubelet_started_pods_total',
    'kubelet_started_containers_total{container_type="container"}',
    'kubelet_run_podsandbox_duration_seconds_count{runtime_handler=""}',
    'kubelet_runtime_operations_duration_seconds_count{operation_type="start_container"}',
    'kubelet_http_inflight_requests{method="GET",path="metrics",server_type="readwrite",long_running="false"}',
    'kubelet_http_requests_duration_seconds_count{method="GET",path="metrics/cadvisor",server_type="readwrite",long_running="false"}',
    'kubelet_node_name{node="node1"}',
    'kubelet_desired_pods{static="true"}',
    'process_open_fds',
    'process_virtual_memory_bytes',
  ])
    assert.ok(
      own.split('\n').some((row) => row.startsWith(`${name} `) && Number(row.slice(name.length)) > 0),
      `${name}\n${own}`,
    );
  assert.match(own, /^kubelet_runtime_operations_total\{operation_type="run_podsandbox"\} 1$/m);
  assert.match(own, /^kubelet_http_requests_total\{method="GET",path="exec",server_type="readwrite",long_running="true"\} \d+$/m);
  assert.equal((await http.ask('/metrics/probes', admin)).status, 200);
  assert.equal((await http.ask('/metrics/none', admin)).status, 404);
});

test('what cannot be upgraded says why', { skip }, async () => {
  assert.match((await http.ask(`/exec/${PATH}/c?command=id&output=1`, admin)).text, /Upgrade request required/);
  await assert.rejects(http.stream(`/exec/${PATH}/c?command=id`, admin), /400 you must specify at least 1 of stdin, stdout, stderr/);
  await assert.rejects(http.stream(`/exec/${PATH}/c?output=1`, admin), /400 command: want at least one/);
  await assert.rejects(
    http.stream(`/exec/${PATH}/none?command=id&output=1`, admin),
    /400 container none is not valid for pod web-node1: it has c/,
  );
  await assert.rejects(http.stream(`/exec/default/none/c?command=id&output=1`, admin), /404 pods "none" not found/);
  await assert.rejects(http.stream(`/pods`, admin), /404 \/pods: nothing to upgrade here/);
});

test('/run gives what the command wrote, or its exit code', { skip }, async () => {
  const run = (cmd: string) => http.ask(`/run/${PATH}/c?cmd=${encodeURIComponent(cmd)}`, admin, { method: 'POST' });
  assert.deepEqual([(await run('echo a b')).status, (await run('echo a b')).text], [200, 'a b\n']);
  const failed = await run('false');
  assert.equal(failed.status, 500);
  assert.match(failed.text, /command 'false' exited with 1/);
  assert.equal((await http.ask(`/run/${PATH}/c?cmd=id`, admin)).status, 405);
});

test('/logs/ gives files below /var/log and does not follow links out of it', { skip }, async () => {
  const dir = `/var/log/kijabi-test-${process.pid}`;
  mkdirSync(dir);
  try {
    symlinkSync('/etc', join(dir, 'out'));
    const listing = await http.ask(`/logs/kijabi-test-${process.pid}/`, admin);
    assert.match(listing.text, /<a href="out">out<\/a>/);
    assert.match(listing.headers['content-type'] ?? '', /text\/html/);
    for (const path of ['out/hostname', 'out/', '..%2f..%2fetc%2fhostname', '../../etc/hostname'])
      assert.ok([400, 404].includes((await http.ask(`/logs/kijabi-test-${process.pid}/${path}`, admin)).status), path);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const kubectl = await execa('kubectl', ['version', '--client'], { reject: false });
const noKubectl = skip !== false ? skip : kubectl.exitCode === 0 ? false : 'needs kubectl (Debian: kubernetes-client)';

test('kubectl exec, attach, logs and port-forward work through it', { skip: noKubectl }, async () => {
  const front = await http.front(admin);
  const run = (args: readonly string[], input?: string) =>
    execa('kubectl', ['--server', front.url, ...args], {
      reject: false,
      env: { KUBECONFIG: '/dev/null' },
      ...(input === undefined ? {} : { input }),
    });
  try {
    const echo = await run(['exec', '-i', 'web-node1', '-c', 'c', '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], 'through and back\n');
    assert.equal(echo.stdout, 'through and back', echo.stderr);
    assert.match(echo.stderr, /^err\n/);
    assert.equal(echo.exitCode, 3);
    assert.match((await run(['logs', 'web-node1', '--tail=2'])).stdout, /two/);

    const attach = execa('kubectl', ['--server', front.url, 'attach', '-i', 'web-node1', '-c', 'c'], {
      reject: false,
      env: { KUBECONFIG: '/dev/null' },
    });
    let said = '';
    attach.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
    attach.stdin.write('ping\n');
    await until('what was typed comes back', () => said.includes('got ping'));
    attach.kill('SIGKILL');
    await attach;

    const port = await freePort();
    const forward = execa('kubectl', ['--server', front.url, 'port-forward', 'pod/web-node1', `${port}:80`], {
      reject: false,
      env: { KUBECONFIG: '/dev/null' },
    });
    await until('the port is open', () => answers(port));
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello\n');
    forward.kill('SIGKILL');
    await forward;
  } finally {
    front.close();
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => (socket.destroy(), resolve(true))).once('error', () => resolve(false));
  });
}

const CLI = new URL('../../controlplane/cli/main.ts', import.meta.url).pathname;
const kijabi = (args: readonly string[], options: { input?: string } = {}) =>
  execa(process.execPath, ['--disable-warning=ExperimentalWarning', CLI, ...args], {
    reject: false,
    env: { KIJABI_KUBELET: join(kubelet.rootDir, 'kubelet.sock') },
    ...options,
  });

test('a pod is named with its UID too, and a log can be followed', { skip }, async () => {
  const path = `default/web-node1/${pod.metadata.uid}`;
  const said = await http.stream(`/exec/${path}/c?command=echo&command=hi&output=1`, admin);
  assert.equal(said.channels[1], 'hi\n');
  await assert.rejects(http.stream(`/exec/default/web-node1/another/c?command=id&output=1`, admin), /404 pods "web-node1" not found/);
  assert.equal((await http.ask(`/run/${path}/c?cmd=echo+x`, admin, { method: 'POST' })).text, 'x\n');
  const followed = kijabi(['logs', 'web-node1', '-f', '--tail', '1', '--prefix']);
  let text = '';
  followed.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
  await until('the last line came', () => text !== '');
  assert.match(text, /^\[pod\/web-node1\/c\] \S/);
  followed.kill('SIGINT');
  await followed;
});

test('kijabi exec, attach and port-forward by the local socket', { skip }, async () => {
  const failed = await kijabi(['exec', 'web-node1', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42']);
  assert.deepEqual([failed.stdout, failed.stderr, failed.exitCode], ['out', 'err', 42]);
  const piped = await kijabi(['exec', '-i', 'pod/web-node1', '-c', 'c', '--', 'sh', '-c', 'read x; echo "[$x]"'], { input: 'typed\n' });
  assert.equal(piped.stdout, '[typed]');
  const ended = await kijabi(['exec', '-i', 'web-node1', '--', 'sh', '-c', 'cat; exit 5'], { input: 'to the end\n' });
  assert.deepEqual([ended.exitCode, ended.stdout, ended.stderr], [5, 'to the end', ''], 'who reads to the end of stdin finds it');
  const absent = await kijabi(['exec', 'web-node1', '--', '/no/such']);
  assert.notEqual(absent.exitCode, 0);
  assert.match(absent.stderr, /no such file or directory/);

  const attach = kijabi(['attach', 'web-node1', '-i']);
  let said = '';
  attach.stdout.on('data', (piece: Buffer) => (said += piece.toString()));
  attach.stdin.write('hello\n');
  await until('the container answers', () => said.includes('got hello'));
  attach.kill('SIGINT');
  await attach;

  const forward = kijabi(['port-forward', 'web-node1', ':80']);
  let told = '';
  forward.stdout.on('data', (piece: Buffer) => (told += piece.toString()));
  await until('it listens', () => told.includes('->'));
  const port = /Forwarding from 127\.0\.0\.1:(\d+) -> 80/.exec(told)?.[1];
  const bodies = await Promise.all([1, 2, 3].map(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()));
  assert.deepEqual(bodies, ['hello\n', 'hello\n', 'hello\n']);
  forward.kill('SIGINT');
  assert.equal((await forward).exitCode, 0);
});

test('kijabi: what is not there is said with the next step, and the exit code is 1', { skip }, async () => {
  const none = join(containerd.dir, 'none.sock');
  const rows: readonly (readonly [args: readonly string[], said: RegExp])[] = [
    [['get', 'pods', 'web'], /^Error: pods "web" not found, did you mean web-node1\?$/],
    [['describe', 'pod', 'none'], /pods "none" not found; kijabi get pods -A lists those there are/],
    [['explain', 'pod', 'web'], /did you mean web-node1\?/],
    [['logs', 'web-node1', '-n', 'other'], /did you mean web-node1 -n default\?/],
    [['logs', 'web-node1', '-c', 'none'], /container none is not valid for pod web-node1: it has c/],
    [['logs', 'web-node1', '--previous'], /previous terminated container "c" in pod "web-node1" not found/],
    [['exec', 'web-node1', '-c', 'none', '--', 'id'], /container none is not valid for pod web-node1: it has c/],
    [['attach', 'none'], /pods "none" not found/],
    [['port-forward', 'none', ':80'], /pods "none" not found/],
    [['top', 'pod', 'none'], /pods "none" not found/],
    [['get', 'pods', '--socket', none], /Cannot reach the kubelet at \S+none\.sock, nobody made it: start the kubelet/],
  ];
  await Promise.all(
    rows.map(async ([args, said]) => {
      const { stdout, stderr, exitCode } = await kijabi(args);
      assert.deepEqual([stdout, exitCode], ['', 1], args.join(' '));
      assert.match(stderr, said, args.join(' '));
    }),
  );
});

test('kijabi get -w, events, top, explain and manifests lint', { skip }, async () => {
  const watching = kijabi(['get', 'pods', '-w']);
  const following = kijabi(['events', '-w', '--for', 'pod/crash-node1']);
  let happened = '';
  following.stdout.on('data', (piece: Buffer) => (happened += piece.toString()));
  let seen = '';
  watching.stdout.on('data', (piece: Buffer) => (seen += piece.toString()));
  await until('the table is there', () => seen.includes('web-node1'));
  kubelet.apply('crash.yaml', manifest({ name: 'crash', script: 'echo cannot open the door; exit 3' }));
  await until('its crash is seen', () => /crash-node1\s+0\/1\s+CrashLoopBackOff/.test(seen));
  await until('events -w tells them as they come', () => /Warning\s+BackOff\s+Pod\/crash-node1/.test(happened));
  for (const child of [watching, following]) child.kill('SIGINT');
  await Promise.all([watching, following]);
  assert.match(happened, /^LAST SEEN\s+TYPE\s+REASON.*\n.*Pulled\s+Pod\/crash-node1/);
  assert.equal(happened.match(/LAST SEEN/g)?.length, 1);
  assert.match(seen, /^NAME\s+READY\s+STATUS/);
  assert.equal(seen.match(/NAME/g)?.length, 1);

  let explained = '';
  await until('explain tells the next try', async () => {
    explained = (await kijabi(['explain', 'pod', 'crash-node1'])).stdout;
    return /container c is tried again at \d{4}-\S+Z, in \d+/.test(explained);
  });
  assert.match(explained, /container c: CrashLoopBackOff: back-off/);
  assert.match(explained, /\+\d+ ms\s+\d+ ms\s+sandbox/);
  assert.match(explained, /\| cannot open the door/);
  assert.match(explained, /\+\d+ ms\s+\d+ ms\s+network: 10\.\d+\.\d+\.\d+/);
  const ends = (await kijabi(['describe', 'pod', 'crash-node1'])).stdout;
  assert.match(ends, /\n {4}Last Ends:\n {6}run 0: Error \(exit code 3\) \d+s ago: cannot open the door\n/);
  const story = JSON.parse((await kijabi(['explain', 'pod/crash-node1', '-o', 'json'])).stdout) as {
    containers: { lastEnd: { exitCode: number } }[];
    earlierEnds: Record<string, { attempt: number; exitCode: number; lastLines: string[] }[]>;
  };
  assert.equal(story.containers[0]?.lastEnd.exitCode, 3);
  const [firstEnd] = story.earlierEnds['c'] ?? [];
  assert.deepEqual([firstEnd?.attempt, firstEnd?.exitCode, firstEnd?.lastLines], [0, 3, ['cannot open the door']]);
  const described = (await kijabi(['describe', 'node'])).stdout;
  assert.match(described, /^Name: +node1\n/);
  assert.match(described, /\n {2}Ready +True +\S+ +KubeletReady +kubelet is posting ready status\n/);
  assert.match(described, /\nNon-terminated Pods: \(2 in total\)\n/);

  assert.match(
    (await kijabi(['events', '--for', 'pod/crash-node1'])).stdout,
    /Warning\s+BackOff\s+Pod\/crash-node1\s+Back-off restarting|Warning\s+BackOff/,
  );
  const { items } = JSON.parse((await kijabi(['events', '-o', 'json'])).stdout) as {
    items: { reason: string; involvedObject: { name: string } }[];
  };
  assert.ok(items.some((e) => e.reason === 'Started' && e.involvedObject.name === 'web-node1'));
  assert.match((await kijabi(['top', 'pod', 'web-node1'])).stdout, /^NAME .*\nweb-node1\s+\d+m\s+\d+Mi$/);
  assert.match((await kijabi(['top', 'node'])).stdout, /\nnode1\s+\d+m\s+\d+Mi\s+\d+%$/);

  const good = await kijabi(['manifests', 'lint', kubelet.manifests]);
  assert.deepEqual([good.stdout, good.exitCode], ['2 files, 2 pods, nothing to mend', 0]);
  const bad = join(containerd.dir, 'bad.yaml');
  writeFileSync(bad, 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: c\n    image: b\n    prots: []\n');
  const linted = await kijabi(['manifests', 'lint', bad]);
  assert.equal(
    linted.stdout,
    `${bad}:8:5: spec.containers[0].prots: unknown field, did you mean ports? (MANIFEST_INVALID)\n1 file, 0 pods, 1 refused`,
  );
  assert.equal(linted.exitCode, 1);
  kubelet.remove('crash.yaml');
});

test('a log that grows is rotated by the real runtime, and read over its parts', { skip }, async () => {
  // 64 bytes and more a line: 20 KiB are passed several times.
  kubelet.apply(
    'talk.yaml',
    manifest({
      name: 'talk',
      script:
        'i=0; while [ $i -lt 2000 ]; do echo "line $i xxxxxxxxxxxxxxxxxxxxxxxx"; i=$((i+1)); done; while :; do echo more; sleep 0.2; done',
    }),
  );
  const dir = async () => join(kubelet.podLogs, `default_talk-node1_${(await kubelet.pod('talk'))?.metadata.uid}`, 'c');
  await until('it is rotated', async () => {
    const at = await dir();
    return existsSync(at) && readdirSync(at).some((name) => name.startsWith('0.log.'));
  });
  await until('the new file is written to', async () => statSync(join(await dir(), '0.log'), { throwIfNoEntry: false })?.size !== 0);
  const text = (await http.ask('/containerLogs/default/talk-node1/c', admin)).text.split('\n').filter((l) => l.startsWith('line '));
  assert.deepEqual(
    text.map((l) => Number(l.split(' ')[1])),
    Array.from({ length: 2_000 }, (_, i) => i),
  );
  kubelet.remove('talk.yaml');
  await until('the pod is gone, with all parts of its log', () => readdirSync(kubelet.podLogs).every((name) => !name.includes('talk')));
});

test('exec in a terminal: kijabi gives the container its size', { skip }, async () => {
  // script(1) is a terminal for the command below it.
  const command = `stty rows 33 cols 77; KIJABI_KUBELET=${join(kubelet.rootDir, 'kubelet.sock')} ${process.execPath} --disable-warning=ExperimentalWarning ${CLI} exec -it web-node1 -- sh -c '${sized('33 77', 5)}'`;
  const { stdout, exitCode } = await execa('script', ['-qec', command, '/dev/null'], { input: 'go\n', reject: false });
  assert.match(stdout, /33 77/);
  assert.equal(exitCode, 5);
});

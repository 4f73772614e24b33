/** kube-controller-manager as a process: who leads, what it serves and to whom, what it refuses. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { ask, freePort, root, start } from './child.ts';

const PROGRAM = 'controlplane/controllers/kube-controller-manager';
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager';

test('one leads and works, the next takes over at once; health is for everybody, metrics for whom the API server allows', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-controller-manager-test-'));
  const server = await startDevServer({ tokens: [{ token: 'stranger', user: { name: 'stranger', groups: ['system:authenticated'] } }] });
  const client = new TestClient(server);
  t.after(async () => {
    client.close();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const credentials = await server.pki.issueClient('CN=system:kube-controller-manager');
  const conf = join(dir, 'controller-manager.conf');
  const file = { cluster: 'c', user: 'system:kube-controller-manager', server: server.url, ca: server.pki.ca, credentials };
  writeFileSync(conf, kubeconfigText(file), { mode: 0o600 });
  writeFileSync(join(dir, 'ca.crt'), server.pki.ca);
  const port = await freePort();
  const flags = [
    `--kubeconfig=${conf}`,
    `--authentication-kubeconfig=${conf}`,
    `--authorization-kubeconfig=${conf}`,
    '--use-service-account-credentials',
    `--root-ca-file=${join(dir, 'ca.crt')}`,
    '--bind-address=127.0.0.1',
    '--leader-elect-retry-period=100ms',
    '--leader-elect-renew-deadline=5s',
  ];
  const holder = async (): Promise<string> =>
    ((await client.get(LEASE)).json as { spec?: { holderIdentity?: string } }).spec?.holderIdentity ?? '';

  const first = start(t, [PROGRAM, ...flags, `--secure-port=${port}`]);
  await first.says(/Became leader/);
  const leader = await holder();
  assert.match(leader, /^.+_[0-9a-f-]{36}$/);
  assert.deepEqual(await ask(port, '/healthz'), { code: 200, text: 'ok' });
  assert.match((await ask(port, '/readyz?verbose')).text, /\[\+\]ping ok\n\[\+\]leaderElection ok\nreadyz check passed/);
  assert.equal((await ask(port, '/livez/leaderElection')).text, 'ok');
  assert.equal((await ask(port, '/metrics')).code, 403);
  assert.equal((await ask(port, '/metrics', { Authorization: 'Bearer nonsense' })).code, 401);
  assert.equal((await ask(port, '/metrics', { Authorization: 'Bearer stranger' })).code, 403);

  // It works: a namespace gets what the development server does not give, and the metrics tell.
  await client.post('/api/v1/namespaces', { metadata: { name: 'made' } });
  await client.delete('/api/v1/namespaces/made/serviceaccounts/default');
  await until(
    'the service account is back',
    async () => (await client.get('/api/v1/namespaces/made/serviceaccounts/default')).code === 200,
  );
  const metrics = await ask(port, '/metrics', { Authorization: `Bearer ${server.token}` });
  assert.match(metrics.text, /^leader_election_master_status\{name="kube-controller-manager"\} 1$/m);
  assert.match(metrics.text, /^workqueue_adds_total\{name="serviceaccount-controller"\} [1-9]/m);
  assert.match(metrics.text, /^workqueue_depth\{name="serviceaccount-controller"\} 0$/m);
  assert.match(metrics.text, /^workqueue_work_duration_seconds_bucket\{name="serviceaccount-controller",le="10"\} [1-9]/m);

  const second = start(t, [PROGRAM, ...flags, '--secure-port=0']);
  await second.says(/Another leads/);
  assert.equal(await holder(), leader);
  first.kill('SIGTERM');
  assert.equal(await first.ended, 0);
  await second.says(/Became leader/);
  assert.notEqual(await holder(), leader);
  second.kill('SIGTERM');
  assert.equal(await second.ended, 0);
  for (const { all } of [first, second]) assert.doesNotMatch(all(), /<3>|Forbidden|forbidden/);
});

test('what is wrong with a command line is said at once, all of it', async () => {
  const run = (...argv: string[]) => execa(join(root, PROGRAM), argv, { reject: false });
  const wrong = await run(
    '--controllers=*,garbage-colector',
    '--cloud-provider=aws',
    '--node-monitor=1s',
    '--leader-elect-lease-duration=1500ms',
  );
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stderr, /--cloud-provider: only  can be honoured/);
  assert.match(wrong.stderr, /--node-monitor: unknown flag/);
  const settings = await run('--controllers=nobody', '--leader-elect-lease-duration=1500ms', '--cluster-signing-cert-file=/x');
  assert.match(settings.stderr, /lease-duration: want whole seconds/);
  assert.match(settings.stderr, /"nobody" is not in the list of known controllers/);
  assert.match(settings.stderr, /cluster-signing-key-file: want both or neither/);
  const nodes = await run('--allocate-node-cidrs', '--cluster-cidr=10.0.0.0/7', '--unhealthy-zone-threshold=2');
  assert.match(nodes.stderr, /cluster-cidr: blocks of \/24 in 10\.0\.0\.0\/7: want/);
  assert.match(nodes.stderr, /unhealthy-zone-threshold: want a number from 0 to 1/);
  const hpa = await run('--controllers=horizontal-pod-autoscaler-controller');
  assert.match(hpa.stderr, /cannot run: horizontal pod autoscaling is not there yet/);
  assert.match((await run('--version')).stdout, /^Kubernetes v1\.36/);
  assert.match((await run('--help')).stdout, /--controllers/);
});

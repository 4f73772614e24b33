/** kube-scheduler as a process: it leads, places pods with a plugin of the user's own, serves health and metrics, and refuses what it cannot do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { until } from '#agent/test/harness/until.ts';
import { startDevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { ask, freePort, root, start } from './child.ts';

const PROGRAM = 'controlplane/scheduler/kube-scheduler';
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler';

test('it leads, places pods as its profiles say, and tells who may ask; killed, it is followed by the one that waits', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-scheduler-test-'));
  const server = await startDevServer();
  const client = new TestClient(server);
  t.after(async () => {
    client.close();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  const conf = join(dir, 'scheduler.conf');
  const credentials = await server.pki.issueClient('CN=system:kube-scheduler');
  const file = { cluster: 'c', user: 'system:kube-scheduler', server: server.url, ca: server.pki.ca, credentials };
  writeFileSync(conf, kubeconfigText(file), { mode: 0o600 });
  writeFileSync(
    join(dir, 'lucky.ts'),
    `export const plugins = { Lucky: ({ node }: { node: string }) => ({ name: 'Lucky', filter: () => ({ check: (n: { name: string }) => (n.name === node ? undefined : { reasons: ['node(s) had no luck'], helpedByPreemption: false }) }), helps: () => true }) };`,
  );
  writeFileSync(
    join(dir, 'config.yaml'),
    `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: ${conf}}
leaderElection: {leaseDuration: 10s, renewDeadline: 8s, retryPeriod: 500ms}
profiles:
- schedulerName: default-scheduler
- schedulerName: lucky
  plugins: {filter: {enabled: [{name: Lucky}]}}
  pluginConfig: [{name: Lucky, args: {node: b}}]
`,
  );
  const port = await freePort();
  const socket = join(dir, 'scheduler.sock');
  const flags = [`--socket=${socket}`, `--config=${join(dir, 'config.yaml')}`, `--plugins=${join(dir, 'lucky.ts')}`];
  const serving = [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--authentication-kubeconfig=${conf}`,
    `--authorization-kubeconfig=${conf}`,
  ];
  const scheduler = start(t, [PROGRAM, ...flags, ...serving]);
  const holder = async (): Promise<string> =>
    ((await client.get(LEASE)).json as { spec?: { holderIdentity?: string } }).spec?.holderIdentity ?? '';
  await scheduler.says(/Became leader/);
  assert.match(await holder(), /^.+_[0-9a-f-]{36}$/);
  for (const name of ['a', 'b']) {
    await client.post('/api/v1/nodes', { metadata: { name } });
    await client.patch(`/api/v1/nodes/${name}/status`, 'merge-patch', { status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } } });
    await client.patch(`/api/v1/nodes/${name}`, 'merge-patch', { spec: { taints: null } });
  }
  const pods = '/api/v1/namespaces/default/pods';
  const make = (name: string, schedulerName: string) =>
    client.post(pods, { metadata: { name }, spec: { schedulerName, containers: [{ name: 'c', image: 'i' }] } });
  await Promise.all([make('p', 'default-scheduler'), make('q', 'lucky'), make('r', 'nobody')]);
  const nodeOf = async (name: string) => ((await client.get(`${pods}/${name}`)).json as { spec: { nodeName?: string } }).spec.nodeName;
  await until('both are placed', async () => (await nodeOf('p')) !== undefined && (await nodeOf('q')) === 'b');
  assert.equal(await nodeOf('r'), undefined);
  assert.equal((await ask(port, '/healthz')).text, 'ok');
  assert.equal((await ask(port, '/metrics')).code, 403);
  const { text } = await ask(port, '/metrics', { authorization: `Bearer ${server.token}` });
  assert.match(text, /^scheduler_schedule_attempts_total\{result="scheduled",profile="lucky"\} 1$/m);
  assert.match(text, /^leader_election_master_status\{name="kube-scheduler"\} 1$/m);
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  const explained = await execa(join(root, 'controlplane/cli/kijabi'), ['explain', 'scheduling', 'q', '--socket', socket]);
  assert.match(explained.stdout, /^default\/q is on b\.\nDecided by lucky at .*\nb was the only node that passed\./);
  assert.match(explained.stdout, /a +Lucky +node\(s\) had no luck/);
  // Another one waits, leads when the first is killed, says so in the lease, and places what comes.
  const leader = await holder();
  const standby = start(t, [PROGRAM, ...flags.slice(1), ...serving.map((flag) => flag.replace(`=${port}`, '=0'))]);
  await standby.says(/Another leads/);
  assert.equal(await holder(), leader);
  scheduler.kill('SIGKILL');
  await scheduler.ended;
  await make('s', 'lucky');
  await standby.says(/Became leader/);
  const { spec } = (await client.get(LEASE)).json as { spec: { holderIdentity: string; leaseTransitions: number } };
  assert.notEqual(spec.holderIdentity, leader);
  assert.equal(spec.leaseTransitions, 1);
  await until('it is placed', async () => (await nodeOf('s')) === 'b');
  standby.kill('SIGTERM');
  assert.equal(await standby.ended, 0);
  assert.equal(await holder(), '', 'the lease is given back');
  for (const { all } of [scheduler, standby]) assert.doesNotMatch(all(), /<3>|[Ff]orbidden/);
});

for (const [what, flags, want] of [
  ['an unknown flag', ['--prots=1'], /kube-scheduler: .*--prots/],
  ['what is not there', ['--profiling=true'], /start Node with --inspect/],
] as const)
  test(`refused: ${what}`, async () => {
    const { exitCode, stderr } = await execa(join(root, PROGRAM), [...flags], { reject: false });
    assert.equal(exitCode, 1);
    assert.match(stderr, want);
  });

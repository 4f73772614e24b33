/** The kubelet's HTTP API asks a real API server who its callers are and what they may do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig, parseKubeconfig } from '#client/kubeconfig.ts';
import { startDevServer, type DevServer } from '../../controlplane/apiserver/dev/start.ts';
import { serverSettings } from '../kubelet/config/serverFields.ts';
import { KubeletMetrics } from '../kubelet/metrics/kubeletMetrics.ts';
import type { ApiDeps } from '../kubelet/server/api.ts';
import { Auth } from '../kubelet/server/auth.ts';
import { loadKeyPair } from '../kubelet/server/pki.ts';
import { openReviewer } from '#client/reviews.ts';
import { serveSecure } from '../kubelet/server/secure.ts';

const clock = new SystemClock();
const said: string[] = [];
const log = makeLogger({ write: (line) => void said.push(line), clock });
const life = new AbortController();
const dir = mkdtempSync(join(tmpdir(), 'kijabi-webhook-'));
let server: DevServer;
let port = 0;
let ca = '';

before(async () => {
  const token = (name: string) => ({ token: `${name}-token`, user: { name, groups: ['system:authenticated'] } });
  server = await startDevServer({ tokens: [token('scraper'), token('operator'), token('nobody')] });
  const kubeconfig = join(dir, 'kubeconfig');
  writeFileSync(kubeconfig, server.kubeconfig, { mode: 0o600 });
  const admin = connect({ config: parseKubeconfig(server.kubeconfig), clock, log, userAgent: 'test', qps: -1 });
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  for (const [name, resources, verbs] of [
    ['scraper', ['nodes/metrics'], ['get']],
    ['operator', ['nodes/proxy'], ['get']],
  ] as const) {
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const role = { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: [{ apiGroups: [''], resources, verbs }] };
    const binding = {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    };
    await admin.json('POST', `${rbac}/clusterroles`, { body: role, signal: life.signal });
    await admin.json('POST', `${rbac}/clusterrolebindings`, { body: binding, signal: life.signal });
  }
  admin.close();
  const settings = { ...serverSettings({ address: '127.0.0.1' }), port: 0 };
  const reviewer = openReviewer(await loadKubeconfig(kubeconfig), { clock, log, userAgent: 'kubelet' }, life.signal);
  const auth = new Auth({ settings, nodeName: 'n1', clock, reviewer });
  const keyPair = await loadKeyPair(
    { files: undefined, certDir: join(dir, 'pki'), nodeName: 'n1', addresses: [], nowMs: clock.nowMs(), log },
    life.signal,
  );
  ca = keyPair.certificate;
  const metrics = new KubeletMetrics({
    nodeName: 'n1',
    pods: () => [],
    isWanted: () => false,
    mirrors: () => 0,
    pullRecords: () => ({ pulled: 0, intents: 0 }),
    cgroupVersion: 1,
    nowMs: () => clock.nowMs(),
    usage: () => ({
      cpuSeconds: 0,
      residentBytes: 0,
      startSeconds: 0,
      virtualBytes: 0,
      openFiles: 0,
      mostFiles: 0,
      activeResources: new Map(),
    }),
  });
  const api = {
    clock,
    metrics,
    stats: { volumes: async () => [] },
    health: { checks: [], onOutcomes: () => undefined },
    configz: () => ({ a: 1 }),
    debugging: true,
  } as unknown as ApiDeps;
  port = await serveSecure({ api, auth, settings, keyPair, log }, life.signal);
});
after(async () => {
  life.abort();
  await server?.stop();
  rmSync(dir, { recursive: true });
});

function ask(path: string, token: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, ca, agent: false as const, headers: { authorization: `Bearer ${token}` } };
    const req = request(options, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
    });
    req.on('error', reject).end();
  });
}

test('a token is good when the API server knows it, and opens what its user may do with this node', async () => {
  assert.equal((await ask('/metrics', 'scraper-token')).status, 200);
  assert.equal((await ask('/metrics', 'wrong-token')).status, 401);
  const refused = await ask('/configz', 'scraper-token');
  assert.equal(refused.status, 403);
  assert.match(refused.text, /Forbidden \(user=scraper, verb=get, resource=nodes, subresource\(s\)=\[configz proxy\]\)/);
  assert.equal((await ask('/metrics', 'nobody-token')).status, 403);
});

test('whoever may read nodes/proxy reads what has no finer name, and runs nothing', async () => {
  assert.equal((await ask('/configz', 'operator-token')).status, 200);
  const exec = await ask('/exec/a/b/c?command=id&output=1', 'operator-token');
  assert.equal(exec.status, 403);
  assert.match(exec.text, /verb=create, resource=nodes, subresource\(s\)=\[proxy\]/);
});

test('an API server that is down: what it said holds for a while, what it never said is refused and told', async () => {
  await server.stop();
  assert.equal((await ask('/metrics', 'scraper-token')).status, 200);
  const refused = await ask('/metrics', 'another-token');
  assert.equal(refused.status, 401);
  assert.match(said.join(''), /<4>Cannot tell who calls the HTTP API err=.* code=WEBHOOK_FAILED/);
});

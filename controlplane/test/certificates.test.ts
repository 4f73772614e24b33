/** Certificates from a real API server with its controllers, in this process: bootstrap, renewal, what needs a person, what is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SystemClock, type Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig, parseKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { runControllers } from '../controllers/run.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { until } from '#agent/test/harness/until.ts';
import { bootstrap, rotate } from '#agent/kubelet/certificates/manager.ts';
import { CLIENT, SERVER } from '#agent/kubelet/certificates/plan.ts';

const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const RBAC = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

interface Csr {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string; readonly username: string };
  readonly status?: { readonly certificate?: string; readonly conditions?: readonly { type: string; reason?: string; message?: string }[] };
}

void describe('certificates from the cluster', () => {
  const clock = new SystemClock();
  const life = new AbortController();
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-csr-'));
  const kubeconfig = join(dir, 'kubelet.conf');
  const bootstrapKubeconfig = join(dir, 'bootstrap.conf');
  const parts = { certDir: join(dir, 'pki'), nodeName: 'n1', clock, log };
  const clients: Client[] = [];
  const running: Promise<unknown>[] = [];
  // So short that a renewal is a matter of seconds.
  let validMs = 8_000;
  let server: DevServer;
  let admin: Client;

  const afterEnd = async () => connect({ config: await loadKubeconfig(bootstrapKubeconfig), clock, log, userAgent: 'kubelet' });
  const json = async <T = unknown>(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<T> =>
    (await admin.json(method, path, { signal: life.signal, ...(body === undefined ? {} : { body }) })) as T;
  const csrs = async (): Promise<readonly Csr[]> => (await json<{ items: Csr[] }>('GET', CSRS)).items;
  const bind = (name: string, role: string, group: string) =>
    json('POST', RBAC, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    });

  before(async () => {
    const user = { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:authenticated'] };
    server = await startDevServer({ tokens: [{ token: 'boot', user }] });
    admin = connect({ config: parseKubeconfig(server.kubeconfig), clock, log, userAgent: 'test', qps: -1 });
    await bind('a', 'system:node-bootstrapper', 'system:bootstrappers');
    await bind('b', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', 'system:bootstrappers');
    await bind('c', 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', 'system:nodes');
    const text = kubeconfigText({ cluster: 'c', user: 'boot', server: server.url, ca: server.pki.ca, credentials: { token: 'boot' } });
    await replaceFile(bootstrapKubeconfig, text, { mode: 0o600, dirMode: 0o755 });
    running.push(
      runControllers(
        {
          config: parseKubeconfig(server.kubeconfig),
          parts: {
            signing: {
              authority: server.pki.authority,
              get validMs() {
                return validMs;
              },
            },
          },
          clock,
          log,
        },
        life.signal,
      ),
    );
  });
  after(async () => {
    life.abort();
    await Promise.all(running);
    for (const client of clients) client.close();
    admin?.close();
    await server?.stop();
    rmSync(dir, { recursive: true });
  });

  test('with a token: a certificate, a kubeconfig that names it, and the server knows the node by it', async () => {
    await bootstrap({ ...parts, kubeconfig, bootstrapKubeconfig }, life.signal);
    assert.match(readFileSync(kubeconfig, 'utf8'), /client-certificate: .*kubelet-client-current\.pem/);
    assert.doesNotMatch(readFileSync(kubeconfig, 'utf8'), /boot/, 'the token is not kept');
    const client = connect({ config: await loadKubeconfig(kubeconfig), clock, log, userAgent: 'kubelet' });
    clients.push(client);
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: {} };
    const me = (await client.json('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: review, signal: life.signal })) as {
      status: { userInfo: { username: string; groups: string[] } };
    };
    assert.equal(me.status.userInfo.username, 'system:node:n1');
    assert.ok(me.status.userInfo.groups.includes('system:nodes'));
    const [csr] = await csrs();
    assert.equal(csr?.status?.conditions?.[0]?.message, 'Auto approving kubelet client certificate after SubjectAccessReview.');
    running.push(rotate({ ...parts, kind: CLIENT, names: () => [], client, afterEnd, random: () => 0.5 }, life.signal));
    await until('it was renewed by the node itself', async () => {
      const mine = (await csrs()).filter((c) => c.spec.username === 'system:node:n1' && c.status?.certificate !== undefined);
      return mine.length >= 1;
    });
    assert.ok(
      (await csrs()).some(
        (c) => c.status?.conditions?.[0]?.message === 'Auto approving self kubelet client certificate after SubjectAccessReview.',
      ),
    );
    const good = await client.json('GET', '/apis', { signal: life.signal });
    assert.ok(good, 'the client goes on with the new one');
  });

  test('one that ended is got again with the token: a node that was off for long comes back by itself', async () => {
    const other = { ...parts, certDir: join(dir, 'late'), nodeName: 'n2' };
    const file = join(dir, 'late.conf');
    await bootstrap({ ...other, kubeconfig: file, bootstrapKubeconfig }, life.signal);
    const config = await loadKubeconfig(file);
    const client = connect({ config, clock, log, userAgent: 'kubelet' });
    clients.push(client);
    // It is renewed a moment after its end.
    running.push(rotate({ ...other, kind: CLIENT, names: () => [], client, afterEnd, random: () => 1.6 }, life.signal));
    const ofToken = async (): Promise<number> =>
      (await csrs()).filter((c) => c.spec.username === 'system:bootstrap:abcdef' && c.status?.certificate !== undefined).length;
    const before = await ofToken();
    await until('another one', async () => (await ofToken()) > before);
    await until('the server knows it again', () =>
      client.json('GET', '/api/v1/nodes/n2', { signal: life.signal }).then(
        () => true,
        (err: unknown) => codeOf(err) === 'NotFound',
      ),
    );
  });

  test('the certificate to serve with waits for a person, and is for the names of the node', async () => {
    validMs = 3_600_000;
    const own = { ...parts, certDir: join(dir, 'serving') };
    const file = join(dir, 'serving.conf');
    await bootstrap({ ...own, kubeconfig: file, bootstrapKubeconfig }, life.signal);
    const client = connect({ config: await loadKubeconfig(file), clock, log, userAgent: 'kubelet' });
    clients.push(client);
    const served: string[] = [];
    const names = (): string[] => ['n1', '192.0.2.1'];
    running.push(rotate({ ...own, kind: SERVER, names, client, random: () => 0, onCertificate: (pem) => served.push(pem) }, life.signal));
    const waiting = async (): Promise<Csr | undefined> => (await csrs()).find((c) => c.spec.signerName === SERVER.signer);
    await until('it is asked for', async () => (await waiting()) !== undefined);
    const csr = await waiting();
    assert.equal(csr?.status?.conditions, undefined);
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'a person' }];
    await json('PUT', `${CSRS}/${csr?.metadata.name}/approval`, { ...csr, status: { conditions } });
    await until('it serves', () => served.length > 0);
    assert.match(served[0] ?? '', /BEGIN CERTIFICATE[\s\S]*BEGIN PRIVATE KEY/);
  });

  test('what breaks the rules of a signer is refused although it is approved', async () => {
    const { makeRequest } = await import('#agent/kubelet/certificates/act.ts');
    const made = await makeRequest({ commonName: 'admin', organization: 'system:masters', names: [] }, life.signal);
    const spec = {
      request: Buffer.from(made.request).toString('base64'),
      signerName: CLIENT.signer,
      usages: CLIENT.usages,
    };
    const created = await json<Csr>('POST', CSRS, { metadata: { name: 'bad' }, spec });
    const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: 'by mistake' }];
    await json('PUT', `${CSRS}/bad/approval`, { ...created, status: { conditions } });
    const bad = async (): Promise<Csr> => json<Csr>('GET', `${CSRS}/bad`);
    await until('it failed', async () => (await bad()).status?.conditions?.some((c) => c.type === 'Failed') === true);
    assert.equal((await bad()).status?.certificate, undefined);
    assert.match(lines.join(''), /<4>Refused to sign a certificate csr=bad .*subject organization is not system:nodes/);
  });

  test('requests that have served their time go, a day and an hour later, with the rights of their controller', async () => {
    const names = (await csrs()).map((c) => c.metadata.name);
    assert.ok(names.includes('bad'));
    const later: Clock = {
      nowMs: () => clock.nowMs() + 25 * 3_600_000,
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
      after: (ms, work) => clock.after(ms, work),
    };
    running.push(runControllers({ config: parseKubeconfig(server.kubeconfig), clock: later, log }, life.signal));
    await until('none of them is left', async () => !(await csrs()).some((c) => names.includes(c.metadata.name)));
  });
});

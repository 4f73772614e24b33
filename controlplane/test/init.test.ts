/** kijabi init makes what kube-apiserver and its clients need: what it prints is run, as somebody would type it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { execa } from 'execa';
import { Namespace } from '#api/kinds/core/namespace.ts';
import { Secret } from '#api/kinds/core/config.ts';
import { Node } from '#api/kinds/core/node.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import { root, start } from './child.ts';
import { until } from '#agent/test/harness/until.ts';

const { signal } = new AbortController();
const namespaces = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false, schema: Namespace } as const;
const nodes = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node } as const;
const secrets = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true, schema: Secret } as const;

const kijabi = (...args: string[]) => execa('sh', ['controlplane/cli/kijabi', ...args], { cwd: root, reject: false });

test('a control plane out of kijabi init: the printed command starts it, each kubeconfig may do what it is for, renewal needs no restart', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-init-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const port = await freePort();
  const init = ['init', `--kubernetes-dir=${dir}`, '--apiserver-advertise-address=127.0.0.1', `--apiserver-bind-port=${port}`];
  const dry = await kijabi(...init, '--dry-run');
  assert.match(dry.stdout, /^would make ca\.crt and its key\n/);
  const made = await kijabi(...init);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.match(made.stdout, /^made \S+\/pki\/ca\.crt\n/);
  assert.match(made.stdout, /^made \S+\/kubelet\.yaml\nmade \S+\/kube-proxy\.yaml$/m);
  const printed = made.stdout.split('\n');
  const at = printed.findIndex((line) => /^\s+(npx )?kube-apiserver /.test(line));
  const command = printed.slice(at, printed.indexOf('', at)).join(' ').replaceAll(/\\\s/g, ' ').trim().replace(/^npx /, '').split(/\s+/);
  const server = start(t, [
    `controlplane/apiserver/${command[0]}`,
    ...command.slice(1),
    '--bind-address=127.0.0.1',
    `--data-dir=${dir}/data`,
  ]);
  await server.says(/<6>API server is ready/);

  const clients: Client[] = [];
  t.after(() => clients.forEach((client) => client.close()));
  const as = async (file: string): Promise<Client> => {
    const clock = new SystemClock();
    const client = connect({
      config: await loadKubeconfig(join(dir, file)),
      clock,
      log: makeLogger({ clock, write: () => undefined }),
      userAgent: 'init-test',
    });
    clients.push(client);
    return client;
  };
  const admin = await as('admin.conf');
  assert.ok((await admin.resource(namespaces).list({}, { signal })).items.some(({ metadata }) => metadata.name === 'kube-system'));
  const scheduler = await as('scheduler.conf');
  assert.deepEqual((await scheduler.resource(nodes).list({}, { signal })).items, []);
  await assert.rejects(scheduler.resource(secrets).list({}, { signal }), {
    message: /User "system:kube-scheduler" cannot list resource "secrets" in API group "" at the cluster scope/,
  });
  await assert.rejects((await as('kubelet.conf')).resource(secrets).list({}, { signal }), { message: /can only/ });

  const files = (): string =>
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((f) => !f.startsWith('data'))
      .map((f) => `${f} ${statSync(join(dir, f)).mtimeMs}`)
      .join('\n');
  const asTheyWere = files();
  assert.match((await kijabi(...init)).stdout, /^Everything is there and right: kept\n/);
  assert.equal(files(), asTheyWere);
  writeFileSync(join(dir, 'kube-proxy.yaml'), 'mode: nftables\n');
  const edited = await kijabi(...init);
  assert.match(
    edited.stdout,
    /kube-proxy\.yaml was there, and is left alone: clientConnection\.kubeconfig is not set, wanted \S+\/kube-proxy\.conf\n/,
  );
  assert.equal(readFileSync(join(dir, 'kube-proxy.yaml'), 'utf8'), 'mode: nftables\n');
  const before = await servedCertificate(port);
  const renewed = await kijabi('certs', 'renew', 'apiserver', `--kubernetes-dir=${dir}`);
  assert.equal(renewed.stdout, `renewed ${dir}/pki/apiserver.crt`);
  await until('the server shows its new certificate', async () => (await servedCertificate(port)) !== before);
  assert.ok((await admin.resource(namespaces).list({}, { signal })).items.length > 0);

  const check = await kijabi('certs', 'check-expiration', `--kubernetes-dir=${dir}`, '-o', 'json');
  assert.equal(check.exitCode, 0);
  assert.equal((JSON.parse(check.stdout) as { certificates: unknown[] }).certificates.length, 16);
});

test('kijabi init says everything that is wrong with its flags, and changes nothing where something is wrong', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-init-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const bad = await kijabi(
    'init',
    '--apiserver-advertise-address=here',
    '--service-cidr=10.96.0.0',
    '--node-name=Big',
    `--kubernetes-dir=${dir}`,
  );
  assert.equal(bad.exitCode, 2);
  for (const said of ['advertise-address: "here" is no IP', 'service-cidr: "10.96.0.0" is no CIDR', 'node-name: "Big" is no DNS name'])
    assert.ok(bad.stderr.includes(said), bad.stderr);

  assert.equal((await kijabi('init', '--apiserver-advertise-address=192.0.2.1', `--kubernetes-dir=${dir}`)).exitCode, 0);
  rmSync(join(dir, 'pki/sa.key'));
  rmSync(join(dir, 'admin.conf'));
  const wrong = await kijabi('init', '--apiserver-advertise-address=192.0.2.1', `--kubernetes-dir=${dir}`);
  assert.equal(wrong.exitCode, 1);
  assert.match(wrong.stderr, /sa\.pub is there without sa\.key: put the key back/);
  assert.throws(() => readFileSync(join(dir, 'admin.conf')), { code: 'ENOENT' });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function servedCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

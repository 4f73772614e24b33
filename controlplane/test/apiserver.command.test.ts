/** The commands that start an API server, as processes: kube-apiserver with its embedded store, and kijabi apiserver --dev. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { root, start } from './child.ts';

interface Answer {
  readonly code: number;
  readonly text: string;
}

function ask(
  port: string,
  path: string,
  options: { readonly body?: object; readonly onData?: (text: string) => void } = {},
): Promise<Answer> {
  const { body, onData } = options;
  return new Promise((resolve, reject) => {
    const headers = { Authorization: 'Bearer secret', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) };
    const req = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: body === undefined ? 'GET' : 'POST',
        headers,
        agent: new Agent({ rejectUnauthorized: false }),
      },
      (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
          onData?.(text);
        });
        res.on('close', () => resolve({ code: res.statusCode ?? 0, text }));
      },
    );
    req.on('error', reject);
    req.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('kube-apiserver keeps what it has answered over a kill -9, says when it ends, and ends watches', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-apiserver-test-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(dir, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(dir, 'tokens.csv'), 'secret,admin,1,"system:masters"\n');
  const command = [
    'controlplane/apiserver/kube-apiserver',
    '--bind-address=127.0.0.1',
    '--secure-port=0',
    `--data-dir=${dir}/data`,
    `--cert-dir=${dir}/pki`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${dir}/sa.key`,
    `--token-auth-file=${dir}/tokens.csv`,
    '--shutdown-delay-duration=1h',
  ];
  const ready = /<6>API server is ready .*port=(\d+)/;

  const first = start(t, command);
  const [, firstPort = ''] = await first.says(ready);
  const made = await ask(firstPort, '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: 'kept' } } });
  assert.equal(made.code, 201);
  first.kill('SIGKILL');
  await first.ended;
  const certificate = readFileSync(join(dir, 'pki/apiserver.crt'), 'utf8');
  assert.equal(statSync(join(dir, 'pki/apiserver.key')).mode & 0o777, 0o600);

  const second = start(
    t,
    command.map((flag) => (flag.startsWith('--shutdown-delay') ? '--shutdown-delay-duration=3s' : flag)),
  );
  const [, port = ''] = await second.says(ready);
  assert.equal((await ask(port, '/api/v1/namespaces/default/configmaps/kept')).text, made.text);
  assert.equal(readFileSync(join(dir, 'pki/apiserver.crt'), 'utf8'), certificate);
  assert.equal((await ask(port, '/readyz')).text, 'ok');
  let watching = (): void => undefined;
  const begun = new Promise<void>((resolve) => (watching = resolve));
  const watch = ask(port, '/api/v1/configmaps?watch=true', { onData: () => watching() });
  await begun;
  second.kill('SIGTERM');
  let unready: Answer;
  do unready = await ask(port, '/readyz');
  while (unready.code === 200);
  assert.match(unready.text, /\[-\]shutdown failed: reason withheld/);
  assert.equal((await ask(port, '/api/v1/namespaces/default/configmaps/kept')).code, 200, 'it serves until the delay is over');
  assert.match((await watch).text, /"name":"kept"/);
  assert.equal(await second.ended, 0);
  assert.match(second.all(), /<6>API server has stopped\n$/);
});

test('kube-apiserver says everything that is wrong with its flags and ends with 1', async () => {
  const { exitCode, stderr } = await execa('controlplane/apiserver/kube-apiserver', ['--secure-prot=1', '--audit-webhook-mode=x'], {
    cwd: root,
    reject: false,
  });
  assert.equal(exitCode, 1);
  assert.match(
    stderr,
    /^kube-apiserver: --secure-prot: unknown flag, did you mean --secure-port\?; --audit-webhook-mode: cannot be honoured/,
  );
});

test('kijabi apiserver --dev leaves nothing behind, and sweeps what a killed one left', async (t) => {
  const command = ['sh', 'controlplane/cli/kijabi', 'apiserver', '--dev'];
  const killed = start(t, command);
  const [, left = ''] = await killed.says(/export KUBECONFIG=(\S+)/);
  assert.equal(statSync(left).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(left)).mode & 0o777, 0o700);
  killed.kill('SIGKILL');
  await killed.ended;
  assert.ok(existsSync(left));

  const next = start(t, [...command, '--json']);
  const [line] = await next.says(/^\{.*\}$/m);
  assert.ok(!existsSync(dirname(left)), 'the one that was killed is swept');
  const { url, kubeconfig, token } = JSON.parse(line) as { url: string; kubeconfig: string; token: string };
  assert.match(readFileSync(kubeconfig, 'utf8'), new RegExp(`server: ${url}`));
  const answer = await fetchInsecurely(url, token);
  assert.equal(answer, 200);
  next.kill('SIGINT');
  assert.equal(await next.ended, 0);
  assert.ok(!existsSync(dirname(kubeconfig)));
});

function fetchInsecurely(url: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${url}/api/v1/nodes`, { headers: { Authorization: `Bearer ${token}` }, rejectUnauthorized: false }, (res) => {
      res.resume();
      resolve(res.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

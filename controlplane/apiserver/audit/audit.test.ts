/** The audit log of a real server, and the file it goes to. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SystemClock, type Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { startDevServer, type DevServer } from '../dev/start.ts';
import { TestClient } from '../testing/client.ts';
import { AuditLog } from './act.ts';
import { readPolicy } from './policy.ts';
import { policyAudit } from './policyAudit.ts';

interface Event {
  readonly stage: string;
  readonly level: string;
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username?: string; readonly groups?: readonly string[] };
  readonly impersonatedUser?: { readonly username: string };
  readonly sourceIPs: readonly string[];
  readonly objectRef?: Readonly<Record<string, string>>;
  readonly responseStatus?: { readonly code: number; readonly reason?: string; readonly message?: string };
  readonly requestObject?: { readonly metadata?: object; readonly data?: object };
  readonly responseObject?: { readonly kind: string; readonly metadata: { readonly managedFields?: object; readonly uid?: string } };
  readonly annotations?: Readonly<Record<string, string>>;
}

const POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, nonResourceURLs: ["/healthz*"]}
- {level: Metadata, resources: [{resources: [secrets]}]}
- {level: RequestResponse, omitManagedFields: true, resources: [{resources: [configmaps]}], verbs: [create]}
- {level: Request, resources: [{resources: [configmaps]}], omitStages: [RequestReceived]}
- {level: Metadata}`;

const lines: string[] = [];
const clock = new SystemClock();
let dev: DevServer;
let client: TestClient;
before(async () => {
  const sink = { add: (line: string) => void lines.push(line), written: 0, dropped: 0 };
  const audit = policyAudit({ policy: readPolicy('p.yaml', Buffer.from(POLICY)), clock, sink });
  dev = await startDevServer({ clock, overrides: { audit } });
  client = new TestClient(dev);
});
after(() => dev.stop());

async function eventually(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve));
}

/** What was recorded of one request, once its last stage is there. */
async function recorded(id: string, last = 'ResponseComplete'): Promise<readonly Event[]> {
  const found = (): readonly Event[] => lines.map((line) => JSON.parse(line) as Event).filter(({ auditID }) => auditID === id);
  await eventually(() => found().some(({ stage }) => stage === last));
  return found();
}

const idOf = (answer: { readonly headers: Readonly<Record<string, unknown>> }): string => String(answer.headers['audit-id']);
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

test('a create at level RequestResponse tells who, what, and what came of it, without managed fields', async () => {
  const answer = await client.send('POST', `${CONFIG_MAPS}?fieldManager=me`, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  const [received, complete, ...more] = await recorded(idOf(answer));
  assert.equal(more.length, 0);
  assert.equal(received?.stage, 'RequestReceived');
  assert.equal(received.responseStatus, undefined);
  assert.ok(complete !== undefined);
  assert.equal(complete.verb, 'create');
  assert.equal(complete.requestURI, `${CONFIG_MAPS}?fieldManager=me`);
  assert.equal(complete.user.username, 'kubernetes-admin');
  assert.deepEqual(complete.sourceIPs, ['127.0.0.1']);
  assert.deepEqual(complete.objectRef, { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' });
  assert.deepEqual(complete.responseStatus, { metadata: {}, code: 201 });
  assert.deepEqual(complete.requestObject, { metadata: { name: 'a' }, data: { k: 'v' } });
  assert.equal(complete.responseObject?.kind, 'ConfigMap');
  assert.ok(complete.responseObject.metadata.uid !== undefined);
  assert.equal(complete.responseObject.metadata.managedFields, undefined);
  assert.equal(complete.annotations?.['authorization.k8s.io/decision'], 'allow');
});

test('a patch at level Request is kept as it was sent, without an answer and without a stage that is left out', async () => {
  const patch = { data: { k: 'w' } };
  const answer = await client.send('PATCH', `${CONFIG_MAPS}/a`, { body: patch, type: 'application/merge-patch+json' });
  const events = await recorded(idOf(answer));
  assert.deepEqual(
    events.map(({ stage }) => stage),
    ['ResponseComplete'],
  );
  assert.deepEqual(events[0]?.requestObject, patch);
  assert.equal(events[0]?.responseObject, undefined);
});

test('what a secret holds is nowhere in the log, whatever is done with it', async () => {
  const path = '/api/v1/namespaces/default/secrets';
  const body = { metadata: { name: 's' }, stringData: { password: 'hunter2' } };
  const ids = [
    await client.send('POST', path, { body }),
    await client.send('GET', `${path}/s`),
    await client.send('GET', path),
    await client.send('PATCH', `${path}/s`, { body: { stringData: { password: 'hunter22' } }, type: 'application/merge-patch+json' }),
    await client.send('DELETE', `${path}/s`),
  ].map(idOf);
  for (const id of ids) await recorded(id);
  assert.ok(ids.every((id) => lines.some((line) => line.includes(id))));
  assert.equal(
    lines.some((line) => /hunter2|aHVudGVy/.test(line)),
    false,
  );
});

test('refusals: a name that is not there, a body that is none, somebody who may not, somebody who is nobody', async () => {
  const gone = await recorded(idOf(await client.send('GET', '/api/v1/namespaces/default/pods/none')));
  assert.equal(gone.at(-1)?.responseStatus?.reason, 'NotFound');
  const bad = await recorded(idOf(await client.send('POST', CONFIG_MAPS, { body: '{' })));
  assert.equal(bad.at(-1)?.responseStatus?.code, 400);
  const as = await recorded(idOf(await client.send('GET', CONFIG_MAPS, { headers: { 'Impersonate-User': 'jane' } })));
  assert.equal(as.at(-1)?.user.username, 'kubernetes-admin');
  assert.equal(as.at(-1)?.impersonatedUser?.username, 'jane');
  assert.equal(as.at(-1)?.annotations?.['authorization.k8s.io/decision'], 'forbid');
  assert.equal(as.at(-1)?.responseStatus?.code, 403);
  const nobody = await recorded(idOf(await client.send('GET', CONFIG_MAPS, { token: 'wrong' })), 'ResponseStarted');
  assert.equal(nobody.length, 1);
  assert.deepEqual(nobody[0]?.user, {});
  assert.equal(nobody[0]?.responseStatus?.message, 'Authentication failed, attempted: bearer');
  assert.equal(
    lines.some((line) => line.includes('wrong')),
    false,
  );
});

test('a watch has three stages, and goes under the id that a server before this one gave it', async () => {
  const watch = await client.watch('/api/v1/namespaces?watch=1', { headers: { 'Audit-ID': 'from-elsewhere' } });
  await recorded('from-elsewhere', 'ResponseStarted');
  watch.close();
  const events = await recorded('from-elsewhere');
  assert.deepEqual(
    events.map(({ stage }) => stage),
    ['RequestReceived', 'ResponseStarted', 'ResponseComplete'],
  );
  assert.equal(events.at(-1)?.verb, 'watch');
  assert.equal(events.at(-1)?.responseStatus?.code, 200);
});

test('what the policy leaves out is left out, and every line is one event', async () => {
  const health = await client.send('GET', '/healthz');
  await recorded(idOf(await client.send('GET', '/version')));
  assert.equal(
    lines.some((line) => line.includes(idOf(health))),
    false,
  );
  for (const line of lines) assert.deepEqual([line.indexOf('\n'), (JSON.parse(line) as { kind: string }).kind], [line.length - 1, 'Event']);
});

const warnings: string[] = [];
const log: Logger = {
  error: () => undefined,
  warn: (message) => void warnings.push(message),
  info: () => undefined,
  debug: () => undefined,
  with: () => log,
};

test('the file is for its owner alone, is put aside at its size, and old ones go', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-audit-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'sub', 'audit.log');
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const ticking: Clock = {
    nowMs: () => (nowMs += 1_000),
    monotonicMs: () => 0,
    sleep: clock.sleep.bind(clock),
    after: clock.after.bind(clock),
  };
  const audit = await AuditLog.open({
    path,
    maxBytes: 100,
    maxBackups: 2,
    maxAgeMs: 0,
    compress: true,
    mostLines: 100,
    clock: ticking,
    log,
  });
  for (let i = 0; i < 20; i++) audit.add(`${String(i).padStart(39, '0')}\n`);
  await audit.close();
  assert.equal(audit.written, 20);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const names = readdirSync(join(dir, 'sub'));
  assert.equal(names.length, 3, names.join());
  assert.equal(names.filter((name) => name.endsWith('.log.gz')).length, 2);
  for (const name of names) assert.equal(statSync(join(dir, 'sub', name)).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /0019\n$/);
  const again = await AuditLog.open({ path, maxBytes: 1e6, maxBackups: 0, maxAgeMs: 0, compress: false, mostLines: 100, clock, log });
  again.add('more\n');
  await again.close();
  assert.match(readFileSync(path, 'utf8'), /0019\nmore\n$/);
});

test('what the disk does not take is dropped and counted, and adding never waits', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kube-audit-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const options = { maxBytes: 1e6, maxBackups: 0, maxAgeMs: 0, compress: false, mostLines: 10, clock, log };
  const audit = await AuditLog.open({ ...options, path: join(dir, 'audit.log') });
  for (let i = 0; i < 25; i++) audit.add('x\n');
  assert.equal(audit.dropped, 15);
  assert.ok(warnings.includes('Audit event is lost: the log does not keep up'));
  await audit.close();
  assert.equal(readFileSync(join(dir, 'audit.log'), 'utf8'), 'x\n'.repeat(10));
  await assert.rejects(AuditLog.open({ ...options, path: join(dir, 'audit.log', 'x') }), /Cannot write .*x \(--audit-log-path\)/);
  if (existsSync('/dev/full')) {
    const full = await AuditLog.open({ ...options, path: '/dev/full' });
    full.add('x\n');
    await eventually(() => warnings.includes('Cannot write audit log'));
    await full.close();
    assert.equal(full.written, 0);
  }
});

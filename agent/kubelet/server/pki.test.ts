import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, createServer } from 'node:tls';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { loadKeyPair, type PkiOptions } from './pki.ts';

const DAY_MS = 24 * 3_600_000;
const signal = new AbortController().signal;

function world(t: TestContext): { log: string[]; load: (more?: Partial<PkiOptions>) => ReturnType<typeof loadKeyPair>; certDir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-pki-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const log: string[] = [];
  const options: PkiOptions = {
    files: undefined,
    certDir: join(dir, 'pki'),
    nodeName: 'worker-1',
    addresses: ['192.0.2.7', '2001:db8::7'],
    nowMs: Date.now(),
    log: makeLogger({ write: (line) => log.push(line), clock: new ManualClock() }),
  };
  return { log, certDir: options.certDir, load: (more = {}) => loadKeyPair({ ...options, ...more }, signal) };
}

test('the self-signed certificate is for the node and its addresses, and a client that knows it takes it', async (t) => {
  const { load, certDir } = world(t);
  const { certificate, key } = await load();
  const read = new X509Certificate(certificate);
  assert.ok(read.ca && read.verify(read.publicKey));
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  for (const name of ['worker-1', 'localhost']) assert.equal(read.checkHost(name), name);
  for (const ip of ['192.0.2.7', '2001:db8::7', '127.0.0.1', '::1']) assert.equal(read.checkIP(ip), ip);
  for (const file of ['kubelet.crt', 'kubelet.key']) assert.equal(statSync(join(certDir, file)).mode & 0o777, 0o600);

  const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca: certificate, servername: 'worker-1' });
  const [said] = (await once(socket, 'data')) as [Buffer];
  assert.equal(said.toString(), 'hello');
  socket.destroy();
});

test('it is kept, and made anew when it ends soon, is for other addresses, or is spoilt', async (t) => {
  const { load, log, certDir } = world(t);
  const first = await load();
  assert.deepEqual(await load({ nowMs: Date.now() + 330 * DAY_MS }), first);
  const second = await load({ nowMs: Date.now() + 340 * DAY_MS });
  assert.notEqual(second.certificate, first.certificate);
  const third = await load({ addresses: ['192.0.2.8'] });
  assert.equal(new X509Certificate(third.certificate).checkIP('192.0.2.8'), '192.0.2.8');
  writeFileSync(join(certDir, 'kubelet.key'), 'spoilt');
  const fourth = await load({ addresses: ['192.0.2.8'] });
  assert.equal(readFileSync(join(certDir, 'kubelet.key'), 'utf8'), fourth.key);
  assert.deepEqual(
    log.map((line) => / why="?(it ends|it is not for [\w.]+|error)/.exec(line)?.[1]),
    ['it ends', 'it is not for 192.0.2.8', 'error'],
  );
});

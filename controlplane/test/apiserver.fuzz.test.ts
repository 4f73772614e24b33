/**
 * Random requests and broken HTTP against an API server in process: whatever comes is answered with what is said to be wrong with it, never
 * with a 500, and what was refused leaves nothing behind. KIJABI_FUZZ_REQUESTS=100000 makes it long, FC_SEED=random goes elsewhere.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { chance, recorder, type Line } from '#client/testing/kit.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { Requests, type FuzzRequest } from './fuzz/requests.ts';

const count = Number(process.env['KIJABI_FUZZ_REQUESTS'] ?? 1_000);
const seed = fc.readConfigureGlobal().seed ?? Math.floor(Math.random() * 2 ** 31);
const AT_ONCE = 8;

const lines: Line[] = [];
let server: DevServer;
let client: TestClient;
before(async () => {
  server = await startDevServer({ log: recorder(lines) });
  client = new TestClient(server);
});
after(async () => {
  client.close();
  await server.stop();
});

/** What is wrong with the answer; undefined: nothing. */
async function problemOf({ method, path, type, body, headers }: FuzzRequest): Promise<string | undefined> {
  const { code, text, json, headers: got } = await client.send(method, path, { body, type, headers });
  if (code === 500) return `500: ${text}`;
  if (method === 'HEAD' || code < 400 || !String(got['content-type']).startsWith('application/json')) return undefined;
  const status = json as { readonly kind?: string; readonly code?: number; readonly message?: string } | undefined;
  if (status?.kind !== 'Status' || status.code !== code || (status.message ?? '') === '') return `no Status with ${code}: ${text}`;
  return undefined;
}

async function fuzz(requests: Requests, howMany: number): Promise<void> {
  let left = howMany;
  const problems: string[] = [];
  const work = async (): Promise<void> => {
    while (left-- > 0 && problems.length < 5) {
      const request = requests.next();
      const problem = await problemOf(request);
      if (problem !== undefined) problems.push(`${JSON.stringify(request).slice(0, 3_000)}\n  -> ${problem.slice(0, 500)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.deepEqual(problems, [], `seed ${seed}: ${problems.join('\n')}`);
  assert.deepEqual(
    lines.filter(({ level }) => level === 'error'),
    [],
  );
}

async function isWell(): Promise<void> {
  assert.equal((await client.get('/readyz')).text, 'ok');
  assert.equal(Object.keys(Object.prototype).length, 0);
}

test(`random requests of every kind get answers, and never a 500 (seed ${seed})`, async () => {
  await fuzz(new Requests(seed), count);
  await isWell();
});

/** Bytes as they are, on a connection of their own; resolves with what came back once the server has closed it, or has answered. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.pki.ca });
    let got = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      got += text;
      if (/\r\n\r\n[^]*[}k\n]$/.test(got)) socket.end();
    });
    socket.on('error', (err: NodeJS.ErrnoException) => (err.code === 'ECONNRESET' || err.code === 'EPIPE' ? resolve(got) : reject(err)));
    socket.on('close', () => resolve(got));
    // The half that says nothing more is closed: a server may wait for the rest of a request, and it will not come.
    socket.on('secureConnect', () => socket.end(bytes));
  });
}

const AUTH = (): string => `Host: x\r\nAuthorization: Bearer ${server.token}\r\n`;

test('broken HTTP gets a Status or a closed connection', async () => {
  const post = 'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\n';
  const rows: readonly (readonly [bytes: string, answer: RegExp])[] = [
    ['', /^$/],
    ['\r\n\r\n\r\n', /^$|^HTTP\/1\.1 400/],
    ['GARBAGE\r\n\r\n', /^HTTP\/1\.1 400 .*"kind":"Status"/s],
    ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 .*"kind":"Status"/s],
    ['GET /a b HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET / HTTP/1.1\r\nBad Header: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\nX: ${'y'.repeat(2_000_000)}\r\n\r\n`, /^HTTP\/1\.1 431 .*"code":431|^$/s],
    [`GET /${'y'.repeat(2_000_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 431 |^$/],
    [`${post}${AUTH()}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [`${post}${AUTH()}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [`${post}${AUTH()}Content-Length: -1\r\n\r\n{}`, /^HTTP\/1\.1 400 /],
    [`${post}${AUTH()}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`, /^HTTP\/1\.1 400 /],
    [`${post}${AUTH()}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n{}`, /^HTTP\/1\.1 (400|413) |^$/],
    [`${post}${AUTH()}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"half":`, /^HTTP\/1\.1 400 |^$/],
    [
      `${post}${AUTH()}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
      /^HTTP\/1\.1 413 .*"reason":"RequestEntityTooLarge"/s,
    ],
    [
      `GET /api/v1/namespaces/default/pods/x/exec HTTP/1.1\r\n${AUTH()}Connection: Upgrade\r\nUpgrade: nonsense\r\n\r\n`,
      /^HTTP\/1\.1 4\d\d /,
    ],
    [`GET /version HTTP/1.1\r\n${AUTH()}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n`, /^HTTP\/1\.1 200 /],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1\.1 400 |^$/],
    [`CONNECT example.com:443 HTTP/1.1\r\n${AUTH()}\r\n`, /^HTTP\/1\.1 4\d\d |^$/],
    [`GET http://elsewhere/version HTTP/1.1\r\n${AUTH()}\r\n`, /^HTTP\/1\.1 (200|400|404) /],
    [`OPTIONS * HTTP/1.1\r\n${AUTH()}\r\n`, /^HTTP\/1\.1 4\d\d /],
  ];
  for (const [bytes, answer] of rows) assert.match(await raw(bytes), answer, bytes.slice(0, 200));
  await isWell();
});

test('random bytes, and requests with random bytes in them, end no server', async () => {
  const random = chance(seed);
  const whole = Buffer.from(
    `POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\n${AUTH()}Content-Type: application/json\r\nContent-Length: 27\r\n\r\n{"metadata":{"name":"raw"}}`,
  );
  const one = async (): Promise<void> => {
    const bytes = random() < 0.2 ? Buffer.from(Array.from({ length: 200 }, () => Math.floor(random() * 256))) : Buffer.from(whole);
    for (let n = 0; n < 3; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    const answer = await raw(bytes.subarray(0, Math.ceil(random() * bytes.length)));
    assert.doesNotMatch(answer, /^HTTP\/1\.1 500/);
  };
  for (let i = 0; i < Math.min(count / 20, 2_000); i++) await one();
  await isWell();
  assert.deepEqual(
    lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('what is refused leaves no memory behind', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const heap = (): number => {
    gc();
    return process.memoryUsage().heapUsed;
  };
  const requests = new Requests(seed + 1);
  const refused = async (howMany: number): Promise<void> => {
    for (let i = 0; i < howMany; i++) {
      const { method, path, type, body, headers } = requests.next();
      const dry = method === 'GET' || method === 'HEAD' ? path : `${path}${path.includes('?') ? '&' : '?'}dryRun=All`;
      // A body that is no JSON, to an address that nobody has asked for before.
      await client.send(method, `${dry}${dry.includes('?') ? '&' : '?'}n=${i}`, {
        body: body === undefined ? undefined : `${body}x`,
        type,
        headers,
      });
    }
  };
  const some = Math.max(500, count / 8);
  await refused(some);
  const before = heap();
  await refused(2 * some);
  const grown = heap() - before;
  assert.ok(grown < 8 * 1024 * 1024, `${grown} bytes more after ${2 * some} refused requests`);
});

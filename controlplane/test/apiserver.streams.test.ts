/** Logs, exec, attach, port-forward and proxies: the server between a client and a kubelet that speaks HTTPS and upgrades. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { connect as connectNet, type AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';
import { WebSocket } from 'ws';
import { FakeKubelet } from './fakeKubelet.ts';
import { speakSpdy, STATUS, type FakeOptions, type Spoken } from './fakeSpdy.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const json = (answer: TestAnswer): Loose => answer.json as Loose;
const PODS = '/api/v1/namespaces/default/pods';

let server: DevServer;
let client: TestClient;
let kubelet: FakeKubelet;
let web: Server;
let summaries = 0;
/** Addresses of the cluster, and where they lead. */
const routes = new Map<string, number>();
/** What the kubelet's certificate is made of is known only when the server has started. */
const tls: { certificate?: string; key?: string; ca?: string } = {};

before(async () => {
  server = await startDevServer({
    tokens: [{ token: 'reader', user: { name: 'reader', groups: [] } }],
    overrides: {
      kubelet: {
        tls,
        preferredAddresses: ['InternalIP'],
        connect: (host, port) => connectNet({ host: '127.0.0.1', port: routes.get(`${host}:${port}`) ?? 1 }),
      },
    },
  });
  client = new TestClient(server);
  Object.assign(tls, await server.pki.issueClient('O=system:masters, CN=kube-apiserver-kubelet-client'));
  kubelet = await FakeKubelet.start(server, (req, res) => {
    if (req.url?.includes('/containerLogs/default/one/missing') === true)
      return void res.writeHead(404).end('container "missing" not found');
    if (req.url === '/stats/summary') {
      summaries += 1;
      // A kubelet that has just started has one sample, and a rate needs two.
      const cpu = { time: '2026-01-01T00:00:00Z', ...(summaries === 1 ? {} : { usageNanoCores: 250_000_000 }) };
      const memory = { workingSetBytes: 64 << 20 };
      const pods = [{ podRef: { name: 'one', namespace: 'default' }, containers: [{ name: 'main', cpu, memory }] }];
      return void res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ node: { cpu, memory }, pods }));
    }
    if (req.url?.includes('/broken') === true) return void res.writeHead(500).end('rpc error: it burns');
    if (req.url?.startsWith('/containerLogs/') === true)
      return void res.writeHead(200, { 'Content-Type': 'text/plain' }).end('line 1\nline 2\n');
    res.writeHead(200, { 'Content-Type': 'application/json', 'X-Own': 'yes' });
    req.on('data', () => undefined).on('end', () => res.end(JSON.stringify({ url: req.url, method: req.method })));
  });
  web = createServer((req, res) => {
    if (req.url === '/moved') return void res.writeHead(302, { Location: '/elsewhere' }).end();
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () =>
      res
        .writeHead(418, { 'X-Pod': 'yes' })
        .end(JSON.stringify({ url: req.url, method: req.method, headers: req.headers, body: Buffer.concat(chunks).toString() })),
    );
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  routes.set('10.9.0.1:10250', kubelet.port);
  routes.set('10.8.0.1:8080', (web.address() as AddressInfo).port);
  for (const [name, address] of [
    ['n1', '10.9.0.1'],
    ['dead', '10.9.0.2'],
    ['local', '127.0.0.1'],
  ] as const) {
    const node = {
      metadata: { name },
      status: {
        addresses: [
          { type: 'Hostname', address: name },
          { type: 'InternalIP', address },
        ],
      },
    };
    assert.equal((await client.post('/api/v1/nodes', node)).code, 201);
  }
  await client.post('/api/v1/nodes', { metadata: { name: 'nowhere' } });
  const pod = (name: string, nodeName: string, containers: string[], ports: object[] = []): object => ({
    metadata: { name },
    spec: {
      ...(nodeName === '' ? {} : { nodeName }),
      containers: containers.map((c) => ({ name: c, image: 'i', ports })),
      initContainers: [{ name: 'init', image: 'i' }],
    },
  });
  const pods = [
    pod('one', 'n1', ['main'], [{ containerPort: 8080 }]),
    pod('refuse', 'n1', ['main']),
    pod('speaks', 'n1', ['main']),
    pod('two', 'n1', ['a', 'b']),
    pod('dead', 'dead', ['main']),
    pod('lost', 'nowhere', ['main']),
    pod('pending', '', ['main']),
    pod('done', 'n1', ['main']),
  ];
  for (const object of pods) assert.equal((await client.post(PODS, object)).code, 201);
  const status = async (name: string, change: object): Promise<void> => {
    const path = `${PODS}/${name}/status`;
    assert.equal((await client.patch(path, 'merge-patch', { status: change })).code, 200);
  };
  await status('one', { phase: 'Running', podIP: '10.8.0.1' });
  await status('dead', { podIP: '127.0.0.1' });
  await status('done', { phase: 'Succeeded' });
});
after(async () => {
  client.close();
  web.close();
  await kubelet.stop();
  await server.stop();
});

/** A raw upgrade through the server: what came back so far, and how to go on. */
async function upgrade(
  path: string,
  { method = 'POST', protocol = 'SPDY/3.1', token = server.token, headers = '' } = {},
): Promise<{ readonly socket: TLSSocket; readonly until: (text: string) => Promise<string> }> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.pki.ca });
  let text = '';
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    wake();
  });
  let closed = false;
  socket.on('close', () => ((closed = true), wake())).on('error', () => undefined);
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${headers}Content-Length: 0\r\n\r\n`,
  );
  const state = { isDone: (wanted: string) => text.includes(wanted) || closed };
  return {
    socket,
    until: async (wanted) => {
      while (!state.isDone(wanted)) await new Promise<void>((resolve) => (wake = resolve));
      return text;
    },
  };
}

for (const [method, protocol] of [
  ['POST', 'SPDY/3.1'],
  ['GET', 'websocket'],
] as const) {
  test(`exec by ${method} and ${protocol} is a tunnel to the kubelet`, async () => {
    const path = `${PODS}/one/exec?command=sh&command=-c&command=echo+%26&stdin=true&stdout=true&tty=false`;
    const { socket, until } = await upgrade(path, { method, protocol, headers: 'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n' });
    const head = await until('hello ');
    assert.match(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(head, /X-Stream-Protocol-Version: v4\.channel\.k8s\.io/);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    socket.write(bytes);
    socket.write('END');
    assert.ok((await until('END')).endsWith(`${bytes.toString('latin1')}END`));
    const seen = kubelet.seen.at(-1);
    assert.deepEqual(
      [seen?.method, seen?.url, seen?.client, seen?.headers.upgrade],
      [
        method,
        '/exec/default/one/main?input=1&output=1&command=sh&command=-c&command=echo%20%26',
        'kube-apiserver-kubelet-client',
        protocol,
      ],
    );
    assert.equal(seen?.headers.authorization, undefined);
    socket.destroy();
    while (kubelet.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
  });
}

/** A WebSocket of kubectl 1.36 to a kubelet that speaks SPDY alone; what came by channel, once it is over. */
async function command(path: string, use: (ws: WebSocket) => void, options: FakeOptions = {}) {
  let spoken: Spoken | undefined;
  kubelet.speaks = (socket) => void (spoken = speakSpdy(socket, options));
  const ws = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, ['v5.channel.k8s.io'], {
    ca: server.pki.ca,
    headers: { authorization: `Bearer ${server.token}` },
  });
  const said = new Map<number, Buffer[]>();
  ws.on('message', (message: Buffer) => said.set(message[0] ?? -1, [...(said.get(message[0] ?? -1) ?? []), message.subarray(1)]));
  ws.once('open', () => use(ws));
  const code = await new Promise<number>((resolve, reject) => ws.once('close', resolve).once('error', reject));
  return { code, spoken, protocol: ws.protocol, of: (channel: number) => Buffer.concat(said.get(channel) ?? []) };
}

test('a WebSocket of today is translated for the kubelet: channels, sizes of terminals, the end of stdin, the exit code', async () => {
  const text = Buffer.alloc(300_000, 'abc');
  const { code, spoken, protocol, of } = await command(`${PODS}/speaks/exec?command=cat&stdin=true&stdout=true&stderr=true`, (ws) => {
    for (let at = 0; at < text.length; at += 40_000) ws.send(Buffer.concat([Buffer.of(0), text.subarray(at, at + 40_000)]));
    ws.send(Buffer.of(9, 1, 2)); // no channel of ours
    ws.send(Buffer.of(255, 0));
  });
  assert.deepEqual([code, protocol], [1_000, 'v5.channel.k8s.io']);
  assert.ok(of(1).equals(text));
  assert.deepEqual([of(2).toString(), of(3).toString()], ['bye', STATUS]);
  assert.deepEqual(
    [...(spoken?.streams ?? [])],
    [
      ['error', 1],
      ['stdin', 3],
      ['stdout', 5],
      ['stderr', 7],
    ],
  );
  const seen = kubelet.seen.at(-1);
  assert.deepEqual(
    [seen?.method, seen?.url, seen?.headers.upgrade, seen?.headers['x-stream-protocol-version'], seen?.headers.authorization],
    ['POST', '/exec/default/speaks/main?input=1&output=1&error=1&command=cat', 'SPDY/3.1', 'v4.channel.k8s.io', undefined],
  );
  const terminal = await command(`${PODS}/speaks/attach?stdin=true&stdout=true&tty=true`, (ws) => {
    ws.send(Buffer.concat([Buffer.of(4), Buffer.from('{"Width":77,"Height":33}')]));
    ws.send(Buffer.of(255, 0));
  });
  assert.deepEqual([...(terminal.spoken?.streams.keys() ?? [])], ['error', 'stdin', 'stdout', 'resize']);
  assert.deepEqual(terminal.spoken?.resized, ['{"Width":77,"Height":33}']);
  while (kubelet.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('more than a client reads waits at the kubelet, and all of it arrives', async () => {
  const floodBytes = 24 << 20;
  const { code, of } = await command(`${PODS}/speaks/exec?command=x&stdout=true&stderr=true`, () => undefined, { floodBytes });
  assert.deepEqual([code, of(1).length, of(3).toString()], [1_000, floodBytes, STATUS]);
});

test('what goes wrong behind a WebSocket is said as the end of the command', async () => {
  const end = async (path: string, options: FakeOptions = {}) => {
    const { code, of } = await command(path, () => undefined, options);
    const status: Loose = JSON.parse(of(3).toString());
    return [code, status.status, status.reason, status.code, status.message];
  };
  const failed = (text: string) => [1_000, 'Failure', 'InternalError', 500, `Internal error occurred: ${text}`];
  const query = 'command=x&stdout=true&stderr=true';
  assert.deepEqual(await end(`${PODS}/refuse/exec?${query}`), failed('unable to upgrade connection: container not found ("refuse")'));
  assert.deepEqual(
    await end(`${PODS}/dead/exec?${query}`),
    failed('error dialing backend: dial tcp 10.9.0.2:10250: connect: connection refused'),
  );
  assert.deepEqual(await end(`${PODS}/speaks/exec?${query}`, { breaksOff: true }), failed('the connection to the container broke off'));
  await assert.rejects(
    command(`${PODS}/done/exec?${query}`, () => undefined),
    /400/,
  );
});

test('a client that goes takes its command along, and the request is counted once', async () => {
  const counted = async (): Promise<number> => {
    const { text } = await client.get('/metrics');
    const counts = text.matchAll(/^apiserver_request_total\{verb="GET",.*subresource="exec".*\} (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const before = await counted();
  await command(`${PODS}/speaks/exec?command=cat&stdin=true&stdout=true`, (ws) => ws.terminate());
  while (kubelet.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
  while ((await counted()) === before) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await counted(), before + 1);
});

test('the SPDY of a port-forward goes through a WebSocket as it is', async () => {
  // By hand: clients of WebSockets refuse to offer a name with a slash.
  const handshake = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ';
  const { socket, until } = await upgrade(`${PODS}/one/portforward?ports=80`, {
    method: 'GET',
    protocol: 'websocket',
    headers: `${handshake}SPDY/3.1+portforward.k8s.io\r\n`,
  });
  const head = await until('hello ');
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.match(head, /Sec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io/i);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  // One binary message, masked with zeros.
  socket.write(Buffer.concat([Buffer.of(0x82, 0xfe, 1, 3, 0, 0, 0, 0), bytes, Buffer.from('END')]));
  assert.ok((await until('END')).endsWith(`${bytes.toString('latin1')}END`));
  const seen = kubelet.seen.at(-1);
  assert.deepEqual(
    [seen?.method, seen?.url, seen?.headers.upgrade, seen?.headers['x-stream-protocol-version']],
    ['POST', '/portForward/default/one?port=80', 'SPDY/3.1', 'portforward.k8s.io'],
  );
  socket.destroy();
  while (kubelet.openConnections > 0) await new Promise((resolve) => setImmediate(resolve));
});

test('attach and port-forward reach their paths', async () => {
  const attach = await upgrade(`${PODS}/one/attach?stdin=true&tty=true&container=main`);
  await attach.until('hello ');
  assert.equal(kubelet.seen.at(-1)?.url, '/attach/default/one/main?input=1&tty=1');
  attach.socket.destroy();
  const forward = await upgrade(`${PODS}/one/portforward?ports=80`);
  await forward.until('hello ');
  assert.equal(kubelet.seen.at(-1)?.url, '/portForward/default/one?port=80');
  forward.socket.destroy();
});

test('what refuses to upgrade answers in its own words, and is no tunnel', async () => {
  const { until, socket } = await upgrade(`${PODS}/refuse/exec?command=x`);
  const text = await until('container not found');
  assert.match(text, /^HTTP\/1\.1 404 Not Found\r\n/);
  const before = kubelet.seen.length;
  socket.write('GET /pods HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('never');
  assert.equal(kubelet.seen.length, before);
});

const REFUSALS: readonly (readonly [what: string, path: string, code: number, message: RegExp])[] = [
  ['no pod', `${PODS}/nope/exec?command=x`, 404, /^pods "nope" not found$/],
  ['which container', `${PODS}/two/exec?command=x`, 400, /^a container name must be specified for pod two, choose one of: \[init a b\]$/],
  ['no such container', `${PODS}/one/exec?command=x&container=z`, 400, /^container z is not valid for pod one$/],
  [
    'a pod that has ended',
    `${PODS}/done/exec?command=x`,
    400,
    /^cannot exec into a container in a completed pod; current phase is Succeeded$/,
  ],
  ['a pod that waits', `${PODS}/pending/exec?command=x`, 400, /^pod pending does not have a host assigned$/],
  [
    'a dead kubelet',
    `${PODS}/dead/exec?command=x`,
    500,
    /^error dialing backend: dial tcp 10\.9\.0\.2:10250: connect: connection refused$/,
  ],
  ['a node without an address', `${PODS}/lost/exec?command=x`, 500, /no preferred addresses found; known addresses: \[\]$/],
  ['a bad port', `${PODS}/one/portforward?ports=99999`, 400, /ports: want numbers from 1 to 65535/],
];
for (const [what, path, code, message] of REFUSALS) {
  test(`refused: ${what}`, async () => {
    const { until } = await upgrade(path);
    const text = await until('}}');
    const body = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4));
    assert.deepEqual([text.slice(9, 12), body.kind, body.code], [String(code), 'Status', code]);
    assert.match(body.message, message);
  });
}

test('whoever may only get pods/exec gets in by no GET', async () => {
  const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods/exec', 'pods/log'] }];
  const api = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  await client.post(`${api}/roles`, { metadata: { name: 'reader' }, rules });
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'reader' }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
  assert.equal((await client.post(`${api}/rolebindings`, { metadata: { name: 'reader' }, roleRef, subjects })).code, 201);
  const { until } = await upgrade(`${PODS}/one/exec?command=x`, { method: 'GET', protocol: 'websocket', token: 'reader' });
  assert.match(await until('}}'), /403 Forbidden[^]*User \\"reader\\" cannot create resource \\"pods\/exec\\" in API group/);
  assert.equal((await client.get(`${PODS}/one/log`, { token: 'reader' })).code, 200);
});

test('without an upgrade there is no exec', async () => {
  const answer = await client.post(`${PODS}/one/exec?command=x`, '');
  assert.deepEqual([answer.code, json(answer).message], [400, 'Upgrade request required']);
});

test('logs: options are handed on, the text comes as it is', async () => {
  const answer = await client.get(`${PODS}/one/log?follow=true&tailLines=5&previous=false&sinceTime=2026-01-01T00:00:00Z`);
  assert.deepEqual([answer.code, answer.text, answer.headers['content-type']], [200, 'line 1\nline 2\n', 'text/plain']);
  assert.equal(kubelet.seen.at(-1)?.url, '/containerLogs/default/one/main?follow=true&sinceTime=2026-01-01T00%3A00%3A00Z&tailLines=5');
  assert.equal((await client.get(`${PODS}/pending/log`)).code, 204);
});

const LOG_ERRORS: readonly (readonly [what: string, path: string, code: number, message: RegExp])[] = [
  ['which container', `${PODS}/two/log`, 400, /choose one of: \[init a b\]/],
  [
    'tailLines',
    `${PODS}/one/log?tailLines=-1`,
    422,
    /PodLogOptions "one" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0/,
  ],
  ['limitBytes', `${PODS}/one/log?limitBytes=0`, 422, /limitBytes: Invalid value: 0: must be greater than 0/],
  [
    'two beginnings',
    `${PODS}/one/log?sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z`,
    422,
    /at most one of `sinceTime` or `sinceSeconds` may be specified/,
  ],
  ['no number', `${PODS}/one/log?tailLines=x`, 400, /tailLines: want a whole number/],
  [
    'a dead kubelet',
    `${PODS}/dead/log`,
    500,
    /^Get "https:\/\/10\.9\.0\.2:10250\/containerLogs\/default\/dead\/main": dial tcp 10\.9\.0\.2:10250: connect: connection refused$/,
  ],
];
for (const [what, path, code, message] of LOG_ERRORS) {
  test(`logs refused: ${what}`, async () => {
    const answer = await client.get(path);
    assert.equal(answer.code, code, answer.text);
    assert.match(json(answer).message, message);
  });
}

test('nodes proxy reaches the kubelet with the path and query as they are', async () => {
  const answer = await client.get('/api/v1/nodes/n1/proxy/stats//summary%2F?only_cpu=true&x=%20');
  assert.deepEqual([answer.code, json(answer).url, answer.headers['x-own']], [200, '/stats//summary%2F?only_cpu=true&x=%20', 'yes']);
  const root = await client.get('/api/v1/nodes/n1/proxy');
  assert.deepEqual([root.code, root.headers['location']], [301, '/api/v1/nodes/n1/proxy/']);
  const broken = await client.get('/api/v1/nodes/n1/proxy/broken');
  assert.deepEqual([broken.code, broken.text], [500, 'rpc error: it burns']);
});

test('pods proxy passes method, body and headers on, without the credentials', async () => {
  const answer = await client.put(`${PODS}/one/proxy/a/b?c=d`, 'body', {
    type: 'text/x',
    headers: { 'X-Mine': '1', 'Impersonate-User': 'kubernetes-admin', 'Impersonate-Group': 'system:masters' },
  });
  assert.equal(answer.code, 418, answer.text);
  const got = json(answer);
  assert.deepEqual(
    [got.method, got.url, got.body, got.headers['x-mine'], answer.headers['x-pod']],
    ['PUT', '/a/b?c=d', 'body', '1', 'yes'],
  );
  assert.deepEqual(
    [got.headers.authorization, got.headers['impersonate-user'], got.headers['x-forwarded-uri']],
    [undefined, undefined, `${PODS}/one/proxy/a/b`],
  );
  assert.equal((await client.get(`${PODS}/one:8080/proxy/moved`)).headers['location'], `${PODS}/one:8080/proxy/elsewhere`);
});

test('services proxy goes to a ready endpoint', async () => {
  const path = '/api/v1/namespaces/default/services';
  await client.post(path, { metadata: { name: 'web' }, spec: { ports: [{ name: 'http', port: 80 }] } });
  const none = await client.get(`${path}/web:http/proxy/`);
  assert.deepEqual([none.code, json(none).message], [503, 'no endpoints available for service "web"']);
  const slice = (name: string, address: string, ready: boolean): object => ({
    metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready } }],
  });
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  assert.equal((await client.post(slices, slice('s1', '10.8.0.1', true))).code, 201);
  await client.post(slices, slice('s2', '10.8.0.2', false));
  assert.equal((await client.get(`${path}/web:80/proxy/x`)).code, 418);
  assert.match(json(await client.get(`${path}/web:nope/proxy/`)).message, /no service port "nope" found for service "web"/);
  const refused = await client.get(`${PODS}/one:9/proxy/`);
  assert.deepEqual(
    [refused.code, json(refused).message],
    [503, 'error trying to reach service: dial tcp 10.8.0.1:9: connect: connection refused'],
  );
});

test('nothing leads to this host itself', async () => {
  for (const path of [`${PODS}/dead/proxy/`, '/api/v1/nodes/local/proxy/x']) {
    const answer = await client.get(path);
    assert.deepEqual([answer.code, json(answer).message], [400, 'address not allowed']);
  }
});

test('a server that stops ends its tunnels', async () => {
  const other = await startDevServer({
    overrides: {
      kubelet: { tls, preferredAddresses: ['InternalIP'], connect: () => connectNet({ host: '127.0.0.1', port: kubelet.port }) },
    },
  });
  const own = new TestClient(other);
  await own.post('/api/v1/nodes', { metadata: { name: 'n1' }, status: { addresses: [{ type: 'InternalIP', address: '10.9.0.1' }] } });
  await own.post(PODS, { metadata: { name: 'one' }, spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'i' }] } });
  const socket = connect({ host: '127.0.0.1', port: other.port, ca: other.pki.ca });
  socket.write(
    `POST ${PODS}/one/exec?command=x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${other.token}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  own.close();
  await other.stop();
  await closed;
});

test('metrics.k8s.io: what nodes and pods use, as kubelets tell it; who cannot be asked is left out', async () => {
  const API = '/apis/metrics.k8s.io/v1beta1';
  assert.equal((await client.patch(`${PODS}/one/status`, 'merge-patch', { status: { phase: 'Running' } })).code, 200);
  const nodes = json(await client.get(`${API}/nodes`));
  assert.equal(nodes.kind, 'NodeMetricsList');
  assert.deepEqual(
    nodes.items.map((n: Loose) => [n.metadata.name, n.usage]),
    [['n1', { cpu: '250000000n', memory: '65536Ki' }]],
  );
  assert.equal(summaries, 2, 'asked once more when there was one sample only');
  const pods = json(await client.get(`${API}/namespaces/default/pods`));
  assert.deepEqual(
    pods.items.map((p: Loose) => [p.metadata.name, p.containers]),
    [['one', [{ name: 'main', usage: { cpu: '250000000n', memory: '65536Ki' } }]]],
  );
  assert.equal(json(await client.get(`${API}/namespaces/default/pods/one`)).metadata.name, 'one');
  assert.equal((await client.get(`${API}/namespaces/default/pods/two`)).code, 404);
  assert.deepEqual(json(await client.get(`${API}/pods?labelSelector=a%3Db`)).items, []);
  assert.equal(json(await client.get('/apis/metrics.k8s.io')).preferredVersion.groupVersion, 'metrics.k8s.io/v1beta1');
});

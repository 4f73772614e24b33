/** Cluster DNS with a real API server in this process, real sockets, dig, and a second instance of itself as its upstream server. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decode, streamDecode, streamEncode, encode, type Answer } from 'dns-packet';
import { execa } from 'execa';
import { SystemClock, type Clock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { seededRandom } from '#base/seededRandom.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import type { Client } from '#client/rest.ts';
import { until } from '#agent/test/harness/until.ts';
import { missingPackages, TEST_PACKAGES } from '#agent/host/packages.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { parseFlags } from '../component/flags.ts';
import { PROGRAM, settingsOf } from '../dns/config/settings.ts';
import { runDns, type Ports } from '../dns/run.ts';
import { surroundings } from '../dns/server/surroundings.ts';
import { packetFor } from '../dns/testing/kit.ts';

const NS = '/api/v1/namespaces/default';
const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const SVC = 'default.svc.cluster.local';
const noDig = missingPackages(TEST_PACKAGES.filter(({ package: name }) => name === 'bind9-dnsutils')).length > 0;

interface Instance {
  readonly port: number;
  readonly ports: Ports;
  stop(): Promise<void>;
}

void describe('cluster DNS', () => {
  const clock = new SystemClock();
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-dns-'));
  const lines: string[] = [];
  let server: DevServer;
  let api: TestClient;
  let client: Client;
  let dns: Instance;
  const running: Instance[] = [];

  const start = (...flags: readonly string[]): Promise<Instance> => startWith(clock, ...flags);
  async function startWith(clock: Clock, ...flags: readonly string[]): Promise<Instance> {
    const life = new AbortController();
    const ready = Promise.withResolvers<Ports>();
    const nowhere = ['health', 'metrics'].map((what) => `--${what}-bind-address=127.0.0.1:0`);
    const argv = [
      '--listen=127.0.0.1:0',
      '--ready-bind-address=127.0.0.1:0',
      ...nowhere,
      '--lame-duck=0s',
      `--resolv-conf=${join(dir, 'resolv.conf')}`,
      ...flags,
    ];
    const settings = settingsOf(parseFlags(PROGRAM, argv).values);
    const log = makeLogger({ write: (line) => lines.push(line), clock });
    const ended = runDns({ ...surroundings, settings, client, clock, log, onReady: ready.resolve }, life.signal);
    ended.catch(ready.reject);
    const ports = await ready.promise;
    const instance = { port: ports.dns[0] ?? 0, ports, stop: () => (life.abort(), ended) };
    running.push(instance);
    return instance;
  }

  before(async () => {
    writeFileSync(join(dir, 'resolv.conf'), 'search nowhere\n');
    server = await startDevServer();
    api = new TestClient(server);
    // With the rights of the role that upstream has for it, and no others.
    const account = 'system:serviceaccount:kube-system:kube-dns';
    const impersonate = { user: account, groups: ['system:serviceaccounts', 'system:authenticated'], extra: {} };
    client = connect({
      config: { ...parseKubeconfig(server.kubeconfig), impersonate },
      clock,
      log: makeLogger({ write: () => undefined, clock }),
      userAgent: 'kube-dns',
      qps: -1,
    });
    await create(`${NS}/services`, { metadata: { name: 'web' }, spec: { clusterIP: '10.96.1.80', ports: [{ name: 'http', port: 80 }] } });
    await create(`${NS}/services`, { metadata: { name: 'pets' }, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } });
    await create(SLICES, slice('pets', [{ addresses: ['10.1.0.1'], hostname: 'cat' }, { addresses: ['10.1.0.2'] }]));
    dns = await start();
  });
  after(async () => {
    await Promise.all(running.map((instance) => instance.stop()));
    client?.close();
    api?.close();
    await server?.stop();
    rmSync(dir, { recursive: true });
  });

  const create = async (path: string, body: object): Promise<void> => {
    const { code, text } = await api.post(path, body);
    assert.equal(code, 201, text);
  };
  const slice = (service: string, endpoints: readonly object[]): object => ({
    metadata: { name: `${service}-1`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8_080 }],
  });

  /** undefined: no answer came. */
  function ask(port: number, name: string, type = 'A', edns?: number): Promise<ReturnType<typeof decode> & { readonly rcode: string }> {
    const socket = createSocket('udp4');
    return new Promise<ReturnType<typeof decode> & { readonly rcode: string }>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('message', (bytes) => resolve(decode(bytes) as ReturnType<typeof decode> & { readonly rcode: string }));
      socket.connect(port, '127.0.0.1', () => socket.send(packetFor(name, type, edns === undefined ? {} : { edns })));
    }).finally(() => socket.close());
  }
  const data = ({ answers = [] }: { readonly answers?: Answer[] | undefined }): string[] =>
    answers.flatMap((a) => (a.type === 'A' ? a.data : [])).toSorted();
  const http = async (port: number | undefined, path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);

  test('dig: what the specification says, over UDP and TCP', { skip: noDig ? 'needs bind9-dnsutils' : false }, async () => {
    const dig = async (...args: readonly string[]): Promise<string> =>
      (await execa('dig', ['@127.0.0.1', '-p', String(dns.port), '+short', '+tries=3', ...args])).stdout;
    assert.equal(await dig(`web.${SVC}`), '10.96.1.80');
    assert.equal(await dig('+tcp', `web.${SVC}`), '10.96.1.80');
    assert.equal(await dig(`WEB.${SVC}`, 'SRV'), `0 100 80 web.${SVC}.`);
    assert.deepEqual((await dig(`pets.${SVC}`)).split('\n').toSorted(), ['10.1.0.1', '10.1.0.2']);
    assert.equal(await dig(`cat.pets.${SVC}`), '10.1.0.1');
    assert.deepEqual((await dig(`_http._tcp.pets.${SVC}`, 'SRV')).split('\n').toSorted(), [
      `0 50 8080 10-1-0-2.pets.${SVC}.`,
      `0 50 8080 cat.pets.${SVC}.`,
    ]);
    assert.equal(await dig('-x', '10.96.1.80'), `web.${SVC}.`);
    assert.equal(await dig('-x', '10.1.0.1'), `cat.pets.${SVC}.`);
    assert.equal(await dig('dns-version.cluster.local', 'TXT'), '"1.1.0"');
    const whole = await execa('dig', [
      '@127.0.0.1',
      '-p',
      String(dns.port),
      '+qr',
      '+nsid',
      '+subnet=0.0.0.0/0',
      '+dnssec',
      `nothing.${SVC}`,
    ]);
    assert.match(whole.stdout, /status: NXDOMAIN[\s\S]*AUTHORITY SECTION:\ncluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local/);
    assert.doesNotMatch(whole.stdout, /malformed|Warning: .*extra/i);
  });

  test('what changes in the API changes in the answers', async () => {
    assert.equal((await ask(dns.port, `later.${SVC}`)).rcode, 'NXDOMAIN');
    await create(`${NS}/services`, { metadata: { name: 'later' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
    await create(SLICES, slice('later', [{ addresses: ['10.1.0.9'], conditions: { ready: false } }]));
    await create(`${NS}/services`, { metadata: { name: 'after' }, spec: { clusterIP: '10.96.1.99', ports: [{ port: 80 }] } });
    await until('the last one is there', async () => data(await ask(dns.port, `after.${SVC}`)).length === 1);
    assert.equal((await ask(dns.port, `later.${SVC}`)).rcode, 'NXDOMAIN', 'none is ready');
    await api.patch(`${SLICES}/later-1`, 'merge-patch', { endpoints: [{ addresses: ['10.1.0.9'], conditions: { ready: true } }] });
    await until('its endpoint', async () => data(await ask(dns.port, `later.${SVC}`))[0] === '10.1.0.9');
    await api.delete(`${NS}/services/later`);
    await until('it is gone', async () => (await ask(dns.port, `later.${SVC}`)).rcode === 'NXDOMAIN');
  });

  test('a stub domain is asked of another server, over TCP what UDP has no room for; its answers are kept', async () => {
    const addresses = Array.from({ length: 120 }, (_, i) => `10.2.0.${i + 1}`);
    await create(`${NS}/services`, { metadata: { name: 'crowd' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
    await create(
      SLICES,
      slice(
        'crowd',
        addresses.map((address) => ({ addresses: [address] })),
      ),
    );
    const other = await start('--domain=other.test');
    await until('the crowd', async () => data(await ask(other.port, 'crowd.default.svc.other.test')).length > 0);
    assert.ok((await ask(other.port, 'crowd.default.svc.other.test', 'A', 1_232)).flag_tc);
    const file = join(dir, 'dns.yaml');
    writeFileSync(file, `stubDomains:\n  other.test: ["127.0.0.1:${other.port}"]\n`);
    const front = await start(`--config=${file}`, '--reload-interval=5ms');
    assert.deepEqual(data(await ask(front.port, 'web.default.svc.other.test')), ['10.96.1.80']);
    const over = (name: string): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const socket = connectTcp(front.port, '127.0.0.1', () => socket.write(streamEncode(decode(packetFor(name, 'A')))));
        let got = Buffer.alloc(0);
        socket.on('error', reject).on('data', (chunk: Buffer) => {
          got = Buffer.concat([got, chunk]);
          const message = got.length >= 2 ? streamDecode(got) : null;
          if (message === null) return;
          socket.destroy();
          resolve(data(message));
        });
      });
    assert.deepEqual(await over('crowd.default.svc.other.test'), addresses.toSorted());
    assert.equal((await ask(front.port, 'nothing.default.svc.other.test')).rcode, 'NXDOMAIN');
    await other.stop();
    assert.deepEqual(data(await ask(front.port, 'web.default.svc.other.test')), ['10.96.1.80'], 'kept');
    assert.equal((await ask(front.port, 'nothing.default.svc.other.test')).rcode, 'NXDOMAIN', 'that there is none is kept too');
    assert.equal((await ask(front.port, 'www.example.com')).rcode, 'REFUSED', 'nobody else is there to be asked');
    // Another file counts without a restart.
    const another = await start('--domain=third.test');
    writeFileSync(file, `stubDomains:\n  third.test: ["127.0.0.1:${another.port}"]\n`);
    await until('the new stub domain', async () => data(await ask(front.port, 'web.default.svc.third.test'))[0] === '10.96.1.80');
    assert.equal((await ask(front.port, 'web.default.svc.other.test')).rcode, 'REFUSED');
  });

  test('two servers that forward to each other find it out', async () => {
    const file = join(dir, 'loop.yaml');
    const first = await start('--domain=a.test', `--config=${join(dir, 'dns.yaml')}`);
    writeFileSync(file, `upstreamNameservers: ["127.0.0.1:${first.port}"]\n`);
    const own = join(dir, 'own.yaml');
    writeFileSync(own, 'upstreamNameservers: ["127.0.0.1:9"]\n');
    const looping = await start(`--config=${own}`, '--reload-interval=5ms');
    writeFileSync(own, `upstreamNameservers: ["127.0.0.1:${looping.port}"]\n`);
    await until('it is told', () =>
      lines.some((line) => line.includes('Upstream server forwards to this server') && line.includes(String(looping.port))),
    );
    assert.equal((await ask(looping.port, 'www.example.com')).rcode, 'SERVFAIL');
    assert.deepEqual(data(await ask(looping.port, `web.${SVC}`)), ['10.96.1.80']);
  });

  test('nonsense over UDP and TCP, and half of a question, change nothing for the others', async () => {
    const random = seededRandom(7);
    const socket = createSocket('udp4');
    const noise = (): Buffer => Buffer.from(Array.from({ length: Math.floor(random() * 90) }, () => Math.floor(random() * 256)));
    for (let i = 0; i < 500; i++) {
      const good = packetFor(`web.${SVC}`, 'A', { edns: 900 });
      good[Math.floor(random() * good.length)] = Math.floor(random() * 256);
      await new Promise((sent) => socket.send(i % 2 === 0 ? noise() : good, dns.port, '127.0.0.1', sent));
    }
    socket.close();
    const half = connectTcp(dns.port, '127.0.0.1', () => half.write(Buffer.from([0, 40, 1])));
    const huge = connectTcp(dns.port, '127.0.0.1', () => huge.write(Buffer.from([0xff, 0xff, 1])));
    await new Promise((closed) => huge.on('close', closed).on('error', () => undefined));
    half.on('error', () => undefined);
    assert.deepEqual(data(await ask(dns.port, `web.${SVC}`)), ['10.96.1.80']);
    half.destroy();
    const metrics = await (await http(dns.ports.metrics, '/metrics')).text();
    assert.match(metrics, /^coredns_panics_total 0$/m);
    assert.match(metrics, /^kijabi_dns_dropped_packets_total [1-9]/m);
  });

  test('several questions on one connection are all answered', async () => {
    const names = ['web', 'nothing', 'cat.pets', 'pets'].map((name) => `${name}.${SVC}`);
    const got = await new Promise<readonly string[]>((resolve, reject) => {
      const socket = connectTcp(dns.port, '127.0.0.1', () =>
        socket.write(Buffer.concat(names.map((name, id) => streamEncode({ type: 'query', id, questions: [{ name, type: 'A' }] })))),
      );
      let bytes = Buffer.alloc(0);
      const seen: string[] = [];
      socket.on('error', reject).on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
          const message = decode(bytes.subarray(2, 2 + bytes.readUInt16BE(0)));
          bytes = bytes.subarray(2 + bytes.readUInt16BE(0));
          seen.push(`${message.id} ${message.questions?.[0]?.name}`);
        }
        if (seen.length < names.length) return;
        socket.destroy();
        resolve(seen.toSorted());
      });
    });
    assert.deepEqual(
      got,
      names.map((name, id) => `${id} ${name}`),
    );
  });

  test('probes and metrics: ready, healthy, and counted under the names of dashboards', async () => {
    for (const [port, path] of [
      [dns.ports.ready, '/ready'],
      [dns.ports.health, '/health'],
    ] as const) {
      const answer = await http(port, path);
      assert.deepEqual([answer.status, await answer.text()], [200, 'OK'], path);
    }
    await ask(dns.port, `nothing.${SVC}`);
    const metrics = await (await http(dns.ports.metrics, '/metrics')).text();
    for (const pattern of [
      /^coredns_dns_requests_total\{server="dns:\/\/:53",zone="cluster\.local\.",view="",proto="udp",family="1",type="A"\} \d+$/m,
      /^coredns_dns_responses_total\{[^}]*rcode="NXDOMAIN"[^}]*\} \d+$/m,
      /^coredns_dns_request_duration_seconds_bucket\{.*le="0.001"\} \d+$/m,
      /^coredns_cache_hits_total\{[^}]*type="success"[^}]*\} \d+$/m,
      /^process_resident_memory_bytes \d+$/m,
    ])
      assert.match(metrics, pattern);
    assert.equal((await http(dns.ports.metrics, '/other')).status, 404);
  });

  test('a rolling restart loses no answer: the old one goes on while it says that it is not ready', async () => {
    // A lame duck goes on until everybody has seen that it is one, however slow this machine is.
    let released = Promise.withResolvers<void>();
    const LAME = ['--lame-duck=77s'];
    class Ducks extends SystemClock {
      override sleep(ms: number, signal: AbortSignal): Promise<void> {
        return ms === 77_000 ? released.promise : super.sleep(ms, signal);
      }
    }
    const ducks = new Ducks();
    const instances = [await startWith(ducks, ...LAME), await startWith(ducks, ...LAME)];
    const isReady = async (at: Instance): Promise<boolean> => (await http(at.ports.ready, '/ready').catch(() => undefined))?.status === 200;
    let asked = 0;
    const underWay = new Map<Instance, number>();
    const answered = new Set<Instance>();
    const over = new AbortController();
    // As a service does it: to whoever was ready when it was last looked, which is always a moment ago.
    let ready = [...instances];
    const client = async (): Promise<void> => {
      for (; !over.signal.aborted; asked++) {
        const at = ready[asked % ready.length];
        assert.ok(at);
        underWay.set(at, (underWay.get(at) ?? 0) + 1);
        assert.deepEqual(data(await ask(at.port, `web.${SVC}`)), ['10.96.1.80']);
        underWay.set(at, (underWay.get(at) ?? 0) - 1);
        answered.add(at);
      }
    };
    const looking = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const now = await Promise.all(instances.map(async (one) => ((await isReady(one)) ? [one] : [])));
        if (now.flat().length > 0) ready = now.flat();
      }
    };
    const going = Promise.all([client(), client(), looking()]);
    for (let i = 0; i < 2; i++) {
      const [old] = instances;
      assert.ok(old);
      released = Promise.withResolvers();
      const stopping = old.stop();
      instances.push(await startWith(ducks, ...LAME));
      await until(
        'nobody asks the old one any more',
        () => !ready.includes(old) && ready.length === 2 && ready.every((one) => answered.has(one)) && underWay.get(old) === 0,
      );
      released.resolve();
      await stopping;
      instances.shift();
    }
    over.abort();
    await going;
    released.resolve(); // the last ones stop with the tests
    assert.equal(answered.size, 4, `${asked} questions`);
  });

  test('a port that is taken is an error with a next step', async () => {
    await assert.rejects(
      start(`--listen=127.0.0.1:${dns.port}`),
      /Cannot listen on TCP 127\.0\.0\.1 port \d+: another process has the port/,
    );
  });

  test('answers of this server can be read by others’ codec to the last byte', async () => {
    const message = await ask(dns.port, `_http._tcp.pets.${SVC}`, 'SRV', 1_232);
    const again = decode(encode({ ...message, type: 'response' }));
    assert.deepEqual(again.answers, message.answers);
    assert.equal(message.additionals?.length, 3);
  });
});

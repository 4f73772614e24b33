import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, type Answer } from 'dns-packet';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { Forwarder } from './forward/forwarder.ts';
import { loopProbes, probeNames, sendProbes } from './loops.ts';
import { DnsMetrics } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { Responder } from './responder.ts';
import { Routes } from './routes.ts';
import { FakeUpstreams } from './testing/exchange.ts';
import { exampleCluster, packetFor, service, type AskOptions } from './testing/kit.ts';

const UPSTREAM = { address: '192.0.2.53', port: 53 };
const STUB = { address: '192.0.2.77', port: 53 };
const SVC = 'default.svc.cluster.local';

function world({ maxForwards = 100, cacheSize = 100, upstreams = [UPSTREAM] } = {}) {
  const clock = new ManualClock(1_700_000_000_000);
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  const exchange = new FakeUpstreams();
  const forwarder = (servers: typeof upstreams): Forwarder =>
    new Forwarder({ upstreams: servers, exchange, clock, log, random: () => 0, newId: () => 1 });
  const index = exampleCluster();
  const routes = new Routes(new Map([['corp.test', forwarder([STUB])]]), forwarder(upstreams));
  const metrics = new DnsMetrics('cluster.local');
  const resolver = new Resolver({
    index,
    zone: { domain: 'cluster.local', ttl: 5, pods: 'insecure', dnsService: 'kube-system/kube-dns' },
    firstSerial: 1,
    clock,
    log,
    routes,
    keep: { positiveSeconds: 30, negativeSeconds: 30 },
    cacheSize,
    maxForwards,
    onCache: (type) => metrics.cache(type),
    onLimit: () => metrics.limited.inc(),
  });
  resolver.synced();
  const responder = new Responder({ resolver, metrics, clock, log, domain: 'cluster.local', udpBytes: 1_232 });
  const ask = async (name: string, type = 'A', options: AskOptions = {}) => {
    const bytes = await responder.respond(packetFor(name, type, { edns: 1_232, ...options }), { transport: 'udp', family: '1' });
    if (bytes === undefined) throw new Error('no answer');
    return decode(bytes) as ReturnType<typeof decode> & { readonly rcode: string };
  };
  return { clock, lines, log, exchange, index, routes, resolver, responder, ask, metrics };
}
const a = (name: string, data: string, ttl = 60): Answer => ({ name, type: 'A', ttl, data });
const data = (message: { readonly answers?: Answer[] | undefined }): unknown[] =>
  (message.answers ?? []).map((r) => ('data' in r ? r.data : r.type));
const ttls = (message: { readonly answers?: Answer[] | undefined }): unknown[] => (message.answers ?? []).map((r) => 'ttl' in r && r.ttl);
const settle = async (): Promise<void> => {
  for (let i = 0; i < 40; i++) await Promise.resolve();
};

test('a change of the cluster is seen by the next question', async () => {
  const { ask, index } = world();
  assert.deepEqual(data(await ask(`dual.${SVC}`)), ['10.96.0.2']);
  index.setService('default/dual', service('default/dual', { clusterIPs: ['10.96.0.99'] }));
  assert.deepEqual(data(await ask(`dual.${SVC}`)), ['10.96.0.99']);
  index.setService('default/dual', undefined);
  assert.equal((await ask(`dual.${SVC}`)).rcode, 'NXDOMAIN');
});

test('before everything was read once, what is not known is no answer; outside names are asked for all the same', async () => {
  const { resolver, index, clock, log, routes, exchange } = world();
  const fresh = new Resolver({
    index,
    zone: { domain: 'cluster.local', ttl: 5, pods: 'insecure', dnsService: 'a/b' },
    firstSerial: 1,
    clock,
    log,
    routes,
    keep: { positiveSeconds: 30, negativeSeconds: 30 },
    cacheSize: 10,
    maxForwards: 10,
  });
  assert.ok(resolver.isSynced && !fresh.isSynced);
  const responder = new Responder({
    resolver: fresh,
    metrics: new DnsMetrics('x.y'),
    clock,
    log,
    domain: 'cluster.local',
    udpBytes: 1_232,
  });
  const ask = (name: string, type = 'A') => responder.respond(packetFor(name, type), { transport: 'udp', family: '1' });
  for (const [name, type] of [
    [`kubernetes.${SVC}`, 'A'],
    ['cluster.local', 'SOA'],
    ['1.0.96.10.in-addr.arpa', 'PTR'],
  ] as const) {
    const got = ask(name, type);
    assert.ok(Buffer.isBuffer(got) && (got.readUInt16BE(2) & 15) === 2, name);
  }
  void ask('www.example.com');
  assert.equal(exchange.take().name, 'www.example.com');
  fresh.synced();
  const got = ask(`kubernetes.${SVC}`);
  assert.ok(Buffer.isBuffer(got) && (got.readUInt16BE(2) & 15) === 0);
});

test('an outside name is asked for once, kept as long as it says, and grows older', async () => {
  const { ask, exchange, clock } = world();
  const first = ask('www.example.com');
  exchange.take().answer([a('www.example.com', '203.0.113.1', 10)]);
  const got = await first;
  assert.deepEqual([data(got), got.flag_aa, got.flag_ra], [['203.0.113.1'], false, true]);
  await clock.advance(4_000);
  assert.deepEqual(ttls(await ask('WWW.example.com')), [6]);
  assert.equal(exchange.sent.length, 0);
  await clock.advance(6_000);
  const again = ask('www.example.com');
  exchange.take().answer([a('www.example.com', '203.0.113.2', 10)]);
  assert.deepEqual(data(await again), ['203.0.113.2']);
});

test('that there is no such name is kept as long as the zone says', async () => {
  const { ask, exchange, clock } = world();
  const soa: Answer = { name: 'example.com', type: 'SOA', ttl: 900, data: { mname: 'a.example.com', rname: 'b.example.com', minimum: 7 } };
  const first = ask('no.example.com');
  exchange.take().answer([], { rcode: 3, authorities: [soa] });
  assert.equal((await first).rcode, 'NXDOMAIN');
  await clock.advance(6_999);
  assert.equal((await ask('no.example.com')).authorities?.length, 1);
  await clock.advance(1);
  void ask('no.example.com');
  assert.equal(exchange.take().name, 'no.example.com');
});

test('a crowd that asks the same is one question upstream, with an answer for each', async () => {
  const { ask, exchange } = world();
  const all = [1, 2, 3].map((id) => ask('www.example.com', 'A', { id }));
  const sent = exchange.take();
  assert.equal(exchange.sent.length, 0);
  sent.answer([a('www.example.com', '203.0.113.1')]);
  assert.deepEqual(
    (await Promise.all(all)).map(({ id }) => id),
    [1, 2, 3],
  );
});

test('more questions at once than are allowed are refused, and counted', async () => {
  const { ask, exchange, metrics } = world({ maxForwards: 1 });
  const first = ask('a.example.com');
  assert.equal((await ask('b.example.com')).rcode, 'REFUSED');
  assert.equal(metrics.limited.get(), 1);
  exchange.take().answer([a('a.example.com', '203.0.113.1')]);
  assert.equal((await first).rcode, 'NOERROR');
  void ask('b.example.com');
  assert.equal(exchange.take().name, 'b.example.com');
});

test('without upstream servers outside names are refused; with silent ones they fail', async () => {
  assert.equal((await world({ upstreams: [] }).ask('www.example.com')).rcode, 'REFUSED');
  const { ask, clock, lines } = world();
  const asking = ask('www.example.com');
  for (let i = 0; i < 3; i++) await clock.advance(2_000);
  assert.equal((await asking).rcode, 'SERVFAIL');
  assert.match(lines.join('\n'), /<4>Cannot forward questions/);
  assert.deepEqual(data(await ask(`kubernetes.${SVC}`)), ['10.96.0.1'], 'the cluster goes on');
});

test('stub domains have servers of their own, for names in them', async () => {
  const { ask, exchange } = world();
  for (const [name, to] of [
    ['corp.test', '192.0.2.77:53'],
    ['a.b.Corp.test', '192.0.2.77:53'],
    ['notcorp.test', '192.0.2.53:53'],
  ] as const) {
    void ask(name);
    assert.equal(exchange.take().to, to, name);
  }
});

test('an external name is its CNAME and what is behind it, kept no longer than that', async () => {
  const { ask, exchange, clock } = world();
  const asking = ask(`Outside.${SVC}`);
  const sent = exchange.take();
  assert.equal(sent.name, 'www.example.com');
  sent.answer([a('www.example.com', '203.0.113.1', 9)]);
  const got = await asking;
  assert.deepEqual(data(got), ['www.example.com', '203.0.113.1']);
  assert.deepEqual([got.answers?.[0]?.name, got.answers?.[1]?.name], [`Outside.${SVC}`, 'www.example.com']);
  await clock.advance(3_000);
  assert.deepEqual(ttls(await ask(`outside.${SVC}`)), [2, 6]);
  await clock.advance(6_000);
  void ask(`outside.${SVC}`);
  assert.equal(exchange.take().name, 'www.example.com');
});

test('an external name of nothing is NXDOMAIN with its CNAME; of servers that fail it is SERVFAIL without', async () => {
  const { ask, exchange } = world();
  const gone = ask(`outside.${SVC}`);
  exchange.take().answer([], { rcode: 3 });
  const got = await gone;
  assert.deepEqual([got.rcode, data(got)], ['NXDOMAIN', ['www.example.com']]);
  const failing = ask(`outside.${SVC}`, 'AAAA');
  exchange.take().answer([], { rcode: 2 });
  const failed = await failing;
  assert.deepEqual([failed.rcode, data(failed)], ['SERVFAIL', []]);
});

test('an external name within the cluster needs nobody else; a circle of them is an error', async () => {
  const { ask, index } = world();
  index.setService('default/alias', service('default/alias', { externalName: `dual.${SVC}` }));
  assert.deepEqual(data(await ask(`alias.${SVC}`)), [`dual.${SVC}`, '10.96.0.2']);
  index.setService('default/alias', service('default/alias', { externalName: `nothing.${SVC}` }));
  assert.equal((await ask(`alias.${SVC}`)).rcode, 'NXDOMAIN');
  index.setService('default/alias', service('default/alias', { externalName: `alias.${SVC}` }));
  assert.equal((await ask(`alias.${SVC}`)).rcode, 'SERVFAIL');
});

test('names of the cluster with signs that no object has are not there, and are not asked for elsewhere', async () => {
  const { responder, exchange } = world();
  const bytes = packetFor(`x-y.${SVC}`, 'A');
  bytes[bytes.indexOf('x-y') + 1] = 0x2e; // a dot within the label
  const got = responder.respond(bytes, { transport: 'udp', family: '1' });
  assert.ok(Buffer.isBuffer(got) && (got.readUInt16BE(2) & 15) === 3);
  assert.equal(exchange.sent.length, 0);
});

test('an upstream server that asks us in turn is found out and left out', async () => {
  const { ask, exchange, routes, resolver, log, lines } = world();
  let n = 0;
  const options = { log, secret: () => `secret-${n++}` };
  const probes = loopProbes(routes, options);
  resolver.watchFor(probeNames(probes, options));
  const sending = sendProbes(probes);
  const sent = [exchange.take(), exchange.take()];
  assert.deepEqual(
    sent.map(({ to }) => to),
    ['192.0.2.77:53', '192.0.2.53:53'],
  );
  sent[0]?.answer([], { rcode: 3 });
  // The second one asks us.
  assert.equal((await ask(sent[1]?.name ?? '', 'HINFO')).rcode, 'SERVFAIL');
  sent[1]?.answer([], { rcode: 2 });
  await sending;
  assert.match(lines.join('\n'), /<3>Upstream server forwards to this server.*192\.0\.2\.53:53/);
  assert.equal((await ask('www.example.com')).rcode, 'SERVFAIL');
  assert.equal(exchange.sent.length, 0);
  void ask('www.corp.test');
  assert.equal(exchange.take().to, '192.0.2.77:53', 'the other one is still asked');
});

test('other upstream servers are asked after a reload, and nothing is kept of the old ones', async () => {
  const { ask, exchange, resolver, clock, log } = world();
  const first = ask('www.example.com');
  const late = ask('late.example.com');
  exchange.take().answer([a('www.example.com', '203.0.113.1')]);
  await first;
  const under = exchange.take();
  const forwarder = new Forwarder({ upstreams: [STUB], exchange, clock, log, random: () => 0, newId: () => 1 });
  resolver.setRoutes(new Routes(new Map(), forwarder));
  under.answer([a('late.example.com', '203.0.113.3')]);
  assert.deepEqual(data(await late), ['203.0.113.3'], 'a question under way is answered');
  for (const name of ['www.example.com', 'late.example.com']) {
    void ask(name);
    assert.equal(exchange.take().to, '192.0.2.77:53');
  }
  await settle();
});

test('what is kept is bounded', async () => {
  const { ask, exchange, resolver } = world({ cacheSize: 3 });
  for (let i = 0; i < 10; i++) {
    await ask(`nothing-${i}.${SVC}`);
    const asking = ask(`www-${i}.example.com`);
    exchange.take().answer([a(`www-${i}.example.com`, '203.0.113.1')]);
    await asking;
  }
  assert.equal(resolver.cached, 6);
});

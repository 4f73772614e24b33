import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlow, type Flow } from '../linux/conntrack.ts';
import { FlowTargets, cleanStaleFlows, mayLeaveStaleFlows } from './conntrack.ts';
import type { ServiceInput } from './services.ts';
import type { ServicePort } from './servicePort.ts';
import { service, slice, tableOf } from './testing.ts';

const never = new AbortController().signal;
const LINE =
  'udp      17 29 src=10.1.0.9 dst=10.96.0.10 sport=40000 dport=53 src=10.1.0.2 dst=10.1.0.9 sport=5353 dport=40000 [ASSURED] mark=0 use=1';

test('parseFlow: reads both directions of a line', () => {
  assert.deepEqual(parseFlow(LINE), { protocol: 'udp', dst: '10.96.0.10', dport: 53, replySrc: '10.1.0.2', replySport: 5353 });
  assert.equal(
    parseFlow('tcp      6 431999 ESTABLISHED src=1.1.1.1 dst=2.2.2.2 sport=1 dport=2 src=2.2.2.2 dst=1.1.1.1 sport=2 dport=1'),
    undefined,
  );
  assert.equal(parseFlow('conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.'), undefined);
  assert.equal(
    parseFlow('sctp     132 9 CLOSED src=fd00::1 dst=fd96::1 sport=1 dport=80 src=fd01::1 dst=fd00::1 sport=8080 dport=1')?.replySrc,
    'fd01::1',
  );
});

const dns = (ips: readonly string[], protocol: 'UDP' | 'TCP' = 'UDP', conditions = {}): ServiceInput => ({
  service: service('dns', {
    type: 'NodePort',
    clusterIP: '10.96.0.10',
    externalIPs: ['192.0.2.1'],
    ports: [{ port: 53, protocol, nodePort: 30_053 }],
  }),
  slices: [slice('dns', { ports: [{ name: '', port: 5353, protocol }], endpoints: ips.map((ip) => ({ addresses: [ip], conditions })) })],
});
const portOf = (input: ServiceInput): ServicePort => [...tableOf([input]).ports('IPv4').values()][0]!;
const flow = (dst: string, dport: number, replySrc: string, replySport = 5353): Flow => ({
  protocol: 'udp',
  dst,
  dport,
  replySrc,
  replySport,
});

for (const [sentence, given, stale] of [
  ['to an endpoint that serves', flow('10.96.0.10', 53, '10.1.0.1'), false],
  ['to an endpoint that went', flow('10.96.0.10', 53, '10.1.0.9'), true],
  ['to another port of the same endpoint', flow('10.96.0.10', 53, '10.1.0.1', 53), true],
  ['not translated, from before there were endpoints', flow('10.96.0.10', 53, '10.96.0.10', 53), true],
  ['to an external address, to an endpoint that went', flow('192.0.2.1', 53, '10.1.0.9'), true],
  ['to a node port, to an endpoint that went', flow('198.51.100.1', 30_053, '10.1.0.9'), true],
  ['to the same port of another machine', flow('203.0.113.9', 30_053, '203.0.113.9', 30_053), false],
  ['to some other address', flow('8.8.8.8', 53, '8.8.8.8', 53), false],
] as const) {
  test(`FlowTargets: a flow ${sentence} is ${stale ? 'stale' : 'left alone'}`, () => {
    assert.equal(new FlowTargets([portOf(dns(['10.1.0.1', '10.1.0.2']))]).isStale(given), stale);
  });
}

test('FlowTargets: an endpoint that terminates keeps its flows while it serves', () => {
  const ending = portOf(dns(['10.1.0.1'], 'UDP', { ready: false, serving: true, terminating: true }));
  const gone = portOf(dns(['10.1.0.1'], 'UDP', { ready: false, serving: false, terminating: true }));
  assert.equal(new FlowTargets([ending]).isStale(flow('10.96.0.10', 53, '10.1.0.1')), false);
  assert.equal(new FlowTargets([gone]).isStale(flow('10.96.0.10', 53, '10.1.0.1')), true);
});

test('FlowTargets: flows of a service that went away are stale, unless another one has its address now', () => {
  const old = portOf(dns(['10.1.0.1']));
  assert.equal(new FlowTargets([], [old]).isStale(flow('10.96.0.10', 53, '10.1.0.1')), true);
  assert.equal(new FlowTargets([portOf(dns(['10.1.0.1']))], [old]).isStale(flow('10.96.0.10', 53, '10.1.0.1')), false);
});

for (const [sentence, from, to, want] of [
  ['an endpoint went', dns(['10.1.0.1', '10.1.0.2']), dns(['10.1.0.1']), true],
  ['an endpoint came to others', dns(['10.1.0.1']), dns(['10.1.0.1', '10.1.0.2']), false],
  ['the first endpoint came', dns([]), dns(['10.1.0.1']), true],
  ['the service went', dns(['10.1.0.1']), undefined, true],
  ['a service came', undefined, dns(['10.1.0.1']), true],
  [
    'an address went',
    dns(['10.1.0.1']),
    { ...dns(['10.1.0.1']), service: service('dns', { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] }) },
    true,
  ],
  ['an endpoint of a TCP service went', dns(['10.1.0.1', '10.1.0.2'], 'TCP'), dns(['10.1.0.1'], 'TCP'), false],
] as [string, ServiceInput | undefined, ServiceInput | undefined, boolean][]) {
  test(`mayLeaveStaleFlows: ${sentence}: ${want ? 'yes' : 'no'}`, () => {
    assert.equal(mayLeaveStaleFlows({ from: from && portOf(from), to: to && portOf(to) }), want);
  });
}

test('cleanStaleFlows: deletes each group of stale flows once and nothing else', async () => {
  const table = [
    flow('10.96.0.10', 53, '10.1.0.9'),
    flow('10.96.0.10', 53, '10.1.0.9'),
    flow('10.96.0.10', 53, '10.1.0.1'),
    flow('8.8.8.8', 53, '8.8.8.8', 53),
  ];
  const deleted: Flow[] = [];
  const removed = await cleanStaleFlows(
    {
      list: async (protocol, onFlow) => {
        assert.equal(protocol, 'udp');
        for (const f of table) onFlow(f);
      },
      delete: async (f) => (deleted.push(f), table.filter((t) => JSON.stringify(t) === JSON.stringify(f)).length),
    },
    new FlowTargets([portOf(dns(['10.1.0.1']))]),
    never,
  );
  assert.deepEqual(deleted, [table[0]]);
  assert.equal(removed, 2);
});

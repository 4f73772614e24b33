import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLoopback, type Family } from '../ip.ts';
import { expectedOutcomes, isFromPod, outcomeText, type Outcomes, type Packet } from '../packet.ts';
import type { ProxySettings } from '../proxier.ts';
import { hasInternalEndpoints, type Endpoint, type ServicePort } from '../servicePort.ts';
import { serviceKey } from '../services.ts';
import { corpus, packetTo, service, settingsOf, shuffledOf, slice, tableOf } from '../testing.ts';
import { IpvsLedger } from './ledger.ts';
import { SET_KEYS, setName, setType, isGoodSet } from './names.ts';
import { emptyIpvs, planWrites, type IpvsContent, type IpvsNode, type PlanContext } from './plan.ts';
import { ListReader, readServers } from './readback.ts';
import { walkIpvs } from './walk.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const OPTIONS = { scheduler: 'rr', excludeCidrs: [] };
const NODE: Readonly<Record<Family, IpvsNode>> = {
  IPv4: { addresses: ['10.9.0.1', '198.51.100.1'] },
  IPv6: { addresses: ['fd09::1', 'fd88::1'] },
};
const contextOf = (family: Family, settings: ProxySettings): PlanContext => ({ settings, options: OPTIONS, node: NODE[family] });
const settingsChoices = fc.record({
  masqueradeAll: fc.boolean(),
  localTraffic: fc.constantFrom('unknown', 'cidr', 'bridge', 'interfacePrefix'),
  nodePorts: fc.constantFrom('all', 'only'),
});

/** What this mode does where it differs from the others: one list of real servers per address, whoever asks. */
function expectedHere(ports: readonly ServicePort[], settings: ProxySettings, packet: Packet): Outcomes {
  const { dst, dport, protocol, src, inInterface, nodeAddresses } = packet;
  const certain = (kind: string): Outcomes => new Map([[kind, 1]]);
  const fromNode = inInterface === undefined;
  const byAddress = ports.find(
    (p) => p.protocol === protocol && p.port === dport && [p.clusterIp, ...p.externalIps, ...p.loadBalancerIps].includes(dst),
  );
  const inScope =
    !isLoopback(dst) && nodeAddresses.includes(dst) && (settings.nodePorts.kind === 'all' || settings.nodePorts.ips.includes(dst));
  const byNodePort = inScope ? ports.find((p) => p.protocol === protocol && p.nodePort === dport) : undefined;
  const port = byAddress ?? byNodePort;
  if (port === undefined) {
    const onDevice = ports.some((p) => [p.clusterIp, ...p.externalIps, ...p.loadBalancerIps].includes(dst)) && !nodeAddresses.includes(dst);
    const isHealthCheck = protocol === 'tcp' && ports.some((p) => p.healthCheckNodePort === dport);
    return certain(onDevice && !fromNode && !isHealthCheck ? 'reject' : 'pass');
  }
  const { choice } = port;
  const split = (list: readonly Endpoint[], masquerade: boolean): Outcomes =>
    new Map(
      list.map((e) => {
        const hairpin = e.ip === src && (e.isLocal || e.nodeName === undefined);
        return [outcomeText({ kind: 'endpoint', endpoint: e.text, masquerade: masquerade || hairpin }), 1 / list.length];
      }),
    );
  const isCluster = dst === port.clusterIp && byAddress !== undefined;
  if (isCluster && !hasInternalEndpoints(port)) return certain(choice.hasAny && !fromNode ? 'drop' : 'reject');
  const usual = expectedOutcomes(ports, settings, packet);
  if (usual.has('drop') || usual.has('reject')) return usual;
  const isFromHere = fromNode || nodeAddresses.includes(src);
  if (isCluster) {
    const list = port.internalPolicy === 'Local' ? choice.local : choice.cluster;
    const pods = isFromPod(settings.localTraffic, packet);
    return split(list, settings.masqueradeAll || (settings.localTraffic.kind === 'unknown' ? fromNode : !pods));
  }
  if (port.externalPolicy === 'Cluster') return split(choice.cluster, true);
  return split(choice.local.length > 0 ? choice.local : choice.cluster, isFromHere);
}

function rounded(outcomes: Outcomes): Record<string, number> {
  return Object.fromEntries([...outcomes].map(([k, p]) => [k, Math.round(p * 1e9) / 1e9] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function canonical({ addresses, servers, entries }: IpvsContent): unknown {
  const sorted = <T>(all: Iterable<readonly [string, T]>): (readonly [string, T])[] => [...all].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    [...addresses].sort(),
    sorted([...servers].map(([key, { how, reals }]) => [key, [how, sorted(reals)]] as const)),
    sorted([...entries].filter(([, all]) => all.size > 0).map(([key, all]) => [key, [...all].sort()] as const)),
  ];
}

for (const family of FAMILIES) {
  test(`${family}: a packet ends where the services say, each endpoint with exactly its share`, () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(
        corpus({ protocols: ['TCP', 'UDP', 'SCTP'] }).chain((all) =>
          fc.tuple(fc.constant(all), fc.array(packetTo(family, all), { minLength: 1, maxLength: 8 })),
        ),
        settingsChoices,
        ([all, packets], choices) => {
          const settings = settingsOf(family, choices);
          const ports = [...tableOf(all).ports(family).values()];
          const content = new IpvsLedger(contextOf(family, settings)).addAll(ports);
          for (const packet of packets) {
            const want = expectedHere(ports, settings, packet);
            const got = walkIpvs(content, settings, packet);
            assert.deepEqual(rounded(got.outcomes), rounded(want), `${JSON.stringify(packet)}\n${got.steps.join('\n')}`);
            for (const outcome of want.keys()) met.add(outcome.replace(/^.*\d( masqueraded)?$/, 'endpoint$1'));
          }
        },
      ),
      { numRuns: 600 },
    );
    assert.deepEqual([...met].sort(), ['drop', 'endpoint', 'endpoint masqueraded', 'pass', 'reject']);
  });

  test(`${family}: changes one by one end where a fresh start ends, whatever the order`, () =>
    fc.assert(
      fc.property(
        corpus(),
        corpus().chain((all) => fc.tuple(fc.constant(all), shuffledOf(all))),
        (start, [after, shuffled]) => {
          const settings = settingsOf(family);
          const table = tableOf(start);
          table.takeChanges(family);
          const ledger = new IpvsLedger(contextOf(family, settings));
          const content = ledger.addAll(table.ports(family).values());
          const before = new Map(table.ports(family));
          const kept = new Set(after.map((i) => serviceKey(i.service)));
          for (const i of after) table.set(serviceKey(i.service), i);
          for (const i of start) if (!kept.has(serviceKey(i.service))) table.set(serviceKey(i.service), undefined);
          const touched = ledger.change(
            [...table.takeChanges(family)].map((id) => ({ from: before.get(id), to: table.ports(family).get(id) })),
          );
          apply(content, touched);
          const fresh = new IpvsLedger(contextOf(family, settings)).addAll(tableOf(shuffled).ports(family).values());
          assert.deepEqual(canonical(content), canonical(fresh));
        },
      ),
      { numRuns: 150 },
    ));
}

function apply(content: IpvsContent, { before, after }: { before: IpvsContent; after: IpvsContent }): void {
  for (const key of before.servers.keys()) content.servers.delete(key);
  for (const [key, def] of after.servers) content.servers.set(key, def);
  for (const ip of before.addresses) content.addresses.delete(ip);
  for (const ip of after.addresses) content.addresses.add(ip);
  for (const [key, all] of before.entries) for (const e of all) content.entries.get(key)?.delete(e);
  for (const [key, all] of after.entries) {
    const set = content.entries.get(key) ?? new Set();
    content.entries.set(key, set);
    for (const e of all) set.add(e);
  }
}

const contentOf = (ips: readonly string[], more = {}, protocol = 'TCP'): IpvsContent => {
  const table = tableOf([
    {
      service: service('web', { clusterIP: '10.96.0.1', ports: [{ port: 80, protocol: protocol as 'TCP' }], ...more }),
      slices: [
        slice('web', { ports: [{ name: '', port: 8080, protocol: protocol as 'TCP' }], endpoints: ips.map((ip) => ({ addresses: [ip] })) }),
      ],
    },
  ]);
  return new IpvsLedger(contextOf('IPv4', settingsOf('IPv4'))).addAll(table.ports('IPv4').values());
};

test('contributionOf: an external address that the node has anyway is not put on the device', () => {
  const { addresses, entries } = contentOf(['10.1.0.1'], { externalIPs: ['198.51.100.1', '198.51.100.9'] });
  assert.deepEqual([...addresses], ['10.96.0.1', '198.51.100.9']);
  assert.deepEqual([...(entries.get('ipvsIps') ?? [])], ['10.96.0.1', '198.51.100.9']);
});

test('planWrites: a new service', () => {
  const writes = planWrites({ before: emptyIpvs(), after: contentOf(['10.1.0.1', '10.1.0.2'], { sessionAffinity: 'ClientIP' }) });
  assert.deepEqual(writes.servers, [
    '-A -t 10.96.0.1:80 -s rr -p 10800',
    '-a -t 10.96.0.1:80 -r 10.1.0.1:8080 -m -w 1',
    '-a -t 10.96.0.1:80 -r 10.1.0.2:8080 -m -w 1',
  ]);
  assert.deepEqual(writes.addAddresses, ['10.96.0.1']);
  assert.deepEqual(
    [...writes.addEntries],
    [
      ['loopBack', ['10.1.0.1,tcp:8080,10.1.0.1', '10.1.0.2,tcp:8080,10.1.0.2']],
      ['ipvsIps', ['10.96.0.1']],
      ['clusterIp', ['10.96.0.1,tcp:80']],
    ],
  );
});

for (const [sentence, before, after, want, draining] of [
  [
    'an endpoint that leaves gets weight 0',
    contentOf(['10.1.0.1', '10.1.0.2']),
    contentOf(['10.1.0.1']),
    ['-e -t 10.96.0.1:80 -r 10.1.0.2:8080 -m -w 0'],
    1,
  ],
  ['one that has it already waits', withWeight(contentOf(['10.1.0.1', '10.1.0.2']), '10.1.0.2:8080', 0), contentOf(['10.1.0.1']), [], 1],
  [
    'one that comes back gets its weight again',
    withWeight(contentOf(['10.1.0.1']), '10.1.0.1:8080', 0),
    contentOf(['10.1.0.1']),
    ['-e -t 10.96.0.1:80 -r 10.1.0.1:8080 -m -w 1'],
    0,
  ],
  ['UDP does not wait', contentOf(['10.1.0.1'], {}, 'UDP'), contentOf([], {}, 'UDP'), ['-d -u 10.96.0.1:80 -r 10.1.0.1:8080'], 0],
  [
    'another affinity edits the server',
    contentOf(['10.1.0.1'], { sessionAffinity: 'ClientIP' }),
    contentOf(['10.1.0.1']),
    ['-E -t 10.96.0.1:80 -s rr'],
    0,
  ],
  ['nothing changed', contentOf(['10.1.0.1']), contentOf(['10.1.0.1']), [], 0],
] as const) {
  test(`planWrites: ${sentence}`, () => {
    const writes = planWrites({ before, after });
    assert.deepEqual(writes.servers, want);
    assert.equal(writes.draining.length, draining);
  });
}

function withWeight(content: IpvsContent, real: string, weight: number): IpvsContent {
  for (const [key, def] of content.servers) content.servers.set(key, { ...def, reals: new Map([...def.reals, [real, weight]]) });
  return content;
}

test("planWrites: servers of nobody's go, those of excludeCIDRs stay", () => {
  const before = contentOf(['10.1.0.1']);
  const writes = planWrites({ before, after: emptyIpvs() });
  assert.deepEqual(writes.removeServers, ['-D -t 10.96.0.1:80']);
  assert.deepEqual(planWrites({ before, after: emptyIpvs(), isForeign: () => true }).removeServers, []);
});

test('setName: unique in both families, and short enough', () => {
  const names = FAMILIES.flatMap((family) => SET_KEYS.map((key) => setName(key, family)));
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((n) => n.length <= 31));
  assert.equal(setName('loadBalancerSourceCidr', 'IPv6'), 'KUBE-6-LOAD-BALANCER-SOURCE-CID');
});

test('isGoodSet: larger is good, another type is not', () => {
  const kernel = 'hash:ip,port family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1';
  assert.ok(isGoodSet(kernel, setType('clusterIp', 'IPv4', 10)));
  assert.ok(!isGoodSet(kernel, setType('clusterIp', 'IPv4', 70_000)));
  assert.ok(!isGoodSet(kernel, setType('clusterIp', 'IPv6', 10)));
  assert.ok(!isGoodSet(kernel, setType('loopBack', 'IPv4', 10)));
  assert.ok(isGoodSet('bitmap:port range 0-65535', setType('nodePortTcp', 'IPv4', 10)));
});

test('readServers: what ipvsadm -S -n prints', () => {
  const servers = readServers([
    '-A -t 10.96.0.1:80 -s rr -p 10800',
    '-a -t 10.96.0.1:80 -r 10.1.0.1:8080 -m -w 0',
    '-a -t 10.96.0.1:80 -r 10.1.0.2:8080 -g -w 1',
    '-A --sctp-service [fd96::1]:53 -s mh -b mh-port',
    '-A -f 7 -s wlc',
    '-a -f 7 -r 10.1.0.2:0 -g -w 1',
  ]);
  assert.deepEqual(
    [...servers].map(([key, { how, reals }]) => [key, how, [...reals]]),
    [
      [
        'tcp 10.96.0.1:80',
        '-s rr -p 10800',
        [
          ['10.1.0.1:8080', 0],
          ['10.1.0.2:8080', -1],
        ],
      ],
      ['sctp [fd96::1]:53', '-s mh -b mh-port', []],
    ],
  );
});

test('ListReader: what ipvsadm -L -n prints', () => {
  const reader = new ListReader();
  for (const line of `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.1:80 rr persistent 10800
  -> 10.1.0.1:8080                Masq    1      2          3         
UDP  [fd96::1]:53 rr
  -> [fd01::1]:8080               Masq    0      0          0         
FWM  1 rr
  -> 10.1.0.2:0                   Route   1      0          0         `.split('\n'))
    reader.line(line);
  assert.deepEqual(
    [...reader.servers.values()].map(({ key, reals }) => [key, reals]),
    [
      ['tcp 10.96.0.1:80', [{ address: '10.1.0.1:8080', numbers: [1, 2, 3] }]],
      ['udp [fd96::1]:53', [{ address: '[fd01::1]:8080', numbers: [0, 0, 0] }]],
    ],
  );
});

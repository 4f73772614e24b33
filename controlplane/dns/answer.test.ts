import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, type Answer } from 'dns-packet';
import type { Pod } from '#api/kinds/core/pod.ts';
import { answer, type Zone } from './answer.ts';
import { encodeAnswer } from './encode.ts';
import { exampleCluster, queryOf } from './testing/kit.ts';
import { render } from './stored.ts';
import { textOf } from './wire.ts';

const ZONE: Zone = { domain: 'cluster.local', ttl: 5, pods: 'insecure', dnsService: 'kube-system/kube-dns', serial: 7 };
const index = exampleCluster();

/** As dig +short says it, through the bytes; with the rcode in front when it is no success, SOA when that is all there is. */
function ask(name: string, type: string, zone: Zone = ZONE): string {
  const query = queryOf(name, type, { edns: 1_232 });
  const found = answer({ name: textOf(query.nameKey) ?? '', type: query.type }, index, zone);
  if (found.kind === 'elsewhere') return 'elsewhere';
  if (found.kind === 'alias') return `alias ${found.target}`;
  const bytes = render(encodeAnswer(found.sections, query), query, { ageSeconds: 0, turn: 0, udpBytes: 1_232 });
  const message = decode(bytes) as ReturnType<typeof decode> & { readonly rcode: string };
  assert.ok(message.flag_aa && message.flag_qr && message.questions?.[0]?.name === name);
  const rcode = message.rcode === 'NOERROR' ? '' : `${message.rcode} `;
  const records = (message.answers ?? []).map(textOfRecord).toSorted();
  const extra = (message.additionals ?? []).filter((r) => r.type !== 'OPT').map((r) => `${r.name} ${textOfRecord(r)}`);
  return `${rcode}${[...records, ...(message.authorities ?? []).map((r) => r.type)].join(' ')}${extra.length === 0 ? '' : ` + ${extra.toSorted().join(' ')}`}`;
}

function textOfRecord(record: Answer): string {
  switch (record.type) {
    case 'SRV':
      return `${record.data.port}:${record.data.target}`;
    case 'TXT':
      return String(record.data);
    case 'SOA':
      return `${record.data.mname}#${record.data.serial}`;
    case 'A':
    case 'AAAA':
    case 'PTR':
    case 'NS':
    case 'CNAME':
      return record.data;
    default:
      return record.type;
  }
}

const S = 'svc.cluster.local';
const ROWS: readonly (readonly [why: string, name: string, type: string, want: string])[] = [
  ['2.2: the version of the schema', 'dns-version.cluster.local', 'TXT', '1.1.0'],
  ['2.2: has no address', 'dns-version.cluster.local', 'A', 'SOA'],
  ['2.3.1: a service has its cluster IP', `kubernetes.default.${S}`, 'A', '10.96.0.1'],
  ['2.3.1: of the family that is asked for', `kubernetes.default.${S}`, 'AAAA', 'SOA'],
  ['2.3.1: of both families: IPv4', `dual.default.${S}`, 'A', '10.96.0.2'],
  ['2.3.1: of both families: IPv6', `dual.default.${S}`, 'AAAA', 'fd00:10:96::2'],
  ['2.3.1: letters of any size', `KuberNetes.DEFAULT.${S}`, 'A', '10.96.0.1'],
  ['2.3.2: a named port', `_https._tcp.kubernetes.default.${S}`, 'SRV', `443:kubernetes.default.${S} + kubernetes.default.${S} 10.96.0.1`],
  ['2.3.2: another protocol is another name', `_https._udp.kubernetes.default.${S}`, 'SRV', 'NXDOMAIN SOA'],
  ['2.3.2: a port with no name has none', `_._tcp.dual.default.${S}`, 'SRV', 'NXDOMAIN SOA'],
  ['2.3.2: a port has no address', `_https._tcp.kubernetes.default.${S}`, 'A', 'SOA'],
  ['2.3.2: between service and port there is a name', `_tcp.kubernetes.default.${S}`, 'SRV', 'SOA'],
  [
    'extension: the service itself names all ports',
    `dual.default.${S}`,
    'SRV',
    `80:dual.default.${S} + dual.default.${S} 10.96.0.2 dual.default.${S} fd00:10:96::2`,
  ],
  ['2.3.3: from the address to the service', '1.0.96.10.in-addr.arpa', 'PTR', `kubernetes.default.${S}`],
  ['2.3.3: IPv6', `3.0.0.0.${'0.'.repeat(16)}6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa`, 'PTR', `six.default.${S}`],
  ['2.3.3: an address of nobody here', '1.2.0.192.in-addr.arpa', 'PTR', 'elsewhere'],
  ['2.4.1: every ready endpoint', `headless.default.${S}`, 'A', '10.244.0.5 10.244.0.6'],
  ['2.4.1: IPv6', `headless.default.${S}`, 'AAAA', 'fd00::5'],
  ['2.4.1: none is ready', `empty.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['2.4.1: none is ready, its ports too', `_http._tcp.empty.default.${S}`, 'SRV', 'NXDOMAIN SOA'],
  ['2.4.1: by hostname', `my-pet.headless.default.${S}`, 'A', '10.244.0.5'],
  ['2.4.1: by hostname, IPv6', `my-pet.headless.default.${S}`, 'AAAA', 'fd00::5'],
  ['2.4.1: a hostname that is given to what has none', `10-244-0-6.headless.default.${S}`, 'A', '10.244.0.6'],
  ['2.4.1: not ready', `sick.headless.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['2.4.1: below a hostname is nothing', `a.my-pet.headless.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['2.4.1: endpoints of other services have no names', `one.kubernetes.default.${S}`, 'A', 'NXDOMAIN SOA'],
  [
    '2.4.2: each endpoint with each port',
    `_http._tcp.headless.default.${S}`,
    'SRV',
    `8080:10-244-0-6.headless.default.${S} 8080:my-pet.headless.default.${S} + 10-244-0-6.headless.default.${S} 10.244.0.6 my-pet.headless.default.${S} 10.244.0.5 my-pet.headless.default.${S} fd00::5`,
  ],
  [
    '2.4.2: UDP',
    `_peer._udp.headless.default.${S}`,
    'SRV',
    `7000:10-244-0-6.headless.default.${S} 7000:my-pet.headless.default.${S} + 10-244-0-6.headless.default.${S} 10.244.0.6 my-pet.headless.default.${S} 10.244.0.5 my-pet.headless.default.${S} fd00::5`,
  ],
  ['2.4.3: from the address to the endpoint', '5.0.244.10.in-addr.arpa', 'PTR', `my-pet.headless.default.${S}`],
  ['2.4.3: one without a hostname', '6.0.244.10.in-addr.arpa', 'PTR', `10-244-0-6.headless.default.${S}`],
  ['2.4.3: not ready', '7.0.244.10.in-addr.arpa', 'PTR', 'elsewhere'],
  ['2.5: another name', `outside.default.${S}`, 'CNAME', 'www.example.com'],
  ['2.5: what is behind it is asked for too', `outside.default.${S}`, 'A', 'alias www.example.com'],
  ['2.5: below it is nothing', `a.outside.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['2.6: a pod by its address', '10-1-2-3.default.pod.cluster.local', 'A', '10.1.2.3'],
  ['2.6: IPv6', 'fd00--7.default.pod.cluster.local', 'AAAA', 'fd00::7'],
  ['2.6: the other family', '10-1-2-3.default.pod.cluster.local', 'AAAA', 'SOA'],
  ['2.6: no address', 'web.default.pod.cluster.local', 'A', 'NXDOMAIN SOA'],
  ['2.6: no address either', '10-1-2-300.default.pod.cluster.local', 'A', 'NXDOMAIN SOA'],
  ['a service without an address yet', `pending.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['a service that is not there', `nothing.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['no wildcards', `*.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['no wildcards for ports', `_*._tcp.kubernetes.default.${S}`, 'SRV', 'NXDOMAIN SOA'],
  ['a namespace with services exists', `default.${S}`, 'A', 'SOA'],
  ['one without does not', `other.${S}`, 'A', 'NXDOMAIN SOA'],
  ['svc exists', S, 'A', 'SOA'],
  ['the domain', 'cluster.local', 'SOA', 'ns.dns.cluster.local#7'],
  ['the domain has no address', 'cluster.local', 'A', 'SOA'],
  ['its name server', 'cluster.local', 'NS', 'ns.dns.cluster.local + ns.dns.cluster.local 10.96.0.10'],
  ['where that is', 'ns.dns.cluster.local', 'A', '10.96.0.10'],
  ['anything else in the domain', 'www.cluster.local', 'A', 'NXDOMAIN SOA'],
  ['a search path put behind an outside name', `www.example.com.default.${S}`, 'A', 'NXDOMAIN SOA'],
  ['everything of a name', `dual.default.${S}`, 'ANY', '10.96.0.2 fd00:10:96::2'],
  ['a type that services have none of', `kubernetes.default.${S}`, 'MX', 'SOA'],
  ['outside of the domain', 'www.example.com', 'A', 'elsewhere'],
  ['a domain that only ends alike', 'notcluster.local', 'A', 'elsewhere'],
];

for (const [why, name, type, want] of ROWS) {
  test(`${why}: ${name} ${type}`, () => assert.equal(ask(name, type), want));
}

test('names of pods: disabled means that there are none, verified that the pod has to be there', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'a' },
    spec: {},
    status: { phase: 'Running', podIPs: [{ ip: '10.1.2.3' }] },
  };
  index.setPod('default/a', pod as unknown as Pod);
  const name = '10-1-2-3.default.pod.cluster.local';
  assert.equal(ask(name, 'A', { ...ZONE, pods: 'disabled' }), 'NXDOMAIN SOA');
  assert.equal(ask(name, 'A', { ...ZONE, pods: 'verified' }), '10.1.2.3');
  assert.equal(ask('10-1-2-3.other.pod.cluster.local', 'A', { ...ZONE, pods: 'verified' }), 'NXDOMAIN SOA');
  index.setPod('default/a', { ...pod, status: { ...pod.status, phase: 'Succeeded' } } as unknown as Pod);
  assert.equal(ask(name, 'A', { ...ZONE, pods: 'verified' }), 'NXDOMAIN SOA');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import { answer, type Zone } from './answer.ts';
import { ClusterIndex } from './index.ts';
import { reverseOf } from './names.ts';
import { service, slice, type ServiceWish, type SliceWish } from './testing/kit.ts';
import { TYPE } from './wire.ts';

const ZONE: Zone = { domain: 'cluster.local', ttl: 5, pods: 'verified', dnsService: 'a/one', serial: 1 };
const NAMESPACES = ['a', 'b'];
const SERVICES = ['one', 'two'];
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd00::1'];
const HOSTS = ['pet', 'cat'];
const KEYS = NAMESPACES.flatMap((namespace) => SERVICES.map((name) => `${namespace}/${name}`));

/** Every question that could be asked about this world. */
const NAMES = [
  ...KEYS.flatMap((key) => {
    const own = `${key.split('/').toReversed().join('.')}.svc.cluster.local`;
    return [
      own,
      `_http._tcp.${own}`,
      `_dns._udp.${own}`,
      ...HOSTS.map((host) => `${host}.${own}`),
      ...IPS.map((ip) => `${ip.replace(/[.:]/g, '-')}.${own}`),
    ];
  }),
  ...NAMESPACES.flatMap((namespace) => [
    `${namespace}.svc.cluster.local`,
    ...IPS.map((ip) => `${ip.replace(/[.:]/g, '-')}.${namespace}.pod.cluster.local`),
  ]),
  ...IPS.map(reverseOf),
  'ns.dns.cluster.local',
];

/** In an order of their own: turns of the addresses are not what is compared. */
function everything(index: ClusterIndex): readonly string[] {
  return NAMES.flatMap((name) =>
    [TYPE.A, TYPE.AAAA, TYPE.SRV, TYPE.PTR, TYPE.CNAME].map((type) => {
      const found = answer({ name, type }, index, ZONE);
      if (found.kind !== 'answer') return `${name} ${type} ${JSON.stringify(found)}`;
      const sorted = (records: readonly unknown[]): string =>
        records
          .map((r) => JSON.stringify(r))
          .toSorted()
          .join(',');
      return `${name} ${type} ${found.sections.rcode} ${sorted(found.sections.answers)} ${sorted(found.sections.additionals)}`;
    }),
  );
}

type Change =
  | { readonly kind: 'service'; readonly key: string; readonly wish: ServiceWish | undefined }
  | { readonly kind: 'slice'; readonly key: string; readonly wish: SliceWish | undefined }
  | { readonly kind: 'pod'; readonly key: string; readonly ips: readonly string[] | undefined };

const ports = fc.subarray([{ name: 'http', port: 80 }, { name: 'dns', port: 53, protocol: 'UDP' as const }, { port: 99 }]);
const key = fc.constantFrom(...KEYS);
const serviceWish: fc.Arbitrary<ServiceWish> = fc.oneof(
  fc.record({ clusterIPs: fc.subarray(IPS), ports }),
  ports.map((p): ServiceWish => ({ headless: true, ports: p })),
  fc.constant<ServiceWish>({ externalName: 'one.a.svc.cluster.local' }),
);
const endpoint = fc
  .record({ ip: fc.constantFrom(...IPS.slice(0, 3)), hostname: fc.option(fc.constantFrom(...HOSTS)), ready: fc.boolean() })
  .map(({ ip, hostname, ready }) => ({ ip, ready, ...(hostname === null ? {} : { hostname }) }));
const sliceWish: fc.Arbitrary<SliceWish> = fc.record({
  service: fc.constantFrom(...SERVICES),
  endpoints: fc.array(endpoint, { maxLength: 3 }),
  ports,
});
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(key, fc.option(serviceWish)).map(([k, wish]): Change => ({ kind: 'service', key: k, wish: wish ?? undefined })),
  fc
    .tuple(key, fc.constantFrom('-x', '-y'), fc.option(sliceWish))
    .map(([k, end, wish]): Change => ({ kind: 'slice', key: k + end, wish: wish ?? undefined })),
  fc.tuple(key, fc.option(fc.subarray(IPS))).map(([k, ips]): Change => ({ kind: 'pod', key: k, ips: ips ?? undefined })),
);

function apply(index: ClusterIndex, one: Change): void {
  if (one.kind === 'service') index.setService(one.key, one.wish === undefined ? undefined : service(one.key, one.wish));
  else if (one.kind === 'slice') index.setSlice(one.key, one.wish === undefined ? undefined : slice(one.key, one.wish));
  else index.setPod(one.key, one.ips === undefined ? undefined : pod(one.key, one.ips));
}

function pod(of: string, ips: readonly string[]): Pod {
  const [namespace = '', name = ''] = of.split('/');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name },
    spec: {},
    status: { phase: 'Running', podIPs: ips.map((ip) => ({ ip })) },
  } as unknown as Pod;
}

test('after any changes the index says what one made of the last state says, in whatever order that comes', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const index = new ClusterIndex();
      const last = new Map<string, Change>();
      for (const one of changes) {
        const before = everything(index);
        const { version } = index;
        apply(index, one);
        last.set(`${one.kind} ${one.key}`, one);
        // What is kept of answers is thrown away by the version: it may not stay the same when an answer changed.
        if (index.version === version) assert.deepEqual(everything(index), before);
      }
      const rebuilt = new ClusterIndex();
      for (const one of [...last.values()].toReversed()) apply(rebuilt, one);
      assert.deepEqual(everything(index), everything(rebuilt));
      for (const line of everything(index)) seen.add(/"type":"(\w+)"/.exec(line.split(' ').slice(3).join(' '))?.[1] ?? 'none');
      for (const one of last.values()) {
        if (one.kind === 'service') apply(index, { ...one, wish: undefined });
        else if (one.kind === 'slice') apply(index, { ...one, wish: undefined });
        else apply(index, { ...one, ips: undefined });
      }
      assert.deepEqual(everything(index), everything(new ClusterIndex()), 'nothing stays of what is gone');
      assert.deepEqual(index.sizes, { services: 0, slices: 0, pods: 0 });
    }),
    { numRuns: 60 },
  );
  for (const type of ['A', 'AAAA', 'SRV', 'PTR', 'CNAME']) assert.ok(seen.has(type), `${type} was seen`);
});

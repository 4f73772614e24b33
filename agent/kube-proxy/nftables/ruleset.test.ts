import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLoopback, type Family } from '../ip.ts';
import { expectedOutcomes, type Outcomes, type Packet } from '../packet.ts';
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { corpus, packetTo, service, settingsOf, shuffledOf, slice, tableOf } from '../testing.ts';
import type { Content } from './content.ts';
import { wordsOf } from './names.ts';
import { desiredContent } from './proxier.ts';
import { walkTable } from './walk.ts';

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];
const settingsChoices = fc.record({
  masqueradeAll: fc.boolean(),
  localTraffic: fc.constantFrom('unknown', 'cidr', 'bridge', 'interfacePrefix'),
  nodePorts: fc.constantFrom('all', 'only'),
});

/** In a form where equal means equal. */
function canonical({ sets, chains, elements }: Content): unknown {
  const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return [sorted(sets), sorted(chains), sorted(elements).map(([set, all]) => [set, sorted(all)])];
}

/** Where this mode, as upstream's, differs from what packet.ts says. */
function expectedHere(ports: readonly ServicePort[], settings: ProxySettings, packet: Packet): Outcomes {
  const { dst, dport, protocol } = packet;
  const hits = (p: ServicePort): boolean => p.protocol === protocol && p.port === dport;
  const isService = ports.some((p) => hits(p) && [p.clusterIp, ...p.externalIps, ...p.loadBalancerIps].includes(dst));
  const inScope = !isLoopback(dst) && (settings.nodePorts.kind === 'all' || settings.nodePorts.ips.includes(dst));
  // Out of scope a node port is no port of ours at all, not even to refuse.
  if (!isService && packet.nodeAddresses.includes(dst) && !inScope) return new Map([['pass', 1]]);
  // A cluster IP refuses what it has no port for.
  if (!isService && ports.some((p) => p.clusterIp === dst)) return new Map([['reject', 1]]);
  return expectedOutcomes(ports, settings, packet);
}

function rounded(outcomes: Outcomes): Record<string, number> {
  return Object.fromEntries([...outcomes].map(([k, p]) => [k, Math.round(p * 1e9) / 1e9] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
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
          const { content } = desiredContent(ports, settings);
          for (const packet of packets) {
            const want = expectedHere(ports, settings, packet);
            const got = walkTable({ ...content, words: wordsOf(family) }, packet);
            assert.deepEqual(rounded(got.outcomes), rounded(want), `${JSON.stringify(packet)}\n${got.steps.join('\n')}`);
            for (const outcome of want.keys()) met.add(outcome.replace(/^.*\d( masqueraded)?$/, 'endpoint$1'));
            if (want.size > 2) met.add('several');
          }
        },
      ),
      { numRuns: 600 },
    );
    assert.deepEqual([...met].sort(), ['drop', 'endpoint', 'endpoint masqueraded', 'pass', 'reject', 'several'], 'all kinds were met');
  });

  test(`${family}: the order of services and endpoints does not show`, () =>
    fc.assert(
      fc.property(
        corpus().chain((all) => fc.tuple(fc.constant(all), shuffledOf(all))),
        ([all, shuffled]) => {
          const settings = settingsOf(family);
          const content = (input: typeof all): Content => desiredContent(tableOf(input).ports(family).values(), settings).content;
          assert.deepEqual(canonical(content(shuffled)), canonical(content(all)));
        },
      ),
      { numRuns: 100 },
    ));
}

test('names of shared chains and of upstream fit the kernel and the language of nft', () =>
  fc.assert(
    fc.property(corpus({ protocols: ['TCP', 'UDP', 'SCTP'] }), fc.constantFrom(...FAMILIES), (all, family) => {
      const { content } = desiredContent(tableOf(all).ports(family).values(), settingsOf(family));
      for (const name of [...content.chains.keys(), ...content.sets.keys()]) assert.match(name, /^[a-z][a-zA-Z0-9/_.-]{1,254}$/);
    }),
    { numRuns: 50 },
  ));

test('a cluster IP that is an address of the node keeps the other ports of the node', () => {
  const settings = settingsOf('IPv4');
  const dst = settings.nodeIp ?? '';
  const table = tableOf([
    {
      service: service('web', { clusterIP: dst, ports: [{ port: 80 }] }),
      slices: [slice('web', { endpoints: [{ addresses: ['10.1.0.1'] }] })],
    },
  ]);
  const { content } = desiredContent(table.ports('IPv4').values(), settings);
  const end = (dport: number, nodeAddresses: readonly string[]): string[] => [
    ...walkTable(
      { ...content, words: wordsOf('IPv4') },
      { family: 'IPv4', protocol: 'tcp', src: dst, dst, dport, nodeAddresses },
    ).outcomes.keys(),
  ];
  assert.deepEqual(end(22, [dst]), ['pass']);
  assert.deepEqual(end(22, []), ['reject'], 'anywhere else it has no other ports');
  assert.match(end(80, [dst]).join(), /^10\.1\.0\.1:/);
});

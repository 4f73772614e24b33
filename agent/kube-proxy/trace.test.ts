import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSave } from './iptables/tables.ts';
import type { Packet } from './packet.ts';
import { walkPacket } from './trace.ts';

const PACKET: Packet = {
  family: 'IPv4',
  protocol: 'tcp',
  src: '10.1.0.9',
  dst: '10.96.0.1',
  dport: 80,
  inInterface: 'veth1',
  nodeAddresses: ['192.0.2.1', '127.0.0.1'],
};
const walk = (rules: string, packet: Partial<Packet> = {}): Record<string, number> =>
  Object.fromEntries(
    walkPacket(
      readSave(`*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n${rules}\nCOMMIT`),
      { ...PACKET, ...packet },
    ).outcomes,
  );

for (const [sentence, rules, want, packet] of [
  ['no rule: it passes', '', { pass: 1 }, {}],
  [
    'a random rule splits it',
    '-A PREROUTING -m statistic --mode random --probability 0.25 -j A\n-A PREROUTING -j B\n-A A -p tcp -j DNAT --to-destination 10.0.0.1:1\n-A B -p tcp -j DNAT --to-destination 10.0.0.2:2',
    { '10.0.0.1:1': 0.25, '10.0.0.2:2': 0.75 },
    {},
  ],
  [
    'RETURN leaves the chain, not the walk',
    '-A PREROUTING -j A\n-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:1\n-A A -j RETURN\n-A A -p tcp -j DNAT --to-destination 10.0.0.2:2',
    { '10.0.0.1:1': 1 },
    {},
  ],
  [
    'a mark set on the way masquerades it',
    '-A PREROUTING -j MARK --set-xmark 0x4000/0x4000\n-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:1\n-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE',
    { '10.0.0.1:1 masqueraded': 1 },
    {},
  ],
  [
    'a mark cleared does not',
    '-A PREROUTING -j MARK --set-xmark 0x4000/0x4000\n-A PREROUTING -j MARK --set-xmark 0x4000/0x0\n-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:1\n-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE',
    { '10.0.0.1:1': 1 },
    {},
  ],
  [
    'what the node sends starts in OUTPUT',
    '-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:1\n-A OUTPUT -p tcp -j DNAT --to-destination 10.0.0.2:2',
    { '10.0.0.2:2': 1 },
    { inInterface: undefined },
  ],
  [
    'negation, ranges and wildcards',
    '-A PREROUTING ! -s 10.1.0.0/16 -j DNAT --to-destination 10.0.0.1:1\n-A PREROUTING -i veth+ -p tcp -m tcp --dport 79:81 -j DNAT --to-destination 10.0.0.2:2',
    { '10.0.0.2:2': 1 },
    {},
  ],
  [
    'a rejected packet is rejected',
    'COMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.96.0.1/32 -m conntrack --ctstate NEW -j REJECT --reject-with icmp-port-unreachable',
    { reject: 1 },
    {},
  ],
  [
    'traffic to the node goes through INPUT',
    'COMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j DROP\n-A INPUT -m addrtype --dst-type LOCAL -j REJECT',
    { reject: 1 },
    { dst: '192.0.2.1' },
  ],
] as [string, string, Record<string, number>, Partial<Packet>][]) {
  test(`walkPacket: ${sentence}`, () => assert.deepEqual(walk(rules, packet), want));
}

test('walkPacket: a match it does not know is named, not guessed', () => {
  const { outcomes, unknown } = walkPacket(
    readSave('*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m set --match-set X dst -j ACCEPT\nCOMMIT'),
    PACKET,
  );
  assert.deepEqual([...outcomes], [['pass', 1]]);
  assert.deepEqual(unknown, ['nat PREROUTING -m set --match-set X dst -j ACCEPT']);
});

test('walkPacket: a loop of chains ends', () => {
  assert.deepEqual(walk('-A PREROUTING -j A\n-A A -j B\n-A B -j A'), { drop: 1 });
});

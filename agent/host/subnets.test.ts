import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { addressAt, chooseSubnets, nodeMaskSize, resolverOf, usedNetworks } from './subnets.ts';

const rows: [why: string, used: string[], pods: string, uplink: string][] = [
  ['nothing used: the usual networks', [], '10.244.0.0/24', '10.0.2.0/24'],
  ['a guest of VirtualBox sits on the usual uplink', ['10.0.2.0/24'], '10.244.0.0/24', '10.0.3.0/24'],
  ['a cluster routes all of 10.244.0.0/16', ['10.244.0.0/16'], '10.245.0.0/24', '10.0.2.0/24'],
  ['a company routes all of 10.0.0.0/8', ['10.0.0.0/8'], '172.30.0.0/24', '172.31.254.0/24'],
  ['one address in the middle is enough', ['10.244.0.77'], '10.245.0.0/24', '10.0.2.0/24'],
  ['what is no IPv4 network does not count', ['fd00::/64', 'unreachable'], '10.244.0.0/24', '10.0.2.0/24'],
];
for (const [why, used, pods, uplink] of rows) {
  test(`chooseSubnets: ${why}`, () => assert.deepEqual(chooseSubnets(used), { pods, uplink }));
}

test('chooseSubnets: a wanted network is kept and the uplink gives way', () => {
  assert.deepEqual(chooseSubnets([], '10.0.2.0/25'), { pods: '10.0.2.0/25', uplink: '10.0.3.0/24' });
  assert.throws(() => chooseSubnets([], '10.0.2.0/99'), /Cannot use "10.0.2.0\/99" as the pods' network/);
});

test('chooseSubnets: of a cluster: a larger network for pods, and a segment for the nodes', () => {
  assert.deepEqual(chooseSubnets([], undefined, 'cluster'), { pods: '10.244.0.0/16', uplink: '10.0.2.0/24', nodes: '10.77.9.0/24' });
  assert.deepEqual(chooseSubnets(['10.0.0.0/8'], undefined, 'cluster'), {
    pods: '172.30.0.0/16',
    uplink: '172.31.254.0/24',
    nodes: '172.31.253.0/24',
  });
  assert.deepEqual(
    (
      [
        ['10.244.0.0/16', 3],
        ['10.9.0.0/24', 1],
        ['10.9.0.0/24', 3],
        ['10.0.0.0/8', 9],
      ] as const
    ).map(([pods, nodes]) => nodeMaskSize(pods, nodes)),
    [24, 24, 26, 24],
  );
  assert.throws(() => nodeMaskSize('10.9.0.0/29', 3), /too small for the pods of 3 nodes/);
});

test('chooseSubnets: when all is taken it says what to do', () => {
  assert.throws(() => chooseSubnets(['0.0.0.0/1', '128.0.0.0/1']), /give --pod-subnet/);
});

test('chooseSubnets: what it chooses never overlaps what is used, nor itself', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const busy = fc
    .tuple(fc.constantFrom(10, 172, 192, 198), octet, octet, octet, fc.integer({ min: 12, max: 32 }))
    .map(([a, b, c, d, bits]) => `${a}.${b}.${c}.${d}/${bits}`);
  const near = fc.constantFrom('10.244.0.128/25', '10.245.0.0/16', '10.88.0.1', '10.0.2.15/24', '10.0.3.0/30', '172.30.0.0/15');
  let gaveWay = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(busy, near), { maxLength: 6 }), (used) => {
      const { pods, uplink } = chooseSubnets(used);
      if (pods !== '10.244.0.0/24' || uplink !== '10.0.2.0/24') gaveWay += 1;
      const range = (text: string): [number, number] => {
        const [address, bits] = ipaddr.IPv4.parseCIDR(text.includes('/') ? text : `${text}/32`);
        const value = address.octets.reduce((sum, o) => sum * 256 + o, 0);
        const size = 2 ** (32 - bits);
        const first = Math.floor(value / size) * size;
        return [first, first + size - 1];
      };
      const all = [pods, uplink, ...used].map(range);
      for (const chosen of [0, 1]) {
        for (const [i, other] of all.entries()) {
          if (i !== chosen)
            assert.ok(
              all[chosen]![1] < other[0] || other[1] < all[chosen]![0],
              `${[pods, uplink][chosen]} overlaps ${[pods, uplink, ...used][i]}`,
            );
        }
      }
    }),
  );
  assert.ok(gaveWay > 0, 'the generator never made it give way');
});

test('addressAt counts through the network', () => {
  assert.equal(addressAt('10.0.2.0/24', 100), '10.0.2.100');
  assert.equal(addressAt('192.168.254.0/24', 3), '192.168.254.3');
});

test('usedNetworks: neither the default route nor loopback', () => {
  const routes = [{ dst: 'default' }, { dst: '192.0.2.0/24' }, { dst: '127.0.0.0/8' }, { dst: '192.0.2.2' }, { dst: '192.0.2.0/24' }];
  assert.deepEqual(usedNetworks(routes), ['192.0.2.0/24', '192.0.2.2']);
});

test('resolverOf: servers apart from what is passed on', () => {
  const text = '# made by hand\nnameserver 127.0.0.53\nsearch corp.example\noptions edns0\nnameserver  192.0.2.1\n';
  assert.deepEqual(resolverOf(text), { nameservers: ['127.0.0.53', '192.0.2.1'], rest: ['search corp.example', 'options edns0'] });
});

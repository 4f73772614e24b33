import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAddresses, type LocalAddress } from './addresses.ts';

const at = (text: string): LocalAddress[] =>
  text
    .split(' ')
    .filter(Boolean)
    .map((item) => {
      const [name = '', address = ''] = item.split('=');
      return { interface: name, address };
    });

for (const [name, addresses, defaultInterface, wanted, ips, why] of [
  ['the interface with the default route', 'eth1=192.0.2.2 eth0=198.51.100.1', 'eth0', [], ['198.51.100.1'], /has the default route$/],
  ['IPv4 before IPv6', 'eth0=2001:db8::1 eth0=192.0.2.1', 'eth0', [], ['192.0.2.1'], /default route/],
  ['IPv6 where there is nothing else', 'eth0=2001:db8::1', 'eth0', [], ['2001:db8::1'], /default route/],
  [
    'VirtualBox: the NAT interface has the route, the other one can be reached',
    'eth0=10.0.2.15 eth1=192.168.56.10',
    'eth0',
    [],
    ['192.168.56.10'],
    /10\.0\.2\.15 on eth0 .* behind NAT/,
  ],
  ['NAT and nothing else', 'eth0=10.0.2.15', 'eth0', [], ['10.0.2.15'], /no other machine can reach it/],
  [
    'NAT, and a bridge of containers, which leads nowhere',
    'cni0=10.244.0.1 docker0=172.17.0.1 eth0=10.0.2.15',
    'eth0',
    [],
    ['10.0.2.15'],
    /no other machine/,
  ],
  ['no default route', 'eth0=192.0.2.1', undefined, [], ['192.0.2.1'], /no interface with an address has a default route/],
  ['only a bridge', 'cni0=10.244.0.1', undefined, [], ['10.244.0.1'], /default route/],
  ['nothing at all', '', undefined, [], [], /no address but loopback/],
  ['--node-ip', 'eth0=192.0.2.1 eth1=10.0.2.15', 'eth0', ['10.0.2.15'], ['10.0.2.15'], /--node-ip/],
  [
    '--node-ip for both families',
    'eth0=192.0.2.1 eth0=2001:db8::1',
    'eth0',
    ['2001:0db8::1', '192.0.2.1'],
    ['2001:db8::1', '192.0.2.1'],
    /--node-ip/,
  ],
  ['--node-ip :: asks for IPv6', 'eth0=192.0.2.1 eth0=2001:db8::1', 'eth0', ['::'], ['2001:db8::1'], /default route/],
  ['--node-ip 0.0.0.0 asks for IPv4', 'eth0=2001:db8::1 eth1=192.0.2.1', 'eth0', ['0.0.0.0'], ['192.0.2.1'], /no interface/],
] as const) {
  test(`chooseAddresses: ${name}`, () => {
    const chosen = chooseAddresses({ addresses: at(addresses), defaultInterface }, wanted);
    assert.deepEqual(chosen.ips, ips);
    assert.match(chosen.why, why);
  });
}

test('chooseAddresses: a --node-ip that this machine does not have is refused, with those it has', () => {
  assert.throws(() => chooseAddresses({ addresses: at('eth0=192.0.2.1'), defaultInterface: 'eth0' }, ['192.0.2.9']), {
    code: 'NODE_IP_INVALID',
    message: '--node-ip 192.0.2.9 is not an address of this machine, or loopback; there are: 192.0.2.1 (eth0)',
  });
});

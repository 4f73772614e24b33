import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultInterface, defaultInterface6, orderAddresses, parseResolvConf } from './machine.ts';

const ROUTE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0`;

test('defaultInterface: the default route of the lowest metric decides; without one there is none', () => {
  assert.equal(defaultInterface(ROUTE), 'eth0');
  assert.equal(defaultInterface(ROUTE.split('\n').slice(0, 1).join('\n')), undefined);
});

test('defaultInterface6: the default route of the lowest metric that is not the unreachable one of lo', () => {
  const zero = '0'.repeat(32);
  const row = (prefix: string, metric: string, device: string): string =>
    `${zero} ${prefix} ${zero} 00 ${zero} ${metric} 00000001 00000000 00000003 ${device}`;
  assert.equal(
    defaultInterface6([row('00', 'ffffffff', 'lo'), row('00', '00000400', 'eth1'), row('00', '00000064', 'eth0')].join('\n')),
    'eth0',
  );
  assert.equal(defaultInterface6(row('00', 'ffffffff', 'lo')), undefined);
});

test('orderAddresses: the interface of the default route first, IPv4 before IPv6, neither loopback nor link-local', () => {
  const of = (address: string, family = 'IPv4', internal = false) => ({ address, family, internal });
  const interfaces = {
    lo: [of('127.0.0.1', 'IPv4', true)],
    cni0: [of('10.244.0.1')],
    eth0: [of('fe80::1', 'IPv6'), of('fd00::2', 'IPv6'), of('10.0.2.15')],
  };
  assert.deepEqual(orderAddresses(interfaces, 'eth0'), ['10.0.2.15', '10.244.0.1', 'fd00::2']);
});

test('parseResolvConf: comments, several servers, the last search line, trailing dots', () => {
  const text =
    '# by dhcp\nnameserver 10.0.2.3\nsearch old.example\nnameserver fd00::3 ; v6\nsearch a.example. b.example\noptions ndots:2 rotate\n';
  assert.deepEqual(parseResolvConf(text), {
    servers: ['10.0.2.3', 'fd00::3'],
    searches: ['a.example', 'b.example'],
    options: ['ndots:2', 'rotate'],
  });
});

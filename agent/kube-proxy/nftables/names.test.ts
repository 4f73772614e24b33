import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesOf } from './names.ts';
import type { Endpoint } from '../servicePort.ts';

const endpoint = (ip: string, port: number): Endpoint => ({
  ip,
  port,
  text: '',
  isLocal: false,
  ready: true,
  serving: true,
  terminating: false,
  forZones: [],
  forNodes: [],
});

test('names are those of upstream, which documents these two', () => {
  const names = namesOf({ service: 'ns1/svc1', name: 'ns1/svc1:p80', protocol: 'tcp' });
  assert.equal(names.service, 'service-ULMVA6XW-ns1/svc1/tcp/p80');
  assert.equal(names.endpoint(endpoint('10.180.0.1', 80)), 'endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80');
});

test('a port without a name, IPv6, and names at their longest', () => {
  const names = namesOf({ service: 'a/b', name: 'a/b', protocol: 'udp' });
  assert.match(names.affinity(endpoint('fd00::1', 53)), /^affinity-[A-Z2-7]{8}-a\/b\/udp\/__fd00\.\.1\/53$/);
  const long = 'x'.repeat(63);
  const longest = namesOf({ service: `${long}/${long}`, name: `${long}/${long}:${long}`, protocol: 'sctp' });
  const name = longest.endpoint(endpoint('fd00:1111:2222:3333:4444:5555:6666:7777', 65_535));
  assert.ok(name.length <= 255 && name.endsWith('...'), name);
});

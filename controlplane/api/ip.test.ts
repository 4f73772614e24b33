import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { cidrProblems, contains, ipProblems, looseIpProblems, parseCidr, parseIp, specialIpProblems } from './ip.ts';

test('ipProblems: the strict form, with what to write instead', () => {
  const rows: [ip: string, problem: string | undefined][] = [
    ['10.0.0.1', undefined],
    ['2001:db8::1', undefined],
    ['::', undefined],
    ['010.0.0.1', 'must not have leading 0s'],
    ['::ffff:1.2.3.4', 'must not be an IPv4-mapped IPv6 address'],
    ['2001:DB8::1', 'must be in canonical form ("2001:db8::1")'],
    ['2001:db8:0::1', 'must be in canonical form ("2001:db8::1")'],
    ['1.2.3', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['1.2.3.256', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['fe80::1%eth0', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ];
  for (const [ip, problem] of rows) assert.deepEqual(ipProblems(ip), problem === undefined ? [] : [problem], ip);
});

test('specialIpProblems: no loopback, link-local, multicast or unspecified address', () => {
  for (const good of ['10.0.0.1', '192.168.1.1', '2001:db8::1', '169.253.0.1']) assert.deepEqual(specialIpProblems(good), [], good);
  for (const bad of ['127.0.0.1', '::1', '169.254.169.254', 'fe80::1', '224.0.0.1', 'ff02::1', '0.0.0.0', '::', 'x']) {
    assert.equal(specialIpProblems(bad).length, 1, bad);
  }
});

test('parseCidr: network, prefix and what lies within', () => {
  const cidr = parseCidr('10.1.2.3/8');
  assert.equal(cidr?.canonical, '10.0.0.0/8');
  assert.equal(parseCidr('2001:db8::ff/64')?.canonical, '2001:db8::/64');
  assert.deepEqual(cidrProblems('10.0.0.0/33').length, 1);
  for (const bad of ['10.0.0.0', '10.0.0.0/', '/8', '10.0.0.0/-1', 'x/8', '::/129']) assert.equal(parseCidr(bad), undefined, bad);
  const [inside, outside] = [parseIp('10.255.0.1'), parseIp('11.0.0.1')];
  assert.ok(cidr !== undefined && inside !== undefined && outside !== undefined);
  assert.equal(contains(cidr, inside), true);
  assert.equal(contains(cidr, outside), false);
});

test('property: agrees with the platform on what an address is, and its canonical form is its own', () => {
  const text = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.stringMatching(/^[0-9a-f:.]{1,20}$/));
  fc.assert(
    fc.property(text, (ip) => {
      const strictOk = isIP(ip) !== 0;
      if (strictOk) assert.deepEqual(looseIpProblems(ip), []);
      const parsed = parseIp(ip);
      if (parsed === undefined) return assert.ok(!strictOk);
      assert.equal(parseIp(parsed.canonical)?.bits, parsed.bits);
      assert.equal(parseIp(parsed.canonical)?.canonical, parsed.canonical);
      return undefined;
    }),
  );
});

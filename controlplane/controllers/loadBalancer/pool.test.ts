import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Service } from '#api/kinds/core/service.ts';
import { AddressPool, parseRange } from './pool.ts';
import { planAddresses } from './reconcile.ts';

const poolOf = (...texts: string[]): AddressPool => new AddressPool(texts.flatMap((text) => parseRange(text) ?? []));
const service = (spec: object = {}, ips: readonly string[] = []): Service => ({
  metadata: { name: 's' },
  spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ...spec },
  status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
});
const said = (given: Service, pool: AddressPool, key = 'a/s'): string => {
  const action = planAddresses(given, key, pool);
  return action === undefined ? '' : action.kind === 'fail' ? action.why : action.addresses.join();
};

test('what is a pool', () => {
  for (const text of ['10.0.0.0/30', '10.0.0.1-10.0.0.9', '10.0.0.7', 'fd00::10-fd00::20', 'fd00::/120']) assert.ok(parseRange(text), text);
  for (const text of ['', 'x', '10.0.0.9-10.0.0.1', '10.0.0.1-fd00::1', '10.0.0.0/30-10.0.0.9'])
    assert.equal(parseRange(text), undefined, text);
});

test('each has one, keeps it, and gives it back when it is no load balancer any more', () => {
  const pool = poolOf('10.0.0.1-10.0.0.2');
  assert.equal(said(service(), pool), '10.0.0.1');
  assert.equal(said(service({}, ['10.0.0.1']), pool), '');
  assert.equal(said(service(), pool, 'a/t'), '10.0.0.2');
  assert.match(said(service(), pool, 'a/u'), /no IPv4 address is left/);
  assert.equal(planAddresses(service({ type: 'ClusterIP' }, ['10.0.0.1']), 'a/s', pool)?.kind, 'setAddresses');
  pool.releaseAll('a/s');
  assert.equal(said(service(), pool, 'a/u'), '10.0.0.1');
});

test('a wish is granted where it can be; two families are two addresses; other classes are others’', () => {
  const pool = poolOf('10.0.0.0/29', 'fd00::1-fd00::9');
  assert.equal(said(service({ loadBalancerIP: '10.0.0.5' }), pool), '10.0.0.5');
  assert.match(said(service({ loadBalancerIP: '10.0.0.5' }), pool, 'a/t'), /belongs to a\/s/);
  assert.match(said(service({ loadBalancerIP: '10.9.0.5' }), pool, 'a/t'), /not in the pool/);
  assert.equal(said(service({ ipFamilies: ['IPv6', 'IPv4'] }), pool, 'a/u'), 'fd00::1,10.0.0.0');
  assert.equal(planAddresses(service({ loadBalancerClass: 'example.com/other' }), 'a/v', pool), undefined);
  assert.equal(said(service({ loadBalancerClass: 'kijabi.io/pool' }), pool, 'a/w'), '10.0.0.1');
});

test('no address has two services, whoever comes and goes; what is left over is given', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.boolean()), { maxLength: 60 }), (steps) => {
      const pool = poolOf('10.0.0.0/30');
      const has = new Map<number, string>();
      for (const [n, comes] of steps) {
        if (!comes) {
          has.delete(n);
          pool.releaseAll(`s${n}`);
          continue;
        }
        const there = has.get(n);
        const action = planAddresses(service({}, there === undefined ? [] : [there]), `s${n}`, pool);
        if (there !== undefined) assert.equal(action, undefined);
        else if (action?.kind === 'setAddresses') {
          assert.ok(![...has.values()].includes(action.addresses[0]!));
          has.set(n, action.addresses[0]!);
        } else assert.equal(has.size, 4);
      }
    }),
  );
});

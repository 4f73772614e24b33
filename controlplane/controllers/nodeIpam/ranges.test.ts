import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contains, parseCidr, parseIp } from '#api/ip.ts';
import { BlockRange } from './ranges.ts';

const cidr = (text: string) => parseCidr(text)!;

test('block after block, of either family; what is reserved is left out', () => {
  const four = new BlockRange(cidr('10.244.0.0/16'), 24, [cidr('10.244.1.0/24'), cidr('10.96.0.0/12')]);
  assert.deepEqual([four.give('a'), four.give('b'), four.free], ['10.244.0.0/24', '10.244.2.0/24', 253]);
  four.release('10.244.0.0/24', 'b');
  assert.equal(four.free, 253, 'it is not b’s to give back');
  four.release('10.244.0.0/24', 'a');
  assert.deepEqual([four.give('c'), four.free], ['10.244.3.0/24', 253], 'one that was given back comes last');
  const six = new BlockRange(cidr('fd00:10::/48'), 64);
  assert.deepEqual([six.give('a'), six.give('b')], ['fd00:10::/64', 'fd00:10:0:1::/64']);
  assert.deepEqual(
    [four.take('10.244.9.0/24', 'z'), four.take('10.244.9.0/24', 'y'), four.take('10.1.0.0/24', 'z'), four.take('10.244.9.0/25', 'z')],
    [true, false, false, false],
  );
});

test('what cannot be', () => {
  assert.throws(() => new BlockRange(cidr('10.0.0.0/24'), 16), /want \/24 to \/32/);
  assert.throws(() => new BlockRange(cidr('fd00::/32'), 64), /want \/32 to \/48/);
  assert.throws(() => new BlockRange(cidr('10.96.1.0/24'), 26, [cidr('10.96.0.0/12')]), /reserved/);
});

test('no block belongs to two, whatever is given and given back; when all are gone there is none', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), { maxLength: 80 }), fc.boolean(), (steps, isSix) => {
      const network = cidr(isSix ? 'fd00::/60' : '10.0.0.0/20');
      const range = new BlockRange(network, isSix ? 64 : 24, isSix ? [] : [cidr('10.0.3.0/24')]);
      const owned = new Map<number, string>();
      for (const [node, gives] of steps) {
        const there = owned.get(node);
        if (gives && there === undefined) {
          const block = range.give(`n${node}`);
          assert.equal(block === undefined, owned.size === (isSix ? 16 : 15));
          if (block === undefined) continue;
          assert.ok(![...owned.values()].includes(block) && contains(network, parseIp(block.split('/')[0]!)!) && block !== '10.0.3.0/24');
          owned.set(node, block);
        } else if (!gives && there !== undefined) {
          range.release(there, `n${node}`);
          owned.delete(node);
        }
      }
    }),
  );
});

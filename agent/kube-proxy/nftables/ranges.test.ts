import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cidrContains, parseCidr, type Family } from '../ip.ts';
import { mergeRanges, rangeContains } from './ranges.ts';

for (const [sentence, given, want] of [
  ['a single address has no length', ['10.0.0.1/32'], ['10.0.0.1']],
  ['neighbours are joined', ['10.0.0.128/25', '10.0.0.0/25'], ['10.0.0.0/24']],
  ['what is inside another goes', ['10.1.0.0/16', '10.0.0.0/8'], ['10.0.0.0/8']],
  ['what no prefix fits is a range', ['10.0.0.0/30', '10.0.0.4/30', '10.0.0.8/30'], ['10.0.0.0-10.0.0.11']],
  ['everything', ['0.0.0.0/1', '128.0.0.0/1'], ['0.0.0.0/0']],
  ['order is that of numbers', ['192.168.0.0/16', '9.0.0.0/8', '10.0.0.0/9'], ['9.0.0.0-10.127.255.255', '192.168.0.0/16']],
] as [string, string[], string[]][]) {
  test(`mergeRanges: ${sentence}`, () => assert.deepEqual(mergeRanges('IPv4', given), want));
}

test('mergeRanges: IPv6', () => assert.deepEqual(mergeRanges('IPv6', ['fd00::1', 'fd00::/127', 'fd00::2']), ['fd00::-fd00::2']));

const cidr = (family: Family): fc.Arbitrary<string> =>
  family === 'IPv4'
    ? fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 28, max: 32 })).map(([n, l]) => parseCidr(`10.0.0.${n}/${l}`)!.text)
    : fc
        .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 124, max: 128 }))
        .map(([n, l]) => parseCidr(`fd00::${n.toString(16)}/${l}`)!.text);

test('mergeRanges: the same addresses are inside, and ranges neither touch nor overlap', () =>
  fc.assert(
    fc.property(
      fc.constantFrom<Family>('IPv4', 'IPv6').chain((family) => fc.tuple(fc.constant(family), fc.array(cidr(family), { maxLength: 6 }))),
      ([family, all]) => {
        const merged = mergeRanges(family, all);
        let runs = 0;
        let wasIn = false;
        for (let n = 0; n < 20; n++) {
          const ip = family === 'IPv4' ? `10.0.0.${n}` : `fd00::${n.toString(16)}`.replace(/::0$/, '::');
          const isIn = all.some((c) => cidrContains(c, ip));
          assert.equal(
            merged.some((r) => rangeContains(r, ip)),
            isIn,
            `${ip} in ${merged.join(' ')}`,
          );
          if (isIn && !wasIn) runs += 1;
          wasIn = isIn;
        }
        assert.equal(merged.length, runs);
      },
    ),
  ));

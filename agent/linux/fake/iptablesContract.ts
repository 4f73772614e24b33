/** What the proxy relies on in iptables-save and iptables-restore; the fake and the real tools both have to keep it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '#base/errors.ts';
import type { Iptables } from '../iptables.ts';

export interface IptablesSubject {
  readonly iptables: Iptables;
  readonly dispose: () => Promise<void>;
}

export function iptablesContract(name: string, make: () => Promise<IptablesSubject>): void {
  const on = (sentence: string, body: (iptables: Iptables) => Promise<void>): void => {
    void test(`${name}: ${sentence}`, async () => {
      const { iptables, dispose } = await make();
      try {
        await body(iptables);
      } finally {
        await dispose();
      }
    });
  };
  const never = new AbortController().signal;
  const restore = (iptables: Iptables, ...lines: string[]): Promise<void> => iptables.restore(`${lines.join('\n')}\n`, never);
  const rules = async (iptables: Iptables, table: 'nat' | 'filter' | 'mangle' = 'nat'): Promise<string[]> => {
    const lines: string[] = [];
    await iptables.save({ table }, (line) => lines.push(line), never);
    return lines.filter((line) => line.startsWith('-A') || /^:[A-Z0-9-]+ -/.test(line)).map((line) => line.replace(/ - \[.*/, ''));
  };
  const refuses = (promise: Promise<unknown>): Promise<void> =>
    assert.rejects(promise, (err) => {
      assert.equal(codeOf(err), 'IPTABLES_FAILED');
      return true;
    });
  const RULE = '-d 10.0.0.1/32 -p tcp -m comment --comment "ns/a cluster IP" -m tcp --dport 80 -j B';

  on('a chain line makes a chain, and empties one that is there', async (ipt) => {
    await restore(ipt, '*nat', ':A - [0:0]', ':B - [0:0]', `-A A ${RULE}`, `-A A -j B`, 'COMMIT');
    assert.deepEqual(await rules(ipt), [':A', ':B', `-A A ${RULE}`, '-A A -j B']);
    await restore(ipt, '*nat', ':A - [0:0]', '-A A -j RETURN', 'COMMIT');
    assert.deepEqual(await rules(ipt), [':A', ':B', '-A A -j RETURN']);
  });

  on('-I puts at the head, -D takes out one that reads the same', async (ipt) => {
    await restore(ipt, '*nat', ':A - [0:0]', ':B - [0:0]', '-A A -j B', `-I A ${RULE}`, 'COMMIT');
    assert.deepEqual(await rules(ipt), [':A', ':B', `-A A ${RULE}`, '-A A -j B']);
    await restore(ipt, '*nat', `-D A ${RULE}`, 'COMMIT');
    assert.deepEqual(await rules(ipt), [':A', ':B', '-A A -j B']);
  });

  on('a failing line leaves its table as it was', async (ipt) => {
    await restore(ipt, '*nat', ':A - [0:0]', '-A A -j RETURN', 'COMMIT');
    await refuses(restore(ipt, '*nat', ':A - [0:0]', ':B - [0:0]', '-A A -j B', `-D A ${RULE}`, 'COMMIT'));
    await refuses(restore(ipt, '*nat', ':A - [0:0]', '-A A -j NOWHERE', 'COMMIT'));
    assert.deepEqual(await rules(ipt), [':A', '-A A -j RETURN']);
  });

  on('a chain goes when nobody jumps to it, in the same transaction too', async (ipt) => {
    await restore(ipt, '*nat', ':A - [0:0]', ':B - [0:0]', ':C - [0:0]', '-A A -j B', '-A B -j C', 'COMMIT');
    await refuses(restore(ipt, '*nat', ':B - [0:0]', '-X B', 'COMMIT'));
    await restore(ipt, '*nat', ':A - [0:0]', ':B - [0:0]', ':C - [0:0]', '-A A -j RETURN', '-X B', '-X C', 'COMMIT');
    assert.deepEqual(await rules(ipt), [':A', '-A A -j RETURN']);
  });

  on('tables are transactions by themselves, the same table may come twice', async (ipt) => {
    await restore(ipt, '*filter', ':A - [0:0]', 'COMMIT', '*nat', ':A - [0:0]', 'COMMIT', '*filter', '-A A -j RETURN', 'COMMIT');
    assert.deepEqual([await rules(ipt), await rules(ipt, 'filter'), await rules(ipt, 'mangle')], [[':A'], [':A', '-A A -j RETURN'], []]);
  });

  on('counters come in front of the rule', async (ipt) => {
    await restore(ipt, '*nat', ':A - [0:0]', '-A A -j RETURN', 'COMMIT');
    const lines: string[] = [];
    await ipt.save({ table: 'nat', counters: 'with' }, (line) => lines.push(line), never);
    assert.ok(lines.includes('[0:0] -A A -j RETURN'));
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ServicePort } from './servicePort.ts';
import { SyncedPorts } from './syncedPorts.ts';
import { NODE, corpus, tableOf } from './testing.ts';

function judged(ports: ReadonlyMap<string, ServicePort>): Record<string, unknown> {
  const all = [...ports.values()];
  const noLocal = (policy: 'internalPolicy' | 'externalPolicy'): number =>
    all.filter((p) => p[policy] === 'Local' && p.choice.hasAny && p.choice.local.length === 0).length;
  return {
    connectionless: new Set(all.filter((p) => p.protocol !== 'tcp')),
    healthChecked: new Set(all.filter((p) => p.healthCheckNodePort !== undefined)),
    noLocal: { internal: noLocal('internalPolicy'), external: noLocal('externalPolicy') },
  };
}

test('SyncedPorts: single changes and a whole sync lead to the same, which is what the ports say', () => {
  const seen = { connectionless: 0, noLocal: 0, pairs: 0 };
  fc.assert(
    fc.property(corpus({ protocols: ['TCP', 'UDP', 'SCTP'] }), corpus({ protocols: ['TCP', 'UDP'] }), (a, b) => {
      const [before, after] = [tableOf(a, NODE).ports('IPv4'), tableOf(b, NODE).ports('IPv4')];
      const step = new SyncedPorts();
      step.takeAll(before);
      const whole = new SyncedPorts();
      whole.takeAll(before);
      const ids = new Set([...before.keys(), ...after.keys()]);
      const pairs = step.take([...ids].map((id) => [id, after.get(id)]));
      const atOnce = whole.takeAll(after);
      const sorted = (all: typeof pairs): string[] => all.map(({ from, to }) => JSON.stringify([from, to])).sort();
      assert.deepEqual(sorted(atOnce), sorted(pairs));
      for (const ports of [step, whole]) {
        const { connectionless, healthChecked, noLocal } = ports;
        assert.deepEqual(
          { connectionless: new Set(connectionless), healthChecked: new Set(healthChecked), noLocal: { ...noLocal } },
          judged(after),
        );
      }
      seen.connectionless += [...step.connectionless].length;
      seen.noLocal += step.noLocal.internal + step.noLocal.external;
      seen.pairs += pairs.length;
    }),
    { numRuns: 200 },
  );
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `${what} were generated`);
});

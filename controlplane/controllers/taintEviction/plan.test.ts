import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Taint, Toleration } from '#api/kinds/core/scheduling.ts';
import { leavesAtMs } from './plan.ts';

const SINCE = Date.parse('2026-01-01T00:00:00Z');
const gone: Taint = { key: 'gone', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' };
const late: Taint = { key: 'late', effect: 'NoExecute', timeAdded: '2026-01-01T00:01:00Z' };
const quiet: Taint = { key: 'gone', effect: 'NoSchedule' };
const forEver: Toleration = { operator: 'Exists' };
const bears = (key: string, tolerationSeconds?: number): Toleration => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds: tolerationSeconds }),
});
const pod = (tolerations: readonly Toleration[], over: object = {}): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [], tolerations },
  status: {},
  ...over,
});

const ROWS: readonly (readonly [name: string, pod: Pod, taints: readonly Taint[], afterMs: number | undefined])[] = [
  ['no taints', pod([]), [], undefined],
  ['a taint that evicts nobody', pod([]), [quiet], undefined],
  ['a taint it does not bear: at once', pod([]), [gone], 0],
  ['one it bears for ever', pod([forEver]), [gone, late], undefined],
  ['one it bears for a while', pod([bears('gone', 300)]), [gone], 300_000],
  ['one it bears for no time', pod([bears('gone', -5)]), [gone], 0],
  ['two, the first to end counts', pod([bears('gone', 300), bears('late', 30)]), [gone, late], 90_000],
  ['two, of which it bears one', pod([bears('gone', 300)]), [gone, late], 60_000],
  ['the shorter of two tolerations', pod([bears('gone', 300), bears('gone', 10)]), [gone], 10_000],
  ['a limited one beside one for ever', pod([forEver, bears('gone', 10)]), [gone], 10_000],
  ['it goes already', pod([], { metadata: { deletionTimestamp: 'x' } }), [gone], undefined],
  ['it is over', pod([], { status: { phase: 'Succeeded' } }), [gone], undefined],
];
for (const [name, given, taints, afterMs] of ROWS)
  test(name, () => assert.equal(leavesAtMs(given, taints, SINCE), afterMs === undefined ? undefined : SINCE + afterMs));

test('a taint that does not say since when counts from when it was seen', () => {
  assert.equal(leavesAtMs(pod([bears('x', 5)]), [{ key: 'x', effect: 'NoExecute' }], 7_000), 12_000);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter, Histogram, MetricsRegistry } from './metrics.ts';

test('what is bound to labels counts in the same series as what names them', () => {
  const registry = new MetricsRegistry();
  const counter = registry.add(new Counter({ name: 'asked_total', help: 'Asked.', labels: ['by'] }));
  const histogram = registry.add(new Histogram({ name: 'took_seconds', help: 'Took.', labels: ['by'], buckets: [1, 2] }));
  const [count, observe] = [counter.bound(['a']), histogram.bound(['a'])];
  count();
  counter.inc(['a'], 2);
  counter.inc(['b']);
  count();
  for (const value of [1, 1.5, 3, Number.NaN]) observe(value);
  histogram.observe(['a'], 0);
  assert.deepEqual([counter.get(['a']), counter.get(['b']), counter.get(['c'])], [4, 1, 0]);
  assert.equal(
    registry.text(),
    `# HELP asked_total Asked.
# TYPE asked_total counter
asked_total{by="a"} 4
asked_total{by="b"} 1
# HELP took_seconds Took.
# TYPE took_seconds histogram
took_seconds_bucket{by="a",le="1"} 2
took_seconds_bucket{by="a",le="2"} 3
took_seconds_bucket{by="a",le="+Inf"} 5
took_seconds_sum{by="a"} NaN
took_seconds_count{by="a"} 5
`,
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine, type StatusFacts } from './statusLine.ts';

const pod = (key: string, place: 'unschedulable' | 'active' | 'inFlight' = 'unschedulable', isGated = false, message?: string) => ({
  key,
  place,
  isGated,
  info: {
    pod: message === undefined ? {} : { status: { conditions: [{ type: 'PodScheduled' as const, status: 'False' as const, message }] } },
  },
});
const refused = (key: string) => pod(key, 'unschedulable', false, '0/2 nodes are available: 2 Insufficient cpu.');
const facts = (pods: readonly ReturnType<typeof pod>[], isSynced = true): StatusFacts => ({
  leading: 'leads',
  server: 'https://a:6443',
  scheduler: { isSynced, cluster: { nodes: { length: 2 } as never, podCount: 1 }, queue: { pods: () => pods } },
});

for (const [name, given, line] of [
  ['nothing is read yet', facts([], false), 'leads, the cluster has not been read yet from https://a:6443'],
  ['nobody waits', facts([pod('a/x', 'inFlight'), pod('a/y', 'unschedulable', true)]), 'leads, 1 pod on 2 nodes'],
  [
    'the first by name stands for all',
    facts([pod('b/z'), refused('a/x'), pod('a/y')]),
    'leads, 1 pod on 2 nodes, 3 waiting (a/x: 0/2 nodes are available: 2 Insufficient cpu.)',
  ],
  ['one that was not tried yet', facts([pod('b/z', 'active')]), 'leads, 1 pod on 2 nodes, 1 waiting (b/z: has its turn soon)'],
] as const)
  test(`statusLine: ${name}`, () => assert.equal(statusLine(given), line));

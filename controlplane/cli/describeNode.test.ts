import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { describeNode } from './describeNode.ts';

const NOW = Date.UTC(2026, 0, 1, 1);
const node = {
  metadata: { name: 'n', labels: { a: 'b' }, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] },
  status: {
    conditions: [
      { type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:30:00Z', reason: 'KubeletNotReady', message: 'no network' },
    ],
    addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
    capacity: { cpu: '2', memory: '2Gi' },
    allocatable: { cpu: '2', memory: '1Gi' },
  },
} as unknown as Node;
const pod = (name: string, phase: string, cpu: string): Pod =>
  ({
    metadata: { name, namespace: 'ns' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu, memory: '256Mi' } } }] },
    status: { phase },
  }) as unknown as Pod;

test('describeNode: conditions with their reasons, taints, and what pods that have not ended ask for', () => {
  const text = describeNode(node, [pod('a', 'Running', '500m'), pod('b', 'Pending', '250m'), pod('over', 'Succeeded', '9')], NOW);
  assert.match(text, /\nTaints: +k=v:NoSchedule\n/);
  assert.match(text, /\n {2}Ready +False +30m +KubeletNotReady +no network\n/);
  assert.match(text, /\nNon-terminated Pods: \(2 in total\)\n/);
  assert.match(text, /\n {2}ns +a +500m +0 +256Mi +0 *\n/);
  assert.match(text, /\n {2}cpu +750m \(37%\) +0m \(0%\)\n {2}memory +512Mi \(50%\) +0Mi \(0%\)\n$/);
  assert.doesNotMatch(text, /over/);
});

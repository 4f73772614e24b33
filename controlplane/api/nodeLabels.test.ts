import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeletLabel } from './nodeLabels.ts';

for (const [key, may] of [
  ['disk', true],
  ['example.com/disk', true],
  ['notkubernetes.io/x', true],
  ['kubernetes.io/arch', true],
  ['kubernetes.io/other', false],
  ['k8s.io/x', false],
  ['a.k8s.io/x', false],
  ['node-restriction.kubernetes.io/secure', false],
  ['node-role.kubernetes.io/control-plane', false],
  ['node.kubernetes.io/x', true],
  ['a.node.kubernetes.io/x', true],
  ['kubelet.kubernetes.io/x', true],
  ['notkubelet.kubernetes.io/x', false],
] as const)
  test(`isKubeletLabel: ${key} ${may ? 'may' : 'may not'} be set by a node`, () => assert.equal(isKubeletLabel(key), may));

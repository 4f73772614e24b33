import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { changeOf, kindsOf, usedOf } from './plan.ts';

const quota = (hard: Record<string, string>, status?: object, spec: object = {}): ResourceQuota => ({
  metadata: { name: 'q' },
  spec: { hard, ...spec },
  ...(status === undefined ? {} : { status }),
});
const pod = (cpu: string, phase = 'Running', over: object = {}): KubeObject =>
  ({
    metadata: {},
    spec: { containers: [{ name: 'c', resources: { requests: { cpu }, limits: { memory: '1Gi' } } }], ...over },
    status: { phase },
  }) as KubeObject;

test('which kinds a quota is about', () => {
  const kinds = kindsOf({
    'requests.cpu': '1',
    'limits.memory': '1',
    'requests.storage': '1',
    'gold.storageclass.storage.k8s.io/requests.storage': '1',
    'services.nodeports': '1',
    secrets: '1',
    'count/deployments.apps': '1',
    'count/configmaps': '1',
  });
  assert.deepEqual(kinds.map(({ group, plural }) => `${group}/${plural}`).toSorted(), [
    '/configmaps',
    '/persistentvolumeclaims',
    '/pods',
    '/secrets',
    '/services',
    'apps/deployments',
  ]);
});

test('what is used is the sum of what is there and has not ended, within the scopes', () => {
  const pods = {
    kind: { group: '', plural: 'pods' },
    of: [pod('200m'), pod('1'), pod('5', 'Succeeded'), pod('100m', 'Running', { activeDeadlineSeconds: 5 })],
  };
  const maps = { kind: { group: '', plural: 'configmaps' }, of: [{ metadata: {} }, { metadata: {} }] };
  assert.deepEqual(
    usedOf(quota({ 'requests.cpu': '9', pods: '9', 'limits.memory': '9Gi', configmaps: '9', 'count/pods': '9', 'count/secrets': '1' }), [
      pods,
      maps,
    ]),
    {
      'requests.cpu': '1300m',
      pods: '3',
      'limits.memory': '3Gi',
      configmaps: '2',
      'count/pods': '4',
      'count/secrets': '0',
    },
  );
  assert.deepEqual(usedOf(quota({ pods: '9' }, undefined, { scopes: ['Terminating'] }), [pods]), { pods: '1' });
});

test('a new status, more and less are told apart; the same amount in other words is the same', () => {
  assert.equal(changeOf(quota({ pods: '5' }), { pods: '0' }), 'more');
  const status = { hard: { cpu: '2' }, used: { cpu: '1' } };
  assert.equal(changeOf(quota({ cpu: '2000m' }, status), { cpu: '1000m' }), 'no');
  assert.equal(changeOf(quota({ cpu: '3' }, status), { cpu: '1' }), 'more');
  assert.equal(changeOf(quota({ cpu: '2' }, status), { cpu: '2' }), 'more');
  assert.equal(changeOf(quota({ cpu: '2' }, status), { cpu: '500m' }), 'less');
  assert.equal(changeOf(quota({}, status), {}), 'more');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { planClaims } from './plan.ts';

const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
const pod = (over: object = {}): Pod =>
  ({
    metadata: { name: 'p', namespace: 'ns', uid: 'u', ...over },
    spec: {
      containers: [],
      volumes: [
        { name: 'scratch', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } } },
        { name: 'tmp', emptyDir: {} },
        { name: 'named', persistentVolumeClaim: { claimName: 'c' } },
      ],
    },
  }) as unknown as Pod;
const ownedBy = (uid: string, controller = true): PersistentVolumeClaim =>
  ({
    metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid, controller }] },
    spec,
  }) as unknown as PersistentVolumeClaim;

test('a claim for every ephemeral volume, named after pod and volume, as its template says', () => {
  assert.deepEqual(planClaims(pod(), () => undefined).actions, [
    { kind: 'create', volume: 'scratch', claim: { metadata: { name: 'p-scratch', namespace: 'ns', labels: { a: 'b' } }, spec } },
  ]);
});

for (const [why, given, there, kinds] of [
  ['its own is there', pod(), ownedBy('u'), []],
  ['of an earlier pod of the same name', pod(), ownedBy('other'), ['refuse']],
  ['owned, but not kept by it', pod(), ownedBy('u', false), ['refuse']],
  ['nobody’s', pod(), { metadata: {}, spec } as unknown as PersistentVolumeClaim, ['refuse']],
  ['the pod goes', pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }), undefined, []],
  ['the pod is gone', undefined, undefined, []],
] as const)
  test(`ephemeral volumes: ${why}`, () => {
    const plan = planClaims(given, () => there);
    assert.deepEqual(
      plan.actions.map(({ kind }) => kind),
      kinds,
    );
    assert.equal(plan.lookAgainAfterMs !== undefined, (kinds as readonly string[]).includes('refuse'));
  });

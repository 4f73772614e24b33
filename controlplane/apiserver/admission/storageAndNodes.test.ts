import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalOf, TestRegistry, type Put } from '../testing/registry.ts';
import * as plugins from './storageAndNodes.ts';

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const storageClass = (name: string, created: string, annotations: object = {}, more: object = {}): Put => [
  'storage.k8s.io/v1',
  'storageclasses',
  { metadata: { name, creationTimestamp: created, annotations }, provisioner: 'p', ...more },
];
const claim = (spec: object = {}, metadata: object = {}, status: object = {}): object => ({
  metadata: { namespace: 'a', name: 'c', ...metadata },
  spec: { resources: { requests: { storage: '1Gi' } }, ...spec },
  status,
});
type Claim = { readonly spec: { readonly storageClassName?: string } };

test('a claim without a class gets the newest default', async () => {
  const bench = new TestRegistry([
    storageClass('old', '2020-01-01T00:00:00Z', { [IS_DEFAULT]: 'true' }),
    storageClass('new', '2024-01-01T00:00:00Z', { [IS_DEFAULT]: 'true' }),
    storageClass('newest', '2025-01-01T00:00:00Z', { [IS_DEFAULT]: 'false' }),
  ]);
  const classOf = async (object: object): Promise<string | undefined> =>
    (
      (await bench.admit(
        plugins.defaultStorageClass(bench.parts),
        bench.request('v1', 'persistentvolumeclaims', { object }),
      )) as unknown as Claim
    ).spec.storageClassName;
  assert.equal(await classOf(claim()), 'new');
  assert.equal(await classOf(claim({ storageClassName: '' })), '');
  assert.equal(await classOf(claim({}, { annotations: { 'volume.beta.kubernetes.io/storage-class': 'x' } })), undefined);
});

test('an ingress without a class gets the default', async () => {
  const bench = new TestRegistry([
    [
      'networking.k8s.io/v1',
      'ingressclasses',
      { metadata: { name: 'nginx', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } }, spec: { controller: 'a/b' } },
    ],
  ]);
  const classOf = async (metadata: object): Promise<unknown> => {
    const object = {
      metadata: { namespace: 'a', name: 'i', ...metadata },
      spec: { defaultBackend: { service: { name: 's', port: { number: 1 } } } },
    };
    const made = await bench.admit(
      plugins.defaultIngressClass(bench.parts),
      bench.request('networking.k8s.io/v1', 'ingresses', { object }),
    );
    return (made as unknown as { readonly spec: { readonly ingressClassName?: string } }).spec.ingressClassName;
  };
  assert.equal(await classOf({}), 'nginx');
  assert.equal(await classOf({ annotations: { 'kubernetes.io/ingress.class': 'old' } }), undefined);
});

test('volumes and claims are protected from the start', async () => {
  const bench = new TestRegistry();
  const finalizers = async (apiVersion: string, plural: string, object: object): Promise<unknown> =>
    (await bench.admit(plugins.storageObjectInUseProtection(), bench.request(apiVersion, plural, { object })))?.metadata.finalizers;
  assert.deepEqual(await finalizers('v1', 'persistentvolumeclaims', claim({}, { finalizers: ['x/y'] })), [
    'x/y',
    'kubernetes.io/pvc-protection',
  ]);
  assert.deepEqual(await finalizers('v1', 'persistentvolumes', { metadata: { name: 'v' }, spec: {} }), ['kubernetes.io/pv-protection']);
  assert.deepEqual(await finalizers('storage.k8s.io/v1', 'volumeattributesclasses', { metadata: { name: 'v' }, driverName: 'd' }), [
    'kubernetes.io/vac-protection',
  ]);
  assert.equal(await finalizers('v1', 'configmaps', { metadata: { namespace: 'a', name: 'v' } }), undefined);
});

test('a new node takes no pods before it is ready', async () => {
  const bench = new TestRegistry();
  const taints = async (spec: object): Promise<unknown> =>
    (
      (await bench.admit(
        plugins.taintNodesByCondition(),
        bench.request('v1', 'nodes', { object: { metadata: { name: 'n' }, spec } }),
      )) as unknown as {
        readonly spec: { readonly taints: unknown };
      }
    ).spec.taints;
  const own = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  assert.deepEqual(await taints({}), [own]);
  assert.deepEqual(await taints({ taints: [own] }), [own]);
  assert.deepEqual(await taints({ taints: [{ key: 'a', effect: 'NoExecute' }] }), [{ key: 'a', effect: 'NoExecute' }, own]);
});

const bigger = { resources: { requests: { storage: '2Gi' } } };
const bound = { phase: 'Bound' };
const RESIZES: readonly (readonly [what: string, old: object, object: object, refusal: string])[] = [
  ['the same size', claim({}, {}, bound), claim({}, {}, bound), ''],
  ['smaller', claim(bigger, {}, bound), claim({}, {}, bound), ''],
  [
    'larger, where the class allows it',
    claim({ storageClassName: 'grows' }, {}, bound),
    claim({ storageClassName: 'grows', ...bigger }, {}, bound),
    '',
  ],
  [
    'larger, before it is bound',
    claim({ storageClassName: 'grows' }),
    claim({ storageClassName: 'grows', ...bigger }),
    'Only bound persistent volume claims can be expanded',
  ],
  [
    'larger, where the class does not',
    claim({ storageClassName: 'stays' }, {}, bound),
    claim({ storageClassName: 'stays', ...bigger }, {}, bound),
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  ],
  [
    'larger, without a class',
    claim({}, {}, bound),
    claim(bigger, {}, bound),
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  ],
];
for (const [what, old, object, refusal] of RESIZES) {
  test(`a claim that gets ${what}: ${refusal === '' ? 'let in' : 'refused'}`, async () => {
    const bench = new TestRegistry([
      storageClass('grows', '2024-01-01T00:00:00Z', {}, { allowVolumeExpansion: true }),
      storageClass('stays', '2024-01-01T00:00:00Z'),
    ]);
    const found = await refusalOf(
      bench.admit(plugins.persistentVolumeClaimResize(bench.parts), bench.request('v1', 'persistentvolumeclaims', { old, object })),
    );
    assert.equal(found, refusal === '' ? '' : `persistentvolumeclaims "c" is forbidden: ${refusal}`);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { makePaths } from '../paths.ts';
import { containerMounts, planVolumes } from './plan.ts';

const FACTS = { variables: new Map<string, string>(), recursiveReadOnly: false };
const b64 = (text: string): string => Buffer.from(text).toString('base64');
const pv = (more: object = {}): object => ({ metadata: { name: 'v1' }, spec: { local: { path: '/data' }, ...more } });
const pvc = { metadata: { name: 'claim' }, spec: { volumeName: 'v1' }, status: { phase: 'Bound' } };
const OBJECTS = {
  'ConfigMap/ns/cm': { metadata: { name: 'cm' }, data: { a: 'A', b: 'B' }, binaryData: { c: b64('C') } },
  'Secret/ns/s': { metadata: { name: 's' }, data: { pw: b64('hunter2') } },
  'PersistentVolumeClaim/ns/claim': pvc,
  'PersistentVolume//v1': pv(),
};
const podOf = (volume: object): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'web', tier: 'x"y' } },
  spec: { containers: [{ name: 'c', resources: { limits: { cpu: '250m' } } }], volumes: [{ name: 'v', ...volume }] },
});
const factsOf = (objects: object): Parameters<typeof planVolumes>[1] => ({
  nodeName: 'node1',
  hostIps: [],
  podIps: [],
  allocatable: {},
  paths: makePaths('/r'),
  objects: new Map(Object.entries(objects)),
});
test('an ephemeral volume: the claim of the pod’s own, and no other of its name', () => {
  const ephemeral = { ephemeral: { volumeClaimTemplate: { spec: {} } } };
  const of = (uid: string): object => ({
    ...OBJECTS,
    'PersistentVolumeClaim/ns/p-v': { ...pvc, metadata: { name: 'p-v', ownerReferences: [{ uid, controller: true }] } },
  });
  assert.deepEqual(
    plan(ephemeral, of('u')).map(({ kind }) => kind),
    ['hostPath'],
  );
  assert.throws(
    () => plan(ephemeral, of('x')),
    (err: Error) => /pod is not owner/.test(String(err.cause)),
  );
  assert.throws(
    () => plan(ephemeral),
    (err: Error) => /p-v" not found/.test(String(err.cause)),
  );
});

const plan = (volume: object, objects: object = OBJECTS): ReturnType<typeof planVolumes> => planVolumes(podOf(volume), factsOf(objects));
const shown = (volume: object): Record<string, string> => {
  const [made] = plan(volume);
  return made?.kind === 'files'
    ? Object.fromEntries([...made.files].map(([path, { bytes, mode }]) => [path, `${Buffer.from(bytes).toString()} ${mode.toString(8)}`]))
    : { kind: made?.kind ?? 'none' };
};

for (const [name, volume, want] of [
  ['a config map, its bytes too', { configMap: { name: 'cm', defaultMode: 0o600 } }, { a: 'A 600', b: 'B 600', c: 'C 600' }],
  [
    'items choose keys, paths and modes',
    { configMap: { name: 'cm', items: [{ key: 'a', path: 'x/y', mode: 0o400 }] } },
    { 'x/y': 'A 400' },
  ],
  ['a secret', { secret: { secretName: 's' } }, { pw: 'hunter2 644' }],
  ['an optional object that is not there is no file', { secret: { secretName: 'no', optional: true } }, {}],
  ['an optional key that is not there is no file', { configMap: { name: 'cm', optional: true, items: [{ key: 'no', path: 'x' }] } }, {}],
  [
    'fields and resources of the pod',
    {
      downwardAPI: {
        items: [
          { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
          { path: 'cpu', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu', divisor: '1m' } },
        ],
      },
    },
    { labels: 'app="web"\ntier="x\\"y" 644', cpu: '250 644' },
  ],
  [
    'projected: all together',
    {
      projected: {
        defaultMode: 0o440,
        sources: [
          { configMap: { name: 'cm', items: [{ key: 'a', path: 'a' }] } },
          { secret: { name: 's' } },
          { downwardAPI: { items: [{ path: 'n', fieldRef: { fieldPath: 'metadata.name' } }] } },
        ],
      },
    },
    { a: 'A 440', pw: 'hunter2 440', n: 'p 440' },
  ],
] as const) {
  test(`planVolumes: ${name}`, () => assert.deepEqual(shown(volume), want));
}

test('planVolumes: secrets and the like are kept in memory, config maps on the disk', () => {
  const memory = (volume: object): unknown => {
    const [made] = plan(volume);
    return made?.kind === 'files' ? made.memory : undefined;
  };
  assert.deepEqual(
    [{ secret: { secretName: 's' } }, { projected: { sources: [] } }, { downwardAPI: {} }, { configMap: { name: 'cm' } }].map(memory),
    [true, true, true, false],
  );
  assert.deepEqual(plan({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }), [
    { kind: 'memory', name: 'v', path: '/r/pods/u/volumes/kubernetes.io~empty-dir/v', sizeBytes: 1 << 20 },
  ]);
});

test('planVolumes: a claim leads to the directory of its volume', () => {
  const volume = { persistentVolumeClaim: { claimName: 'claim', readOnly: true } };
  const made = plan(volume);
  assert.deepEqual(made, [{ kind: 'hostPath', name: 'v', path: '/data', type: 'Directory', readOnly: true }]);
  assert.equal(containerMounts({ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/d' }] }, made, FACTS)[0]?.readOnly, true);
});

const affinity = (node: string): object => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] },
  },
});
for (const [name, volume, objects, why] of [
  ['a config map that is not there', { configMap: { name: 'no' } }, OBJECTS, 'configmap "no" not found'],
  ['a secret that is not there', { projected: { sources: [{ secret: { name: 'no' } }] } }, OBJECTS, 'secret "no" not found'],
  [
    'a key that is not there',
    { configMap: { name: 'cm', items: [{ key: 'no', path: 'x' }] } },
    OBJECTS,
    'references non-existent config key: no',
  ],
  ['a claim that is not there', { persistentVolumeClaim: { claimName: 'no' } }, OBJECTS, 'persistentvolumeclaim "no" not found'],
  [
    'a claim that is not bound',
    { persistentVolumeClaim: { claimName: 'claim' } },
    { ...OBJECTS, 'PersistentVolumeClaim/ns/claim': { ...pvc, status: { phase: 'Pending' } } },
    'persistentvolumeclaim "claim" is not bound: name a volume in its spec.volumeName, or name it in the spec.claimRef of a volume',
  ],
  [
    'a volume of another node',
    { persistentVolumeClaim: { claimName: 'claim' } },
    { ...OBJECTS, 'PersistentVolume//v1': pv(affinity('node2')) },
    'MountVolume.NodeAffinity check failed for volume "v1": no matching NodeSelectorTerms',
  ],
] as const) {
  test(`planVolumes: ${name} is waited for`, () =>
    assert.throws(
      () => plan(volume, objects),
      (err: Error) => err.message === 'MountVolume.SetUp failed for volume "v" ' && (err.cause as Error).message === why,
    ));
}

test('planVolumes: a volume of this node', () => {
  assert.equal(
    plan({ persistentVolumeClaim: { claimName: 'claim' } }, { ...OBJECTS, 'PersistentVolume//v1': pv(affinity('node1')) })[0]?.path,
    '/data',
  );
});

for (const [mode, can, want] of [
  [undefined, true, undefined],
  ['Disabled', true, undefined],
  ['IfPossible', true, true],
  ['IfPossible', false, undefined],
  ['Enabled', true, true],
  ['Enabled', false, 'volume "v" requested recursive read-only mount, but it is not supported by the runtime'],
] as const) {
  test(`containerMounts: recursiveReadOnly ${mode ?? 'not given'} with a runtime that ${can ? 'can' : 'cannot'}`, () => {
    const mount = { name: 'v', mountPath: '/d', readOnly: true, ...(mode === undefined ? {} : { recursiveReadOnly: mode }) };
    const of = (): unknown => {
      try {
        const facts = { ...FACTS, recursiveReadOnly: can };
        return containerMounts({ name: 'c', volumeMounts: [mount] }, plan({ emptyDir: {} }), facts)[0]?.recursiveReadOnly;
      } catch (err) {
        return (err as Error).message;
      }
    };
    assert.equal(of(), want);
  });
}

test('planVolumes: what fsGroup means for each kind', () => {
  const groups = (volume: object, securityContext: object): unknown => {
    const pod = { ...podOf(volume), spec: { ...podOf(volume).spec, securityContext } };
    const [made] = planVolumes(pod, factsOf(OBJECTS));
    return made?.kind === 'hostPath' ? made.ownership : made?.group;
  };
  const kinds = [
    { emptyDir: {} },
    { emptyDir: { medium: 'Memory' } },
    { configMap: { name: 'cm' } },
    { secret: { secretName: 's' } },
    { projected: {} },
  ];
  for (const kind of kinds) assert.deepEqual([groups(kind, { fsGroup: 7 }), groups(kind, {})], [7, undefined], JSON.stringify(kind));
  assert.equal(groups({ hostPath: { path: '/x' } }, { fsGroup: 7 }), undefined);
  const claim = { persistentVolumeClaim: { claimName: 'claim' } };
  assert.deepEqual(groups(claim, { fsGroup: 7 }), { group: 7, readOnly: false, policy: 'Always' });
  assert.deepEqual(groups(claim, { fsGroup: 7, fsGroupChangePolicy: 'OnRootMismatch' }), {
    group: 7,
    readOnly: false,
    policy: 'OnRootMismatch',
  });
});

for (const [medium, limits, want] of [
  ['HugePages-2Mi', {}, 2 << 20],
  ['HugePages', { 'hugepages-2Mi': '4Mi' }, 2 << 20],
  ['HugePages', {}, 'hugePages storage requested, but there is no resource request for huge pages'],
  [
    'HugePages',
    { 'hugepages-2Mi': '4Mi', 'hugepages-1Gi': '1Gi' },
    'medium "HugePages" with several page sizes in the resources: name one, as HugePages-2Mi',
  ],
] as const) {
  test(`planVolumes: emptyDir on ${medium} beside ${JSON.stringify(limits)}`, () => {
    const pod = podOf({ emptyDir: { medium } });
    const of = (): unknown => {
      try {
        const [made] = planVolumes({ ...pod, spec: { ...pod.spec, containers: [{ name: 'c', resources: { limits } }] } }, factsOf(OBJECTS));
        return made?.kind === 'memory' ? made.pageBytes : made?.kind;
      } catch (err) {
        return ((err as Error).cause as Error).message;
      }
    };
    assert.equal(of(), want);
  });
}

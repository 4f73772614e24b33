import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { StorageClass } from '#api/kinds/storage/v1.ts';
import { cleanerPod, hostnameOf, localVolume } from './localPath.ts';
import { findVolume, misfit } from './match.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  LOCAL_PATH,
  planClaim,
  planVolume,
  PROVISIONED_BY,
  SELECTED_NODE,
  type Action,
} from './plan.ts';

const volume = (name: string, over: object = {}, metadata: object = {}, phase = 'Available'): PersistentVolume =>
  ({
    metadata: { name, uid: `u-${name}`, ...metadata },
    spec: { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], ...over },
    status: { phase },
  }) as PersistentVolume;
const claim = (
  over: object = {},
  annotations: Record<string, string> = {},
  status: object = { phase: 'Pending' },
): PersistentVolumeClaim => ({
  metadata: { name: 'c', namespace: 'a', uid: 'u-c', annotations },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...over },
  status,
});
const ref = (uid = 'u-c', name = 'c') => ({ claimRef: { namespace: 'a', name, ...(uid === '' ? {} : { uid }) } });
const storage = (over: object = {}): StorageClass => ({ metadata: { name: 'fast' }, provisioner: 'example.com/disks', ...over });
const told = (actions: readonly Action[]): readonly string[] =>
  actions.map((a) => {
    switch (a.kind) {
      case 'bindVolume':
      case 'bindClaim':
        return `${a.kind} ${a.volume.metadata.name}`;
      case 'claimStatus':
        return `claim ${a.status.phase}${a.event === undefined ? '' : ` ${a.event.reason}`}`;
      case 'volumePhase':
        return `volume ${a.phase}`;
      case 'tell':
        return `${a.event.type} ${a.event.reason}`;
      case 'askProvisioner':
        return `ask ${a.provisioner}`;
      case 'provision':
        return `provision on ${a.node}`;
      default:
        return a.kind;
    }
  });

test('the smallest that suffices, the tightest first, and before all the one that was meant for it', () => {
  const name = (...volumes: PersistentVolume[]) => findVolume(claim(), volumes, false)?.metadata.name;
  assert.equal(
    name(volume('big', { capacity: { storage: '9Gi' } }), volume('fits'), volume('small', { capacity: { storage: '1Gi' } })),
    'fits',
  );
  assert.equal(
    name(volume('shared', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'], capacity: { storage: '2Gi' } }), volume('own')),
    'own',
  );
  assert.equal(name(volume('meant', { ...ref('') }), volume('tiny', { capacity: { storage: '2Gi' } })), 'meant');
  assert.equal(name(volume('others', ref('u-x', 'x'))), undefined);
  assert.equal(name(volume('released', {}, {}, 'Released')), undefined);
  assert.equal(name(volume('going', {}, { deletionTimestamp: 'x' })), undefined);
  assert.equal(findVolume(claim(), [volume('free')], true), undefined, 'the scheduler chooses');
  assert.equal(findVolume(claim(), [volume('chosen', ref())], true)?.metadata.name, 'chosen');
});

const MISFITS: readonly (readonly [why: RegExp, volume: PersistentVolume, claim: PersistentVolumeClaim])[] = [
  [/too small/, volume('v', { capacity: { storage: '1Gi' } }), claim()],
  [/storageClassName/, volume('v', { storageClassName: 'x' }), claim()],
  [/volumeMode/, volume('v'), claim({ volumeMode: 'Block' })],
  [/accessMode/, volume('v'), claim({ accessModes: ['ReadWriteMany'] })],
  [/labels/, volume('v'), claim({ selector: { matchLabels: { a: 'b' } } })],
];
for (const [why, v, c] of MISFITS) test(`no fit: ${why}`, () => assert.match(misfit(v, c) ?? '', why));

const delayed = storage({ volumeBindingMode: 'WaitForFirstConsumer' });
const local = storage({ provisioner: LOCAL_PATH, volumeBindingMode: 'WaitForFirstConsumer' });
const done = { [BIND_COMPLETED]: 'yes' };
const classed = { storageClassName: 'fast' };
const CLAIMS: readonly (readonly [
  name: string,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
  storageClass: StorageClass | undefined,
  wanted: readonly string[],
])[] = [
  ['a volume is there', claim(), volume('v'), undefined, ['bindVolume v', 'bindClaim v']],
  ['a volume has it already: the other half is done', claim(), volume('v', ref()), undefined, ['bindClaim v']],
  ['nothing is there, and no class', claim(), undefined, undefined, ['Normal FailedBinding']],
  ['nothing is there, and the class is not there', claim(classed), undefined, undefined, ['Warning ProvisioningFailed']],
  ['somebody else makes it', claim(classed), undefined, storage(), ['ask example.com/disks']],
  ['it waits for a pod', claim(classed), undefined, delayed, ['Normal WaitForFirstConsumer']],
  ['the scheduler has chosen a node', claim(classed, { [SELECTED_NODE]: 'n' }), undefined, delayed, ['ask example.com/disks']],
  ['a directory of the node', claim(classed, { [SELECTED_NODE]: 'n' }), undefined, local, ['provision on n']],
  [
    'a directory cannot be shared',
    claim({ ...classed, accessModes: ['ReadWriteMany'] }, { [SELECTED_NODE]: 'n' }),
    undefined,
    local,
    ['Warning ProvisioningFailed'],
  ],
  ['a named volume that is not there', claim({ volumeName: 'v' }), undefined, undefined, []],
  ['a named volume of another', claim({ volumeName: 'v' }), volume('v', ref('u-x', 'x')), undefined, ['Warning FailedBinding']],
  [
    'a named volume that is too small',
    claim({ volumeName: 'v' }),
    volume('v', { capacity: { storage: '1Gi' } }),
    undefined,
    ['Warning VolumeMismatch'],
  ],
  ['a named volume', claim({ volumeName: 'v' }), volume('v'), undefined, ['bindVolume v', 'bindClaim v']],
  ['bound, and not said', claim({ volumeName: 'v' }, done), volume('v', ref()), undefined, ['claim Bound']],
  ['bound, its volume is gone', claim({ volumeName: 'v' }, done), undefined, undefined, ['claim Lost ClaimLost']],
  ['bound, its volume forgot it', claim({ volumeName: 'v' }, done), volume('v'), undefined, ['bindVolume v']],
  ['bound to what belongs to another', claim({ volumeName: 'v' }, done), volume('v', ref('u-x')), undefined, ['claim Lost ClaimMisbound']],
];
for (const [name, c, v, storageClass, wanted] of CLAIMS)
  test(name, () =>
    assert.deepEqual(
      told(
        planClaim({
          claim: c,
          volume: (c.spec?.volumeName ?? '') === '' ? undefined : v,
          volumes: v === undefined ? [] : [v],
          storageClass,
          waitingPods: [],
        }),
      ),
      wanted,
    ),
  );

const ours = { annotations: { [PROVISIONED_BY]: LOCAL_PATH } };
const VOLUMES: readonly (readonly [
  name: string,
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
  wanted: readonly string[],
])[] = [
  ['new', volume('v', {}, {}, 'Pending'), undefined, ['volume Available']],
  ['kept for a claim that is to come', volume('v', ref(''), {}, 'Pending'), undefined, ['volume Available']],
  ['its claim is half-way', volume('v', ref()), claim(), []],
  ['bound', volume('v', ref()), claim({ volumeName: 'v' }), ['volume Bound']],
  ['its claim is gone', volume('v', ref(), {}, 'Bound'), undefined, ['volume Released']],
  ['its claim was made anew', volume('v', ref('old'), {}, 'Bound'), claim(), ['volume Released']],
  ['released and kept', volume('v', { ...ref(), persistentVolumeReclaimPolicy: 'Retain' }, ours, 'Released'), undefined, []],
  [
    'released, ours to remove',
    volume('v', { ...ref(), persistentVolumeReclaimPolicy: 'Delete' }, ours, 'Released'),
    undefined,
    ['removeVolume'],
  ],
  ['released, another’s to remove', volume('v', { ...ref(), persistentVolumeReclaimPolicy: 'Delete' }, {}, 'Released'), undefined, []],
  [
    'released, to be recycled',
    volume('v', { ...ref(), persistentVolumeReclaimPolicy: 'Recycle' }, {}, 'Released'),
    undefined,
    ['volume Failed'],
  ],
  [
    'its claim went with another',
    volume('v', ref(), { annotations: { [BOUND_BY_CONTROLLER]: 'yes' } }),
    claim({ volumeName: 'w' }),
    ['unbindVolume'],
  ],
];
for (const [name, v, c, wanted] of VOLUMES) test(`a volume: ${name}`, () => assert.deepEqual(told(planVolume(v, c)), wanted));

test('a directory of a node, and the pod that removes it: of nothing that we did not make', () => {
  const made = localVolume(
    { ...claim(classed), metadata: { name: 'c', namespace: 'a', uid: '01234567-89ab-cdef-0123-456789abcdef' } },
    { ...local, parameters: { path: '/data/' } },
    'host',
  );
  assert.equal(made.spec?.hostPath?.path, '/data/pvc-01234567-89ab-cdef-0123-456789abcdef');
  assert.equal(hostnameOf(made), 'host');
  const pod = cleanerPod(made, 'n');
  assert.deepEqual(
    [pod?.spec.nodeName, pod?.spec.containers[0]?.command, pod?.spec.volumes?.[0]?.hostPath?.path],
    ['n', ['rm', '-rf', '/volumes/pvc-01234567-89ab-cdef-0123-456789abcdef'], '/data'],
  );
  for (const path of [
    '/',
    '/etc',
    '/data/../pvc-01234567-89ab-cdef-0123-456789abcdef',
    '/data/pvc-01234567-89ab-cdef-0123-456789abcdef/..',
  ])
    assert.equal(cleanerPod({ ...made, spec: { ...made.spec, hostPath: { path } } }, 'n'), undefined, path);
});

test('whatever claims and volumes there are and whenever we die: no volume has two claims, and nobody waits who could have one', () => {
  let bound = 0;
  const size = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(
      fc.array(size, { maxLength: 6 }),
      fc.array(size, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(20), fc.nat(2)), { maxLength: 60 }),
      (sizes, wants, turns) => {
        const volumes = new Map(sizes.map((s, i) => [`v${i}`, volume(`v${i}`, { capacity: { storage: `${s}Gi` } })]));
        const claims = new Map<string, PersistentVolumeClaim>(
          wants.map((s, i) => [
            `c${i}`,
            {
              ...claim({ resources: { requests: { storage: `${s}Gi` } } }),
              metadata: { name: `c${i}`, namespace: 'a', uid: `u-c${i}` },
            },
          ]),
        );
        const turn = (key: string, most: number): number => {
          const of = claims.get(key);
          const actions =
            of === undefined
              ? []
              : planClaim({
                  claim: of,
                  volume: volumes.get(of.spec?.volumeName ?? ''),
                  volumes: [...volumes.values()],
                  storageClass: undefined,
                  waitingPods: [],
                });
          for (const a of actions.slice(0, most)) {
            if (a.kind === 'bindVolume')
              volumes.set(a.volume.metadata.name ?? '', {
                ...a.volume,
                spec: { ...a.volume.spec, claimRef: { namespace: 'a', name: key, uid: `u-${key}` } },
              });
            if (a.kind === 'bindClaim')
              claims.set(key, {
                ...a.claim,
                metadata: { ...a.claim.metadata, annotations: done },
                spec: { ...a.claim.spec, volumeName: a.volume.metadata.name ?? '' },
              });
            if (a.kind === 'claimStatus') claims.set(key, { ...a.claim, status: a.status });
          }
          return actions.filter(({ kind }) => kind !== 'tell').length;
        };
        for (const [n, most] of turns) turn(`c${n % Math.max(1, wants.length)}`, most);
        for (let left = 1, rounds = 0; left > 0; rounds++) {
          assert.ok(rounds < 20, 'it comes to rest');
          left = [...claims.keys()].reduce((sum, key) => sum + turn(key, 9), 0);
        }
        const taken = [...claims.values()].flatMap(({ spec }) => spec?.volumeName ?? []);
        assert.equal(new Set(taken).size, taken.length);
        bound += taken.length;
        for (const c of claims.values()) {
          if (c.spec?.volumeName !== undefined) {
            assert.equal(c.status?.phase, 'Bound');
            assert.equal(volumes.get(c.spec.volumeName)?.spec?.claimRef?.name, c.metadata.name);
          } else assert.equal(findVolume(c, [...volumes.values()], false), undefined);
        }
      },
    ),
  );
  assert.ok(bound > 50);
});

for (const [pods, wanted] of [
  [[], 'WaitForFirstConsumer: waiting for first consumer to be created before binding'],
  [['p'], 'WaitForPodScheduled: waiting for pod p to be scheduled'],
  [['p', 'q'], 'WaitForPodScheduled: waiting for pods p,q to be scheduled'],
] as const)
  test(`it waits, ${pods.length} pods use it`, () => {
    const [action] = planClaim({ claim: claim(classed), volume: undefined, volumes: [], storageClass: delayed, waitingPods: pods });
    assert.equal(action?.kind === 'tell' ? `${action.event.reason}: ${action.event.message}` : action?.kind, wanted);
  });

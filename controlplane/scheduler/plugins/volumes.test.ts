import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { CSINode, StorageClass } from '#api/kinds/storage/v1.ts';
import { decide, type Profile } from '../core/decide.ts';
import { refusalText } from '../core/message.ts';
import { podInfoOf } from '../core/podInfo.ts';
import type { PluginHandle } from '../core/storage.ts';
import { clusterOf, nodeOf, podOf } from '../core/testing.ts';
import { defaultProfile } from './profile.ts';

const ZONE = 'topology.kubernetes.io/zone';
const on = (...nodes: string[]) => ({
  required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: nodes }] }] },
});
interface VolumeWish {
  readonly node?: string;
  readonly size?: string;
  readonly kind?: string;
  readonly for?: string;
  readonly zone?: string;
  readonly csi?: string;
}
const volume = (name: string, { node, size = '1Gi', kind = 'local', for: claim, zone, csi }: VolumeWish = {}): PersistentVolume => ({
  metadata: { name, labels: zone === undefined ? {} : { [ZONE]: zone } },
  spec: {
    capacity: { storage: size },
    accessModes: ['ReadWriteOnce'],
    storageClassName: kind,
    ...(node === undefined ? {} : { nodeAffinity: on(node) }),
    ...(claim === undefined ? {} : { claimRef: { namespace: 'default', name: claim } }),
    ...(csi === undefined ? {} : { csi: { driver: 'csi.example', volumeHandle: csi } }),
  },
  status: { phase: claim === undefined ? 'Available' : 'Bound' },
});
const claim = (
  name: string,
  {
    bound,
    kind = 'local',
    size = '1Gi',
    modes = ['ReadWriteOnce' as const],
  }: { bound?: string; kind?: string; size?: string; modes?: ('ReadWriteOnce' | 'ReadWriteOncePod')[] } = {},
): PersistentVolumeClaim => ({
  metadata: {
    name,
    namespace: 'default',
    uid: name,
    ...(bound === undefined ? {} : { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } }),
  },
  spec: {
    accessModes: modes,
    storageClassName: kind,
    resources: { requests: { storage: size } },
    ...(bound === undefined ? {} : { volumeName: bound }),
  },
  status: { phase: bound === undefined ? 'Pending' : 'Bound' },
});
const kinds: readonly StorageClass[] = [
  { metadata: { name: 'local' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
  {
    metadata: { name: 'made' },
    provisioner: 'example.com/p',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values: ['x'] }] }],
  },
  { metadata: { name: 'now' }, provisioner: 'example.com/p', volumeBindingMode: 'Immediate' },
];
const csiNode = (name: string, count: number): CSINode => ({
  metadata: { name },
  spec: { drivers: [{ name: 'csi.example', nodeID: name, allocatable: { count } }] },
});

interface World {
  readonly handle: PluginHandle;
  readonly profile: Profile;
  readonly told: string[];
}
function world({
  claims = [],
  volumes = [],
  csiNodes = [],
}: {
  claims?: PersistentVolumeClaim[];
  volumes?: PersistentVolume[];
  csiNodes?: CSINode[];
}): World {
  const told: string[] = [];
  const handle: PluginHandle = {
    storage: {
      claim: (key) => claims.find((c) => `default/${c.metadata.name}` === key),
      volume: (name) => volumes.find((v) => v.metadata.name === name),
      volumes: () => volumes,
      storageClass: (name) => kinds.find((k) => k.metadata.name === name),
      csiNode: (name) => csiNodes.find((n) => n.metadata.name === name),
    },
    writer: {
      giveVolume: async (v, c) => void told.push(`${v.metadata.name} -> ${c.metadata.name}`),
      provisionFor: async (c, node) => void told.push(`${c.metadata.name} on ${node}`),
      until: async () => void told.push('waited'),
    },
  };
  return { handle, told, profile: defaultProfile(handle) };
}
const using = (...names: string[]) => ({ spec: { volumes: names.map((n) => ({ name: n, persistentVolumeClaim: { claimName: n } })) } });
const nodes = [nodeOf('a', { labels: { [ZONE]: 'x' } }), nodeOf('b', { labels: { [ZONE]: 'y' } })];
const look = ({ profile }: World, names: string[], pods = [] as ReturnType<typeof podOf>[]): string => {
  const d = decide(podInfoOf(podOf('p', using(...names))), { profile, cluster: clusterOf(nodes, pods), random: () => 0 });
  return d.kind === 'fits'
    ? `fits ${d.feasible
        .map((n) => n.name)
        .toSorted()
        .join()}`
    : refusalText(d);
};

for (const [what, given, names, want, pods] of [
  ['no claim of that name', {}, ['c'], '0/2 nodes are available: persistentvolumeclaim "c" not found.'],
  [
    'a claim that should be bound by now',
    { claims: [claim('c', { kind: 'now' })] },
    ['c'],
    '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
  ],
  ['a volume of one node', { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { node: 'b', for: 'c' })] }, ['c'], 'fits b'],
  [
    'a volume of no node that is left',
    { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { node: 'z', for: 'c' })] },
    ['c'],
    "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
  ],
  [
    'a volume that is gone',
    { claims: [claim('c', { bound: 'v' })] },
    ['c'],
    '0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).',
  ],
  ['a volume of another zone', { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { zone: 'y', for: 'c' })] }, ['c'], 'fits b'],
  ['one that waits, and a local volume', { claims: [claim('c')], volumes: [volume('v', { node: 'b' })] }, ['c'], 'fits b'],
  [
    'local volumes that are too small',
    { claims: [claim('c', { size: '2Gi' })], volumes: [volume('v', { node: 'b' })] },
    ['c'],
    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  ],
  [
    'two that wait and one volume',
    { claims: [claim('c'), claim('d')], volumes: [volume('v', { node: 'b' })] },
    ['c', 'd'],
    "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  ],
  ['one that can be made in one zone', { claims: [claim('c', { kind: 'made' })] }, ['c'], 'fits a'],
  [
    'one for a single pod, and it is used',
    { claims: [claim('c', { bound: 'v', modes: ['ReadWriteOncePod'] })], volumes: [volume('v', { for: 'c' })] },
    ['c'],
    '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
    [podOf('o', { node: 'a', ...using('c') })],
  ],
  [
    'a node that has all volumes it can have',
    {
      claims: [claim('c', { bound: 'v' }), claim('d', { bound: 'w' })],
      volumes: [volume('v', { csi: '1', for: 'c' }), volume('w', { csi: '2', for: 'd' })],
      csiNodes: [csiNode('a', 1)],
    },
    ['c'],
    'fits b',
    [podOf('o', { node: 'a', ...using('d') })],
  ],
  [
    'no node that can have one more',
    {
      claims: [claim('c', { bound: 'v' })],
      volumes: [volume('v', { csi: '1', for: 'c' })],
      csiNodes: [csiNode('a', 0), csiNode('b', 0)],
    },
    ['c'],
    '0/2 nodes are available: 2 node(s) exceed max volume count.',
  ],
  [
    'a volume of a zone without nodes',
    { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { zone: 'z', for: 'c' })] },
    ['c'],
    '0/2 nodes are available: 2 node(s) had no available volume zone.',
  ],
  [
    'a volume of several zones',
    { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { zone: 'q__y', for: 'c' })] },
    ['c'],
    'fits b',
  ],
  [
    'the same volume does not count twice',
    { claims: [claim('c', { bound: 'v' })], volumes: [volume('v', { csi: '1', for: 'c' })], csiNodes: [csiNode('a', 1)] },
    ['c'],
    'fits a,b',
    [podOf('o', { node: 'a', ...using('c') })],
  ],
] as [string, Parameters<typeof world>[0], string[], string, ReturnType<typeof podOf>[]?][])
  test(`volumes: ${what}`, () => assert.equal(look(world(given), names, pods), want));

test('what is chosen is promised, given before the pod is bound, and free again when that fails', async () => {
  const w = world({
    claims: [claim('c'), claim('d'), claim('e', { kind: 'made' })],
    volumes: [volume('big', { node: 'a', size: '5Gi' }), volume('small', { node: 'a' })],
  });
  const cluster = clusterOf(nodes);
  const plugin = w.profile.plugins.find((p) => p.name === 'VolumeBinding')!;
  const [first, second] = [podInfoOf(podOf('p', using('c', 'e'))), podInfoOf(podOf('q', using('d')))];
  const a = cluster.node('a')!;
  plugin.reserve!(first, a);
  plugin.reserve!(second, a);
  await plugin.preBind!(first, a, new AbortController().signal);
  assert.deepEqual(w.told, ['small -> c', 'e on a', 'waited']);
  plugin.unreserve!(second, a);
  plugin.reserve!(second, a);
  assert.throws(() => plugin.reserve!(podInfoOf(podOf('r', using('d', 'c'))), cluster.node('b')!), /given to another pod/);
});

const rbd = (image: string, readOnly: boolean, ...monitors: string[]) => ({
  spec: { volumes: [{ name: 'd', rbd: { monitors, pool: 'p', image, readOnly } }] },
});
for (const [what, mine, theirs, want] of [
  ['a disk in use', rbd('i', false, 'm1', 'm2'), rbd('i', true, 'm2', 'm3'), 'fits b'],
  ['a disk that both read', rbd('i', true, 'm'), rbd('i', true, 'm'), 'fits a,b'],
  ['another disk', rbd('i', false, 'm'), rbd('j', false, 'm'), 'fits a,b'],
  ['the same name elsewhere', rbd('i', false, 'm'), rbd('i', false, 'n'), 'fits a,b'],
] as const)
  test(`disks: ${what}`, () => {
    const cluster = clusterOf(nodes, [podOf('o', { node: 'a', ...theirs })]);
    const d = decide(podInfoOf(podOf('p', mine)), { profile: world({}).profile, cluster, random: () => 0 });
    assert.equal(
      d.kind === 'fits'
        ? `fits ${d.feasible
            .map((n) => n.name)
            .toSorted()
            .join()}`
        : refusalText(d),
      want,
    );
  });

test('disks: in use everywhere', () => {
  const cluster = clusterOf(
    nodes,
    nodes.map(({ metadata: { name = '' } }) => podOf(`on-${name}`, { node: name, ...rbd('i', false, 'm') })),
  );
  const d = decide(podInfoOf(podOf('p', rbd('i', false, 'm'))), { profile: world({}).profile, cluster, random: () => 0 });
  assert.equal(d.kind === 'fits' ? '' : refusalText(d), '0/2 nodes are available: 2 node(s) had no available disk.');
});

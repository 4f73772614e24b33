/** What the admission of a kubelet's writes says. One row, one request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '../call.ts';
import { refusalOf, TestRegistry, type Put, type TestRequest } from '../testing/registry.ts';
import { nodeRestriction } from './nodeRestriction.ts';

const NODE: UserInfo = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
const UID = 'node-uid';
const containers = [{ name: 'c', image: 'i' }];
const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: UID, controller: true };

const mirror = (spec: object = {}, metadata: object = {}): object => ({
  metadata: { namespace: 'a', name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [owner], ...metadata },
  spec: { nodeName: 'n1', containers, ...spec },
});
const pod = (nodeName: string, more: object = {}, metadata: object = {}): object => ({
  metadata: { namespace: 'a', name: 'p', ...metadata },
  spec: { nodeName, containers },
  ...more,
});
const node = (more: object = {}, metadata: object = {}): object => ({ metadata: { name: 'n1', uid: UID, ...metadata }, ...more });
const labels = (set: Record<string, string>): object => ({ labels: set });
const token = (spec: object): TestRequest => ({
  subresource: 'token',
  object: { metadata: { namespace: 'a', name: 'robot' }, spec },
  user: NODE,
});
const bound = (ref: object = {}, more: object = {}): TestRequest =>
  token({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'app', uid: 'u', ...ref }, ...more });
const claim = (status: object, metadata: object = {}): object => ({
  metadata: { namespace: 'a', name: 'c', ...metadata },
  spec: { resources: { requests: { storage: '1Gi' } } },
  status,
});

const app = (name: string, nodeName: string, spec: object = {}): Put => [
  'v1',
  'pods',
  { metadata: { namespace: 'a', name, uid: 'u' }, spec: { nodeName, containers, ...spec } },
];
const sources = (...audiences: (string | undefined)[]): object => ({
  volumes: [
    {
      name: 't',
      projected: {
        sources: audiences.map((audience) => ({ serviceAccountToken: { path: 't', ...(audience === undefined ? {} : { audience }) } })),
      },
    },
    { name: 'd', csi: { driver: 'vault' } },
    { name: 'k', persistentVolumeClaim: { claimName: 'disk' } },
  ],
});
const bench = new TestRegistry([
  ['v1', 'nodes', node()],
  app('app', 'n1', sources(undefined, 'vault-audience')),
  app('far', 'n2'),
  app('bare', 'n1'),
  ['storage.k8s.io/v1', 'csidrivers', { metadata: { name: 'vault' }, spec: { tokenRequests: [{ audience: 'csi' }] } }],
  ['storage.k8s.io/v1', 'csidrivers', { metadata: { name: 'disks' }, spec: { tokenRequests: [{ audience: 'disk' }] } }],
  ['v1', 'persistentvolumeclaims', { metadata: { namespace: 'a', name: 'disk' }, spec: { volumeName: 'pv' } }],
  ['v1', 'persistentvolumes', { metadata: { name: 'pv' }, spec: { csi: { driver: 'disks', volumeHandle: 'h' } } }],
]);

type Row = readonly [what: string, where: string, request: TestRequest, refusal: string];
const PODS = 'v1/pods';
const NODES = 'v1/nodes';
const ROWS: readonly Row[] = [
  ['a mirror pod', PODS, { object: mirror() }, ''],
  [
    'a pod that is no mirror',
    PODS,
    { object: pod('n1') },
    'pods "p" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  ],
  [
    'a mirror pod of another node',
    PODS,
    { object: mirror({ nodeName: 'n2' }) },
    'node "n1" can only create pods with spec.nodeName set to itself',
  ],
  [
    'a mirror pod without an owner',
    PODS,
    { object: mirror({}, { ownerReferences: [] }) },
    'node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    'a mirror pod with two owners',
    PODS,
    { object: mirror({}, { ownerReferences: [owner, { ...owner, uid: 'x' }] }) },
    'node "n1" can only create pods with a single owner reference set to itself',
  ],
  [
    'a mirror pod of another owner',
    PODS,
    { object: mirror({}, { ownerReferences: [{ ...owner, kind: 'ReplicaSet' }] }) },
    'node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    'an owner that controls nothing',
    PODS,
    { object: mirror({}, { ownerReferences: [{ ...owner, controller: false }] }) },
    'node "n1" can only create pods with a controller owner reference set to itself',
  ],
  [
    'an owner that blocks its deletion',
    PODS,
    { object: mirror({}, { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] }) },
    'node "n1" must not set blockOwnerDeletion on an owner reference',
  ],
  [
    'an owner of an earlier life',
    PODS,
    { object: mirror({}, { ownerReferences: [{ ...owner, uid: 'old' }] }) },
    'node n1 UID mismatch: expected old got node-uid',
  ],
  [
    'a mirror pod with an account',
    PODS,
    { object: mirror({ serviceAccountName: 'x' }) },
    'node "n1" can not create pods that reference a service account',
  ],
  [
    'a mirror pod with a secret',
    PODS,
    { object: mirror({ volumes: [{ name: 's', secret: { secretName: 's' } }] }) },
    'node "n1" can not create pods that reference secrets',
  ],
  [
    'a mirror pod with a config map',
    PODS,
    { object: mirror({ containers: [{ ...containers[0], envFrom: [{ configMapRef: { name: 'x' } }] }] }) },
    'node "n1" can not create pods that reference configmaps',
  ],
  [
    'a mirror pod with a claim',
    PODS,
    { object: mirror({ volumes: [{ name: 's', persistentVolumeClaim: { claimName: 's' } }] }) },
    'node "n1" can not create pods that reference persistentvolumeclaims',
  ],
  ['deleting a pod of its own', PODS, { operation: 'DELETE', old: pod('n1') }, ''],
  [
    'deleting a pod of another',
    PODS,
    { operation: 'DELETE', old: pod('n2') },
    'node "n1" can only delete pods with spec.nodeName set to itself',
  ],
  [
    'changing a pod',
    PODS,
    { old: pod('n1'), object: pod('n1') },
    'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
  ],
  ['the status of its pod', PODS, { subresource: 'status', old: pod('n1'), object: pod('n1', { status: { phase: 'Running' } }) }, ''],
  [
    'the status of a pod of another',
    PODS,
    { subresource: 'status', old: pod('n2'), object: pod('n2') },
    'node "n1" can only update pod status for pods with spec.nodeName set to itself',
  ],
  [
    'labels by way of the status',
    PODS,
    { subresource: 'status', old: pod('n1'), object: pod('n1', {}, labels({ app: 'db' })) },
    'node "n1" cannot update labels through pod status',
  ],
  [
    'claims of devices by way of the status',
    PODS,
    {
      subresource: 'status',
      old: pod('n1'),
      object: pod('n1', { status: { resourceClaimStatuses: [{ name: 'x', resourceClaimName: 'y' }] } }),
    },
    'node "n1" cannot update resource claim statues',
  ],
  ['evicting its pod', PODS, { operation: 'CREATE', subresource: 'eviction', object: { metadata: {} }, old: pod('n1') }, ''],
  [
    'evicting a pod of another',
    PODS,
    { operation: 'CREATE', subresource: 'eviction', object: { metadata: {} }, old: pod('n2') },
    'node n1 can only evict pods with spec.nodeName set to itself',
  ],
  [
    'debugging a pod',
    PODS,
    { subresource: 'ephemeralcontainers', old: pod('n1'), object: pod('n1') },
    "unexpected pod subresource \"ephemeralcontainers\", only 'status' and 'eviction' are allowed",
  ],
  [
    'registering itself',
    NODES,
    { object: node({}, labels({ 'kubernetes.io/hostname': 'n1', team: 'a', 'x.node.kubernetes.io/y': '' })) },
    '',
  ],
  ['registering another node', NODES, { object: { metadata: { name: 'n2' } } }, 'node "n1" is not allowed to modify node "n2"'],
  ['registering with taints', NODES, { object: node({ spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }) }, ''],
  [
    'registering with labels that attract pods',
    NODES,
    { object: node({}, labels({ 'node-role.kubernetes.io/control-plane': '', 'a.node-restriction.kubernetes.io/pci': 'yes' })) },
    'node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/pci, node-role.kubernetes.io/control-plane',
  ],
  ['its status', NODES, { subresource: 'status', old: node(), object: node({ status: { capacity: { cpu: '4' } } }) }, ''],
  [
    'taking its own taints away',
    NODES,
    { old: node({ spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }), object: node() },
    'node "n1" is not allowed to modify taints',
  ],
  [
    'owning itself',
    NODES,
    { old: node(), object: node({}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n2', uid: 'x' }] }) },
    'node "n1" is not allowed to modify ownerReferences',
  ],
  [
    'taking away a label that keeps pods off',
    NODES,
    { old: node({}, labels({ 'node-restriction.kubernetes.io/fips': 'true' })), object: node() },
    'is not allowed to modify labels: node-restriction.kubernetes.io/fips',
  ],
  [
    'the size of a claim',
    'v1/persistentvolumeclaims',
    { subresource: 'status', old: claim({}), object: claim({ capacity: { storage: '2Gi' } }) },
    '',
  ],
  [
    'the phase of a claim',
    'v1/persistentvolumeclaims',
    { subresource: 'status', old: claim({}), object: claim({ phase: 'Bound' }) },
    'node "n1" is not allowed to update fields other than status.capacity',
  ],
  [
    'finalizers of a claim',
    'v1/persistentvolumeclaims',
    { subresource: 'status', old: claim({}), object: claim({}, { finalizers: ['a/b'] }) },
    'node "n1" is not allowed to update fields other than',
  ],
  ['a claim', 'v1/persistentvolumeclaims', { old: claim({}), object: claim({}) }, 'may only update PVC status'],
  ['its lease', 'coordination.k8s.io/v1/leases', { object: { metadata: { namespace: 'kube-node-lease', name: 'n1' } } }, ''],
  [
    'the lease of another',
    'coordination.k8s.io/v1/leases',
    { object: { metadata: { namespace: 'kube-node-lease', name: 'n2' } } },
    'can only access node lease with the same name as the requesting node',
  ],
  [
    'a lease elsewhere',
    'coordination.k8s.io/v1/leases',
    { object: { metadata: { namespace: 'kube-system', name: 'n1' } } },
    'can only access leases in the "kube-node-lease" system namespace',
  ],
  [
    'the CSINode of another',
    'storage.k8s.io/v1/csinodes',
    { object: { metadata: { name: 'n2' }, spec: { drivers: [] } } },
    'can only access CSINode with the same name as the requesting node',
  ],
  ['a token for a pod of its own', 'v1/serviceaccounts', bound(), ''],
  ['a token for whom the pod names', 'v1/serviceaccounts', bound({}, { audiences: ['vault-audience'] }), ''],
  ['a token for a driver of the pod', 'v1/serviceaccounts', bound({}, { audiences: ['csi'] }), ''],
  ['a token for the driver of a volume of the pod', 'v1/serviceaccounts', bound({}, { audiences: ['disk'] }), ''],
  ['a token bound to nothing', 'v1/serviceaccounts', token({}), 'node requested token not bound to a pod'],
  ['a token bound to a secret', 'v1/serviceaccounts', bound({ kind: 'Secret' }), 'node requested token not bound to a pod'],
  ['a token without a uid', 'v1/serviceaccounts', bound({ uid: '' }), 'node requested token with a pod binding without a uid'],
  ['a token for a pod of an earlier life', 'v1/serviceaccounts', bound({ uid: 'old' }), 'does not match the UID in record'],
  ['a token for no pod', 'v1/serviceaccounts', bound({ name: 'gone' }), 'pods "gone" not found'],
  [
    'a token for a pod elsewhere',
    'v1/serviceaccounts',
    bound({ name: 'far' }),
    'node requested token bound to a pod scheduled on a different node',
  ],
  ['a token for anybody', 'v1/serviceaccounts', bound({}, { audiences: ['bank'] }), 'audience "bank" not found in pod spec volume'],
  ['a token that the pod does not mount', 'v1/serviceaccounts', bound({ name: 'bare' }), 'audience "" not found in pod spec volume'],
  ['a token for two at once', 'v1/serviceaccounts', bound({}, { audiences: ['csi', 'disk'] }), 'node may only request 0 or 1 audiences'],
];

for (const [what, where, request, refusal] of ROWS) {
  test(`a node ${refusal === '' ? 'may write' : 'may not write'}: ${what}`, async () => {
    const slash = where.lastIndexOf('/');
    const made = bench.request(where.slice(0, slash), where.slice(slash + 1), { user: NODE, ...request });
    const found = await refusalOf(bench.admit(nodeRestriction(bench.parts), made));
    if (refusal === '') assert.equal(found, '');
    else assert.ok(found.includes(refusal), `want ${refusal}\n got ${found}`);
  });
}

test('others are not restricted; a node without a name may write nothing', async () => {
  const ask = (user: UserInfo): Promise<string> =>
    refusalOf(bench.admit(nodeRestriction(bench.parts), bench.request('v1', 'pods', { object: pod('n2'), user })));
  assert.equal(await ask({ name: 'admin', groups: ['system:masters'] }), '');
  assert.match(await ask({ name: 'system:node:', groups: ['system:nodes'] }), /could not determine node from user "system:node:"/);
});

test('a right to the audience helps where the pod names none', async () => {
  const audience: Put[] = [
    [
      'rbac.authorization.k8s.io/v1',
      'clusterroles',
      { metadata: { name: 'r' }, rules: [{ verbs: ['request-serviceaccounts-token-audience'], apiGroups: [''], resources: ['registry'] }] },
    ],
    [
      'rbac.authorization.k8s.io/v1',
      'clusterrolebindings',
      {
        metadata: { name: 'b' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' },
        subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:nodes' }],
      },
    ],
  ];
  const own = new TestRegistry([app('app', 'n1'), ...audience]);
  const ask = (audiences: string[]): Promise<string> =>
    refusalOf(own.admit(nodeRestriction(own.parts), own.request('v1', 'serviceaccounts', bound({}, { audiences }))));
  assert.equal(await ask(['registry']), '');
  assert.match(await ask(['other']), /audience "other" not found/);
});

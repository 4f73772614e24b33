/** What the credentials of a kubelet may and may not do, as a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UserInfo } from '../call.ts';
import { parseFieldSelector } from '../cache/fieldSelector.ts';
import { TestRegistry, type Put } from '../testing/registry.ts';
import type { Attributes } from './authorizer.ts';
import { NodeAuthorizer } from './node.ts';

const pod = (namespace: string, name: string, nodeName: string, spec: object = {}, metadata: object = {}): Put => [
  'v1',
  'pods',
  { metadata: { namespace, name, ...metadata }, spec: { nodeName, containers: [{ name: 'c', image: 'i' }], ...spec } },
];
const claim = (namespace: string, name: string, volumeName: string): Put => [
  'v1',
  'persistentvolumeclaims',
  { metadata: { namespace, name }, spec: { volumeName } },
];
const volume = (name: string, claimRef: object | undefined, source: object = {}): Put => [
  'v1',
  'persistentvolumes',
  { metadata: { name }, spec: { ...(claimRef === undefined ? {} : { claimRef }), ...source } },
];
const csi = (field: string, namespace: string, name: string): object => ({
  csi: { driver: 'd', volumeHandle: 'h', [field]: { namespace, name } },
});

const OBJECTS: readonly Put[] = [
  pod('a', 'mine', 'n1', {
    serviceAccountName: 'robot',
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        image: 'i',
        env: [
          { name: 'A', valueFrom: { secretKeyRef: { name: 'env-secret', key: 'k' } } },
          { name: 'B', valueFrom: { configMapKeyRef: { name: 'env-map', key: 'k' } } },
        ],
        envFrom: [{ secretRef: { name: 'from-secret' } }, { configMapRef: { name: 'from-map' } }],
      },
    ],
    initContainers: [{ name: 'i', image: 'i', envFrom: [{ secretRef: { name: 'init-secret' } }] }],
    volumes: [
      { name: 's', secret: { secretName: 'volume-secret' } },
      { name: 'm', configMap: { name: 'volume-map' } },
      { name: 'p', projected: { sources: [{ secret: { name: 'projected-secret' } }, { configMap: { name: 'projected-map' } }] } },
      { name: 'c', persistentVolumeClaim: { claimName: 'data' } },
      { name: 't', persistentVolumeClaim: { claimName: 'thief' } },
      { name: 'e', ephemeral: { volumeClaimTemplate: { spec: {} } } },
      { name: 'csi', csi: { driver: 'd', nodePublishSecretRef: { name: 'csi-secret' } } },
    ],
    resourceClaims: [{ name: 'r', resourceClaimName: 'gpu' }],
  }),
  pod('a', 'other', 'n2', { serviceAccountName: 'human', volumes: [{ name: 's', secret: { secretName: 'other-secret' } }] }),
  pod('a', 'unbound', ''),
  pod(
    'a',
    'mirror',
    'n1',
    { volumes: [{ name: 's', secret: { secretName: 'mirror-secret' } }] },
    { annotations: { 'kubernetes.io/config.mirror': 'x' } },
  ),
  claim('a', 'data', 'vol'),
  claim('a', 'thief', 'victim'),
  claim('b', 'treasure', 'victim'),
  volume('vol', { namespace: 'a', name: 'data' }, csi('nodeStageSecretRef', 'storage', 'stage')),
  volume('victim', { namespace: 'b', name: 'treasure' }, csi('nodeStageSecretRef', 'storage', 'treasure-key')),
  volume('free', undefined),
  ['storage.k8s.io/v1', 'volumeattachments', { metadata: { name: 'va1' }, spec: { attacher: 'd', nodeName: 'n1', source: {} } }],
  ['storage.k8s.io/v1', 'volumeattachments', { metadata: { name: 'va2' }, spec: { attacher: 'd', nodeName: 'n2', source: {} } }],
  [
    'resource.k8s.io/v1',
    'resourceslices',
    { metadata: { name: 'slice1' }, spec: { driver: 'd', nodeName: 'n1', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } } },
  ],
  [
    'resource.k8s.io/v1',
    'resourceslices',
    { metadata: { name: 'slice2' }, spec: { driver: 'd', nodeName: 'n2', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } } },
  ],
];

const bench = new TestRegistry(OBJECTS);
const cacheOf = (apiVersion: string, plural: string) => bench.registry.get(apiVersion, plural).cache;
const authorizer = new NodeAuthorizer({
  pods: cacheOf('v1', 'pods'),
  persistentVolumes: cacheOf('v1', 'persistentvolumes'),
  persistentVolumeClaims: cacheOf('v1', 'persistentvolumeclaims'),
  volumeAttachments: cacheOf('storage.k8s.io/v1', 'volumeattachments'),
  resourceSlices: cacheOf('resource.k8s.io/v1', 'resourceslices'),
});
const NODE: UserInfo = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };

/** "verb group/resource/subresource namespace/name ?selector" */
function attributes(text: string, user: UserInfo = NODE): Attributes {
  const [verb = '', what = '', where = '', selector = ''] = text.split(' ');
  const [group = '', resource = '', subresource = ''] = what.split('/');
  const slash = where.indexOf('/');
  const place = { namespace: where.slice(0, Math.max(slash, 0)), name: where.slice(slash + 1) };
  const fields = selector === '' ? {} : { fields: () => parseFieldSelector(selector.slice(1)) };
  return { user, verb, isResource: true, group, version: 'v1', resource, subresource, ...place, path: '', ...fields };
}

const NO_RELATION = "no relationship found between node 'n1' and this object";
const CSI_VERBS = 'can only get, create, update, patch, or delete a CSINode';
const SLICES = 'can only list/watch/deletecollection resourceslices with spec.nodeName field selector';

const ROWS: readonly (readonly [request: string, verdict: string])[] = [
  // Secrets and config maps of its pods, wherever the pod names them.
  ['get /secrets a/pull', 'yes'],
  ['get /secrets a/env-secret', 'yes'],
  ['get /secrets a/from-secret', 'yes'],
  ['get /secrets a/init-secret', 'yes'],
  ['get /secrets a/volume-secret', 'yes'],
  ['get /secrets a/projected-secret', 'yes'],
  ['get /secrets a/csi-secret', 'yes'],
  ['list /secrets a/volume-secret', 'yes'],
  ['watch /secrets a/volume-secret', 'yes'],
  ['get /configmaps a/env-map', 'yes'],
  ['get /configmaps a/from-map', 'yes'],
  ['get /configmaps a/volume-map', 'yes'],
  ['watch /configmaps a/projected-map', 'yes'],
  ['get /secrets a/other-secret', NO_RELATION],
  ['get /secrets b/volume-secret', NO_RELATION],
  ['get /secrets a/unknown', NO_RELATION],
  ['get /configmaps a/volume-secret', NO_RELATION],
  ['get /secrets a/mirror-secret', NO_RELATION],
  ['list /secrets a/', 'No Object name found'],
  ['watch /secrets /', 'can only read namespaced object of this type'],
  ['update /secrets a/volume-secret', 'can only read resources of this type'],
  ['delete /configmaps a/volume-map', 'can only read resources of this type'],
  ['get /secrets/x a/volume-secret', 'cannot read subresource'],
  // Storage.
  ['get /persistentvolumeclaims a/data', 'yes'],
  ['get /persistentvolumeclaims a/mine-e', 'yes'],
  ['get /persistentvolumes /vol', 'yes'],
  ['get /secrets storage/stage', 'yes'],
  ['update /persistentvolumeclaims/status a/data', 'yes'],
  ['patch /persistentvolumeclaims/status a/data', 'yes'],
  ['get /persistentvolumeclaims/status a/data', 'can only get/update/patch this type'],
  ['patch /persistentvolumeclaims/status b/treasure', NO_RELATION],
  ['get /persistentvolumeclaims b/treasure', NO_RELATION],
  ['list /persistentvolumeclaims a/', 'can only get individual resources of this type'],
  ['update /persistentvolumeclaims a/data', 'can only get individual resources of this type'],
  ['get /persistentvolumes /free', NO_RELATION],
  ['list /persistentvolumes /', 'can only get individual resources of this type'],
  ['get storage.k8s.io/volumeattachments /va1', 'yes'],
  ['get storage.k8s.io/volumeattachments /va2', NO_RELATION],
  ['watch storage.k8s.io/volumeattachments /va1', 'can only get individual resources of this type'],
  // A claim that names a volume which was given to another one leads nowhere.
  ['get /persistentvolumes /victim', NO_RELATION],
  ['get /secrets storage/treasure-key', NO_RELATION],
  // Itself.
  ['get /nodes /n1', 'yes'],
  ['watch /nodes /n1', 'yes'],
  ['create /nodes /', 'yes'],
  ['update /nodes/status /n1', 'yes'],
  ['patch /nodes /n1', 'yes'],
  ['get /nodes /n2', "node 'n1' cannot read 'n2', only its own Node object"],
  ['list /nodes /', "node 'n1' cannot read all nodes, only its own Node object"],
  ['delete /nodes /n1', ''],
  ['get /nodes/proxy /n1', ''],
  ['create coordination.k8s.io/leases kube-node-lease/', 'yes'],
  ['update coordination.k8s.io/leases kube-node-lease/n1', 'yes'],
  ['get coordination.k8s.io/leases kube-node-lease/n2', 'can only access node lease with the same name as the requesting node'],
  ['get coordination.k8s.io/leases kube-system/n1', 'can only access leases in the "kube-node-lease" system namespace'],
  ['list coordination.k8s.io/leases kube-node-lease/', 'can only get, create, update, patch, or delete a node lease'],
  ['get storage.k8s.io/csinodes /n1', 'yes'],
  ['create storage.k8s.io/csinodes /', 'yes'],
  ['patch storage.k8s.io/csinodes /n2', 'can only access CSINode with the same name as the requesting node'],
  ['list storage.k8s.io/csinodes /', CSI_VERBS],
  ['get storage.k8s.io/csinodes/status /n1', 'cannot authorize CSINode subresources'],
  ['create resource.k8s.io/resourceslices /', 'yes'],
  ['get resource.k8s.io/resourceslices /slice1', 'yes'],
  ['delete resource.k8s.io/resourceslices /slice2', NO_RELATION],
  ['list resource.k8s.io/resourceslices / ?spec.nodeName=n1', 'yes'],
  ['deletecollection resource.k8s.io/resourceslices / ?spec.nodeName=n2', SLICES],
  ['list resource.k8s.io/resourceslices /', SLICES],
  // Pods.
  ['get /pods a/mine', 'yes'],
  ['list /pods / ?spec.nodeName=n1', 'yes'],
  ['watch /pods / ?spec.nodeName=n1,status.phase!=Failed', 'yes'],
  ['watch /pods a/mine', 'yes'],
  ['create /pods a/', 'yes'],
  ['delete /pods a/mine', 'yes'],
  ['patch /pods/status a/mine', 'yes'],
  ['create /pods/eviction a/mine', 'yes'],
  ['get /pods a/other', NO_RELATION],
  ['get /pods a/unbound', NO_RELATION],
  ['get /pods a/gone', NO_RELATION],
  ['list /pods /', 'can only list/watch pods with spec.nodeName field selector'],
  ['list /pods / ?spec.nodeName=n2', 'can only list/watch pods with spec.nodeName field selector'],
  ['list /pods / ?spec.nodeName!=n1', 'can only list/watch pods with spec.nodeName field selector'],
  ['update /pods a/mine', ''],
  ['patch /pods/ephemeralcontainers a/mine', ''],
  ['create /pods/binding a/unbound', ''],
  ['create /pods/exec a/mine', ''],
  ['get /pods/log a/mine', ''],
  // Tokens of the accounts of its pods.
  ['create /serviceaccounts/token a/robot', 'yes'],
  ['get /serviceaccounts a/robot', 'yes'],
  ['create /serviceaccounts/token a/human', NO_RELATION],
  ['create /serviceaccounts/token b/robot', NO_RELATION],
  ['create /serviceaccounts a/', 'can only create tokens for individual service accounts'],
  ['list /serviceaccounts a/', 'can only create tokens for individual service accounts'],
  ['get resource.k8s.io/resourceclaims a/gpu', 'yes'],
  ['get resource.k8s.io/resourceclaims a/other', NO_RELATION],
  // What every node may.
  ['list /services /', 'yes'],
  ['create /events a/', 'yes'],
  ['create certificates.k8s.io/certificatesigningrequests /', 'yes'],
  ['create authentication.k8s.io/tokenreviews /', 'yes'],
  ['create authorization.k8s.io/subjectaccessreviews /', 'yes'],
  ['watch node.k8s.io/runtimeclasses /', 'yes'],
  ['list storage.k8s.io/csidrivers /', 'yes'],
  // And what none may.
  ['delete /events a/x', ''],
  ['list /namespaces /', ''],
  ['create rbac.authorization.k8s.io/clusterrolebindings /', ''],
  ['update certificates.k8s.io/certificatesigningrequests/approval /x', ''],
  ['impersonate /users /admin', ''],
  ['list apps/deployments /', ''],
];

for (const [request, verdict] of ROWS) {
  test(`a kubelet ${verdict === 'yes' ? 'may' : 'may not'} ${request}`, () => {
    const { decision, reason } = authorizer.authorize(attributes(request));
    assert.deepEqual([decision, reason], verdict === 'yes' ? ['allow', ''] : ['noOpinion', verdict]);
  });
}

test('only users that are nodes by name and by group are nodes', () => {
  const ask = (user: UserInfo): unknown => authorizer.authorize(attributes('get /nodes /n1', user));
  assert.deepEqual(ask({ name: 'system:node:n1', groups: [] }), { decision: 'noOpinion', reason: '' });
  assert.deepEqual(ask({ name: 'n1', groups: ['system:nodes'] }), { decision: 'noOpinion', reason: '' });
  assert.deepEqual(ask({ name: 'system:node:', groups: ['system:nodes'] }), {
    decision: 'noOpinion',
    reason: 'unknown node for user "system:node:"',
  });
});

test('rights end with the pod, and begin with its binding', () => {
  const own = new TestRegistry(OBJECTS);
  const get = (plural: string, apiVersion = 'v1') => own.registry.get(apiVersion, plural).cache;
  const fresh = new NodeAuthorizer({
    pods: get('pods'),
    persistentVolumes: get('persistentvolumes'),
    persistentVolumeClaims: get('persistentvolumeclaims'),
    volumeAttachments: get('volumeattachments', 'storage.k8s.io/v1'),
    resourceSlices: get('resourceslices', 'resource.k8s.io/v1'),
  });
  const may = (request: string): string => fresh.authorize(attributes(request)).decision;
  assert.equal(may('get /secrets a/volume-secret'), 'allow');
  get('pods').apply('/registry/pods/a/mine', { revision: 1_000, entry: undefined, object: undefined });
  for (const request of ['get /secrets a/volume-secret', 'get /persistentvolumes /vol', 'get /secrets storage/stage', 'get /pods a/mine'])
    assert.equal(may(request), 'noOpinion', request);
  own.put(...pod('a', 'new', 'n1', { volumes: [{ name: 's', secret: { secretName: 'volume-secret' } }] }));
  assert.equal(may('get /secrets a/volume-secret'), 'allow');
});

test('the rules of a node cannot be told', () => {
  assert.equal(authorizer.rulesFor(NODE).problem, 'node authorizer does not support user rule resolution');
  assert.deepEqual(authorizer.rulesFor({ name: 'a', groups: [] }), { rules: [], incomplete: false });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PolicyRule } from '#api/kinds/rbac/v1.ts';
import { uncovered } from '../rules.ts';
import { bootstrapClusterRoleBindings, bootstrapClusterRoles } from './objects.ts';

const roles = new Map(bootstrapClusterRoles().map((role) => [role.metadata.name ?? '', role]));
const rulesOf = (name: string): readonly PolicyRule[] => roles.get(name)?.rules ?? [];
const may = (name: string, verb: string, apiGroup: string, resource: string): boolean =>
  uncovered(rulesOf(name), [{ verbs: [verb], apiGroups: [apiGroup], resources: [resource] }]).length === 0;

/** As a cluster of Kubernetes 1.35 lists them, and what 1.36 adds. */
const NAMES = `admin cluster-admin edit view
system: aggregate-to-admin aggregate-to-edit aggregate-to-view auth-delegator basic-user discovery heapster kube-aggregator
  kube-controller-manager kube-dns kube-scheduler kubelet-api-admin monitoring node node-bootstrapper node-problem-detector node-proxier
  persistent-volume-provisioner public-info-viewer service-account-issuer-discovery volume-scheduler
system:certificates.k8s.io: certificatesigningrequests:nodeclient certificatesigningrequests:selfnodeclient kube-apiserver-client-approver
  kube-apiserver-client-kubelet-approver kubelet-serving-approver legacy-unknown-approver
system:controller: attachdetach-controller certificate-controller clusterrole-aggregation-controller cronjob-controller
  daemon-set-controller deployment-controller device-taint-eviction-controller disruption-controller endpoint-controller
  endpointslice-controller endpointslicemirroring-controller ephemeral-volume-controller expand-controller generic-garbage-collector
  horizontal-pod-autoscaler job-controller legacy-service-account-token-cleaner namespace-controller node-controller
  persistent-volume-binder pod-garbage-collector pv-protection-controller pvc-protection-controller replicaset-controller
  replication-controller resource-claim-controller resourcequota-controller root-ca-cert-publisher route-controller
  selinux-warning-controller service-account-controller service-cidrs-controller service-controller statefulset-controller
  taint-eviction-controller ttl-after-finished-controller ttl-controller validatingadmissionpolicy-status-controller
  volumeattributesclass-protection-controller`
  .split(/\n(?! )/)
  .flatMap((line) => {
    const [first = '', ...rest] = line.split(/\s+/);
    return first.endsWith(':') ? rest.map((name) => first + name) : [first, ...rest];
  });

test('the roles are those that every cluster has', () => {
  assert.deepEqual([...roles.keys()].toSorted(), NAMES.toSorted());
});

test('each controller is bound to the role of its name, and only masters to everything', () => {
  const bindings = bootstrapClusterRoleBindings();
  for (const name of NAMES.filter((n) => n.startsWith('system:controller:'))) {
    const binding = bindings.find(({ roleRef }) => roleRef.name === name);
    assert.deepEqual(
      binding?.subjects?.map((s) => `${s.kind} ${s.namespace}/${s.name}`),
      [`ServiceAccount kube-system/${name.slice('system:controller:'.length)}`],
    );
  }
  const everything = [...roles.keys()].filter((name) => may(name, '*', '*', '*'));
  assert.deepEqual(everything, ['cluster-admin']);
  const bound = bindings.filter(({ roleRef }) => roleRef.name === 'cluster-admin').flatMap(({ subjects = [] }) => subjects);
  assert.deepEqual(
    bound.map(({ kind, name }) => `${kind} ${name}`),
    ['Group system:masters'],
  );
  for (const { roleRef, metadata } of bindings) assert.ok(roles.has(roleRef.name), metadata.name ?? '');
});

test('who may view sees no secrets, who may edit gives no roles, who administers may do both and no more', () => {
  assert.deepEqual(uncovered(rulesOf('edit'), rulesOf('view')), []);
  assert.deepEqual(uncovered(rulesOf('admin'), rulesOf('edit')), []);
  const rows: readonly (readonly [verb: string, group: string, resource: string, who: string])[] = [
    ['get', '', 'pods', 'view edit admin'],
    ['get', '', 'pods/log', 'view edit admin'],
    ['get', '', 'secrets', 'edit admin'],
    ['create', 'apps', 'deployments', 'edit admin'],
    ['create', '', 'pods/exec', 'edit admin'],
    ['create', '', 'serviceaccounts/token', 'edit admin'],
    ['impersonate', '', 'serviceaccounts', 'edit admin'],
    ['create', 'rbac.authorization.k8s.io', 'rolebindings', 'admin'],
    ['create', 'authorization.k8s.io', 'localsubjectaccessreviews', 'admin'],
    ['create', 'extensions', 'deployments/rollback', 'edit admin'],
    ['get', 'extensions', 'ingresses/status', 'view edit admin'],
    ['create', '', 'resourcequotas', ''],
    ['get', '', 'nodes', ''],
    ['update', '', 'namespaces', ''],
    ['create', 'rbac.authorization.k8s.io', 'clusterroles', ''],
  ];
  for (const [verb, group, resource, who] of rows) {
    assert.deepEqual(['view', 'edit', 'admin'].filter((name) => may(name, verb, group, resource)).join(' '), who, `${verb} ${resource}`);
  }
});

test('nodes and parts of the control plane may do what they need and no more', () => {
  const rows: readonly (readonly [role: string, verb: string, group: string, resource: string, may: boolean])[] = [
    ['system:node', 'deletecollection', 'resource.k8s.io', 'resourceslices', true],
    ['system:node', 'create', 'resource.k8s.io', 'resourceslices', false],
    ['system:kube-scheduler', 'update', '', 'pods/finalizers', true],
    ['system:kube-scheduler', 'create', '', 'pods', false],
    ['system:controller:node-controller', 'get', 'coordination.k8s.io', 'leases', false],
    ['system:controller:replicaset-controller', 'update', 'extensions', 'replicasets/status', true],
    ['system:kubelet-api-admin', 'get', '', 'nodes/configz', true],
  ];
  for (const [role, verb, group, resource, wanted] of rows)
    assert.equal(may(role, verb, group, resource), wanted, `${role} ${verb} ${resource}`);
});
